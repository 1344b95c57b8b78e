"""Traffic that only shows over time: one source that sends too much, or clicks the same again and again.

A source is an address with its user agent, kept as a keyed digest in this process's memory and nowhere else.
The verdict is given once, when the event arrives, and stored with it. Each process counts for itself, so the
limits are per process; a robot spread over several is let through a little longer, a person never stopped.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from hashlib import blake2b
from uuid import UUID

from django.conf import settings

from analytics.tracking import NotCounted

WINDOW_SECONDS = 60
# A double click, or an impatient one while the shop's page loads.
CLICK_AGAIN_SECONDS = 5
CAPACITY = 50_000  # sources and clicks remembered; about 10 MB
# Times EVENTS_SOURCE_MINUTE: what an address may send without a key, whatever it says that its browsers are.
ADDRESS_SHARES = 10


class SourceWatch:
    """Counts by source over fixed windows. ``clock`` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(16)  # digests mean nothing outside this process
        self._lock = threading.Lock()
        self._window = 0
        self._events: dict[bytes, int] = {}
        self._sent: dict[bytes, int] = {}
        self._clicks: dict[bytes, int] = {}
        self._last_click: dict[tuple[bytes, UUID | None], tuple[UUID | None, float]] = {}

    def source_of(self, *, address: str, user_agent: str) -> bytes:
        """What stands for a source here."""
        return blake2b(f"{address}\n{user_agent}".encode(), key=self._key, digest_size=8).digest()

    def may_send(self, *, address: str, number: int) -> bool:
        """Whether so many events more are taken from an address without a key in this minute."""
        source = self.source_of(address=address, user_agent="")
        limit = ADDRESS_SHARES * settings.EVENTS_SOURCE_MINUTE
        with self._lock:
            self._forget(self._clock())
            return not self._is_beyond(self._sent, source, limit, max(1, number))

    def judge(
        self, source: bytes, *, is_click: bool, decision_id: UUID | None, creative_id: UUID | None
    ) -> str:
        """Count one event and say why it is not in the figures; the empty string when it is.

        A click of the same decision is the same click sent again; the database knows what to do with it.
        """
        now = self._clock()
        with self._lock:
            self._forget(now)
            if self._is_beyond(self._events, source, settings.EVENTS_SOURCE_MINUTE):
                return NotCounted.RATE
            if not is_click:
                return ""
            if self._is_beyond(self._clicks, source, settings.CLICKS_SOURCE_MINUTE):
                return NotCounted.RATE
            last_decision, at = self._last_click.get((source, creative_id), (decision_id, now))
            self._last_click[source, creative_id] = (decision_id, now)
            is_again = last_decision != decision_id and now - at < CLICK_AGAIN_SECONDS
            return NotCounted.CLICK_AGAIN if is_again else ""

    @staticmethod
    def _is_beyond(counts: dict[bytes, int], source: bytes, limit: int, number: int = 1) -> bool:
        counts[source] = counts.get(source, 0) + number
        return 0 < limit < counts[source]

    def _forget(self, now: float) -> None:
        window = int(now // WINDOW_SECONDS)
        full = len(self._events) + len(self._sent) + len(self._last_click) > CAPACITY
        if window != self._window or full:
            self._window = window
            self._events.clear()
            self._sent.clear()
            self._clicks.clear()
            recent = {} if full else self._last_click
            self._last_click = {
                key: last for key, last in recent.items() if now - last[1] < CLICK_AGAIN_SECONDS
            }


watch = SourceWatch()
