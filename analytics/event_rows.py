"""New events as rows, by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from adplatform.lib.many_values import insert_new
from analytics.models import Event
from analytics.tracking import IncomingEvent

# Under which of its names an order's shopper is known has been found out by now.
_INCOMING = tuple(name for name in IncomingEvent.__struct_fields__ if name != "earlier_pseudonyms")
_COLUMNS = ("id", "created_at", "received_at", "validity", *_INCOMING)
_ENUM_COLUMNS = tuple(_COLUMNS.index(name) for name in ("kind", "clock_flag", "invalid_reason"))
_incoming = attrgetter(*_INCOMING)


# Numbers: a UUID is hashed and compared in Python.
EventKey = tuple[int, str]


def event_key(event: IncomingEvent) -> EventKey:
    """What is stored once for ever: an id among a decision's events, or among an advertiser's orders."""
    return ((event.decision_id or event.advertiser_id).int, event.event_id)


@dataclass(slots=True)
class NewEvent:
    """A row to be. ``event`` is replaced when the database knows better: a repeat is not counted."""

    pk: UUID
    event: IncomingEvent
    received_at: datetime
    created_at: datetime
    batch: int = 0  # which of the batches stored together it came in

    @property
    def key(self) -> EventKey:
        return event_key(self.event)

    @property
    def is_counted(self) -> bool:
        return not self.event.invalid_reason


def rows_insert(rows: Sequence[NewEvent]) -> list[NewEvent]:
    """Leaves out what breaks a unique constraint; the rows that are now stored. In a transaction."""
    if not rows:
        return []
    new = insert_new(Event, _COLUMNS, _columns(rows))
    return list(rows) if new is None else [row for row in rows if row.pk.hex in new]


def _columns(rows: Sequence[NewEvent]) -> list[list[Any]]:
    """The rows' values in the order of ``_COLUMNS``."""
    own = [
        (row.pk, row.created_at, row.received_at, "valid" if row.is_counted else "invalid") for row in rows
    ]
    incoming = (_incoming(row.event) for row in rows)
    columns = [list(column) for column in (*zip(*own, strict=True), *zip(*incoming, strict=True))]
    for number in _ENUM_COLUMNS:  # an enum's member is a plain text here
        columns[number] = [str(value) for value in columns[number]]
    return columns
