"""Where events go that a request brings: through the buffer where there is one, else into the database.

redis is imported only with a buffer: without one no web process knows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.conf import settings

from analytics.services import RecordResult, events_record
from analytics.tracking import EventBatch, IncomingEvent

log = structlog.get_logger(__name__)


class BufferIsFull(Exception):
    """As many batches wait as may: the sender has to come back."""


def events_take(*, events: Sequence[IncomingEvent], received_at: datetime) -> RecordResult:
    """Returning means that they are committed, or in the buffer. Raises BufferIsFull.

    What is buffered counts as accepted: whether an event id is there already is only seen when it is stored.
    Without Redis events go straight into the database.
    """
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
