"""Events into the database, exactly once, by plain SQL: the ORM's own way takes twice the time.

A batch is sorted by its unique key, because two that hold the same ids in another order deadlock on the
index.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cache, lru_cache
from itertools import chain, groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from analytics.dirty_hours import hour_of, hours_mark
from analytics.models import Event
from analytics.orders import MONEY_KINDS, events_of_orders
from analytics.tracking import IncomingEvent, NotCounted

ROWS_A_STATEMENT = 500  # 29 columns each; SQLite takes 32,766 parameters
_INCOMING = tuple(field.name for field in fields(IncomingEvent))
_COLUMNS = ("id", "created_at", "received_at", "validity", *_INCOMING)
_ENUM_COLUMNS = tuple(_COLUMNS.index(name) for name in ("kind", "clock_flag", "invalid_reason"))
_incoming = attrgetter(*_INCOMING)


class HolderMoved(Exception):
    """Another transaction decided which of two repeats counts; the whole transaction may simply run again."""


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


@transaction.atomic
def events_insert(rows: Sequence[NewEvent]) -> list[NewEvent]:
    """Insert what is new and mark its hours; return the rows that were. Keys are distinct and sorted."""
    orders = {(row.event.advertiser_id, row.event.order_id) for row in rows if row.event.order_id}
    _orders_lock(orders)
    kept = _insert_ignoring(rows)
    hours = set()
    if len(kept) < len(rows):
        stored = {row.pk for row in kept}
        left = [row for row in rows if row.pk not in stored]
        present = _present_keys(left)
        repeats = [row for row in left if row.key not in present]
        hours |= _repeats_settle(repeats)
        kept += _insert_ignoring(repeats)
    hours |= _hours_of(kept)
    if orders and kept:
        hours |= _hours_of_orders(orders)
    hours_mark(hours=hours)
    return kept


def _hours_of(rows: Iterable[NewEvent]) -> set[tuple[UUID, datetime]]:
    moments: dict[UUID, set[datetime]] = {}
    for row in rows:
        moments.setdefault(row.event.advertiser_id, set()).add(row.event.occurred_at)
    return {(advertiser_id, hour_of(at)) for advertiser_id, found in moments.items() for at in found}


def _orders_lock(orders: set[tuple[UUID, str]]) -> None:
    """One transaction an order at a time, so that of an order and its refund the later one sees the other.

    Taken before any row, in one order, so that nobody waits in a circle. SQLite has one writer anyway.
    """
    if not orders or connection.vendor != "postgresql":
        return
    digests = (hashlib.blake2b(f"{pk}/{order}".encode(), digest_size=8).digest() for pk, order in orders)
    keys = sorted(int.from_bytes(digest, signed=True) for digest in digests)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [keys])


def _hours_of_orders(orders: set[tuple[UUID, str]]) -> set[tuple[UUID, datetime]]:
    """The hours of everything about these orders: a refund changes its order's hour, and an order the
    hour of a refund that came first."""
    hours = set()
    for advertiser_id, order_ids in _by_advertiser(orders):
        rows = events_of_orders(advertiser_id, order_ids).filter(kind__in=MONEY_KINDS)
        hours |= {(advertiser_id, hour_of(at)) for at in rows.values_list("occurred_at", flat=True)}
    return hours


def _by_advertiser(orders: Iterable[tuple[UUID, str]]) -> Iterator[tuple[UUID, list[str]]]:
    for advertiser_id, group in groupby(sorted(orders), key=lambda pair: pair[0]):
        yield advertiser_id, [order_id for _, order_id in group]


# --- repeats
def _repeats_settle(repeats: list[NewEvent]) -> set[tuple[UUID, datetime]]:
    """Of events that may count only once the earliest does, so that the order of arrival never matters.

    Those that do not are marked as repeats; one that is earlier than what is stored takes its place.
    Returns the hours that lost an event. Raises HolderMoved.
    """
    holders = _holders_get(repeats)
    hours = set()
    for row in sorted(repeats, key=lambda row: (row.event.occurred_at, row.event.event_id)):
        slot = _slot(row.event)
        reason = NotCounted.ORDER_REPEAT if row.event.order_id else NotCounted.REPEAT
        holder = holders.pop(slot, None)
        if holder is None or (row.event.occurred_at, row.event.event_id) > (
            holder.occurred_at,
            holder.event_id,
        ):
            row.event = replace(row.event, invalid_reason=reason)
            continue
        changed = Event.objects.filter(pk=holder.pk, validity=Event.Validity.VALID).update(
            validity=Event.Validity.INVALID, invalid_reason=reason
        )
        if not changed:
            raise HolderMoved
        hours.add((holder.advertiser_id, hour_of(holder.occurred_at)))
    return hours


def _slot(event: IncomingEvent | Event) -> tuple[Any, ...]:
    """What an event takes up when it counts: its kind of its decision, or its order."""
    if event.kind == Event.Kind.CONVERSION:
        return (event.advertiser_id, event.order_id)
    return (event.decision_id, event.kind)


def _holders_get(repeats: list[NewEvent]) -> dict[tuple[Any, ...], Event]:
    """Asked apart, decisions without their advertiser: each then goes by the unique index that refused it."""
    orders = {_slot(row.event) for row in repeats if row.event.kind == Event.Kind.CONVERSION}
    decisions = {row.event.decision_id for row in repeats if row.event.decision_id}
    valid = Event.objects.filter(validity=Event.Validity.VALID).only(
        "pk", "advertiser_id", "kind", "order_id", "decision_id", "occurred_at", "event_id"
    )
    found = list(valid.filter(decision_id__in=decisions)) if decisions else []
    for advertiser_id, order_ids in _by_advertiser(orders):
        found += valid.filter(advertiser_id=advertiser_id, order_id__in=order_ids, kind=Event.Kind.CONVERSION)
    return {_slot(event): event for event in found}


def _present_keys(rows: list[NewEvent]) -> set[tuple[UUID, str]]:
    found = Event.objects.filter(
        advertiser_id__in={row.event.advertiser_id for row in rows},
        event_id__in=[row.event.event_id for row in rows],
    )
    return set(found.values_list("advertiser_id", "event_id"))


# --- the statement
def _insert_ignoring(rows: Sequence[NewEvent]) -> list[NewEvent]:
    """Leaves out what breaks a unique constraint; the rows that are now stored."""
    stored: list[NewEvent] = []
    with connection.cursor() as cursor:
        for start in range(0, len(rows), ROWS_A_STATEMENT):
            chunk = rows[start : start + ROWS_A_STATEMENT]
            columns = _columns(chunk)
            if connection.vendor == "postgresql":
                cursor.execute(_unnest_sql(), columns)
            else:
                _execute_plain(cursor, columns)
            found = [pk for (pk,) in cursor.fetchall()]
            if len(found) == len(chunk):
                stored += chunk
            else:
                ids = {UUID(pk) if isinstance(pk, str) else pk for pk in found}
                stored += [row for row in chunk if row.pk in ids]
    return stored


def _execute_plain(cursor: Any, columns: list[list[Any]]) -> None:
    """Past Django's own cursor, which would look for placeholders in 30 kB of SQL each time."""
    lines = list(zip(*map(_plain, columns), strict=True))
    with connection.wrap_database_errors:
        sqlite3.Cursor.execute(cursor.cursor, _values_sql(len(lines)), list(chain.from_iterable(lines)))


def _columns(rows: Sequence[NewEvent]) -> list[list[Any]]:
    """The rows' values by column, in the order of ``_COLUMNS``."""
    own = [
        (row.pk, row.created_at, row.received_at, "valid" if row.is_counted else "invalid") for row in rows
    ]
    columns = [
        list(column)
        for column in (*zip(*own, strict=True), *zip(*(_incoming(row.event) for row in rows), strict=True))
    ]
    for number in _ENUM_COLUMNS:  # an enum's member is a plain text here
        columns[number] = [str(value) for value in columns[number]]
    return columns


def _plain(column: list[Any]) -> list[Any]:
    """As Django stores it in SQLite. A column holds one type, and nulls."""
    first = next((value for value in column if value is not None), None)
    if isinstance(first, UUID):
        return [None if value is None else value.hex for value in column]
    if isinstance(first, datetime):
        adapt = connection.ops.adapt_datetimefield_value
        known = {value: adapt(value) for value in set(column)}  # a batch arrives in one moment
        return [known[value] for value in column]
    return column


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
