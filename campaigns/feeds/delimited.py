"""Tables: TSV, and CSV with whatever separator the shop's software writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from campaigns.feeds.base import MAX_FIELD, Feed, FeedError, RawRow, column_name
from campaigns.feeds.detection import decode

SEPARATORS = ",;\t|"
Cells = tuple[int, list[str], str]  # line, values, what is wrong with the row


def read_tsv(content: bytes) -> Feed:
    """Tab-separated values, one row a line. Quotes around a whole value are taken off."""
    return _table("tsv", _tab_rows(decode(content)))


def read_csv(content: bytes) -> Feed:
    """Comma-, semicolon-, tab- or bar-separated values; quoted values may hold line breaks."""
    text = decode(content)
    header = text.lstrip("\ufeff\r\n").split("\n", 1)[0]
    return _table("csv", _quoted_rows(text, max(SEPARATORS, key=header.count)))


def _table(format: str, rows: Iterator[Cells]) -> Feed:
    """The first row that is not blank names the columns."""
    filled = (
        (line, cells, problem) for line, cells, problem in rows if problem or any(map(str.strip, cells))
    )
    first = next(filled, None)
    if first is None:
        return Feed(format, iter(()))
    line, cells, problem = first
    if problem:
        raise FeedError("unreadable_table", f"The header at line {line} cannot be read: {problem}")
    columns = tuple(column_name(cell) for cell in cells)
    return Feed(format, (_row(columns, *row) for row in filled), columns)


def _row(columns: tuple[str, ...], line: int, cells: list[str], problem: str) -> RawRow:
    if not problem and any(cell.strip() for cell in cells[len(columns) :]):
        problem = f"The row has {len(cells)} values but the header names {len(columns)} columns."
    values: dict[str, str] = {}
    for name, cell in zip(columns, cells, strict=False):
        if name:
            values.setdefault(name, cell)  # of two columns of one name the first counts
    return RawRow(line, values, problem)


def _tab_rows(text: str) -> Iterator[Cells]:
    # Not csv.reader: one stray quote at the start of a title would swallow all rows up to the next.
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, start=1):
        yield number, [_unquoted(cell) for cell in line.split("\t")], ""


def _unquoted(cell: str) -> str:
    if len(cell) >= 2 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def _quoted_rows(text: str, separator: str) -> Iterator[Cells]:
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(
        io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=separator, strict=True
    )
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if reader.line_num > line:  # the quote took following rows with it: nothing after is sure
                raise FeedError(
                    "unreadable_table", f"A quote that opens at line {line} is never closed properly."
                ) from None
            yield line, [], f"The row cannot be read: {error}."
            continue
        if cells is None:
            return
        yield line, cells, ""
