"""From the buffer into the database; ``manage.py events_drain`` runs it, as many as wanted."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import redis
import structlog
from django.db import InterfaceError, OperationalError, close_old_connections

from accounts.refusals import refusals_flush
from analytics import event_buffer
from analytics.models import Event
from analytics.services import batches_record, click_interests_record
from analytics.tracking import EventBatch

log = structlog.get_logger(__name__)

ENTRIES = 50  # in one transaction: of full batches 25,000 events
WAIT_MS = 1000
PAUSE_SECONDS = 2.0
# No entry's fault: each stays pending and is taken again, which counts what was stored already once.
AWAY = (OperationalError, InterfaceError, redis.RedisError)


def drain(*, consumer: str, is_stopping: Callable[[], bool], alive_file: Path | None = None) -> None:
    """Until told to stop. Without Redis or the database it waits for them.

    ``alive_file`` is touched at every turn: a health check can tell a drain that hangs from an idle one.
    """
    is_made = False
    while not is_stopping():
        if alive_file is not None:
            alive_file.touch()
        close_old_connections()
        try:
            if not is_made:
                event_buffer.group_make()
                is_made = True
            drain_once(consumer=consumer)
            refusals_flush()
        except AWAY as error:
            log.warning("events_drain_waits", error=repr(error))
            is_made = False  # an emptied Redis has lost the group too
            time.sleep(PAUSE_SECONDS)


def drain_once(*, consumer: str, wait_ms: int = WAIT_MS) -> int:
    """Store what one read brings; the number of new events. Raises while database or Redis is away."""
    entries = event_buffer.take(consumer, limit=ENTRIES, wait_ms=wait_ms)
    readable = [(entry_id, batch) for entry_id, batch in entries if batch is not None]
    for entry_id, batch in entries:
        if batch is None:
            _refuse(entry_id, None, "unreadable")
    if not readable:
        return 0
    try:
        return _store(readable)
    except AWAY:
        raise
    except Exception:
        return sum(_store_alone(entry_id, batch) for entry_id, batch in readable)


def _store(entries: list[tuple[bytes, EventBatch]]) -> int:
    results = batches_record([batch for _, batch in entries])
    for result in results:
        # Before the entries are done with: those of stored events, taken again, bring no interest any more.
        click_interests_record(clicks=[e for e in result.counted if e.kind == Event.Kind.CLICK])
    event_buffer.done([entry_id for entry_id, _ in entries])
    return sum(result.accepted for result in results)


def _store_alone(entry_id: bytes, batch: EventBatch) -> int:
    """One entry that cannot be stored must not hold up its neighbours for ever."""
    try:
        return _store([(entry_id, batch)])
    except AWAY:
        raise
    except Exception as error:
        _refuse(entry_id, batch, repr(error))
        return 0


def _refuse(entry_id: bytes, batch: EventBatch | None, reason: str) -> None:
    log.error("events_batch_refused", entry=entry_id.decode(), reason=reason)
    event_buffer.refuse(entry_id, batch)
