"""Which format a feed has, from its bytes first and its name second; and how its text is encoded."""

from __future__ import annotations

import codecs
from pathlib import PurePosixPath

from campaigns.feeds.base import FeedError

FORMAT_BY_ENDING = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".xml": "xml",
    ".rss": "xml",
    ".atom": "xml",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
BINARY_STARTS = (
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"\xd0\xcf\x11\xe0",
    b"GIF8",
)
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def detect_format(content: bytes, name: str) -> str:
    """tsv, csv, xml or jsonl. Raises FeedError ``unknown_format``.

    XML and JSON show in their first character and win over the file's name; a table cannot be told
    from its first character, so there the ending decides, then the separators of the first line.
    """
    if content.startswith(BINARY_STARTS):
        raise _unknown("This is a binary file, not a feed.")
    start = decode(content[:4096], partial=True).lstrip("\ufeff \t\r\n")
    if "\0" in start:
        raise _unknown("This is a binary file, not a feed.")
    ending = FORMAT_BY_ENDING.get(PurePosixPath(name.replace("\\", "/").lower()).suffix, "")
    if start.startswith("<"):
        return "xml"
    if start.startswith("{"):
        return "jsonl"
    if start.startswith("[") and ending in ("", "jsonl"):
        raise _unknown("A JSON feed must hold one object a line (JSON lines), not one array.")
    header = start.split("\n", 1)[0]
    tabs, others = header.count("\t"), max(header.count(mark) for mark in ",;|")
    if tabs or others:
        return "tsv" if tabs > others or (tabs == others and ending == "tsv") else "csv"
    if ending in ("tsv", "csv") and header.strip():
        return ending  # one column: the reader will say which ones are missing
    raise _unknown("The feed is neither TSV, CSV, RSS or Atom XML, nor JSON lines.")


def decode(content: bytes, *, partial: bool = False) -> str:
    """The text of a feed: UTF-8 with or without a mark, UTF-16 with one, else GB18030 (Chinese Windows).

    ``partial`` allows a character cut in two at the end. Raises FeedError ``unknown_encoding``.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            encodings: tuple[str, ...] = (encoding,)
            break
    else:
        encodings = ("utf-8", "gb18030")
    for encoding in encodings:
        try:
            return codecs.getincrementaldecoder(encoding)().decode(content, final=not partial)
        except UnicodeDecodeError:
            continue
    raise FeedError("unknown_encoding", "The feed's text is neither UTF-8 nor GB18030.")


def _unknown(message: str) -> FeedError:
    return FeedError("unknown_format", message)
