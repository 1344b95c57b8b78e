"""Cut-outs of drawn products, where the right answer is known to the pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from campaigns.cutout import MAX_SIDE, cut_out

SIZE = (400, 300)
BOX = (120, 60, 280, 240)


def photo(
    ground: str = "#ffffff", colour: str = "#c2452d", box: tuple[int, int, int, int] = BOX, noise: float = 0
) -> Image.Image:
    """A round-cornered product, smooth at its edge, on a plain ground."""
    large = Image.new("RGB", (SIZE[0] * 4, SIZE[1] * 4), ground)
    ImageDraw.Draw(large).rounded_rectangle(tuple(4 * side for side in box), 100, fill=colour)
    image = large.resize(SIZE, Image.Resampling.LANCZOS)
    if noise:
        values = np.asarray(image, np.float32) + np.random.default_rng(1).normal(0, noise, (*SIZE[::-1], 3))
        image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    return image


def alpha_of(image: Image.Image) -> np.ndarray:
    return np.asarray(image.getchannel("A"))


@pytest.mark.parametrize("ground", ["#ffffff", "#f2efe6", "#20242a", "#b3003b"])
def test_a_plain_ground_is_removed_and_the_picture_trimmed_to_the_product(ground):
    cut = cut_out(photo(ground, "#2d7fc2"))
    assert cut.kind == "flood_fill"
    assert abs(cut.image.width - 161) <= 3
    assert abs(cut.image.height - 181) <= 3
    assert alpha_of(cut.image)[90, 80] == 255
    assert alpha_of(cut.image)[0, 0] == 0


def test_noise_of_a_camera_does_not_spoil_a_plain_ground():
    cut = cut_out(photo("#e8e4da", "#2d7fc2", noise=4))
    assert cut.kind == "flood_fill"
    assert abs(cut.image.width - 161) <= 6


def test_uneven_light_on_the_ground_is_followed():
    light = np.linspace(0.8, 1.05, SIZE[0])[None, :, None]
    image = photo("#dddddd", "#a02020")
    uneven = Image.fromarray((np.asarray(image) * light).clip(0, 255).astype(np.uint8))
    cut = cut_out(uneven)
    assert cut.kind == "flood_fill"
    assert abs(cut.image.width - 161) <= 6


def test_the_edge_is_feathered_and_keeps_no_fringe_of_the_old_ground():
    cut = cut_out(photo("#ffffff", "#101010"))
    alpha = alpha_of(cut.image)
    assert ((alpha > 20) & (alpha < 235)).sum() > 50  # smooth at the corners
    colours = np.asarray(cut.image.convert("RGB"), np.int32)
    seen = colours[alpha > 60].mean(axis=1)
    assert np.percentile(seen, 99) < 110  # white would be 255


def test_supplied_transparency_is_kept_and_trimmed():
    image = Image.new("RGBA", SIZE)
    ImageDraw.Draw(image).ellipse(BOX, fill="#2d7fc2")
    cut = cut_out(image)
    assert cut.kind == "alpha"
    assert cut.image.size == (161, 181)
    assert cut.image.getpixel((80, 90)) == (0x2D, 0x7F, 0xC2, 255)


def test_an_opaque_alpha_channel_is_no_transparency():
    assert cut_out(photo().convert("RGBA")).kind == "flood_fill"


def test_a_fully_transparent_picture_becomes_a_card_and_does_not_fail():
    assert cut_out(Image.new("RGBA", SIZE)).kind == "card"


def test_a_busy_ground_becomes_a_rounded_card_of_the_whole_photo():
    rng = np.random.default_rng(3)
    busy = Image.fromarray(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)).resize(SIZE)
    busy.paste(photo().crop(BOX), BOX)
    cut = cut_out(busy)
    assert (cut.kind, cut.reason) == ("card", "border_not_plain")
    assert cut.image.size == SIZE
    assert alpha_of(cut.image)[0, 0] == 0
    assert alpha_of(cut.image)[150, 200] == 255


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("RGB", SIZE, "#ffffff"), "nothing_found"),
        (photo(box=(195, 145, 205, 155)), "nothing_found"),
        (photo(box=(8, 8, 392, 292)), "nothing_removed"),
        (photo("#d8d4ce", box=(0, 60, 280, 240), noise=7), "touches_border"),
        (Image.new("RGB", (60, 3), "#ffffff"), "too_small"),
    ],
)
def test_a_fill_that_finds_no_believable_product_is_refused(image, reason):
    cut = cut_out(image)
    assert (cut.kind, cut.reason) == ("card", reason)


def test_a_product_that_fades_into_the_ground_is_not_eaten_by_the_fill():
    fading = np.full((*SIZE[::-1], 3), 255, np.uint8)
    fading[60:240, 120:280] = np.linspace(120, 255, 160).astype(np.uint8)[None, :, None]
    cut = cut_out(Image.fromarray(fading))
    assert cut.kind == "card"


def test_the_shadow_on_a_coloured_cloth_goes_with_the_cloth():
    image = photo("#b3003b", "#f0e6d0")
    shade = Image.new("L", SIZE, 255)
    ImageDraw.Draw(shade).rectangle((270, 80, 310, 250), fill=150)
    shade = shade.filter(ImageFilter.GaussianBlur(6))
    product = Image.new("L", SIZE, 0)
    ImageDraw.Draw(product).rounded_rectangle(BOX, 25, fill=255)
    dark = Image.composite(image, Image.new("RGB", SIZE), shade)
    cut = cut_out(Image.composite(image, dark, product))
    assert cut.kind == "flood_fill"
    assert abs(cut.image.width - 161) <= 6


def test_a_large_picture_is_reduced():
    assert max(cut_out(photo().resize((3000, 2250))).image.size) <= MAX_SIDE


def test_the_input_is_left_as_it_is():
    image = photo()
    before = image.tobytes()
    cut_out(image)
    assert image.tobytes() == before


def test_the_palette_names_the_products_colours_strongest_first():
    image = photo("#ffffff", "#c2452d")
    draw = ImageDraw.Draw(image)
    draw.rectangle((140, 100, 260, 140), fill="#1d4f91")
    draw.rectangle((140, 150, 200, 170), fill="#f0c419")
    palette = cut_out(image).palette
    assert 3 <= len(palette) <= 5
    rgb = [tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in palette]
    for expected in ((0xC2, 0x45, 0x2D), (0x1D, 0x4F, 0x91), (0xF0, 0xC4, 0x19)):
        assert min(max(abs(a - b) for a, b in zip(one, expected, strict=True)) for one in rgb) < 12
    assert max(abs(a - b) for a, b in zip(rgb[0], (0xC2, 0x45, 0x2D), strict=True)) < 12
