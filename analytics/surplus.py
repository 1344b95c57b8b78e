"""Rows that no figure needs: one token, sent again and again under new ids, may not fill the disk.

Of what does not count, a kind of event of a decision has at most ROWS_KEPT rows for each reason; what comes
after that is a number in ``adplatform_refused_total{code="too_many_repeats"}``. Each process remembers for
itself what it stored, so together they keep a few times as many.
"""

from __future__ import annotations

from collections import Counter

from analytics.tracking import IncomingEvent, NotCounted

ROWS_KEPT = 10
CAPACITY = 50_000  # decisions remembered; forgotten all at once when full
CODE = "too_many_repeats"

Key = tuple[int, str, str]


def key_of(event: IncomingEvent) -> Key | None:
    """What an event shares with its like; None for an order, whose sender has a key, and for an old link's
    click, whose id is always the same. Repeats are found out in the database, so they are the like of what
    came without a reason."""
    if event.decision_id is None:
        return None
    reason = "" if event.invalid_reason == NotCounted.REPEAT else event.invalid_reason
    return event.decision_id.int, event.kind, reason


class Surplus:
    """What this process stored and no figure counts."""

    def __init__(self) -> None:
        self._rows: dict[Key, int] = {}

    def takes(self, event: IncomingEvent, here: Counter[Key]) -> bool:
        """Whether an event gets a row; ``here`` counts its like in the batches that are stored with it."""
        key = key_of(event)
        if key is None:
            return True
        here[key] += 1
        may_count = not event.invalid_reason and key not in self._rows
        return self._rows.get(key, 0) + here[key] <= ROWS_KEPT + may_count

    def add(self, event: IncomingEvent) -> None:
        """It was stored and does not count."""
        key = key_of(event)
        if key is None:
            return
        if len(self._rows) >= CAPACITY:
            self._rows.clear()
        self._rows[key] = self._rows.get(key, 0) + 1

    def forget(self) -> None:
        """As in a new process."""
        self._rows.clear()


surplus = Surplus()
