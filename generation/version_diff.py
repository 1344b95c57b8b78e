"""What changed between two versions of a creative's words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

# A Chinese character, a run of other letters, or a run of blanks: what a reader sees as one thing.
_PIECES = re.compile(r"[⺀-鿿豈-﫿＀-￯]|\s+|[^\s⺀-鿿豈-﫿＀-￯]+")


KEPT_RATE = 0.3  # of the longer text: below, it reads as another text and not as a change


@dataclass(frozen=True)
class Piece:
    """Words that stayed (``same``), went (``out``) or came (``in``)."""

    kind: str
    text: str


@dataclass(frozen=True)
class Change:
    """One fact that differs, with the pieces to show it in place."""

    label: str
    pieces: tuple[Piece, ...]


def words_diff(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces of both texts in reading order. Those that are not ``in`` make up ``before``, those that
    are not ``out`` make up ``after``. Texts with little in common stay whole: crumbs of each are no help.
    """
    old, new = _PIECES.findall(before), _PIECES.findall(after)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    kept = sum(
        len(piece.strip())
        for match in matcher.get_matching_blocks()
        for piece in old[match.a :][: match.size]
    )
    if kept < KEPT_RATE * max(len(before), len(after)):
        return tuple(Piece(kind, text) for kind, text in (("out", before), ("in", after)) if text)
    pieces: list[Piece] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(old[i:j])))
            continue
        pieces += [Piece("out", "".join(old[i:j]))] if i < j else []
        pieces += [Piece("in", "".join(new[k:m]))] if k < m else []
    return tuple(pieces)


def changes_between(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """Only what differs, in the order of ``after``."""
    return [
        Change(label, words_diff(before.get(label, ""), text))
        for label, text in after.items()
        if before.get(label, "") != text
    ]
