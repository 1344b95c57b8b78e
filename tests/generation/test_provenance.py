"""The marking inside a file: written once, read back, ours to verify, free of shoppers."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from generation.composition.encode import encoded
from generation.provenance import (
    AIGC_KEYS,
    SOURCE_TYPE,
    label_height,
    marking_read,
    pixels_sha256,
    seal_holds,
)


@pytest.fixture
def picture() -> Image.Image:
    return Image.linear_gradient("L").convert("RGB").resize((300, 250))


@pytest.mark.parametrize("extension", ["webp", "png", "jpg", "avif"])
def test_the_packet_is_read_back_from_every_format(picture, extension):
    content = encoded(
        picture, extension, 200_000, content_id="abc-300x250", producer='Müller & "Söhne" <b>'
    ).content
    assert content.count(b"TC260:AIGC>") == 2  # opened once, closed once
    with Image.open(io.BytesIO(content)) as image:
        marking = marking_read(image)
        assert marking is not None
        assert marking.source_type == SOURCE_TYPE
        assert tuple(marking.aigc) == AIGC_KEYS
        assert all(isinstance(value, str) for value in marking.aigc.values())
        assert marking.aigc["Label"] == "1"
        assert marking.aigc["ProduceID"] == "abc-300x250"
        assert marking.aigc["ContentProducer"] == 'Müller & "Söhne" <b>'
        assert seal_holds(marking, pixels_sha256(image))


@pytest.mark.parametrize("extension", ["webp", "png", "jpg", "avif"])
def test_a_changed_pixel_or_another_installations_key_breaks_the_seal(picture, extension, settings):
    content = encoded(picture, extension, 200_000, content_id="abc", producer="Shop").content
    with Image.open(io.BytesIO(content)) as image:
        touched = image.convert("RGB")
        touched.info = dict(image.info)
        marking = marking_read(touched)
        assert seal_holds(marking, pixels_sha256(touched))
        touched.putpixel((5, 5), (255, 0, 255))
        assert not seal_holds(marking, pixels_sha256(touched))
        settings.SECRET_KEY = "another"
        assert not seal_holds(marking, pixels_sha256(image))


def test_a_picture_without_our_packet_is_not_ours(picture):
    assert marking_read(picture) is None


@pytest.mark.parametrize(
    ("size", "least"), [((300, 250), 12.5), ((1080, 1080), 54), ((320, 50), 2.5), ((160, 600), 8)]
)
def test_the_label_is_a_twentieth_of_the_short_side_and_never_too_small_to_read(size, least):
    assert label_height(size) >= max(least, 9)
