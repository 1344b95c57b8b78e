"""The one thread of a serving process that talks to the database beside its requests.

It keeps snapshots and keys fresh, so that no request has to ask, and adds what was counted to the hourly
rows. Without it (tests, a shell) requests refresh for themselves, as they also do should it ever stand still.
"""

from __future__ import annotations

import atexit
import threading
import time
from multiprocessing import util

import structlog
from django.conf import settings
from django.db import close_old_connections, connections

from accounts.refusals import refusals_flush
from campaigns.decision_counts import decision_counts_add
from campaigns.serving import keys
from campaigns.serving.counters import counters
from campaigns.serving.store import snapshots

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 5.0
# A request refreshes for itself when the thread is this many periods late: 1.8 s keep a pause below 2 s.
PATIENCE = 1.8


class ServingThread:
    """Started once a process, by the WSGI entry; ends with it, after a last flush."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, where the settings want it; a second call does nothing."""
        if self._thread is not None or not settings.SERVING_THREAD:
            return
        self._thread = threading.Thread(target=self._run, name="serving", daemon=True)
        self._thread.start()
        snapshots.patience = keys.patience = PATIENCE
        # Workers of a process pool end without atexit, others without the pool's finalizers.
        atexit.register(self.stop)
        util.Finalize(None, self.stop, exitpriority=10)

    def stop(self) -> None:
        """End, and store what was counted."""
        if self._stop.is_set():
            return
        self._stop.set()
        counts_flush()
        refusals_flush()

    def _run(self) -> None:
        flushed_at = refreshed_at = time.monotonic()
        while not self._stop.wait(min(keys.FRESH_SECONDS, settings.SERVING_SNAPSHOT_SECONDS)):
            try:
                keys.callers_refresh()
                if time.monotonic() - refreshed_at >= settings.SERVING_SNAPSHOT_SECONDS * 0.95:
                    refreshed_at = time.monotonic()
                    snapshots.refresh()
                if time.monotonic() - flushed_at >= FLUSH_SECONDS:
                    flushed_at = time.monotonic()
                    counts_flush()
                    refusals_flush()
                close_old_connections()  # a pool's connection is lent for one round only
            except Exception as error:
                log.warning("serving_thread_failed", error=repr(error))
                connections.close_all()


def counts_flush() -> None:
    """Store what this process counted; what cannot be stored now is stored later."""
    counts = counters.take()
    if not counts:
        return
    try:
        decision_counts_add(counts=counts)
    except Exception as error:
        counters.give_back(counts)
        log.warning("decision_counts_kept", decisions=sum(counts.values()), error=repr(error))


serving_thread = ServingThread()
