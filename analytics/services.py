"""Writes of analytics: events into the database, exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec
import structlog
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from accounts.models import Advertiser
from accounts.refusals import refused_count
from adplatform.lib.ids import uuid7
from analytics.event_rows import EventKey, NewEvent, event_key
from analytics.event_store import HolderMoved, events_insert, present_keys
from analytics.group_commit import GroupCommit
from analytics.models import Event
from analytics.surplus import CODE, Key, surplus
from analytics.tracking import EventBatch, IncomingEvent
from profiles import services as profile_services
from profiles.consent import ConsentState, Use
from profiles.consent import allow as consent_allows
from profiles.models import Segment, Shopper
from profiles.pseudonyms import id_digest

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

# PostgreSQL: deadlock detected, serialization failure. The whole transaction may simply run again.
_RETRYABLE = {"40P01", "40001"}
_TRIES = 3


@dataclass(frozen=True)
class RecordResult:
    """What became of a batch: every event given is one or the other."""

    accepted: int  # new rows, the ones that are kept but not counted included
    duplicates: int  # event ids already there, and repeats beyond what is kept
    unknown_advertisers: frozenset[UUID] = frozenset()  # their events were dropped
    counted: tuple[IncomingEvent, ...] = ()  # the new ones that are in the figures


@dataclass(frozen=True, slots=True)
class Person:
    """A shopper that an event may be joined to, or not."""

    may_join: bool
    is_simulated: bool


def events_record(*, events: Sequence[IncomingEvent], received_at: datetime) -> RecordResult:
    """Store a batch and mark its hours dirty, in a transaction that other requests may share; returning
    means committed (inside a transaction of the caller's: stored in that).

    An event id already stored is a duplicate. A new id for a decision that already has this kind of
    event, or for an order that is already a conversion, is kept with the reason ``repeat`` or
    ``order_repeat``, so that nothing a shop sends is lost and nothing is counted twice; of a decision's
    repeats so many as ``analytics.surplus`` says.
    """
    if not events:
        return RecordResult(0, 0)
    batch = EventBatch(tuple(events), received_at)
    if connection.in_atomic_block:
        return batches_record([batch])[0]
    return _group.submit(batch)


def batches_record(batches: Sequence[EventBatch]) -> list[RecordResult]:
    """Several batches in one transaction; of an event in two of them the first has it."""
    everything = [event for batch in batches for event in batch.events]
    advertisers = {event.advertiser_id for event in everything}
    known = set(Advertiser.objects.filter(pk__in=advertisers).values_list("pk", flat=True))
    people, now = _people(everything), timezone.now()
    as_sent = _stored_as_sent(everything, people)
    rows: dict[EventKey, NewEvent] = {}
    here: Counter[Key] = Counter()
    left_out = 0
    for number, batch in enumerate(batches):
        for event in batch.events:
            if event.advertiser_id not in known:
                continue
            if event.shopper_pseudonym:
                event = _event_of(event, people, as_sent)
            key = event_key(event)
            if key in rows:
                continue
            if not surplus.takes(event, here):
                left_out += 1
                continue
            rows[key] = NewEvent(uuid7(), event, batch.received_at, now, number)
    ordered = [rows[key] for key in sorted(rows)]
    given = [row.event for row in ordered]
    stored = _retried(lambda: events_insert(_as_given(ordered, given)))
    new: list[list[NewEvent]] = [[] for _ in batches]
    for row in stored:
        new[row.batch].append(row)
        if not row.is_counted:
            surplus.add(row.event)
    if left_out:
        refused_count("events", [CODE] * left_out)
    unknown = frozenset(advertisers - known)
    return [_result(batch, of_batch, unknown) for batch, of_batch in zip(batches, new, strict=True)]


def _as_given(rows: list[NewEvent], events: list[IncomingEvent]) -> list[NewEvent]:
    """A try before may have made repeats of some."""
    for row, event in zip(rows, events, strict=True):
        row.event = event
    return rows


def _result(batch: EventBatch, new: list[NewEvent], unknown: frozenset[UUID]) -> RecordResult:
    dropped = (
        [event.advertiser_id for event in batch.events if event.advertiser_id in unknown] if unknown else []
    )
    return RecordResult(
        accepted=len(new),
        duplicates=len(batch.events) - len(dropped) - len(new),
        unknown_advertisers=frozenset(dropped),
        counted=tuple(row.event for row in new if row.is_counted),
    )


def _event_of(
    event: IncomingEvent, people: Mapping[tuple[UUID, str], Person], as_sent: Container[EventKey]
) -> IncomingEvent:
    """The event with its shopper, if it may be joined to one by now.

    An order has no token that says whose it is; a token may be days older than a withdrawal or an erasure.
    Without consent the pseudonym is not stored: nothing may join the event to this person later, so neither
    is an id of the sender's own, in which the shop's key may stand; ``as_sent`` are those that were before.
    """
    names = (event.shopper_pseudonym, *event.earlier_pseudonyms)
    name = next((name for name in names if (event.advertiser_id, name) in people), "")
    person = people.get((event.advertiser_id, name))
    may_join = person is not None and person.may_join
    is_order = event.kind == Event.Kind.CONVERSION
    if may_join and not is_order:
        return event
    event_id = event.event_id
    if not may_join and _is_senders_own(event) and event_key(event) not in as_sent:
        event_id = id_digest(event.advertiser_id, event_id)
    return msgspec.structs.replace(
        event,
        event_id=event_id,
        shopper_pseudonym=name if may_join else "",
        is_simulated=event.is_simulated or (is_order and person is not None and person.is_simulated),
    )


def _is_senders_own(event: IncomingEvent) -> bool:
    """Not an order's, whose key was known at the intake, and not the id that tag, clients and links make."""
    made = f"{event.decision_id}:{event.kind}"
    return event.decision_id is not None and event.event_id not in (made, f"{made}:{event.invalid_reason}")


def _stored_as_sent(
    events: Iterable[IncomingEvent], people: Mapping[tuple[UUID, str], Person]
) -> set[EventKey]:
    """Of events that lose their shopper, those that came before they did: sent again they are still known."""
    nobody = Person(may_join=False, is_simulated=False)
    lost = [
        event
        for event in events
        if event.shopper_pseudonym
        and not people.get((event.advertiser_id, event.shopper_pseudonym), nobody).may_join
        and _is_senders_own(event)
    ]
    return present_keys(lost) if lost else set()


def _people(events: Sequence[IncomingEvent]) -> dict[tuple[UUID, str], Person]:
    asked = sorted(
        {
            name
            for event in events
            if event.shopper_pseudonym
            for name in (event.shopper_pseudonym, *event.earlier_pseudonyms)
        }
    )
    advertisers = {event.advertiser_id for event in events}
    people: dict[tuple[UUID, str], Person] = {}
    if not asked:
        return people
    found = Shopper.objects.filter(advertiser_id__in=advertisers, pseudonym__any_of=asked).values_list(
        "advertiser_id", "pseudonym", "measurement_allowed", "is_minor", "has_objected", "is_simulated"
    )
    for advertiser_id, pseudonym, measurement, is_minor, has_objected, is_simulated in found:
        consent = ConsentState(is_minor=is_minor, measurement=measurement, has_objected=has_objected)
        people[advertiser_id, pseudonym] = Person(consent_allows(consent, Use.MEASUREMENT), is_simulated)
    return people


_group: GroupCommit[EventBatch, RecordResult] = GroupCommit(
    batches_record,
    lock_file=settings.VAR_DIR / "events.lock" if connection.vendor == "sqlite" else None,
)


def _retried(write: Callable[[], Result]) -> Result:
    for attempt in range(1, _TRIES + 1):
        try:
            return write()
        except HolderMoved:
            if attempt == _TRIES:
                raise OperationalError("the same decision is being reported by too many at once") from None
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in _RETRYABLE or attempt == _TRIES:
                raise
    raise AssertionError("unreachable")


def click_segment(click: IncomingEvent) -> UUID | None:
    """Whose interests a click speaks for; None for nobody's."""
    return click.segment_id if click.experiment_id is None else None


def click_interests_record(*, clicks: Iterable[IncomingEvent]) -> None:
    """A click is an interest too: hand the interests of the clicked creative's segment to profiles.

    Not in an experiment or the standing split: there chance chose the picture, and what a click on it left
    would take clickers of one arm into another segment, or keep them in theirs, and so out of the comparison
    or in it.

    Called after the click is safe on disk. Whatever goes wrong here must not cost the shopper the page they
    asked for, so it is logged and the click stands.
    """
    for click in clicks:
        if not click.shopper_pseudonym or (segment_id := click_segment(click)) is None:
            continue
        try:
            interests = (
                Segment.objects.filter(advertiser_id=click.advertiser_id, pk=segment_id)
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
            log.exception("click_interest_lost", click=click.event_id)
