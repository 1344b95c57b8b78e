"""Chinese words become English ones; nothing ever raises, and only ASCII comes out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.chinese import dictionary, is_han, to_english


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("跑步鞋", "running shoe"),
        ("咖啡", "coffee"),
        ("露营", "camping tent"),
        ("火锅", "hot pot of food"),
        ("旅行", "travel luggage suitcase"),
        ("白色运动鞋", "white running shoe"),
        ("Nike跑步鞋 on sale", "Nike running shoe on sale"),
        ("T恤", "t-shirt"),
        ("猫", "cat"),
        ("雪山上的日出", "snow-capped mountain on sunrise"),
        ("running shoe", "running shoe"),
        ("  two\n lines ", "two lines"),
        ("ｒｕｎ", "run"),  # full-width letters (NFKC)
        ("café", "cafe"),
        ("龘靐", ""),
        ("", ""),
    ],
)
def test_known_words(text: str, english: str) -> None:
    assert to_english(text) == english


def test_the_longest_word_wins() -> None:
    # 登山 alone is a hike; 登山鞋 is a boot.
    assert to_english("登山鞋") == "hiking boot"


@given(st.text(max_size=200))
def test_never_raises_and_answers_ascii(text: str) -> None:
    assert to_english(text).isascii()


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=100))
def test_english_stays_as_it_is(text: str) -> None:
    assert to_english(text) == " ".join(text.split())


def test_dictionary_is_clean() -> None:
    words = dictionary()
    assert len(words) > 3000
    for chinese, english in words.items():
        assert any(map(is_han, chinese))
        assert english.isascii()
        assert english.strip() == english != ""


def test_ten_thousand_characters() -> None:
    assert to_english("跑步鞋，" * 2500).startswith("running shoe")
