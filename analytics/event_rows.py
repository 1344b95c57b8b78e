"""New events as one SQL statement, in the form that costs least: past the ORM, and past Django's cursors.

Django's PostgreSQL cursor writes every value into the statement's text, a third of all that an event cost;
its SQLite cursor looks for placeholders in 30 kB of SQL each time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.models import Event
from analytics.tracking import IncomingEvent

ROWS_A_STATEMENT = 500  # 26 columns each; SQLite takes 32,766 parameters
_INCOMING = IncomingEvent.__struct_fields__
_COLUMNS = ("id", "created_at", "received_at", "validity", *_INCOMING)
_ENUM_COLUMNS = tuple(_COLUMNS.index(name) for name in ("kind", "clock_flag", "invalid_reason"))
_incoming = attrgetter(*_INCOMING)


@dataclass(slots=True)
class NewEvent:
    """A row to be. ``event`` is replaced when the database knows better: a repeat is not counted."""

    pk: UUID
    event: IncomingEvent
    received_at: datetime
    created_at: datetime
    batch: int = 0  # which of the batches stored together it came in

    @property
    def key(self) -> tuple[UUID, str]:
        return (self.event.advertiser_id, self.event.event_id)

    @property
    def is_counted(self) -> bool:
        return not self.event.invalid_reason


def rows_insert(rows: Sequence[NewEvent]) -> list[NewEvent]:
    """Leaves out what breaks a unique constraint; the rows that are now stored. In a transaction."""
    stored: list[NewEvent] = []
    insert = _insert_on_postgresql if connection.vendor == "postgresql" else _insert_on_sqlite
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        chunk = rows[start : start + ROWS_A_STATEMENT]
        with connection.wrap_database_errors:
            found = insert(_columns(chunk))
        stored += chunk if found is None else [row for row in chunk if row.pk.hex in found]
    return stored


def _insert_on_postgresql(columns: list[list[Any]]) -> set[str] | None:
    """The ids of the new rows, None for all of them."""
    import psycopg

    arrays = [_array(column) for column in columns]
    with psycopg.Cursor(connection.connection) as cursor:  # sends values apart from the statement
        cursor.execute(_unnest_sql(), arrays)
        if cursor.rowcount == len(columns[0]):
            return None
        return {pk.hex for (pk,) in cursor}


def _insert_on_sqlite(columns: list[list[Any]]) -> set[str] | None:
    """The ids of the new rows, None for all of them."""
    with connection.cursor() as cursor:
        values = list(chain.from_iterable(zip(*columns, strict=True)))
        sqlite3.Cursor.execute(cursor.cursor, _values_sql(len(columns[0])), values)
        found = cursor.fetchall()
    return None if len(found) == len(columns[0]) else {pk for (pk,) in found}


def _columns(rows: Sequence[NewEvent]) -> list[list[Any]]:
    """The rows' values by column, in the order of ``_COLUMNS``, as SQLite stores them."""
    own = [
        (row.pk, row.created_at, row.received_at, "valid" if row.is_counted else "invalid") for row in rows
    ]
    incoming = (_incoming(row.event) for row in rows)
    columns = [list(column) for column in (*zip(*own, strict=True), *zip(*incoming, strict=True))]
    for number in _ENUM_COLUMNS:  # an enum's member is a plain text here
        columns[number] = [str(value) for value in columns[number]]
    return [_plain(column) for column in columns]


def _plain(column: list[Any]) -> list[Any]:
    """Ids as 32 hex digits, times in UTC without saying so. A column holds one type, and nulls."""
    first = next((value for value in column if value is not None), None)
    if isinstance(first, UUID):
        return [None if value is None else value.hex for value in column]
    if isinstance(first, datetime):
        return [str(value.astimezone(UTC))[: -len("+00:00")] for value in column]
    return column


def _array(column: list[Any]) -> str:
    """An array as PostgreSQL reads it from a text; the connection's time zone is UTC."""
    if None in column:
        return f"{{{','.join('NULL' if value is None else _quoted(str(value)) for value in column)}}}"
    texts = column if isinstance(column[0], str) else [str(value) for value in column]
    body = '","'.join(texts)
    if "\\" in body or body.count('"') > 2 * (len(texts) - 1):
        return f"{{{','.join(map(_quoted, texts))}}}"
    return f'{{"{body}"}}'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _head() -> str:
    return f"INSERT INTO {Event._meta.db_table} ({', '.join(_COLUMNS)})"


@lru_cache(maxsize=ROWS_A_STATEMENT)
def _values_sql(count: int) -> str:
    line = f"({', '.join('?' * len(_COLUMNS))})"
    return f"{_head()} VALUES {', '.join([line] * count)} ON CONFLICT DO NOTHING RETURNING id"


@cache
def _unnest_sql() -> str:
    """One array a column: the statement stays the same whatever the number of rows."""
    names = {field.column: field for field in Event._meta.concrete_fields}
    # Without its length: a cast to varchar(64) would cut a text short instead of refusing it.
    types = ((names[column].db_type(connection) or "").partition("(")[0] for column in _COLUMNS)
    arrays = ", ".join(f"%s::{kind}[]" for kind in types)
    return f"{_head()} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING RETURNING id"  # noqa: S608 # nosec B608 - names of our own columns
