"""Writes of analytics: events into the database, exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import TypeVar
from uuid import UUID

import structlog
from django.db import OperationalError, transaction
from django.db.models import F

from accounts.models import Advertiser
from analytics.models import DirtyDay, Event
from analytics.tracking import IncomingEvent, NotCounted
from profiles import services as profile_services
from profiles.consent import ConsentState
from profiles.consent import allow as consent_allows
from profiles.models import Segment, Shopper

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

# PostgreSQL: deadlock detected, serialization failure. The whole transaction may simply run again.
_RETRYABLE = {"40P01", "40001"}
_TRIES = 3
_COLUMNS = tuple(field.name for field in fields(IncomingEvent))


@dataclass(frozen=True)
class RecordResult:
    """What became of a batch: every event given is one or the other."""

    accepted: int  # new rows, the ones that are kept but not counted included
    duplicates: int  # event ids already there
    unknown_advertisers: frozenset[UUID] = frozenset()  # their events were dropped
    counted: tuple[Event, ...] = ()  # the new rows that are in the figures


@dataclass(frozen=True, slots=True)
class Person:
    """What decides whether an order may be joined to its shopper."""

    is_allowed: bool
    is_minor: bool
    is_simulated: bool


def events_record(*, events: Sequence[IncomingEvent], received_at: datetime) -> RecordResult:
    """Store a batch and mark its days dirty, all in one transaction; returning means committed.

    An event id already stored is a duplicate. A new id for a decision that already has this kind of
    event, or for an order that is already a conversion, is kept with the reason ``repeat`` or
    ``order_repeat``, so that nothing a shop sends is lost and nothing is counted twice.
    """
    if not events:
        return RecordResult(0, 0)
    advertisers = {event.advertiser_id for event in events}
    known = set(Advertiser.objects.filter(pk__in=advertisers).values_list("pk", flat=True))
    storable = [event for event in events if event.advertiser_id in known]
    rows = _rows(storable, received_at)
    stored = _retried(lambda: _insert(rows))
    return RecordResult(
        accepted=len(stored),
        duplicates=len(storable) - len(stored),
        unknown_advertisers=frozenset(advertisers - known),
        counted=tuple(row for row in stored if row.validity == Event.Validity.VALID),
    )


def _rows(events: Sequence[IncomingEvent], received_at: datetime) -> list[Event]:
    """One row for each distinct event id of an advertiser, sorted.

    Sorted because two batches that hold the same ids in another order deadlock on the unique index.
    """
    people = _people(events)
    first: dict[tuple[UUID, str], IncomingEvent] = {}
    for event in events:
        if event.kind == Event.Kind.CONVERSION and event.shopper_pseudonym:
            event = _conversion_of(event, people.get((event.advertiser_id, event.shopper_pseudonym)))
        first.setdefault((event.advertiser_id, event.event_id), event)
    return [_row(first[key], received_at) for key in sorted(first)]


def _conversion_of(event: IncomingEvent, person: Person | None) -> IncomingEvent:
    """An order has no token that says whose it is, so it is asked here.

    Without consent the pseudonym is not stored: nothing may join the order to this person later.
    """
    may_join = person is not None and consent_allows(ConsentState(person.is_allowed, person.is_minor))
    return replace(
        event,
        shopper_pseudonym=event.shopper_pseudonym if may_join else "",
        is_simulated=event.is_simulated or (person is not None and person.is_simulated),
    )


def _row(event: IncomingEvent, received_at: datetime) -> Event:
    values = {name: getattr(event, name) for name in _COLUMNS}
    validity = Event.Validity.INVALID if event.invalid_reason else Event.Validity.VALID
    return Event(**values, validity=validity, received_at=received_at)


def _people(events: Sequence[IncomingEvent]) -> dict[tuple[UUID, str], Person]:
    asked = {e.shopper_pseudonym for e in events if e.kind == Event.Kind.CONVERSION and e.shopper_pseudonym}
    if not asked:
        return {}
    found = Shopper.objects.filter(
        advertiser_id__in={e.advertiser_id for e in events}, pseudonym__in=asked
    ).values_list("advertiser_id", "pseudonym", "personalisation_allowed", "is_minor", "is_simulated")
    return {(advertiser_id, pseudonym): Person(*rest) for advertiser_id, pseudonym, *rest in found}


@transaction.atomic
def _insert(rows: list[Event]) -> list[Event]:
    """Insert what is new; return the rows that were."""
    stored = _insert_ignoring(rows)
    left = [row for row in rows if row.pk not in stored]
    repeats: list[Event] = []
    if left:
        present = _present_ids(left)
        repeats = [_as_repeat(row) for row in left if (row.advertiser_id, row.event_id) not in present]
        stored |= _insert_ignoring(repeats)
    kept = [row for row in rows if row.pk in stored]
    days_mark(days={(row.advertiser_id, row.occurred_at.astimezone(UTC).date()) for row in kept})
    return kept


def _insert_ignoring(rows: list[Event]) -> set[UUID]:
    """One statement that leaves out what breaks a unique constraint; the ids that are now stored."""
    if not rows:
        return set()
    Event.objects.bulk_create(rows, ignore_conflicts=True)
    return set(Event.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))


def _present_ids(rows: list[Event]) -> set[tuple[UUID, str]]:
    found = Event.objects.filter(
        advertiser_id__in={row.advertiser_id for row in rows}, event_id__in=[row.event_id for row in rows]
    )
    return set(found.values_list("advertiser_id", "event_id"))


def _as_repeat(row: Event) -> Event:
    """The row changed in place, so that its caller sees the reason too."""
    is_order = row.kind == Event.Kind.CONVERSION
    row.validity = Event.Validity.INVALID
    row.invalid_reason = NotCounted.ORDER_REPEAT if is_order else NotCounted.REPEAT
    return row


def _retried(write: Callable[[], Result]) -> Result:
    for attempt in range(1, _TRIES + 1):
        try:
            return write()
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in _RETRYABLE or attempt == _TRIES:
                raise
    raise AssertionError("unreachable")


def days_mark(*, days: Iterable[tuple[UUID, date]]) -> None:
    """Say that these days' roll-ups no longer match; call it in the transaction that made it true."""
    for advertiser_id, day in sorted(days):
        mark = DirtyDay.objects.filter(advertiser_id=advertiser_id, day=day)
        while not mark.update(marks=F("marks") + 1):
            new = DirtyDay(advertiser_id=advertiser_id, day=day)
            DirtyDay.objects.bulk_create([new], ignore_conflicts=True)
            if DirtyDay.objects.filter(pk=new.pk).exists():
                break
            # Another transaction made the row between our two statements: count ours on it.


def click_interests_record(*, clicks: Iterable[Event]) -> None:
    """A click is an interest too: hand the interests of the clicked creative's segment to profiles.

    Called after the click is safe on disk. Whatever goes wrong here must not cost the shopper the page
    they asked for, so it is logged and the click stands.
    """
    for click in clicks:
        if not click.shopper_pseudonym or click.segment_id is None:
            continue
        try:
            interests = (
                Segment.objects.filter(advertiser_id=click.advertiser_id, pk=click.segment_id)
                .values_list("interests", flat=True)
                .first()
            )
            if interests:
                profile_services.click_record(
                    advertiser_id=click.advertiser_id,
                    pseudonym=click.shopper_pseudonym,
                    interests=list(interests),
                    event_id=click.event_id,
                    occurred_at=click.occurred_at,
                )
        except Exception:
            log.exception("click_interest_lost", click=str(click.pk))
