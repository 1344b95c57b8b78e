"""Lookalikes of unknown words."""

from __future__ import annotations

import pytest

from profiles.similarity import edits, lookalikes

MISSPELT = {
    "perfum": "perfume",
    "coffe": "coffee",
    "bicicle": "bicycle",
    "moutain": "mountain",
    "basketbal": "basketball",
    "jewelery": "jewellery",
    "keybord": "keyboard",
    "lipstik": "lipstick",
    "gardning": "gardening",
    "chocolat": "chocolate",
    "stationary": None,  # an ordinary word, whatever it looks like
    "connection": None,
    "yesterday": None,
    "platform": None,
    "concrete": None,
    "marriage": None,
}


@pytest.mark.parametrize(("word", "meant"), MISSPELT.items())
def test_misspelt_product_words_are_understood_and_ordinary_words_left_alone(word, meant):
    found = [neighbour.word for neighbour in lookalikes(word)]
    assert (meant in found) if meant else (found == [])


def test_short_words_and_numbers_are_not_guessed():
    assert lookalikes("hte") == ()
    assert lookalikes("a1b2c3d4") == ()


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("a", "a", 0),
        ("ab", "ba", 1),
        ("sneeker", "sneaker", 1),
        ("headfone", "headphone", 2),
        ("abc", "xyz", 2),
    ],
)
def test_edits_count_letters_up_to_the_limit(left, right, expected):
    assert min(edits(left, right, limit=2), 2) == expected
