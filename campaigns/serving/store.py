"""The snapshots of this process: looked at without a lock, replaced by one assignment.

Not Django's cache: even the local-memory one unpickles, 40 to 70 us a request, more than the choice itself.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

import structlog
from django.conf import settings

from adplatform.lib.errors import DomainError
from campaigns.serving import loading
from campaigns.serving.limits import Delivery
from campaigns.serving.snapshot import Snapshot, SnapshotCreative

log = structlog.get_logger(__name__)

KeyT = TypeVar("KeyT", bound=Hashable)

# A safety net for a write that forgot to bump the version (a hand-made UPDATE, a restored backup).
FULL_REBUILD_SECONDS = 60.0
# A quiet shop's next view should not pay for the silence: beside whatever was used within IN_USE_SECONDS the
# IDLE_MAX last used are kept fresh for IDLE_SECONDS. Each costs one small query a second and process.
IN_USE_SECONDS = 10.0
IDLE_SECONDS = 900.0
IDLE_MAX = 100


@dataclass(frozen=True, slots=True)
class _Entry:
    snapshot: Snapshot
    version: loading.Version
    built_at: float
    ask_at: float  # when the database is to be asked again
    stale_at: float  # when this is too long ago that it last said that this is the current one


def kept_fresh(used_at: Mapping[KeyT, float], now: float) -> list[KeyT]:
    """What is asked about beside the requests, the last used first."""
    # dict() copies at once: requests add keys meanwhile.
    order = sorted(dict(used_at).items(), key=lambda item: item[1], reverse=True)
    return [
        key
        for place, (key, at) in enumerate(order)
        if now - at <= (IDLE_SECONDS if place < IDLE_MAX else IN_USE_SECONDS)
    ]


class SnapshotStore:
    """One snapshot an advertiser, at most ``SERVING_SNAPSHOT_SECONDS`` behind the database.

    When the database cannot be read the old snapshot serves on for ``SERVING_STALE_SECONDS`` and then
    nothing does: an advertiser who pauses must not be shown for ever by a process that lost its database.
    """

    def __init__(
        self,
        *,
        load: Callable[[UUID], Snapshot] = loading.snapshot_load,
        version: Callable[[UUID], loading.Version] = loading.version_read,
        delivery: Callable[[UUID], Delivery] = loading.delivery_load,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._delivery = delivery
        self._version = version
        self._clock = clock
        self._entries: dict[UUID, _Entry] = {}
        self._used_at: dict[UUID, float] = {}
        self._failed_at: dict[UUID, float] = {}
        # How many periods a request waits before it refreshes for itself; more where a thread does it.
        self.patience = 1.0
        self._locks: defaultdict[UUID, threading.Lock] = defaultdict(threading.Lock)

    def get(self, advertiser_id: UUID) -> Snapshot:
        """The current snapshot. Raises DomainError ``snapshot_unavailable`` (503)."""
        entry = self._entries.get(advertiser_id)
        now = self._used_at[advertiser_id] = self._clock()
        if entry is not None and now < entry.ask_at:
            return _unless_stale(entry, now)
        # One thread asks the database; the others serve on. Who has nothing to serve waits for its answer,
        # unless the database has lately given none.
        lock = self._locks[advertiser_id]
        failed_at = self._failed_at.get(advertiser_id, -math.inf)
        is_away = now - failed_at < settings.SERVING_STALE_SECONDS
        must_wait = entry is None or (now > entry.stale_at and not is_away)
        if not lock.acquire(blocking=must_wait):
            assert entry is not None  # noqa: S101
            return _unless_stale(entry, now)
        try:
            found = self._entries.get(advertiser_id)
            if found is not None and found is not entry:
                return _unless_stale(found, self._clock())
            if self._failed_at.get(advertiser_id, -math.inf) > now:  # who came first asked for all who waited
                raise _unavailable()
            return self._refresh(advertiser_id, found)
        finally:
            lock.release()

    def refresh(self) -> None:
        """Ask the database about every snapshot that was lately in use; called beside the requests."""
        now = self._clock()
        for advertiser_id in kept_fresh(self._used_at, now):
            entry = self._entries.get(advertiser_id)
            if entry is None:
                continue
            with self._locks[advertiser_id]:
                if self._entries.get(advertiser_id) is not entry:  # a request has just done it
                    continue
                with contextlib.suppress(DomainError):  # logged there; the requests will say so
                    self._refresh(advertiser_id, entry)

    def creative_find(self, creative_id: UUID) -> tuple[UUID, SnapshotCreative] | None:
        """The advertiser and the creative, if a snapshot of this process holds it."""
        for advertiser_id, entry in tuple(self._entries.items()):
            creative = entry.snapshot.creatives.get(creative_id)
            if creative is not None:
                return advertiser_id, creative
        return None

    def landing_url_find(self, advertiser_id: UUID, variant_id: UUID) -> str | None:
        """Where a click on the variant led when this process last read it, however long ago."""
        entry = self._entries.get(advertiser_id)
        return entry.snapshot.landing_urls.get(variant_id) if entry is not None else None

    def is_capped(self, advertiser_id: UUID, campaign_id: UUID) -> bool:
        """Whether a snapshot of this process says that the campaign has a frequency cap."""
        entry = self._entries.get(advertiser_id)
        return entry is not None and campaign_id in entry.snapshot.capped

    def can_serve(self) -> bool:
        """Whether something is fresh enough to answer from, without asking the database."""
        now = self._clock()
        return any(now <= entry.stale_at for entry in tuple(self._entries.values()))

    def clear(self) -> None:
        """Forget everything; the next request reads the database."""
        self._entries = {}

    def __iter__(self) -> Iterator[Snapshot]:
        return iter([entry.snapshot for entry in tuple(self._entries.values())])

    def _refresh(self, advertiser_id: UUID, entry: _Entry | None) -> Snapshot:
        now = self._clock()
        ask_at = now + settings.SERVING_SNAPSHOT_SECONDS * self.patience
        stale_at = now + settings.SERVING_STALE_SECONDS
        try:
            # Read before the rows: an edit that commits in between is loaded twice, never missed.
            version = self._version(advertiser_id)
            is_young = entry is not None and now - entry.built_at < FULL_REBUILD_SECONDS
            if entry is not None and is_young and version.edits == entry.version.edits:
                snapshot = entry.snapshot
                if version != entry.version:  # only the counts moved, which they do every few seconds
                    snapshot = replace(snapshot, delivery=self._delivery(advertiser_id))
                entry = _Entry(snapshot, version, entry.built_at, ask_at, stale_at)
            else:
                entry = _Entry(self._load(advertiser_id), version, now, ask_at, stale_at)
        except Exception as error:
            # Whatever went wrong, the storefront goes on with what it had, for a while.
            log.warning("snapshot_refresh_failed", advertiser=str(advertiser_id), error=repr(error))
            self._failed_at[advertiser_id] = self._clock()
            if entry is None:
                raise _unavailable() from error
            entry = replace(entry, ask_at=ask_at)
        self._entries[advertiser_id] = entry
        return _unless_stale(entry, self._clock())


def _unless_stale(entry: _Entry, now: float) -> Snapshot:
    if now > entry.stale_at:
        raise _unavailable()
    return entry.snapshot


def _unavailable() -> DomainError:
    return DomainError("snapshot_unavailable", "Creatives cannot be read right now; try again.", status=503)


snapshots = SnapshotStore()
