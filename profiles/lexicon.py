"""The bilingual word lists and the search for their words in a text. Pure; the files are read once.

English is compared by whole words with plurals taken off, Chinese by the longest entry at each place
(it has no spaces). At one place the longer entry wins, so "wine glass" is kitchenware although "wine"
alone is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from profiles.taxonomy import INTERESTS, rows_read

NEUTRAL = "-"  # the row of words that say nothing about an interest
TEXT_LIMIT = 2000  # characters looked at: bounds the time of one call whatever is sent
_PIECE = re.compile(r"[a-z0-9]+|[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002ebef]+")
_UNSTEMMED = frozenset({"aids", "dress", "lens", "glass", "news", "ios", "canvas", "tennis", "chess"})
_IRREGULAR = {
    "knives": "knife",
    "scarves": "scarf",
    "shelves": "shelf",
    "leaves": "leaf",
    "wolves": "wolf",
    "mice": "mouse",
    "geese": "goose",
    "feet": "foot",
    "babies": "baby",
    "cookies": "cookie",
    "movies": "movie",
    "hoodies": "hoodie",
    "selfies": "selfie",
    "smoothies": "smoothie",
    "brownies": "brownie",
    "beanies": "beanie",
    "shoes": "shoe",
    "toes": "toe",
    "children": "child",
    "skis": "ski",
    "bikinis": "bikini",
    "taxis": "taxi",
    "hindus": "hindu",
    "nazis": "nazi",
    "tomatoes": "tomato",
    "potatoes": "potato",
    "mangoes": "mango",
    "heroes": "hero",
}


@dataclass(frozen=True)
class Entry:
    """What a word stands for: interests, a sensitive category, or (both empty) nothing at all."""

    key: str
    interests: tuple[str, ...] = ()
    sensitive: str = ""


@dataclass(frozen=True)
class Hit:
    """A place in the normalised text where an entry was found."""

    start: int
    end: int
    word: str
    entry: Entry
    size: int  # words of English, characters of Chinese


@dataclass(frozen=True)
class Reading:
    """All hits of a text, and the stretches that no entry explains."""

    hits: tuple[Hit, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Lexicon:
    """Entries by their normalised key: word tuples for English, strings for Chinese."""

    english: Mapping[tuple[str, ...], Entry]
    chinese: Mapping[str, Entry]
    longest_english: int = field(default=1)
    longest_chinese: int = field(default=1)

    def read(self, text: str) -> Reading:
        """Find every entry, longest first at each place."""
        text = normalise(text)
        hits: list[Hit] = []
        unknown: list[str] = []
        words: list[tuple[int, int]] = []  # neighbouring English words that wait for a phrase
        for piece in _PIECE.finditer(text):
            if text[piece.start()].isascii():
                mixed = self._chinese_at(text, piece.start(), minimum=len(piece[0]) + 1)
                if mixed is None:  # "T恤" and the like begin with a letter
                    words.append(piece.span())
                    continue
                hits.append(mixed)
                continue
            self._read_english(text, words, hits, unknown)
            words = []
            self._read_chinese(text, piece.span(), hits, unknown)
        self._read_english(text, words, hits, unknown)
        return Reading(tuple(hits), tuple(unknown))

    def _read_english(
        self, text: str, spans: list[tuple[int, int]], hits: list[Hit], unknown: list[str]
    ) -> None:
        stems = [stem(text[start:end]) for start, end in spans]
        place = 0
        while place < len(stems):
            for size in range(min(self.longest_english, len(stems) - place), 0, -1):
                entry = self.english.get(tuple(stems[place : place + size]))
                if entry is not None:
                    start, end = spans[place][0], spans[place + size - 1][1]
                    hits.append(Hit(start, end, text[start:end], entry, size))
                    place += size
                    break
            else:
                unknown.append(text[spans[place][0] : spans[place][1]])
                place += 1

    def _read_chinese(self, text: str, span: tuple[int, int], hits: list[Hit], unknown: list[str]) -> None:
        place, end = span
        # A mixed entry ("t恤") may already have taken the beginning of this run.
        if hits and hits[-1].end > place:
            place = hits[-1].end
        gap = place
        while place < end:
            hit = self._chinese_at(text, place)
            if hit is None:
                place += 1
                continue
            if place > gap:
                unknown.append(text[gap:place])
            hits.append(hit)
            place = gap = hit.end
        if end > gap:
            unknown.append(text[gap:end])

    def _chinese_at(self, text: str, place: int, minimum: int = 1) -> Hit | None:
        for size in range(min(self.longest_chinese, len(text) - place), minimum - 1, -1):
            entry = self.chinese.get(text[place : place + size])
            if entry is not None:
                if text[place + size : place + size + 1] == "色":  # 咖啡色, 香槟色: a colour, not the thing
                    return Hit(place, place + size + 1, entry.key + "色", Entry(entry.key + "色"), size + 1)
                return Hit(place, place + size, entry.key, entry, size)
        return None


def normalise(text: str) -> str:
    """NFKC, lower case, without accents on letters and without invisible characters."""
    text = unicodedata.normalize("NFKC", text[:TEXT_LIMIT]).casefold()
    text = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize(
        "NFC", "".join(c for c in text if unicodedata.category(c) not in {"Mn", "Cf", "Cs"})
    )


def stem(word: str) -> str:
    """An English word without its plural ending; enough for product words, wrong for none we know."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _UNSTEMMED or len(word) < 4 or not word.endswith("s"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith(("ss", "us", "is")):
        return word
    return word[:-1]


def words_key(phrase: str) -> tuple[str, ...]:
    """The stems of an English phrase: hyphens, dots and ampersands separate words."""
    return tuple(stem(word) for word in re.findall(r"[a-z0-9]+", normalise(phrase)))


@lru_cache(maxsize=1)
def lexicon_get() -> Lexicon:
    """The shipped lexicon. A word that is both sensitive and an interest is sensitive."""
    english: dict[tuple[str, ...], Entry] = {}
    chinese: dict[str, Entry] = {}
    for row in rows_read("lexicon.tsv"):
        if row["interest"] != NEUTRAL and row["interest"] not in INTERESTS:
            raise ValueError(f"lexicon.tsv names an unknown interest {row['interest']!r}")
        interests = () if row["interest"] == NEUTRAL else (row["interest"],)
        for word in row["words"].split("|"):
            _put(english, chinese, row["language"], Entry(word, interests))
    for row in rows_read("sensitive.tsv"):
        for word in row["words"].split("|"):
            _put(english, chinese, row["language"], Entry(word, (), row["category"]))
    return Lexicon(english, chinese, max(map(len, english)), max(map(len, chinese)))


def _put(
    english: dict[tuple[str, ...], Entry], chinese: dict[str, Entry], language: str, entry: Entry
) -> None:
    table: dict[object, Entry] = english if language == "en" else chinese  # type: ignore[assignment]
    key: object = words_key(entry.key) if language == "en" else normalise(entry.key)
    if language != "en" and str(key).isascii():
        # "cosplay", "bjd": Chinese shops write them in Latin letters; match them as words.
        table, key = english, words_key(entry.key)  # type: ignore[assignment]
    known = table.get(key)
    if known is not None and not entry.sensitive:
        interests = tuple(dict.fromkeys(known.interests + entry.interests))
        entry = Entry(entry.key, interests, known.sensitive)
    table[key] = entry
