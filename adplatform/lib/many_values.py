"""Many values in one SQL statement at the least cost: past the ORM's fields, and past Django's cursors.

For PostgreSQL Django writes each value into the statement's text, which was a third of an event's cost;
for SQLite it looks for placeholders in 30 kB of SQL. Here PostgreSQL gets one array a column, as text, and
SQLite's own cursor gets the values as they are.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models.lookups import Lookup

ROWS_A_STATEMENT = 500  # of 26 columns each; SQLite takes 32,766 parameters
Columns = Sequence[list[Any]]


def insert_new(model: type[models.Model], names: tuple[str, ...], columns: Columns) -> set[str] | None:
    """Insert what breaks no unique constraint, given by column; every list holds one type, and nulls.

    ``names`` are database columns, the first of them the key, a UUID. Returns the keys of the new rows as hex
    digits, or None when all are new.
    """
    connection.ensure_connection()
    insert = _insert_on_postgresql if connection.vendor == "postgresql" else _insert_on_sqlite
    count, are_all_new = len(columns[0]), True
    found: set[str] = set()
    plain = [_plain(column) for column in columns]
    for start in range(0, count, ROWS_A_STATEMENT):
        chunk = [column[start : start + ROWS_A_STATEMENT] for column in plain]
        with connection.wrap_database_errors:
            new = insert(model, names, chunk)
        are_all_new &= new is None
        found |= set(chunk[0]) if new is None else new
    return None if are_all_new else found


def _insert_on_postgresql(
    model: type[models.Model], names: tuple[str, ...], columns: Columns
) -> set[str] | None:
    import psycopg

    arrays = [array_literal(column) for column in columns]
    with psycopg.Cursor(connection.connection) as cursor:  # sends values apart from the statement
        cursor.execute(_unnest_sql(model, names), arrays, prepare=True)
        if cursor.rowcount == len(columns[0]):
            return None
        return {key.hex for (key,) in cursor}


def _insert_on_sqlite(model: type[models.Model], names: tuple[str, ...], columns: Columns) -> set[str] | None:
    with connection.cursor() as cursor:
        values = list(chain.from_iterable(zip(*columns, strict=True)))
        sqlite3.Cursor.execute(cursor.cursor, _values_sql(model, names, len(columns[0])), values)
        found = cursor.fetchall()
    return None if len(found) == len(columns[0]) else {key for (key,) in found}


def _plain(column: list[Any]) -> list[Any]:
    """As SQLite stores it, and PostgreSQL reads it too: ids as hex digits, times in UTC without saying so."""
    first = next((value for value in column if value is not None), None)
    if isinstance(first, UUID):
        return [None if value is None else value.hex for value in column]
    if isinstance(first, datetime):
        return list(_times(column))
    return column


def _times(column: list[datetime]) -> Iterator[str]:
    last, text = None, ""
    for value in column:
        if value is not last:  # a batch arrives in one moment
            last, text = value, str(value.astimezone(UTC))[: -len("+00:00")]
        yield text


def array_literal(values: Sequence[Any]) -> str:
    """An array as PostgreSQL reads it from a text; the connection's time zone is UTC."""
    if None in values:
        return f"{{{','.join('NULL' if value is None else _quoted(str(value)) for value in values)}}}"
    texts = values if values and isinstance(values[0], str) else [str(value) for value in values]
    body = '","'.join(texts)
    if "\\" in body or body.count('"') > 2 * (len(texts) - 1):
        return f"{{{','.join(map(_quoted, texts))}}}"
    return f'{{"{body}"}}' if texts else "{}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _head(model: type[models.Model], names: tuple[str, ...]) -> str:
    return f"INSERT INTO {model._meta.db_table} ({', '.join(names)})"


@lru_cache(maxsize=2 * ROWS_A_STATEMENT)
def _values_sql(model: type[models.Model], names: tuple[str, ...], count: int) -> str:
    line = f"({', '.join('?' * len(names))})"
    return f"{_head(model, names)} VALUES {', '.join([line] * count)} ON CONFLICT DO NOTHING RETURNING id"


@cache
def _unnest_sql(model: type[models.Model], names: tuple[str, ...]) -> str:
    """The statement stays the same whatever the number of rows."""
    fields = {field.column: field for field in model._meta.concrete_fields}
    # Without its length: a cast to varchar(64) would cut a text short instead of refusing it.
    types = ((fields[name].db_type(connection) or "").partition("(")[0] for name in names)
    arrays = ", ".join(f"%s::{kind}[]" for kind in types)
    return f"{_head(model, names)} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING RETURNING id"  # noqa: S608 # nosec B608 - names of our own tables


@models.CharField.register_lookup
class AnyOf(Lookup):
    """``name__any_of=[...]``: ``name__in`` as one parameter, whatever the number of texts."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, before = self.process_lhs(compiler, connection)
        if connection.vendor == "postgresql":
            return f"{column} = ANY(%s::varchar[])", (*before, array_literal(self.rhs))
        listed = "IN (SELECT value FROM json_each(%s))"
        return f"{column} {listed}", (*before, json.dumps(self.rhs))
