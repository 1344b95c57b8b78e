"""Events into the database, exactly once.

A batch is sorted by its unique key, because two that hold the same ids in another order deadlock on the
index.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction

from analytics.dirty_hours import hour_of, hours_mark
from analytics.event_rows import EventKey, NewEvent, rows_insert
from analytics.models import Event
from analytics.orders import MONEY_KINDS, events_of_orders
from analytics.tracking import IncomingEvent, NotCounted


class HolderMoved(Exception):
    """Another transaction decided which of two repeats counts; the whole transaction may simply run again."""


@transaction.atomic
def events_insert(rows: Sequence[NewEvent]) -> list[NewEvent]:
    """Insert what is new and mark its hours; return the rows that were. Keys are distinct and sorted."""
    orders = {(row.event.advertiser_id, row.event.order_id) for row in rows if row.event.order_id}
    _orders_lock(orders)
    kept = rows_insert(rows)
    hours = set()
    if len(kept) < len(rows):
        stored = {row.pk for row in kept}
        left = [row for row in rows if row.pk not in stored]
        present = present_keys(row.event for row in left)
        repeats = [row for row in left if row.key not in present]
        hours |= _repeats_settle(repeats)
        kept += rows_insert(repeats)
    hours |= _hours_of(kept)
    if orders and kept:
        hours |= _hours_of_orders(orders)
    hours_mark(hours=hours)
    return kept


def _hours_of(rows: Iterable[NewEvent]) -> set[tuple[UUID, datetime]]:
    # By hours since 1970: most events of a batch lie in the same one.
    found = {(row.event.advertiser_id, row.event.occurred_at.timestamp() // 3600) for row in rows}
    return {(advertiser_id, datetime.fromtimestamp(hour * 3600, UTC)) for advertiser_id, hour in found}


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
            row.event = msgspec.structs.replace(row.event, invalid_reason=reason)
            continue
        holding = Event.objects.filter(
            pk=holder.pk, decision_id=holder.decision_id, validity=Event.Validity.VALID
        )
        changed = holding.update(validity=Event.Validity.INVALID, invalid_reason=reason)
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
        found += valid.undated().filter(
            advertiser_id=advertiser_id, order_id__in=order_ids, kind=Event.Kind.CONVERSION
        )
    return {_slot(event): event for event in found}


def present_keys(events: Iterable[IncomingEvent]) -> set[EventKey]:
    """Those of the events' ids that are stored."""
    events = list(events)
    decided = [event for event in events if event.decision_id]
    undated = [event for event in events if not event.decision_id]
    present: set[EventKey] = set()
    if decided:
        found = Event.objects.filter(
            decision_id__in={event.decision_id for event in decided},
            event_id__any_of=[event.event_id for event in decided],
        )
        keys = found.values_list("decision_id", "event_id")
        present |= {(pk.int, event_id) for pk, event_id in keys if pk}
    if undated:
        found = Event.objects.filter(
            decision_id__isnull=True,
            advertiser_id__in={event.advertiser_id for event in undated},
            event_id__any_of=[event.event_id for event in undated],
        )
        present |= {(pk.int, event_id) for pk, event_id in found.values_list("advertiser_id", "event_id")}
    return present
