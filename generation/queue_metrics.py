"""What an operator watches of the render queue: sums over all advertisers, no shopper and no text."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median, quantiles

from django.db.models import Count

from generation import queue
from generation.models import RenderAttempt, RenderJob

Status = RenderJob.Status
RECENT = timedelta(hours=1)
SAMPLE = 1000  # newest finished tries and jobs that durations are taken from


@dataclass(frozen=True)
class QueueMetrics:
    """The render queue at one moment. Durations are of what ended in the last hour."""

    jobs: dict[str, int]  # by status; every status is there
    due: int
    oldest_due_seconds: float  # how long the first in line has waited; 0 when nothing is due
    leases_expired: int  # not yet taken back: more than a few mean that no sweep runs
    attempts: dict[tuple[str, str], int]  # (outcome, error code) -> since the beginning
    seconds: dict[str, float]  # "0.5" and "0.95" -> of a successful try, claim to commit; empty without one
    step_seconds: dict[str, float]  # model -> median of a sampler's step


def queue_metrics_get(*, now: datetime) -> QueueMetrics:
    """Seven queries, none of which grows with more than the number of jobs."""
    jobs = dict(RenderJob.objects.order_by().values_list("status").annotate(n=Count("pk")))
    due = queue.jobs_due(now=now)
    oldest = due.order_by("available_at").values_list("available_at", flat=True).first()
    attempts = RenderAttempt.objects.order_by().values_list("outcome", "error_code").annotate(n=Count("pk"))
    return QueueMetrics(
        jobs={status: jobs.get(status, 0) for status in Status.values},
        due=due.order_by().count(),
        oldest_due_seconds=(now - oldest).total_seconds() if oldest else 0.0,
        leases_expired=RenderJob.objects.filter(status=Status.LEASED, lease_expires_at__lt=now).count(),
        attempts={(outcome, code): n for outcome, code, n in attempts},
        seconds=_seconds(now),
        step_seconds=_step_seconds(now),
    )


def _seconds(now: datetime) -> dict[str, float]:
    spans = (
        RenderAttempt.objects.filter(outcome=RenderAttempt.Outcome.SUCCEEDED, ended_at__gt=now - RECENT)
        .order_by("-ended_at")
        .values_list("started_at", "ended_at")[:SAMPLE]
    )
    seconds = sorted((end - start).total_seconds() for start, end in spans if end)
    if not seconds:
        return {}
    cuts = quantiles(seconds, n=20, method="inclusive") if len(seconds) > 1 else seconds * 19
    return {"0.5": cuts[9], "0.95": cuts[18]}


def _step_seconds(now: datetime) -> dict[str, float]:
    jobs = (
        RenderJob.objects.filter(status=Status.SUCCEEDED, finished_at__gt=now - RECENT)
        .order_by("-finished_at")
        .values_list("model", "render_ms", "render_details")[:SAMPLE]
    )
    by_model: dict[str, list[float]] = defaultdict(list)
    for model, render_ms, details in jobs:
        if render_ms is not None and details.get("steps"):
            by_model[model].append(render_ms / 1000 / details["steps"])
    return {model: median(values) for model, values in by_model.items()}
