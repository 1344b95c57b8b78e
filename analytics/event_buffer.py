"""Optional: a Redis stream in front of the database, for peaks and for minutes without a database.

On with ``EVENTS_BUFFER_URL``. A whole batch is one entry (an entry an event is thirty times slower), and the
stream is bounded: beyond ``EVENTS_BUFFER_BATCHES`` the sender is told to come back. Drains are a consumer
group: an entry is acknowledged after the commit that holds its events, so a drain that dies loses nothing
and its entries pass to another; an entry that is stored twice counts once, as any event does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import redis
from django.conf import settings

from analytics.tracking import EventBatch

STREAM = "adplatform:events"
REFUSED = "adplatform:events:refused"  # what no drain could store, to look at by hand; the newest 1,000
GROUP = "drains"
FIELD = b"batch"
STALE_MS = 60_000  # an entry that its drain has not finished in so long passes to another
# One round trip, so that the bound holds however many append at once.
_APPEND = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return false end
return redis.call('XADD', KEYS[1], '*', ARGV[2], ARGV[3])
"""
_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(EventBatch)

Entry = tuple[bytes, EventBatch | None]  # id, and None for what cannot be read


class BufferFull(Exception):
    """As many batches wait as may."""


class BufferAway(Exception):
    """Redis does not answer."""


@cache
def _client() -> redis.Redis:
    # A drain blocks for a second, so the time-out is longer than that.
    return redis.Redis.from_url(settings.EVENTS_BUFFER_URL, socket_timeout=3, socket_connect_timeout=1)


@cache
def _append_script() -> Any:
    return _client().register_script(_APPEND)


def append(batch: EventBatch) -> None:
    """Raises BufferFull, BufferAway."""
    try:
        stored = _append_script()(keys=[STREAM], args=[settings.EVENTS_BUFFER_BATCHES, FIELD, _encode(batch)])
    except redis.RedisError as error:
        raise BufferAway from error
    if stored is None:
        raise BufferFull


def group_make() -> None:
    """Once before the first ``take``; again is harmless."""
    try:
        _client().xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def take(consumer: str, *, limit: int, wait_ms: int) -> list[Entry]:
    """What this drain took before and did not finish, else what others left, else what is new."""
    client = _client()
    mine = _entries(client.xreadgroup(GROUP, consumer, {STREAM: "0"}, count=limit))
    if mine:
        return mine
    _, stale, *_ = client.xautoclaim(STREAM, GROUP, consumer, min_idle_time=STALE_MS, count=limit)
    if stale:
        return _entries([(STREAM, stale)])
    return _entries(client.xreadgroup(GROUP, consumer, {STREAM: ">"}, count=limit, block=wait_ms))


def done(ids: Sequence[bytes]) -> None:
    """Their events are committed."""
    with _client().pipeline(transaction=True) as pipeline:
        pipeline.xack(STREAM, GROUP, *ids)
        pipeline.xdel(STREAM, *ids)
        pipeline.execute()


def refuse(entry_id: bytes, batch: EventBatch | None) -> None:
    """Put aside what cannot be stored, so that it does not hold up the rest.

    It lies there until somebody looks at it, so it names no shopper: an erasure would not find it.
    """
    if batch is not None:
        nameless = tuple(
            msgspec.structs.replace(event, shopper_pseudonym="", earlier_pseudonyms=())
            for event in batch.events
        )
        batch = EventBatch(nameless, batch.received_at)
    _client().xadd(REFUSED, {"id": entry_id, FIELD: _encode(batch)}, maxlen=1000)
    done([entry_id])


def answers() -> bool:
    """Whether Redis takes events into the buffer."""
    try:
        return bool(_client().ping())
    except redis.RedisError:
        return False


def oldest_get() -> datetime | None:
    """When the oldest batch that waits was appended; None when none does, or Redis does not answer."""
    try:
        first: Any = _client().xrange(STREAM, count=1)
    except redis.RedisError:
        return None
    return datetime.fromtimestamp(int(first[0][0].partition(b"-")[0]) / 1000, UTC) if first else None


def sizes_get() -> dict[str, int]:
    """Batches that wait, and those put aside (the newest 1,000 are kept); empty without Redis' answer."""
    try:
        return {"waiting": int(_client().xlen(STREAM)), "refused": int(_client().xlen(REFUSED))}
    except redis.RedisError:
        return {}


def _entries(answer: Any) -> list[Entry]:
    return [(entry_id, _decode(fields)) for _, entries in answer or () for entry_id, fields in entries]


def _decode(fields: dict[bytes, bytes] | None) -> EventBatch | None:
    try:
        return _decoder.decode((fields or {})[FIELD])
    except (KeyError, msgspec.DecodeError):
        return None
