"""Where events go that a request brings: through the buffer where there is one, else into the database.

redis is imported only with a buffer: without one no web process knows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.conf import settings

from analytics.models import Event
from analytics.services import RecordResult, events_record
from analytics.tracking import EventBatch, IncomingEvent
from campaigns.serving.shows import recent_shows
from campaigns.serving.store import snapshots

log = structlog.get_logger(__name__)


class BufferIsFull(Exception):
    """As many batches wait as may: the sender has to come back."""


def events_take(*, events: Sequence[IncomingEvent], received_at: datetime) -> RecordResult:
    """Returning means that they are committed, or in the buffer. Raises BufferIsFull.

    This process's frequency caps know of them from then on, whatever counts them for the others.

    What is buffered counts as accepted: whether an event id is there already is only seen when it is stored.
    Without Redis events go straight into the database.
    """
    result = _take(events, received_at)
    for event in events:
        if event.kind == Event.Kind.IMPRESSION and event.shopper_pseudonym and not event.invalid_reason:
            _show_note(event)
    return result


def _show_note(event: IncomingEvent) -> None:
    campaign_id, decision_id = event.campaign_id, event.decision_id
    if campaign_id and decision_id and snapshots.is_capped(event.advertiser_id, campaign_id):
        recent_shows.seen(
            pseudonym=event.shopper_pseudonym,
            campaign_id=campaign_id,
            decision_id=decision_id,
            at=event.occurred_at,
        )


def _take(events: Sequence[IncomingEvent], received_at: datetime) -> RecordResult:
    if not settings.EVENTS_BUFFER_URL or not events:
        return events_record(events=events, received_at=received_at)
    from analytics import event_buffer

    try:
        event_buffer.append(EventBatch(tuple(events), received_at))
    except event_buffer.BufferFull:
        raise BufferIsFull from None
    except event_buffer.BufferAway as error:
        log.warning("events_buffer_away", error=repr(error.__cause__))
        return events_record(events=events, received_at=received_at)
    return RecordResult(accepted=len(events), duplicates=0)
