"""How fast the queue is worked off: who works now, and how long a picture takes."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from generation.models import RenderAttempt

SAMPLE = 200  # newest tries of all advertisers: they share the workers
TIMED = 20  # of those that succeeded, how many say how long the next will take
BETWEEN_JOBS = timedelta(seconds=15)  # a worker that ended a try so lately is about to take the next


@dataclass(frozen=True)
class Pace:
    """The render workers at one moment."""

    workers: int  # children of workers that draw now, one picture (or microbatch) each
    seconds_each: float | None  # of one worker for one picture, median; None before the first

    def seconds_for(self, jobs: int) -> int | None:
        """When the last of so many jobs will be done; one worker is reckoned with where none is at work."""
        if self.seconds_each is None or jobs < 1:
            return None
        return max(1, round(math.ceil(jobs / max(self.workers, 1)) * self.seconds_each))


def pace_get(*, now: datetime) -> Pace:
    """One query. A worker is seen by its tries: it opens one with each lease and closes it afterwards; what
    a dead one left open is closed when its lease runs out."""
    tries = list(
        RenderAttempt.objects.order_by("-pk").values_list("worker", "started_at", "ended_at", "outcome")[
            :SAMPLE
        ]
    )
    workers = {
        worker
        for worker, _, ended_at, outcome in tries
        if ended_at is None or (ended_at > now - BETWEEN_JOBS and outcome != RenderAttempt.Outcome.LOST)
    }
    # The pictures of a microbatch start at one moment and share its time.
    together = Counter((worker, started_at) for worker, started_at, *_ in tries)
    seconds = [
        (ended_at - started_at).total_seconds() / together[worker, started_at]
        for worker, started_at, ended_at, outcome in tries
        if outcome == RenderAttempt.Outcome.SUCCEEDED and ended_at
    ]
    return Pace(len(workers), median(seconds[:TIMED]) if seconds else None)
