"""The words on a creative: headlines per interest from a reviewed table, the product's title, alt text.

``generation/data/headlines.tsv`` holds the headlines. They promise nothing about the product: no
superlative, no health or price claim, because nobody has checked one.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

from generation.briefs import Brief
from generation.composition.price import PriceText
from generation.composition.typography import clean, is_cjk

HEADLINE_BUDGET = {"en": 34, "zh": 14}  # characters; what a 300x250 shows large in four lines
SUBLINE_BUDGET = 60  # Latin letters; a Chinese character counts as two
GENERIC = "generic"
WARM = ""  # the tone of the lines that name none, and of a brand kit that says none of the others
# What a brand kit's tone may say, in its own words, to mean one of the table's tones.
TONE_WORDS = {
    "bold": (
        "bold",
        "confident",
        "strong",
        "energetic",
        "daring",
        "loud",
        "sporty",
        "大胆",
        "自信",
        "有力",
        "热血",
        "活力",
    ),
    "calm": (
        "calm",
        "quiet",
        "elegant",
        "refined",
        "minimal",
        "serene",
        "gentle",
        "平静",
        "安静",
        "优雅",
        "克制",
        "温柔",
    ),
    "playful": (
        "playful",
        "fun",
        "witty",
        "cheeky",
        "funny",
        "cheerful",
        "young",
        "俏皮",
        "有趣",
        "活泼",
        "幽默",
        "年轻",
    ),
}
_TABLE = Path(__file__).resolve().parent.parent / "data" / "headlines.tsv"


@dataclass(frozen=True)
class Words:
    """Everything that is written, before it is fitted."""

    headline: str
    subline: str
    call_to_action: str
    legal_line: str
    wordmark: str
    alt_text: str


@lru_cache(maxsize=1)
def headlines_read() -> dict[tuple[str, str, str], tuple[str, ...]]:
    """(interest or group id, language, tone) -> headlines."""
    table: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    with open(_TABLE, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            table[row["interest"], row["language"], row["tone"]].append(row["headline"])
    return {key: tuple(lines) for key, lines in table.items()}


def tone_of(text: str) -> str:
    """The table's tone that a brand kit's own words mean: the one whose word comes first in them."""
    folded = text.casefold()
    places = {
        tone: min((at for word in words if (at := folded.find(word)) >= 0), default=-1)
        for tone, words in TONE_WORDS.items()
    }
    said = {tone: place for tone, place in places.items() if place >= 0}
    return min(said, key=lambda tone: said[tone]) if said else WARM


def headlines_for(interests: tuple[str, ...], language: str, tone: str = WARM) -> tuple[str, ...]:
    """The headlines of the strongest interest that has some, of its group, or the generic ones.

    ``tone`` is one of the table's. An interest without a line in that tone speaks in its group's.
    """
    table = headlines_read()
    for interest in interests:
        for key in (interest, interest.split("_")[0]):
            if (key, language, tone) in table:
                return table[key, language, tone]
    return table[GENERIC, language, tone]


def words_make(brief: Brief, price: PriceText) -> Words:
    """Which headline is chosen depends on the brief's fingerprint: the same brief, the same words."""
    language = "zh" if brief.language.startswith("zh") else "en"
    interests = tuple(interest.id for interest in brief.segment.interests) if brief.segment else ()
    lines = headlines_for(interests, language, tone_of(brief.brand.tone))
    headline = clean(brief.headline) or lines[(int(brief.fingerprint[:8], 16) + brief.take) % len(lines)]
    title = clean(brief.product.title)
    comma, stop = ("，", "。") if language == "zh" else (", ", ". ")
    alt = f"{title}{comma}{price.now}{stop}{headline}"
    return Words(
        headline=headline,
        subline=shortened(title, SUBLINE_BUDGET),
        call_to_action=clean(brief.brand.call_to_action),
        legal_line=clean(brief.brand.legal_line),
        wordmark=clean(brief.brand.name),
        alt_text=alt[:200],
    )


def shortened(text: str, budget: int) -> str:
    """At most ``budget`` Latin letters wide, cut between words and marked with an ellipsis."""
    widths = list(accumulate(2 if is_cjk(character) else 1 for character in text))
    if not widths or widths[-1] <= budget:
        return text
    cut = text[: bisect_right(widths, budget - 1)]
    if " " in cut[len(cut) // 2 :]:
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip(" ,.;:-，。；：、（(") + "…"
