"""What every feed reader gives and how it says no."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_BYTES = 64 * 1024 * 1024
MAX_ROWS = 100_000
MAX_FIELD = 100_000  # characters of one value
ALIASES = {"image_url": "image_link"}  # as shops' software calls it


class FeedError(Exception):
    """The whole feed is refused: a stable code and a sentence for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class RawRow:
    """One row as the feed says it: column name -> text. An unreadable row has a ``problem`` sentence."""

    line: int  # where the row starts, counted from 1
    values: dict[str, str]
    problem: str = ""


@dataclass(frozen=True)
class Feed:
    """A recognised feed. Its rows are read while they are asked for, which may raise FeedError."""

    format: str  # a campaigns.models.CatalogImport.Format value
    rows: Iterator[RawRow]
    columns: tuple[str, ...] = ()  # of a table's header; the other formats have none


def column_name(text: str) -> str:
    """The name as Google writes it: "Image Link", "g:image_link" and "image url" are one column."""
    name = "_".join(text.strip().lower().removeprefix("g:").replace("-", " ").replace("_", " ").split())
    return ALIASES.get(name, name)
