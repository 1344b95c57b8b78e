"""The order in which a line of mixed scripts is drawn: the Unicode Bidirectional Algorithm (UAX #9).

Each face is a chain of fonts, so a line is drawn font by font and HarfBuzz never sees it whole. This
settles the order between the pieces; within a piece HarfBuzz joins and orders the letters. Explicit
embeddings and isolates are left out: ``typography.clean`` removes those characters.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

STRONG = ("L", "R", "AL")


@lru_cache(maxsize=4096)
def visual_runs(text: str) -> tuple[tuple[str, bool], ...]:
    """Pieces from left to right as (characters in reading order, is right to left)."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    if not {"R", "AL", "AN"} & set(kinds):
        return ((text, False),)
    base = next((kind for kind in kinds if kind in STRONG), "L")  # P2, P3
    levels = _levels(kinds, 0 if base == "L" else 1)
    runs: list[tuple[int, str]] = []
    for level, character in zip(levels, text, strict=True):
        if runs and runs[-1][0] == level:
            runs[-1] = level, runs[-1][1] + character
        else:
            runs.append((level, character))
    for level in range(max(levels), 0, -1):  # L2: turn round every stretch of this level or above
        start = 0
        while start < len(runs):
            end = start
            while end < len(runs) and runs[end][0] >= level:
                end += 1
            runs[start:end] = runs[start:end][::-1]
            start = max(end, start + 1)
    return tuple((characters, level % 2 == 1) for level, characters in runs)


def _levels(kinds: list[str], base: int) -> list[int]:
    """The embedding level of each character."""
    kinds = _weak(kinds, "R" if base else "L")
    kinds = _neutral(kinds, "R" if base else "L")
    levels = []
    for kind in kinds:  # I1, I2
        if base == 0:
            levels.append({"L": 0, "R": 1}.get(kind, 2))
        else:
            levels.append({"R": 1}.get(kind, 2))
    return levels


def _weak(kinds: list[str], outer: str) -> list[str]:
    """W1 to W7: marks, numbers and what stands between numbers."""
    found = list(kinds)
    strong, before = outer, outer
    for index, kind in enumerate(found):
        if kind == "NSM":  # W1
            found[index] = before
        elif kind == "EN" and strong == "AL":  # W2
            found[index] = "AN"
        if kind in STRONG:
            strong = kind
        before = found[index]
    found = ["R" if kind == "AL" else kind for kind in found]  # W3
    for index in range(1, len(found) - 1):  # W4
        left, right = found[index - 1], found[index + 1]
        is_number = left == right and left in ("EN", "AN")
        if is_number and (found[index] == "CS" or (found[index] == "ES" and left == "EN")):
            found[index] = left
    for index, kind in enumerate(found):  # W5
        if kind == "ET":
            end = index
            while end < len(found) and found[end] == "ET":
                end += 1
            after = found[end] if end < len(found) else ""
            if (index and found[index - 1] == "EN") or after == "EN":
                found[index:end] = ["EN"] * (end - index)
    found = ["ON" if kind in ("ES", "ET", "CS") else kind for kind in found]  # W6
    strong = outer
    for index, kind in enumerate(found):  # W7
        if kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            found[index] = "L"
    return found


def _neutral(kinds: list[str], outer: str) -> list[str]:
    """N1, N2: what has no direction takes that of its neighbours, else the line's."""
    found = list(kinds)
    index = 0
    while index < len(found):
        if found[index] in ("L", "R", "EN", "AN"):
            index += 1
            continue
        end = index
        while end < len(found) and found[end] not in ("L", "R", "EN", "AN"):
            end += 1
        left = found[index - 1] if index else outer
        right = found[end] if end < len(found) else outer
        sides = {"R" if side in ("EN", "AN") else side for side in (left, right)}
        found[index:end] = [sides.pop() if len(sides) == 1 else outer] * (end - index)
        index = end
    return found
