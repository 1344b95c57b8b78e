"""The id in the pixels: read back after what a picture goes through, never on the product, and unseen."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from generation.composition.sizes import SIZES
from generation.watermark import AREAS, watermark_embed, watermark_read

ID = "a5f01234beef"


def scene(size: tuple[int, int], seed: int = 5) -> Image.Image:
    """Soft shapes and hard edges, as a creative has them."""
    rng = np.random.default_rng(seed)
    soft = Image.fromarray(rng.integers(40, 216, (6, 7, 3), dtype=np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    letters = Image.fromarray(rng.integers(0, 2, (12, 40), dtype=np.uint8) * 255)
    soft.paste((20, 20, 30), (size[0] // 20, size[1] // 4), letters.resize((size[0] // 3, size[1] // 3)))
    return soft


def product_of(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size, 0)
    mask.paste(255, (size[0] * 55 // 100, size[1] * 3 // 10, size[0] * 9 // 10, size[1] * 8 // 10))
    return mask


def coded(picture: Image.Image, form: str, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, form, quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue()))


@pytest.mark.parametrize("size", [size for size in SIZES if max(size) <= 1300])
def test_it_survives_jpeg_and_half_the_size_in_every_placement(size):
    marked = coded(watermark_embed(scene(size), ID, product_of(size)), "WEBP", 80)
    half = marked.resize((size[0] // 2, size[1] // 2), Image.Resampling.BICUBIC)
    for name, copy in (
        ("as made", marked),
        ("jpeg 70", coded(marked.convert("RGB"), "JPEG", 70)),
        ("half", half),
    ):
        assert watermark_read(copy) == ID, name


def test_no_pixel_of_the_product_changes_and_the_others_hardly():
    size = (300, 250)
    before, mask = scene(size), product_of(size)
    after = np.asarray(watermark_embed(before, ID, mask), np.int16)
    change = np.abs(after - np.asarray(before, np.int16))
    assert change[np.asarray(mask) > 0].max() == 0
    assert change.max() <= 13
    error = (change.astype(float) ** 2).mean()
    assert 10 * np.log10(255**2 / error) > 40


def test_pictures_without_one_and_strange_ones_read_as_none():
    assert watermark_read(scene((300, 250))) is None
    for mode, size in (("L", (1, 1)), ("RGBA", (9, 9)), ("P", (500, 2)), ("RGB", (64, 64))):
        assert watermark_read(Image.new(mode, size)) is None
    assert AREAS[-1] < 320 * 50 * 0.2


def test_a_canvas_that_is_all_product_is_left_as_it_is():
    picture = scene((300, 250))
    assert watermark_embed(picture, ID, Image.new("L", picture.size, 255)).tobytes() == picture.tobytes()
