"""Reads of render jobs: lists, depth of the queue, and how long it will take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet

from adplatform.lib.errors import NotFound
from generation import queue
from generation.models import RenderJob
from generation.pace import Pace, pace_get

Status = RenderJob.Status
FAILED = (Status.DEAD, Status.REJECTED)
STUCK_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class QueueState:
    """The queue of one advertiser at one moment."""

    counts: dict[str, int]  # by status; every status is there
    running: list[RenderJob]
    due_everywhere: int  # due jobs of all advertisers: they share the workers
    pace: Pace
    failures: list[FailureGroup]
    longest_wait: timedelta | None  # of this advertiser's due jobs

    @property
    def failed(self) -> int:
        return sum(self.counts[status] for status in FAILED)

    @property
    def is_stuck(self) -> bool:
        """Jobs are due for longer than two sweeps and nobody works: the worker is not running."""
        return not self.running and self.longest_wait is not None and self.longest_wait > STUCK_AFTER

    @property
    def wait_words(self) -> str:
        return duration_words(self.longest_wait.total_seconds() if self.longest_wait else 0)

    @property
    def eta_words(self) -> str:
        return duration_words(self.eta_seconds or 0)

    @property
    def waiting(self) -> int:
        return self.counts[Status.QUEUED]

    @property
    def is_busy(self) -> bool:
        return bool(self.running) or self.waiting > 0

    @property
    def eta_seconds(self) -> int | None:
        """When the last waiting job will be done at the pace of the workers that are at it; None: unknown."""
        if not self.is_busy:
            return None
        return self.pace.seconds_for(max(self.waiting, self.due_everywhere) + len(self.running))


@dataclass(frozen=True)
class FailureGroup:
    """Failed jobs that failed for the same reason."""

    code: str
    count: int
    message: str  # of the newest


def duration_words(seconds: float) -> str:
    """ "40 seconds", "3 minutes", "2 hours": as exact as a guess deserves."""
    for size, word in ((3600, "hour"), (60, "minute")):
        if seconds >= 1.5 * size:
            return f"{round(seconds / size)} {word}s"
    return (
        "1 minute" if seconds >= 55 else f"{max(1, round(seconds))} second{'s' if round(seconds) > 1 else ''}"
    )


def render_job_list(*, advertiser_id: UUID, status: str = "") -> QuerySet[RenderJob]:
    """Jobs of an advertiser, newest first."""
    jobs = RenderJob.objects.filter(advertiser_id=advertiser_id).order_by("-created_at")
    return jobs.filter(status=status) if status else jobs


def render_job_get(*, advertiser_id: UUID, job_id: UUID | str) -> RenderJob:
    """One job with who asked for it. Raises NotFound."""
    try:
        return RenderJob.objects.select_related("requested_by").get(advertiser_id=advertiser_id, pk=job_id)
    except (RenderJob.DoesNotExist, ValidationError, ValueError):
        raise NotFound("render job") from None


def queue_state_get(*, advertiser_id: UUID, now: datetime) -> QueueState:
    """What the queue page shows above its table."""
    jobs = RenderJob.objects.filter(advertiser_id=advertiser_id).order_by()
    counts = dict(jobs.values_list("status").annotate(count=Count("pk")))
    oldest = (
        queue.jobs_due(now=now)
        .filter(advertiser_id=advertiser_id)
        .order_by("available_at")
        .values_list("available_at", flat=True)
        .first()
    )
    return QueueState(
        counts={status: counts.get(status, 0) for status in Status.values},
        running=list(jobs.filter(status=Status.LEASED).order_by("started_at")),
        due_everywhere=queue.jobs_due(now=now).count(),
        pace=pace_get(now=now),
        failures=failure_groups(jobs),
        longest_wait=now - oldest if oldest else None,
    )


def failure_groups(jobs: QuerySet[RenderJob]) -> list[FailureGroup]:
    """The failed of some jobs by code, the most frequent first."""
    rows = (
        jobs.filter(status__in=FAILED)
        .values_list("error_code")
        .annotate(count=Count("pk"))
        .order_by("-count")
    )
    return [
        FailureGroup(code=code or "unknown", count=count, message=_newest_message(jobs, code))
        for code, count in rows[:20]
    ]


def _newest_message(jobs: QuerySet[RenderJob], code: str) -> str:
    found = jobs.filter(status__in=FAILED, error_code=code).order_by("-created_at")
    return found.values_list("error_message", flat=True).first() or ""
