"""Whole scenes: what draws the eye is found, and no words come to lie on it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from generation.composition.compose import canvas_compose
from generation.composition.saliency import GRID, frame_choose, saliency_map, scene_framed
from tests.generation.composing import ALL_SIZES, brief_for

TENT = "#e06010"


def scene(x: float, y: float = 0.62, side: int = 256, reach: float = 0.17) -> Image.Image:
    """A sky over a meadow, and a tent at a share of the width and height."""
    image = Image.new("RGB", (side, side), "#bcdcf4")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, side * 0.7, side, side), fill="#8fc4e8")
    pen.polygon(
        [
            (side * (x - reach), side * (y + reach)),
            (side * x, side * (y - reach)),
            (side * (x + reach), side * (y + reach)),
        ],
        fill=TENT,
    )
    return image


def tent_mask(picture: Image.Image) -> np.ndarray:
    """Where a picture shows the tent, by its hue: red well above blue."""
    pixels = np.asarray(picture.convert("RGB"), np.int16)
    return pixels[..., 0] - pixels[..., 2] > 90


@pytest.mark.parametrize("x", [0.25, 0.5, 0.75])
def test_the_map_lies_on_the_thing_and_not_on_sky_or_meadow(x):
    picture = scene(x)
    found = saliency_map(picture)
    thing = np.asarray(Image.fromarray(tent_mask(picture)).resize((GRID, GRID), Image.Resampling.NEAREST))
    assert found.shape == (GRID, GRID)
    assert found.sum() == pytest.approx(1)
    assert found[thing].sum() > 0.85
    assert (found > 0)[thing].mean() > 0.7  # its body, not only its outline


def test_where_nothing_stands_out_there_is_nothing():
    assert not saliency_map(Image.new("RGB", (300, 200), "#bcdcf4")).any()
    frame = frame_choose((300, 200), np.zeros((GRID, GRID)), (600, 100), [(0, 0, 200, 100)], (300, 0, 50, 50))
    assert (frame.left, frame.top, frame.scale, frame.under_words) == (0.0, -135.0, 2.0, 0.0)


def test_the_plain_frame_shows_the_picture_as_it_is():
    picture = scene(0.5)
    frame = frame_choose(picture.size, saliency_map(picture), picture.size, [], (0, 0, 1, 1))
    assert scene_framed(picture, frame, picture.size).tobytes() == picture.tobytes()


@given(
    at=st.tuples(st.integers(8, 56), st.integers(8, 56)),
    region=st.sampled_from([(300, 250), (970, 250), (160, 600), (728, 90)]),
    left=st.booleans(),
)
def test_words_on_one_half_always_leave_the_subject_a_place(at, region, left):
    saliency = np.zeros((GRID, GRID))
    saliency[max(at[1] - 5, 0) : at[1] + 5, max(at[0] - 5, 0) : at[0] + 5] = 1
    saliency /= saliency.sum()
    width, height = region
    words = (0, 0, width // 2, height) if left else (width // 2, 0, width // 2, height)
    frame = frame_choose((256, 256), saliency, region, [words], (width, height, 1, 1))
    assert frame.under_words <= 0.1


@pytest.mark.parametrize("size", ALL_SIZES)
@pytest.mark.parametrize("x", [0.2, 0.5, 0.8])
def test_no_words_over_the_subject_in_any_size(shop, size, x):
    canvas = canvas_compose(brief=brief_for(shop, template="lifestyle"), picture=scene(x), size=size)
    tent = tent_mask(canvas.scene)  # without product and words
    words = np.zeros(tent.shape, bool)
    for text in canvas.lettering.measures:
        if text.role not in ("label", "badge"):
            words[text.ink[1] : text.ink[3], text.ink[0] : text.ink[2]] = True
    assert (tent & words).sum() <= 0.02 * max(tent.sum(), 1)
    assert canvas.subject_under_words <= 0.1
