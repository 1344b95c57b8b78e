"""Where a report that never ends stops reading: its interval is narrow long before, and a worker's day short.

It keeps its start and stops at a day: a start that moved on would be another sample every day, for which
no always-valid interval is promised (``analytics.anchors``). The next year begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time

MAX_IMPRESSIONS = 2_000_000


def end_of(days: Iterable[tuple[date, int]], start: datetime, now: datetime) -> datetime:
    """The midnight (UTC) before the day whose impressions would be too many; ``now`` when there is none.

    ``days``: impressions by day, in order. The first day is always read.
    """
    total = 0
    for day, impressions in days:
        total += impressions
        if total > MAX_IMPRESSIONS and day > start.astimezone(UTC).date():
            return datetime.combine(day, time(), UTC)
    return now


def sentence_of(end: datetime, now: datetime) -> str:
    """What a reader must know of it; empty while all is counted."""
    if end >= now:
        return ""
    return (
        f"Counted until {end:%-d %b %Y}: {MAX_IMPRESSIONS:,} impressions are enough. It begins anew with the "
        "next year."
    )
