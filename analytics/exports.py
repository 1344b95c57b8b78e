"""Tables as files: CSV, Parquet and XLSX. None of them ever runs as a formula.

The libraries of the two binary formats are imported on first use: no hot path loads them.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@")
COLUMN_WIDTHS = 10, 44  # of XLSX, in characters


@dataclass(frozen=True)
class Table:
    """Rows under a header; each column holds one kind of value, or None."""

    name: str
    header: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]


def cell_safe(value: object) -> object:
    """A text that a spreadsheet could take for a formula gets a quote in front; numbers stay numbers.

    ``＝1`` (full-width), `` =1`` and what stands behind invisible characters count too: some programs
    trim and fold before they look. Source: OWASP ASVS 1.2.10.
    """
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        return "" if value is None else value
    trimmed = unicodedata.normalize("NFKC", value)
    # Z: spaces and line ends; C: control and format characters, such as marks of the reading direction.
    seen = (n for n, sign in enumerate(trimmed) if unicodedata.category(sign)[0] not in "CZ")
    trimmed = trimmed[next(seen, 0) :]
    if value[:1] in ("\t", "\r", "\n", "\0") or trimmed.startswith(FORMULA_STARTS):
        return "'" + value
    return value


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The whole file, with a byte order mark so that spreadsheets read it as UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    writer.writerows([cell_safe(value) for value in row] for row in rows)
    return "\ufeff" + buffer.getvalue()


def csv_bytes(table: Table) -> bytes:
    """For spreadsheets and scripts."""
    return csv_text(table.header, table.rows).encode()


def parquet_bytes(table: Table) -> bytes:
    """For data frames: typed, texts exactly as they are, since nothing that reads it knows formulas."""
    import pyarrow
    import pyarrow.parquet

    columns = zip(*table.rows, strict=True) if table.rows else ([] for _ in table.header)
    arrays = [pyarrow.array(list(column)) for column in columns]
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, names=list(table.header)), buffer)
    return buffer.getvalue()


def xlsx_bytes(table: Table) -> bytes:
    """For people: every text is a text cell, so that no program reads a formula or a link in it."""
    import xlsxwriter

    buffer = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
        "remove_timezone": True,
    }
    with xlsxwriter.Workbook(buffer, options) as book:
        sheet = book.add_worksheet(table.name[:31])
        bold = book.add_format({"bold": True})
        formats: dict[type, Any] = {
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        for column, name in enumerate(table.header):
            width = max([len(name), *(len(str(row[column])) for row in table.rows[:200])])
            sheet.set_column(column, column, min(max(width + 1, COLUMN_WIDTHS[0]), COLUMN_WIDTHS[1]))
            sheet.write_string(0, column, name, bold)
        for number, row in enumerate(table.rows, start=1):
            for column, value in enumerate(row):
                _cell_write(sheet, number, column, value, formats)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(1, len(table.rows)), len(table.header) - 1)
    return buffer.getvalue()


def _cell_write(sheet: Any, row: int, column: int, value: object, formats: dict[type, Any]) -> None:
    if value is None:
        return
    if isinstance(value, date):  # a datetime is one
        sheet.write_datetime(row, column, value, formats[type(value)])
    elif isinstance(value, int | float) and not isinstance(value, bool):
        sheet.write_number(row, column, value)
    else:
        sheet.write_string(row, column, str(value))


# Format -> content type and writer.
FORMATS: dict[str, tuple[str, Callable[[Table], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", csv_bytes),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx_bytes),
    "parquet": ("application/vnd.apache.parquet", parquet_bytes),
}
