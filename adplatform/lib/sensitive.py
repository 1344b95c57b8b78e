"""Words of people's most personal matters, in nine languages: nobody is grouped or addressed by them. Pure.

Health, religion, politics, trade unions, sexual orientation, origin, genetic and biometric data (GDPR
article 9), and their neighbours: crime, hardship, minors. Words are matched whole in languages with spaces,
anywhere in Chinese; a harmless phrase that holds one ("union jack", 巨蟹座) is taken out first. Asked is
who an audience is, not what a shop sells: a prayer mat may be sold, "Muslims" may not be a segment.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from adplatform.lib.text_folding import folded, readings, words_of

_TABLE = Path(__file__).resolve().parent / "data" / "sensitive_terms.tsv"
_HAN = re.compile(r"[\u3400-\u9fff]")
_HARMLESS = "-"
TEXT_LIMIT = 4_000  # characters looked at: bounds the time of one call whatever is sent
REMOVED = " \x1f "  # keeps the words around a harmless phrase from joining to another one


@dataclass(frozen=True)
class _Terms:
    """Terms with their categories, by how they are looked up."""

    words: dict[str, str]  # of languages with spaces: words between single spaces
    firsts: dict[str, int]  # first word of a term -> words of the longest term that begins so
    han: re.Pattern[str]
    han_category: dict[str, str]
    harmless: re.Pattern[str]


def _alternatives(terms: list[str]) -> str:
    return "|".join(re.escape(term) for term in sorted(terms, key=lambda term: (-len(term), term)))


@lru_cache(maxsize=1)
def _terms() -> _Terms:
    with open(_TABLE, encoding="utf-8", newline="") as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")]
    words: dict[str, str] = {}
    han: dict[str, str] = {}
    harmless: list[str] = []
    for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        for term in row["words"].split("|"):
            key = words_of(folded(term))
            if row["category"] == _HARMLESS:
                harmless.append(key if _HAN.search(key) else f"(?<!\\S){re.escape(key)}(?!\\S)")
            elif _HAN.search(key):
                han[key.replace(" ", "")] = row["category"]
            else:
                words.setdefault(key, row["category"])
    firsts: dict[str, int] = {}
    for key in words:
        first, size = key.split(" ")[0], key.count(" ") + 1
        firsts[first] = max(size, firsts.get(first, 0))
    # Phrases were escaped one by one: those with word borders are patterns already.
    harmless.sort(key=lambda pattern: (-len(pattern), pattern))
    return _Terms(words, firsts, re.compile(_alternatives(list(han))), han, re.compile("|".join(harmless)))


def sensitive_found(text: str) -> dict[str, str]:
    """The sensitive terms in a text with their categories, folded; empty when it is harmless."""
    terms = _terms()
    found: dict[str, str] = {}
    for reading in sorted(readings(text[:TEXT_LIMIT])):
        plain = terms.harmless.sub(REMOVED, reading)
        words = plain.split()
        for start, first in enumerate(words):
            for size in range(1, terms.firsts.get(first, 0) + 1):
                key = " ".join(words[start : start + size])
                if key in terms.words:
                    found[key] = terms.words[key]
        if _HAN.search(plain):
            for hit in terms.han.finditer(plain.replace(" ", "")):
                found[hit[0]] = terms.han_category[hit[0]]
    return found


def is_sensitive(text: str) -> bool:
    """Whether a text holds a sensitive term."""
    return bool(text) and bool(sensitive_found(text))
