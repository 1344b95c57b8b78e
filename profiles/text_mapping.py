"""Free text, English or Chinese, to shares of taxonomy interests. Pure.

The default needs no model: lexicon first, lookalikes for the words it does not know. A text with a
sensitive word maps to nothing at all, and says so, so that the caller does not keep it either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from adplatform.lib.sensitive import sensitive_found
from profiles.lexicon import Entry, lexicon_get
from profiles.similarity import lookalikes
from profiles.taxonomy import INTERESTS

MOST_INTERESTS = 5
LEAST_SHARE = 0.06
LOOKALIKE_WORTH = 0.5  # a guess counts half a certain word
GROUP_WORTH = 0.35  # "Apparel > Shoes" is about shoes: a group counts less beside one of its own
_WORD_WORTH = {1: 1.0, 2: 1.6, 3: 2.0}  # a longer phrase says more
_CHARACTER_WORTH = {1: 0.7, 2: 1.0, 3: 1.4, 4: 1.7}


@dataclass(frozen=True)
class Match:
    """One word of the text and what it led to."""

    word: str  # as the text has it, normalised
    entry: str  # the lexicon word it was taken for
    interests: tuple[str, ...]
    certain: bool  # False: only looks like the entry


@dataclass(frozen=True)
class Mapping:
    """Interests with shares that sum to 1 (or none), and how they came about."""

    interests: dict[str, float] = field(default_factory=dict)
    matches: tuple[Match, ...] = ()
    sensitive: tuple[str, ...] = ()  # categories of sensitive words; then the text maps to nothing


class TextMapper(Protocol):
    """Anything that turns text into interests; chosen by ``settings.PROFILES_TEXT_ENCODER``."""

    def map(self, text: str) -> dict[str, float]:
        """Shares by interest id, strongest first, summing to 1; empty when the text names none."""
        ...

    def explain(self, text: str) -> Mapping:
        """The same with the words that led there."""
        ...


class LexiconMapper:
    """Lexicon and lookalikes; needs nothing but numpy, 20 to 200 microseconds a text."""

    def map(self, text: str) -> dict[str, float]:
        return dict(self.explain(text).interests)

    def explain(self, text: str) -> Mapping:
        return _explain(text)


@lru_cache(maxsize=20_000)  # shops send the same titles and categories over and over
def _explain(text: str) -> Mapping:
    reading = lexicon_get().read(text)
    scores: dict[str, float] = defaultdict(float)
    matches: dict[tuple[str, str], Match] = {}  # a word that repeats counts once
    sensitive = {hit.entry.sensitive for hit in reading.hits} - {""}
    for hit in reading.hits:
        if hit.entry.interests and (hit.word, hit.entry.key) not in matches:
            table = _WORD_WORTH if hit.word[0].isascii() and hit.word.isascii() else _CHARACTER_WORTH
            _score(scores, hit.entry, table.get(hit.size, max(table.values())))
            matches[hit.word, hit.entry.key] = Match(hit.word, hit.entry.key, hit.entry.interests, True)
    for word in dict.fromkeys(reading.unknown):
        neighbours = lookalikes(word)
        sensitive |= {n.entry.sensitive for n in neighbours[:1]} - {""}
        for neighbour in neighbours:
            if neighbour.entry.interests:
                _score(scores, neighbour.entry, LOOKALIKE_WORTH * neighbour.similarity / len(neighbours))
                key = (word, neighbour.entry.key)
                matches[key] = Match(word, neighbour.entry.key, neighbour.entry.interests, False)
    # The lexicon knows English and Chinese in plain spelling; this knows nine languages, and disguises.
    sensitive |= set(sensitive_found(text).values())
    if sensitive:
        return Mapping(sensitive=tuple(sorted(sensitive)))
    interests = shares(scores)
    kept = [match for match in matches.values() if set(match.interests) & set(interests)]
    return Mapping(interests, tuple(kept))


def _score(scores: dict[str, float], entry: Entry, worth: float) -> None:
    for interest in entry.interests:
        scores[interest] += worth / len(entry.interests)


def shares(scores: dict[str, float]) -> dict[str, float]:
    """Scores to shares: groups give way to their children, crumbs are dropped, the rest sums to 1."""
    parents = {INTERESTS[interest].parent for interest in scores}
    weighed = {i: s * GROUP_WORTH if i in parents else s for i, s in scores.items()}
    weighed = _scaled(sorted(weighed.items(), key=lambda item: (-item[1], item[0]))[:MOST_INTERESTS])
    return _scaled((i, share) for i, share in weighed.items() if share >= LEAST_SHARE)


def _scaled(items: Iterable[tuple[str, float]]) -> dict[str, float]:
    pairs = list(items)
    total = sum(score for _, score in pairs)
    return {interest: round(score / total, 4) for interest, score in pairs} if total > 0 else {}


@lru_cache(maxsize=4)
def _mapper(dotted_path: str) -> TextMapper:
    return import_string(dotted_path)()


def mapper_get() -> TextMapper:
    """The mapper the settings name, made once a process."""
    return _mapper(settings.PROFILES_TEXT_ENCODER)
