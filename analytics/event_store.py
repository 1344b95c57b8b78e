"""Events into the database, exactly once, by plain SQL: the ORM's own way takes twice the time.

A batch is sorted by its unique key, because two that hold the same ids in another order deadlock on the
index.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import groupby
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


class HolderMoved(Exception):
    """Another transaction decided which of two repeats counts; the whole transaction may simply run again."""


@dataclass(slots=True)
class NewEvent:
    """A row to be. ``event`` is replaced when the database knows better: a repeat is not counted."""

    pk: UUID
    event: IncomingEvent
    received_at: datetime
    created_at: datetime

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
    stored = _insert_ignoring(rows)
    left = [row for row in rows if row.pk not in stored]
    hours = set()
    if left:
        present = _present_keys(left)
        repeats = [row for row in left if row.key not in present]
        hours |= _repeats_settle(repeats)
        stored |= _insert_ignoring(repeats)
    kept = [row for row in rows if row.pk in stored]
    hours |= {(row.event.advertiser_id, hour_of(row.event.occurred_at)) for row in kept}
    if orders and kept:
        hours |= _hours_of_orders(orders)
    hours_mark(hours=hours)
    return kept


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
def _insert_ignoring(rows: Sequence[NewEvent]) -> set[UUID]:
    """Leaves out what breaks a unique constraint; the ids that are now stored."""
    stored: set[UUID] = set()
    with connection.cursor() as cursor:
        for start in range(0, len(rows), ROWS_A_STATEMENT):
            chunk = rows[start : start + ROWS_A_STATEMENT]
            if connection.vendor == "postgresql":
                cursor.execute(
                    _unnest_sql(), [list(column) for column in zip(*map(_values, chunk), strict=True)]
                )
            else:
                cursor.execute(
                    _values_sql(len(chunk)), [v for row in chunk for v in map(_plain, _values(row))]
                )
            stored.update(UUID(found) if isinstance(found, str) else found for (found,) in cursor.fetchall())
    return stored


def _values(row: NewEvent) -> Iterator[Any]:
    yield from (row.pk, row.created_at, row.received_at)
    yield str(Event.Validity.VALID if row.is_counted else Event.Validity.INVALID)
    for name in _INCOMING:
        value = getattr(row.event, name)
        yield str(value) if isinstance(value, str) else value  # an enum's member is a plain text here


def _plain(value: Any) -> Any:
    """As Django stores it in SQLite."""
    if isinstance(value, UUID):
        return value.hex
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def _head() -> str:
    return f"INSERT INTO {Event._meta.db_table} ({', '.join(_COLUMNS)})"


def _values_sql(count: int) -> str:
    line = f"({', '.join(['%s'] * len(_COLUMNS))})"
    return f"{_head()} VALUES {', '.join([line] * count)} ON CONFLICT DO NOTHING RETURNING id"


def _unnest_sql() -> str:
    """One array a column: the statement stays the same whatever the number of rows."""
    names = {field.column: field for field in Event._meta.concrete_fields}
    # Without its length: a cast to varchar(64) would cut a text short instead of refusing it.
    types = ((names[column].db_type(connection) or "").partition("(")[0] for column in _COLUMNS)
    arrays = ", ".join(f"%s::{kind}[]" for kind in types)
    return f"{_head()} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING RETURNING id"  # noqa: S608
