"""Which lexicon words look like an unknown word: hashed character n-grams, cosine, numpy. Pure.

It catches misspellings ("sneekers"), joined words ("trailrunning") and Chinese words whose neighbours we
know ("羽绒外衣"). Sensitive words stand in the same index: an unknown word that looks most like one of
them must not slip through as something else.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from profiles.lexicon import Entry, lexicon_get, stem
from profiles.taxonomy import DATA_DIR

BUCKETS = 1 << 16
# Below these, ordinary words begin to look like products (tests/profiles/test_similarity.py).
LATIN_THRESHOLD = 0.66
CANDIDATE_THRESHOLD = 0.3  # enough when at most two letters have to change
HAN_THRESHOLD = 0.7
HAN_CANDIDATE_THRESHOLD = 0.5
MINIMUM_LATIN = 5
MINIMUM_ACCUSED = 8  # letters from which a lookalike of a sensitive word is taken for one
NEIGHBOURS = 3  # they vote: each brings a third of the guess
_LONGEST_WINDOW = 4


@dataclass(frozen=True)
class Neighbour:
    """A lexicon entry that looks like the word asked about."""

    word: str
    entry: Entry
    similarity: float


class NgramIndex:
    """An inverted index from hashed n-grams to the words that have them."""

    def __init__(self, words: Sequence[str], entries: Sequence[Entry]) -> None:
        self.words, self.entries = list(words), list(entries)
        grams = [_grams(word) for word in self.words]
        self._lengths = np.sqrt(np.array([len(found) for found in grams], dtype=np.float32))
        buckets = np.concatenate(grams)
        owners = np.repeat(np.arange(len(grams), dtype=np.int32), [len(found) for found in grams])
        order = np.argsort(buckets, kind="stable")
        self._owners = owners[order]
        self._starts = np.searchsorted(buckets[order], np.arange(BUCKETS + 1))

    def nearest(self, word: str, threshold: float) -> list[Neighbour]:
        """Up to ``NEIGHBOURS`` entries at least ``threshold`` alike, most alike first."""
        asked = _grams(word)
        found = np.concatenate([self._owners[self._starts[g] : self._starts[g + 1]] for g in asked])
        if not len(found):
            return []
        shared = np.bincount(found, minlength=len(self.words)).astype(np.float32)
        alike = shared / (self._lengths * np.float32(np.sqrt(len(asked))))
        best = np.argsort(-alike, kind="stable")[:NEIGHBOURS]
        return [
            Neighbour(self.words[i], self.entries[i], float(alike[i])) for i in best if alike[i] >= threshold
        ]


def _grams(word: str) -> NDArray[np.int64]:
    """The distinct hashed n-grams of a word: pairs and triples of letters, single and double characters."""
    padded = f"^{word}$"
    sizes = (2, 3) if word.isascii() else (1, 2)
    text = {padded[i : i + size] for size in sizes for i in range(len(padded) - size + 1)} - {"^", "$"}
    return np.array(sorted(zlib.crc32(gram.encode()) % BUCKETS for gram in text), dtype=np.int64)


@lru_cache(maxsize=1)
def _indexes() -> tuple[NgramIndex, NgramIndex]:
    lexicon = lexicon_get()
    latin = [("".join(key), entry) for key, entry in lexicon.english.items() if len("".join(key)) > 3]
    han = [(key, entry) for key, entry in lexicon.chinese.items() if len(key) > 1]
    return NgramIndex(*zip(*latin, strict=True)), NgramIndex(*zip(*han, strict=True))


@lru_cache(maxsize=20_000)
def lookalikes(word: str) -> tuple[Neighbour, ...]:
    """The entries an unknown, normalised word most probably means; empty when it looks like none."""
    latin, han = _indexes()
    if word.isascii():
        return _latin_lookalikes(latin, stem(word))
    best: list[Neighbour] = []
    for size in range(min(len(word), _LONGEST_WINDOW), 1, -1):
        for start in range(len(word) - size + 1):
            found = _han_lookalikes(han, word[start : start + size])
            if found and (not best or found[0].similarity > best[0].similarity):
                best = found
    return tuple(best)


def _han_lookalikes(index: NgramIndex, word: str) -> list[Neighbour]:
    """Alike by n-grams, or one wrong character between the right first and last one (螺狮粉 for 螺蛳粉)."""
    return [
        n
        for n in index.nearest(word, HAN_CANDIDATE_THRESHOLD)
        if n.similarity >= HAN_THRESHOLD
        or (
            len(word) == len(n.word) > 2
            and (word[0], word[-1]) == (n.word[0], n.word[-1])
            and sum(a != b for a, b in zip(word, n.word, strict=True)) == 1
        )
    ]


def _latin_lookalikes(index: NgramIndex, word: str) -> tuple[Neighbour, ...]:
    if len(word) < MINIMUM_LATIN or word in _near_misses() or any(letter.isdigit() for letter in word):
        return ()
    allowed = 1 if len(word) < 8 else 2
    # People rarely misspell the first letter, and "fiking" for "hiking" is worth less than the noise.
    found = [n for n in index.nearest(word, CANDIDATE_THRESHOLD) if n.word[0] == word[0]]
    misspelt = [n for n in found if edits(word, n.word, limit=allowed) <= allowed]
    if not misspelt:
        misspelt = [n for n in found if n.similarity >= LATIN_THRESHOLD and len(word) >= MINIMUM_ACCUSED]
    if misspelt and misspelt[0].entry.sensitive and len(word) < MINIMUM_ACCUSED:
        return ()  # "Morgon" is a brand of juice and no faith: neither accuse it nor guess on
    return tuple(misspelt)


@lru_cache(maxsize=1)
def _near_misses() -> frozenset[str]:
    lines = (DATA_DIR / "near_misses.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def edits(left: str, right: str, *, limit: int) -> int:
    """Letters to insert, drop, change or swap with a neighbour; ``limit + 1`` when it takes more."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    rows = [list(range(len(right) + 1))]
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, rows[i - 2][j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
        rows.append(row)
    return rows[-1][-1]
