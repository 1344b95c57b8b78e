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
def headlines_read() -> dict[tuple[str, str], tuple[str, ...]]:
    """(interest or group id, language) -> headlines."""
    table: dict[tuple[str, str], list[str]] = defaultdict(list)
    with open(_TABLE, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            table[row["interest"], row["language"]].append(row["headline"])
    return {key: tuple(lines) for key, lines in table.items()}


def headlines_for(interests: tuple[str, ...], language: str) -> tuple[str, ...]:
    """The headlines of the strongest interest that has some, of its group, or the generic ones."""
    table = headlines_read()
    for interest in interests:
        for key in (interest, interest.split("_")[0]):
            if (key, language) in table:
                return table[key, language]
    return table[GENERIC, language]


def words_make(brief: Brief, price: PriceText) -> Words:
    """Which headline is chosen depends on the brief's fingerprint: the same brief, the same words."""
    language = "zh" if brief.language.startswith("zh") else "en"
    interests = tuple(interest.id for interest in brief.segment.interests) if brief.segment else ()
    lines = headlines_for(interests, language)
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
