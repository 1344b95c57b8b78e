"""Each code of the inspection on a creative that has the fault, and not on one without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from generation import provenance
from generation.composition import compose
from generation.composition.inspection import (
    BLOCKING,
    FOOT_BUSY_HIGH,
    FOOT_EDGES_HIGH,
    Code,
    TextMeasure,
    foot_edges,
    forbidden_share,
    inspection_make,
)
from generation.composition.product import Placed
from generation.inspection_words import INSPECTION_WORDS, sentence_of
from generation.perceptual_hash import difference_hash, nearest_bits
from tests.generation.composing import brief_for, motif

SIZE = (300, 250)


@pytest.fixture
def inspect(shop):
    """Codes of a real canvas of which the test changes one thing."""
    brief = brief_for(shop, sizes=(SIZE,))
    canvas = compose.canvas_compose(brief=brief, picture=motif(), size=SIZE)

    def look(**changes) -> set[str]:
        texts = changes.pop("texts", canvas.lettering.measures)
        brand = replace(brief.brand, **changes.pop("brand", {}))
        layout, placed, scene = (
            changes.pop(name, value)
            for name, value in (("layout", canvas.layout), ("placed", canvas.placed), ("scene", canvas.scene))
        )
        given = {
            "picture": canvas.picture,
            "words": ("Made for you", "Shop now", "", ""),
            "title": "Trail running shoe",
            "brand": brand,
            "motif": motif(),
            "motif_visible": 0.9,
            "subject_under_words": 0.0,
            "label_needed": provenance.label_height(SIZE),
            "byte_count": 20_000,
            "quality": 92,
            **changes,
        }
        look.found = inspection_make(layout, placed, scene, texts, **given)
        return set(look.found["codes"])

    look.canvas = canvas
    return look


def changed(texts: list[TextMeasure], role: str, **fields) -> list[TextMeasure]:
    return [replace(text, **fields) if text.role == role else text for text in texts]


def test_a_good_creative_has_no_code(inspect):
    assert inspect() == set()


def test_texts(inspect):
    texts = inspect.canvas.lettering.measures
    headline = next(text for text in texts if text.role == "headline")
    assert Code.CONTRAST_LOW in inspect(texts=changed(texts, "headline", contrast=4.4))
    assert Code.TEXT_OVERFLOW in inspect(texts=changed(texts, "headline", fits=False))
    assert Code.TEXT_TRUNCATED in inspect(texts=changed(texts, "headline", is_truncated=True))
    assert Code.TEXT_OVERLAP in inspect(texts=changed(texts, "action", ink=headline.ink))
    box = inspect.canvas.placed.box
    assert Code.TEXT_OVER_PRODUCT in inspect(texts=changed(texts, "headline", ink=box))
    assert Code.TEXT_OVER_SUBJECT in inspect(subject_under_words=0.11)


def test_the_label(inspect):
    texts = inspect.canvas.lettering.measures
    assert Code.LABEL_MISSING in inspect(texts=[text for text in texts if text.role != "label"])
    low = changed(texts, "label", ink=(250, 240, 290, 248))  # 8 px: 5 % of 250 are 12.5
    assert Code.LABEL_TOO_SMALL in inspect(texts=low)
    assert Code.OVER_WEIGHT in inspect(byte_count=150_001)


def test_the_product(inspect):
    canvas = inspect.canvas
    placed = canvas.placed
    small = replace(placed, picture=placed.picture.resize((12, 9)))
    assert {Code.PRODUCT_TOO_SMALL, Code.SIZE_MISMATCH} <= inspect(placed=small)
    huge = Placed(Image.new("RGBA", (260, 200), "#c2452d"), 0, 0, 1.0, False)
    assert Code.PRODUCT_TOO_LARGE in inspect(placed=huge)
    assert Code.PRODUCT_ENLARGED in inspect(placed=replace(placed, enlargement=2.3))
    assert Code.PRODUCT_CROPPED in inspect(placed=replace(placed, left=-1))
    ground = Image.new("RGB", SIZE, "#c2452d")  # the product's own colour
    assert {Code.INDISTINCT_PRODUCT, Code.BLANK_SCENE} <= inspect(scene=ground)


def test_space(inspect):
    canvas = inspect.canvas
    up = replace(canvas.placed, top=canvas.placed.top - 30)
    assert Code.SPACE_MISMATCH in inspect(placed=up, layout=replace(canvas.layout, floats=False))
    assert Code.SPACE_MISMATCH not in inspect(placed=up, layout=replace(canvas.layout, floats=True))
    assert Code.SPACE_MISMATCH not in inspect(placed=replace(up, is_card=True))


def test_a_table_is_something_to_stand_on_and_a_hedge_is_not():
    noise = np.random.default_rng(1).integers(0, 256, (250, 300, 3), dtype=np.uint8)
    placed = Placed(Image.new("RGBA", (80, 100), "#c2452d"), 110, 90, 1.0, False)
    table, hedge = noise.copy(), np.full_like(noise, 180)
    table[150:] = 180
    hedge[170:, 60:240] = noise[170:, 60:240]
    assert foot_edges(Image.fromarray(table), placed)[0] < 1.0
    foot, elsewhere = foot_edges(Image.fromarray(hedge), placed)
    assert foot > FOOT_EDGES_HIGH
    assert foot > FOOT_BUSY_HIGH * elsewhere
    foot, elsewhere = foot_edges(Image.fromarray(noise), placed)
    assert 0.9 < foot / elsewhere < 1.1
    soft = np.full((250, 300, 3), 180, np.uint8)
    soft[180:200] = np.linspace(180, 140, 20, dtype=np.uint8)[:, None, None]  # an edge far out of focus
    foot, elsewhere = foot_edges(Image.fromarray(soft), placed)
    assert FOOT_BUSY_HIGH * elsewhere < foot < FOOT_EDGES_HIGH


def test_a_foot_is_as_busy_in_any_size_of_the_same_scene():
    noise = np.random.default_rng(1).integers(0, 256, (25, 30, 3), dtype=np.uint8)
    product = Image.new("RGBA", (80, 100), "#c2452d")
    found = [
        foot_edges(
            Image.fromarray(noise).resize((300 * scale, 250 * scale), Image.Resampling.BICUBIC),
            Placed(product.resize((80 * scale, 100 * scale)), 110 * scale, 90 * scale, 1.0, False),
        )[0]
        for scale in (1, 4)
    ]
    assert found[0] == pytest.approx(found[1], rel=0.05)


def test_an_empty_motif(inspect):
    assert Code.MOTIF_EMPTY in inspect(motif=Image.new("RGBA", (64, 64), (0, 0, 0, 0)))


def test_the_brands_rules(inspect):
    assert Code.FORBIDDEN_WORD in inspect(brand={"forbidden_words": ("FREE", "m4de")}, words=("Fr\u200bee!",))
    assert Code.FORBIDDEN_WORD not in inspect(brand={"forbidden_words": ("free",)}, words=("Freedom",))
    assert Code.FORBIDDEN_WORD in inspect(brand={"forbidden_words": ("shoe",)})  # in the product's title
    picture = inspect.canvas.picture.copy()
    ImageDraw.Draw(picture).rectangle((0, 0, 300, 20), fill="#00ff00")
    assert Code.FORBIDDEN_COLOUR in inspect(brand={"forbidden_colours": ("#00f904",)}, picture=picture)
    assert Code.FORBIDDEN_COLOUR not in inspect(brand={"forbidden_colours": ("#00f904",)})


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize(
    ("text", "term", "category"),
    [
        ("Win at the C4s1n0", "casino", "gambling"),
        ("Fall for her\u200b0in chic", "heroin", "drugs"),
        ("今夜赌场见", "赌场", "gambling"),
    ],
)
def test_what_people_write_is_brand_safe(inspect, at, text, term, category):
    words = tuple(text if place == at else "Made for you" for place in range(4))
    assert Code.FORBIDDEN_WORD in inspect(words=words)
    assert inspect.found["is_blocked"]
    assert inspect.found["forbidden_words"] == {term: category}
    sentence = f"A text holds a forbidden word: “{term}” (not brand-safe: {category})"
    assert sentence_of("forbidden_word", inspect.found) == sentence


def test_a_first_render_says_it_and_is_blocked(shop):
    brief = brief_for(
        shop, sizes=(SIZE,), headline="Win at the casino", brand_legal_line="No cannabis inside"
    )
    (made,) = compose.creatives_compose(brief=brief, picture=motif())
    assert made.inspection["forbidden_words"] == {"casino": "gambling", "cannabis": "drugs"}
    assert (made.inspection["codes"], made.inspection["is_blocked"]) == (["forbidden_word"], True)


def test_a_title_may_name_what_is_sold_and_texts_are_read_apart(inspect):
    assert inspect(title="Toy handgun, casino style") == set()
    assert inspect(words=("Every slot", "machine washable", "", "")) == set()
    assert "forbidden_words" not in inspect.found
    inspect(words=("Casino night", "", "", ""), brand={"forbidden_words": ("night",)})
    assert sentence_of("forbidden_word", inspect.found).endswith(
        "“night” (by the brand kit), “casino” (not brand-safe: gambling)"
    )


def test_the_products_own_colour_is_never_forbidden():
    picture = Image.new("RGB", SIZE, "#ffffff")
    placed = Placed(Image.new("RGBA", (150, 150), "#00ff00"), 50, 50, 1.0, False)
    picture.paste(placed.picture, (50, 50))
    assert forbidden_share(picture, placed, ("#00ff00",)) == 0.0
    assert forbidden_share(picture, placed, ("#000000", "#ffffff")) > 0.9


def test_every_code_has_a_sentence_and_blocking_codes_exist():
    assert set(INSPECTION_WORDS) == {code.value for code in Code}
    assert set(Code) >= BLOCKING


def test_the_gist_survives_a_save_and_tells_pictures_apart():
    cells = np.random.default_rng(3).integers(0, 256, (8, 9), dtype=np.uint8)
    picture = Image.fromarray(cells).resize((300, 250), Image.Resampling.NEAREST)
    mine = difference_hash(picture)
    assert nearest_bits(mine, [difference_hash(picture.resize((150, 125)))]) <= 2
    assert nearest_bits(mine, [difference_hash(picture.transpose(Image.Transpose.ROTATE_90))]) > 8
    assert nearest_bits(mine, []) == 64
