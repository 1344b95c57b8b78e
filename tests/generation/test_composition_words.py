"""Prices and headlines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generation.composition.copy import (
    GENERIC,
    HEADLINE_BUDGET,
    TONE_WORDS,
    WARM,
    headlines_for,
    headlines_read,
    shortened,
    tone_of,
    words_make,
)
from generation.composition.fonts import FACES, font_file
from generation.composition.price import amount_text, price_text
from profiles.taxonomy import GROUPS, INTERESTS
from tests.generation.composing import brief_for


@pytest.mark.parametrize(
    ("cents", "currency", "language", "text"),
    [
        (8990, "EUR", "en", "€89.90"),
        (8900, "EUR", "en", "€89"),
        (123456789, "USD", "en", "$1,234,567.89"),
        (19900, "CNY", "zh", "¥199"),
        (5, "GBP", "en", "£0.05"),
        (1980, "JPY", "en", "¥1,980"),
        (1980, "JPY", "zh", "1,980日元"),
        (12500, "KWD", "en", "KWD 12.500"),
        (9990, "SEK", "en", "SEK 99.90"),
    ],
)
def test_amounts_read_as_a_shopper_expects(cents, currency, language, text):
    assert amount_text(cents, currency, language) == text


def test_a_sale_shows_the_price_before_and_never_promises_more_than_it_saves(shop):
    product = replace(brief_for(shop).product, price_cents=8990, sale_price_cents=6990)
    price = price_text(product, "en")
    assert (price.now, price.was, price.saving) == ("€69.90", "€89.90", "−22%")  # 22.25 %


def test_a_sale_price_that_saves_nothing_is_no_sale(shop):
    product = replace(brief_for(shop).product, price_cents=8990, sale_price_cents=8990)
    assert price_text(product, "en").was == ""


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("tone", [WARM, *TONE_WORDS])
def test_every_interest_has_a_headline_of_its_own_group_in_every_tone(language, tone):
    table = headlines_read()
    assert (GENERIC, language, tone) in table
    for interest in INTERESTS:
        group = interest.split("_")[0]
        assert group in GROUPS
        assert (interest, language, tone) in table or (group, language, tone) in table, interest


def test_the_brand_kits_tone_chooses_the_headlines(shop):
    brief = brief_for(shop)
    price = price_text(brief.product, "en")
    said = {}
    for words in ("warm and friendly", "Bold, but calm", "quiet", "有点俏皮"):
        toned = replace(brief, brand=replace(brief.brand, tone=words))
        said[words] = words_make(toned, price).headline
        assert said[words] in headlines_for(("outdoor_hiking",), "en", tone_of(words))
    assert [tone_of(words) for words in said] == [WARM, "bold", "calm", "playful"]
    assert len(set(said.values())) == 4


def test_no_headline_is_in_two_tones():
    lines = [line for tone_lines in headlines_read().values() for line in tone_lines]
    assert len(lines) == len(set(lines))


def test_headlines_name_only_interests_that_exist_and_keep_their_budget():
    for (interest, language, tone), lines in headlines_read().items():
        assert tone in {WARM, *TONE_WORDS}
        assert interest in {*INTERESTS, GENERIC}
        for line in lines:
            assert len(line) <= HEADLINE_BUDGET[language], line
            for face in FACES.values():
                assert all(any(ord(c) in font_file(name).code_points for name in face) for c in line), line


def test_the_same_brief_has_the_same_words_and_its_own_headline_wins(shop):
    brief = brief_for(shop)
    price = price_text(brief.product, "en")
    assert words_make(brief, price) == words_make(brief, price)
    assert words_make(brief, price).headline in headlines_for(("outdoor_hiking",), "en")
    own = replace(brief, headline="Only here")
    assert words_make(own, price).headline == "Only here"
    assert words_make(replace(brief, segment=None), price).headline in headlines_for((), "en")


def test_titles_are_shortened_between_words_and_chinese_counts_double():
    assert shortened("Arla Ecological Medium Fat Milk", 20) == "Arla Ecological…"
    assert shortened("新鲜胡萝卜产地直供", 10) == "新鲜胡萝…"
    assert shortened("short", 20) == "short"
