"""CSV that a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence

FORMULA_STARTS = ("=", "+", "-", "@")


def cell_safe(value: object) -> object:
    """A text that a spreadsheet could take for a formula gets a quote in front; numbers stay numbers.

    ``＝1`` (full-width) and `` =1`` count too: some programs trim and fold before they look. Source:
    OWASP ASVS 1.2.10.
    """
    if not isinstance(value, str):
        return "" if value is None else value
    trimmed = unicodedata.normalize("NFKC", value).lstrip(" \t\r\n\v\f\0\u200b\ufeff")
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
