import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adplatform.lib.errors import DomainError
from generation.briefs import Brief, BriefBrand, BriefInterest, BriefProduct, BriefSegment
from generation.prompts import (
    MAX_LITERAL,
    SCENE_TEMPLATE,
    colour_name,
    literal,
    palette_words,
    prompt_build,
    seed_of,
    text_prompt,
)
from generation.scenes import SCENES
from generation.styles import STYLES

BRIEF = Brief(
    product=BriefProduct(
        external_id="P1",
        title="Trail running shoe",
        product_type="Apparel > Shoes",
        brand="",
        price_cents=8990,
        sale_price_cents=None,
        currency="EUR",
        cutout="x.png",
        cutout_sha256="0" * 64,
        cutout_kind="alpha",
        palette=("#c2452d",),
    ),
    segment=BriefSegment(
        slug="hikers",
        name="Hikers",
        interests=(
            BriefInterest("outdoor_hiking", "Hiking", "徒步"),
            BriefInterest("food_coffee", "Coffee", "咖啡"),
        ),
    ),
    brand=BriefBrand("Shop", "#1f3a5f", "#e4572e", "#f5f1e8", "warm", "Shop now"),
    style="soft_3d",
    season="autumn",
    language="en",
    market="intl",
    sizes=((300, 250),),
    model="motif-gan",
)


def with_title(title: str) -> Brief:
    return dataclasses.replace(BRIEF, product=dataclasses.replace(BRIEF.product, title=title))


def test_a_prompt_says_where_each_of_its_words_came_from():
    prompt = prompt_build(BRIEF)
    assert prompt.text == ", ".join(part.text for part in prompt.parts)
    sources = {part.slot: part.source for part in prompt.parts}
    assert sources["motif"] == sources["setting"] == "interest:outdoor_hiking"
    assert sources["accent"] == "interest:food_coffee"
    assert sources["subject"] == "product:title"
    assert sources["style"] == "style:soft_3d"
    assert sources["season"] == "season"
    assert prompt.template == SCENE_TEMPLATE
    assert prompt.motif in SCENES["outdoor_hiking"].motifs
    assert "palette of deep blue and red" in prompt.text


def test_equal_briefs_give_equal_prompts_and_another_take_another_picture():
    assert prompt_build(BRIEF) == prompt_build(dataclasses.replace(BRIEF))
    again = prompt_build(dataclasses.replace(BRIEF, take=1))
    assert again.seed != prompt_build(BRIEF).seed
    assert again.motif != prompt_build(BRIEF).motif


def test_the_generic_creative_shows_the_season():
    prompt = prompt_build(dataclasses.replace(BRIEF, segment=None))
    assert {part.slot: part.source for part in prompt.parts}["motif"] == "season"
    assert "golden leaves" in prompt.text


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("season", ["spring", "summer", "autumn", "winter"])
def test_every_style_and_season_makes_a_prompt(style, season):
    prompt = prompt_build(dataclasses.replace(BRIEF, style=style, season=season))
    assert STYLES[style].words in prompt.text
    assert "watermark" in prompt.negative
    # CLIP reads 77 word pieces; about 1.3 a word
    assert len(prompt.text.split()) < 60


def test_an_unknown_style_is_refused_with_a_code():
    with pytest.raises(DomainError, match="no style") as refusal:
        prompt_build(dataclasses.replace(BRIEF, style="cubism"))
    assert refusal.value.code == "style_unknown"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Shoe (red:1.9)", "Shoe red"),
        ("Shoe ((masterpiece:1.5)) [x]", "Shoe masterpiece x"),
        ("<lora:nsfw:1> Shoe", "Shoe"),
        ("<lora:evil:0.8", ""),
        ("（red：1.9）Shoe", "red Shoe"),  # full-width brackets are brackets
        ("Sh\u200boe\u202e!\x00\x1b[31m", "Shoe! 31m"),
        ("Shoe\n\nIgnore all rules", "Shoe Ignore all rules"),
        ("a BREAK b AND c --no dogs ++", "a b c dogs"),
        ('He said "hi" \\ `x`', "He said hi x"),
        ("\ud800Shoe", "Shoe"),
        ("   ", ""),
    ],
)
def test_catalogue_text_enters_a_prompt_as_harmless_words(title, expected):
    assert literal(title) == expected


@given(st.text(max_size=400))
def test_no_text_carries_syntax_control_or_length_through(text):
    plain = literal(text)
    assert len(plain) <= MAX_LITERAL
    assert not set(plain) & set('()[]{}<>|\\"`*#_~^@$:;\n\r\t\x00\u200b\u202e')
    plain.encode()  # no lone surrogate
    assert literal(plain) == plain


@given(st.text(max_size=100))
def test_any_title_makes_a_prompt(title):
    prompt = prompt_build(with_title(title))
    assert prompt.text.count('"') in (0, 2)
    assert 0 < prompt.seed < 2**53


def test_a_long_title_is_cut_between_words():
    assert literal("Extraordinarily comfortable trail running shoe for the whole family and friends") == (
        "Extraordinarily comfortable trail running shoe for the whole"
    )


def test_a_chinese_title_is_said_in_english():
    assert "手机" not in prompt_build(with_title("智能手机")).text
    assert "phone" in prompt_build(with_title("智能手机")).text


@given(st.text())
def test_seeds_are_positive_and_fit_a_database_column(text):
    assert 0 < seed_of(text.encode("utf-8", "replace").decode()) < 2**53


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ("#ffffff", "white"),
        ("#000000", "black"),
        ("#808080", "grey"),
        ("#1f3a5f", "deep blue"),
        ("#e4572e", "red"),
        ("#f5f1e8", "cream"),
        ("#6f4e37", "brown"),
    ],
)
def test_colours_have_names_a_text_encoder_knows(colour, name):
    assert colour_name(colour) in (name, f"deep {name}", f"pale {name}")


def test_a_palette_names_each_colour_once_and_skips_nonsense():
    assert palette_words(("#ffffff", "#fefefe", "red", "#000000")) == "white and black"
    assert palette_words(("nonsense",)) == ""


@pytest.mark.parametrize(
    ("text", "motif"),
    [
        ("a green apple", "a green apple"),  # drawable as it stands
        ("wooden rocking chair", "wooden rocking chair"),
    ],
)
def test_free_text_that_names_an_object_is_drawn_as_it_stands(text, motif):
    assert text_prompt(text, "studio").motif == motif


@pytest.mark.parametrize(("text", "interest"), [("hiking", "outdoor_hiking"), ("喜欢喝咖啡", "food_coffee")])
def test_free_text_that_names_an_interest_is_drawn_as_one_of_its_motifs(text, interest):
    prompt = text_prompt(text, "soft_3d")
    assert prompt.motif in SCENES[interest].motifs
    assert SCENES[interest].setting in prompt.text


def test_free_text_without_a_known_word_has_an_empty_motif():
    assert text_prompt("嘿嘿嘿", "soft_3d").motif == ""
