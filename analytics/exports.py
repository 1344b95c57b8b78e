"""Tables as files: CSV, Parquet and XLSX, all three written by pandas from one frame. None runs as a formula.

pandas is imported with this module, which export pages import when they are asked: no hot path loads it.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@")
COLUMN_WIDTHS = 10, 44  # of XLSX, in characters
WORKBOOK = {  # every text stays a text, so that no program reads a formula or a link in it
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}


@dataclass(frozen=True)
class Table:
    """Rows under a header; each column holds one kind of value, or None."""

    name: str
    header: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Typed by what each column holds: a missing number leaves a whole one whole."""
        columns = zip(*self.rows, strict=True) if self.rows else ([] for _ in self.header)
        return pd.DataFrame({name: _column(v) for name, v in zip(self.header, columns, strict=True)})


def _column(values: Sequence[object]) -> pd.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        return pd.Series(values, dtype="Int64")
    if kinds and kinds <= {int, float}:
        return pd.Series(values, dtype="Float64")
    if kinds == {str}:
        return pd.Series(values, dtype="str")
    return pd.Series(values) if kinds == {datetime} else pd.Series(values, dtype="object")


def cell_safe(value: object) -> object:
    """A text that a spreadsheet could take for a formula gets a quote in front; numbers stay numbers.

    ``＝1`` (full-width), `` =1`` and what stands behind invisible characters count too: some programs
    trim and fold before they look. Source: OWASP ASVS 1.2.10.
    """
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        return value
    trimmed = unicodedata.normalize("NFKC", value)
    # Z: spaces and line ends; C: control and format characters, such as marks of the reading direction.
    seen = (n for n, sign in enumerate(trimmed) if unicodedata.category(sign)[0] not in "CZ")
    trimmed = trimmed[next(seen, 0) :]
    if value[:1] in ("\t", "\r", "\n", "\0") or trimmed.startswith(FORMULA_STARTS):
        return "'" + value
    return value


def csv_bytes(table: Table) -> bytes:
    """For spreadsheets and scripts, with a byte order mark so that spreadsheets read it as UTF-8."""
    frame = table.frame
    numbers = frame.select_dtypes("number").columns
    safe = {name: frame[name].astype("object").map(cell_safe) for name in frame.columns.difference(numbers)}
    text = frame.assign(**safe).to_csv(index=False, lineterminator="\r\n")
    return f"\ufeff{text}".encode()


def parquet_bytes(table: Table) -> bytes:
    """For data frames: typed, texts exactly as they are, since nothing that reads it knows formulas."""
    buffer = io.BytesIO()
    table.frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def xlsx_bytes(table: Table) -> bytes:
    """For people: a sheet with a header that stays, filters and columns as wide as what they hold."""
    frame, buffer = table.frame, io.BytesIO()
    times = frame.select_dtypes("datetimetz").columns
    frame = frame.assign(**{name: frame[name].dt.tz_localize(None) for name in times})
    with pd.ExcelWriter(
        buffer,
        engine="xlsxwriter",
        date_format="yyyy-mm-dd",
        datetime_format="yyyy-mm-dd hh:mm:ss",
        engine_kwargs={"options": WORKBOOK},
    ) as book:
        frame.to_excel(book, sheet_name=table.name[:31], index=False, freeze_panes=(1, 0))
        sheet = book.sheets[table.name[:31]]
        for column, name in enumerate(frame.columns):
            width = max([len(name), *(len(str(value)) for value in frame[name].head(200).tolist())])
            sheet.set_column(column, column, min(max(width + 1, COLUMN_WIDTHS[0]), COLUMN_WIDTHS[1]))
        sheet.autofilter(0, 0, max(1, len(frame)), len(frame.columns) - 1)
    return buffer.getvalue()


# Format -> content type and writer.
FORMATS: dict[str, tuple[str, Callable[[Table], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", csv_bytes),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx_bytes),
    "parquet": ("application/vnd.apache.parquet", parquet_bytes),
}
