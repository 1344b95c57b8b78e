"""Whole creatives: the product untouched, every text legible and inside its box, files light and labelled."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from generation import provenance
from generation.composition import creatives_compose
from generation.composition.colour import Oklch, contrast_ratio, oklch_of, rgb_from, rgb_of
from generation.composition.compose import canvas_compose
from generation.composition.contrast import MINIMUM
from generation.composition.encode import encoded
from generation.composition.motif import motif_prepare
from generation.composition.sizes import SIZES
from generation.renderers.base import RenderError
from generation.styles import STYLES
from tests.factories import product_cutout
from tests.generation.composing import ALL_SIZES, brief_for, motif, picture_store, random_colour

SMALL_SIZES = tuple(size for size in ALL_SIZES if size != (1080, 1080))
LONG = "Everything you need for a very long weekend far away from the city " * 3
CHINESE = "山野之间，自在徒步。轻装上阵，每一步都算数！一起出发，去云上看日出。" * 2
MIXED = "iPhone 15 手机壳 limited 限时 ¥99.00 起！Free shipping 全国包邮 "


def noisy(size: tuple[int, int]) -> Image.Image:
    """The worst photograph to write on."""
    rng = np.random.default_rng(7)
    blocks = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST)


def striped_cutout(size: tuple[int, int]) -> Image.Image:
    """A product with hard inner contrast and a hole, so that a moved or blended pixel shows."""
    image = Image.new("RGBA", size)
    pen = ImageDraw.Draw(image)
    pen.ellipse((4, 4, size[0] - 5, size[1] - 5), fill="#d03030")
    for x in range(0, size[0], 14):
        pen.line((x, size[1] * 0.2, x, size[1] * 0.8), fill="#102060", width=5)
    pen.ellipse((size[0] * 0.4, size[1] * 0.4, size[0] * 0.6, size[1] * 0.6), fill=(0, 0, 0, 0))
    return image


def codes_of(creative) -> set[str]:
    return set(creative.inspection["codes"])


@pytest.mark.parametrize("size", ALL_SIZES)
@pytest.mark.parametrize("shape", [(300, 200), (120, 420), (900, 160)])
def test_inside_its_mask_the_product_is_the_scaled_source_and_nothing_is_cropped(shop, size, shape):
    brief = brief_for(shop, cutout=striped_cutout(shape))
    canvas = canvas_compose(brief=brief, picture=motif(), size=size)
    left, top, right, bottom = canvas.placed.box
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]
    scaled = np.asarray(canvas.placed.picture)
    inside = scaled[..., 3] == 255
    assert inside.sum() > 50
    shown = np.asarray(canvas.picture.crop(canvas.placed.box))
    assert (shown[inside] == scaled[inside][:, :3]).all()
    ratio = shape[0] / shape[1]
    assert (right - left) / (bottom - top) == pytest.approx(ratio, rel=0.2)  # not squeezed


def test_a_photo_in_a_card_keeps_every_pixel(shop):
    photo = noisy((200, 300)).convert("RGBA")
    brief = brief_for(shop, cutout=photo, product_cutout_kind="card")
    canvas = canvas_compose(brief=brief, picture=motif(), size=(300, 250))
    shown = np.asarray(canvas.picture.crop(canvas.placed.box))
    assert (shown == np.asarray(canvas.placed.picture)[..., :3]).all()


def test_every_text_is_legible_on_thirty_random_palettes(shop):
    rng = random.Random(11)
    for turn in range(30):
        brief = brief_for(
            shop,
            cutout=product_cutout(random_colour(rng)),
            style=list(STYLES)[turn % len(STYLES)],
            brand_primary_colour=random_colour(rng),
            brand_accent_colour=random_colour(rng),
            brand_background_colour=random_colour(rng),
            product_sale_price_cents=5990,
            sizes=(SMALL_SIZES[turn % len(SMALL_SIZES)],),
        )
        for creative in creatives_compose(brief=brief, picture=motif(random_colour(rng))):
            assert creative.inspection["contrast"] >= MINIMUM, (turn, creative.inspection)
            assert not creative.inspection["is_blocked"]


def test_text_on_the_worst_photograph_gets_a_plate(shop):
    brief = brief_for(shop, product_sale_price_cents=5990)
    for creative in creatives_compose(brief=brief, picture=noisy((512, 512))):
        assert creative.inspection["contrast"] >= MINIMUM, creative.inspection
        assert not creative.inspection["is_blocked"]


@pytest.mark.parametrize(
    ("headline", "title", "language", "style"),
    [
        (LONG[:200], "Trail running shoe", "en", "soft_3d"),
        ("x" * 200, "y" * 150, "en", "editorial"),
        (CHINESE, "轻量登山背包" * 20, "zh", "studio"),
        (MIXED * 3, MIXED * 2, "zh", "flat_illustration"),
    ],
)
def test_nothing_overflows_or_overlaps_whatever_is_written(shop, headline, title, language, style):
    brief = brief_for(
        shop,
        title=title,
        headline=headline,
        language=language,
        style=style,
        product_price_cents=123456789,
        product_sale_price_cents=99999999,
        product_currency="SEK",
        brand_name="An Extremely Long Brand Name GmbH & Co. KG",
        brand_call_to_action="Discover the collection" if language == "en" else "立即了解更多优惠活动",
    )
    for creative in creatives_compose(brief=brief, picture=motif()):
        found = codes_of(creative) & {"text_overflow", "text_overlap", "text_over_product", "contrast_low"}
        assert not found, (creative.width, creative.height, creative.inspection)


def test_every_size_keeps_its_weight_even_with_a_noisy_picture(shop):
    for creative in creatives_compose(brief=brief_for(shop), picture=noisy((512, 512))):
        limit = SIZES[creative.width, creative.height].kilobytes * 1000
        assert len(creative.content) <= limit
        with Image.open(io.BytesIO(creative.content)) as image:
            assert image.size == (creative.width, creative.height)
            assert image.mode == "RGB"
            assert "exif" not in image.info


def test_quality_gives_way_before_the_limit_does():
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (250, 300, 3), dtype=np.uint8))
    file = encoded(noise, "jpg", 64_000, content_id="x", producer="Shop")
    assert len(file.content) <= 64_000
    assert file.quality < 92
    with pytest.raises(RenderError) as caught:
        encoded(noise, "png", 5_000, content_id="x", producer="Shop")
    assert "5 kB as webp" in str(caught.value)
    assert caught.value.code == "over_weight"


@pytest.mark.parametrize(("language", "market"), [("en", "intl"), ("zh", "intl"), ("en", "cn")])
def test_the_ai_label_is_tall_enough_and_in_a_corner(shop, language, market):
    brief = brief_for(shop, language=language, market=market)
    for size in ALL_SIZES:
        canvas = canvas_compose(brief=brief, picture=motif(), size=size)
        label = next(m for m in canvas.lettering.measures if m.role == "label")
        left, top, right, bottom = label.ink
        assert bottom - top >= 0.05 * min(size)
        assert bottom - top == max(bottom - top, 9)
        assert right >= size[0] * 0.95
        assert bottom >= size[1] * 0.9
        assert left >= 0
        assert label.contrast >= MINIMUM


def test_the_label_is_chinese_in_china_and_on_chinese_creatives():
    assert provenance.label_text("en", "cn") == "AI生成"
    assert provenance.label_text("zh", "intl") == "AI生成"
    assert provenance.label_text("en", "intl") == "AI-generated"


def test_the_same_brief_and_picture_give_the_same_pixels(shop):
    brief = brief_for(shop, sizes=((300, 250),))
    one, other = (creatives_compose(brief=brief, picture=motif())[0].pixels_sha256 for _ in range(2))
    assert one == other


def test_each_style_paints_a_ground_of_its_own(shop):
    shown = {
        style: canvas_compose(brief=brief_for(shop, style=style), picture=motif(), size=(300, 250)).scene
        for style in STYLES
    }
    assert len({image.tobytes() for image in shown.values()}) == len(STYLES)


def test_a_missing_glyph_stops_the_creative_and_names_the_character(shop):
    with pytest.raises(RenderError) as caught:
        creatives_compose(brief=brief_for(shop, title="Rocket 🚀 shoes"), picture=motif())
    assert (caught.value.code, caught.value.permanent) == ("missing_glyph", True)
    assert "U+1F680" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sizes": ((123, 45),)}, "size_unknown"),
        ({"product_cutout": "cutouts/no/such.png"}, "cutout_missing"),
        ({"brand_logo": "logos/no/such.png"}, "logo_missing"),
    ],
)
def test_what_is_missing_is_a_clear_code(shop, change, code):
    with pytest.raises(RenderError) as caught:
        creatives_compose(brief=brief_for(shop, **change), picture=motif())
    assert caught.value.code == code
    assert caught.value.permanent


def test_a_truncated_cutout_is_a_clear_code(shop):
    from adplatform.lib.files import content_store
    from tests.factories import png_bytes

    name, _ = content_store(png_bytes(product_cutout())[:200], folder="cutouts", extension="png")
    with pytest.raises(RenderError) as caught:
        creatives_compose(brief=brief_for(shop, product_cutout=name), picture=motif())
    assert caught.value.code == "cutout_unreadable"


def test_a_logo_takes_the_wordmarks_place_and_stays_visible(shop):
    logo = Image.new("RGBA", (240, 80), (0, 0, 0, 0))
    ImageDraw.Draw(logo).rectangle((10, 10, 229, 69), fill="#ffffff")
    brief = brief_for(shop, brand_logo=picture_store(logo, "logos")[0], sizes=((300, 250),))
    canvas = canvas_compose(brief=brief, picture=motif(), size=(300, 250))
    assert "wordmark" not in {m.role for m in canvas.lettering.measures}
    corner = np.asarray(canvas.picture.crop((12, 8, 140, 40)).convert("L"))
    assert corner.max() - corner.min() > 60  # a white logo on a light wall stands on a plate


def test_an_empty_motif_is_remarked_and_does_not_break(shop):
    (creative,) = creatives_compose(
        brief=brief_for(shop, sizes=((300, 250),)), picture=Image.new("RGBA", (64, 64))
    )
    assert "motif_empty" in codes_of(creative)


def test_specks_around_a_motif_are_removed():
    picture = motif()
    ImageDraw.Draw(picture).ellipse((2, 2, 10, 10), fill="#ff0000")
    ready = motif_prepare(picture)
    assert ready.size[0] < 215
    assert not (np.asarray(ready)[..., :3] == (255, 0, 0)).all(-1)[np.asarray(ready)[..., 3] > 0].any()


def landscape(side: int = 200) -> Image.Image:
    """A mountain cut straight at both sides and the foot."""
    image = Image.new("RGBA", (side, side))
    ImageDraw.Draw(image).polygon(
        [(5, 100), (100, 10), (side - 6, 100), (side - 6, side - 6), (5, side - 6)], fill="#7a5a45"
    )
    return image


def test_a_landscape_goes_out_softly_where_it_was_cut_and_a_telephone_does_not():
    alpha = np.asarray(motif_prepare(landscape()).getchannel("A"))
    assert alpha[130, [0, -1]].max() < 20
    assert alpha[-1].max() < 20
    assert alpha[130, alpha.shape[1] // 2] == 255
    telephone = Image.new("RGBA", (200, 200))
    ImageDraw.Draw(telephone).rectangle((5, 5, 194, 194), fill="#202020")
    assert np.asarray(motif_prepare(telephone).getchannel("A"))[100, [1, -2]].min() > 200


def test_what_is_written_on_a_pale_scene_stands_in_its_own_mist(shop):
    sky = Image.new("RGB", (256, 256), "#a9d2ee")
    brief = brief_for(shop, template="lifestyle", cutout=product_cutout("#a9d2ee"))
    wall = canvas_compose(brief=brief, picture=sky, size=(300, 250)).lettering.palettes[""]
    assert not wall.is_dark
    assert abs(oklch_of(wall.wall).hue - oklch_of(rgb_of("#a9d2ee")).hue) < 15


def test_oklch_survives_the_way_there_and_back():
    rng = random.Random(3)
    for _ in range(200):
        rgb = rgb_of(random_colour(rng))
        back = rgb_from(oklch_of(rgb))
        assert max(abs(a - b) for a, b in zip(rgb, back, strict=True)) <= 1
    assert contrast_ratio((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert max(rgb_from(Oklch(0.7, 0.5, 150))) <= 255
