"""The render queue of record: every change of a job's state is one guarded UPDATE whose row count is read.

A worker holds a job by its lease epoch (the fencing token). A worker that was frozen past its lease
matches 0 rows from then on, so nothing it does late can touch the job that another worker now holds.
The time is always an argument; workers take it from ``clock``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from adplatform.lib.failpoints import failpoint
from generation.models import Creative, RenderAttempt, RenderBatch, RenderJob

Status = RenderJob.Status
Outcome = RenderAttempt.Outcome

RETRY_BASE = timedelta(seconds=5)
RETRY_LONGEST = timedelta(minutes=10)
RETRY_JITTER = 0.25  # of the delay, to either side
FREE_RETRY_DELAY = timedelta(seconds=60)  # for trouble that is not the job's fault, such as a full disk
# A due job of another model than the worker's loaded one is passed over for so long at most.
MODEL_PATIENCE = timedelta(seconds=60)
TURNS_REMEMBERED = 200  # newest tries that say whose turn it is; whoever is not among them is first
_NO_LEASE = {"lease_owner": "", "lease_expires_at": None}


@dataclass(frozen=True)
class Lease:
    """What a worker must show to change a job it claimed."""

    job_id: UUID
    epoch: int


@dataclass(frozen=True)
class Progress:
    """What a worker learns when it reports progress."""

    is_held: bool
    cancel_requested: bool


@dataclass(frozen=True)
class Picture:
    """The stored raw render and where it came from."""

    name: str
    sha256: str
    model_hash: str
    render_ms: int
    match_score: float | None = None
    details: dict[str, Any] = field(default_factory=dict)
    comparison: dict[str, Any] | None = None  # with the job that a check checks


def clock() -> datetime:
    """The one clock that leases are measured by: PostgreSQL's own, so that a machine whose clock runs
    ahead takes no healthy lease. SQLite's workers share a machine, whose clock is as good."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def backoff(count: int, jitter: float) -> timedelta:
    """Delay before try ``count`` + 1: doubles each time; ``jitter`` in [0, 1) spreads equal failures."""
    delay = min(RETRY_BASE * 2 ** (count - 1), RETRY_LONGEST)
    return delay * (1 + RETRY_JITTER * (2 * jitter - 1))


def jobs_due(*, now: datetime) -> QuerySet[RenderJob]:
    """Jobs that any worker may claim now, soonest first; those of a paused batch are not."""
    paused = RenderBatch.objects.filter(status=RenderBatch.Status.PAUSED)
    return (
        RenderJob.objects.filter(status=Status.QUEUED, available_at__lte=now)
        .exclude(batch__in=paused)
        .order_by("priority", "available_at")
    )


def job_claim(*, worker: str, now: datetime, model: str = "") -> tuple[RenderJob, Lease] | None:
    """Lease the first due job of the advertiser whose turn it is to ``worker``; None when nothing is due.

    Advertisers take turns, so that thousands of pictures of one, or ones moved to the front, delay another's
    by one picture; priorities order the jobs of each.
    ``model`` is the one that the worker has loaded: among jobs of one priority its own come first,
    because loading another costs more than a picture, until the first in line has waited a minute.
    """
    while True:
        with transaction.atomic():
            due = jobs_due(now=now)
            if connection.features.has_select_for_update_skip_locked:
                due = due.select_for_update(skip_locked=True)
            turn = _turn(now)
            job = (due.filter(advertiser_id=turn) if turn else due).first() or due.first()
            if job and model not in ("", job.model) and now - job.available_at < MODEL_PATIENCE:
                job = due.filter(priority=job.priority, model=model).first() or job
            if job is None:
                return None
            lease = _claim(job, worker, now)
            if lease is not None:
                return job, lease


def _turn(now: datetime) -> UUID | None:
    """Whose last picture was begun the longest ago, of all with due jobs; None where that is but one."""
    due = jobs_due(now=now).order_by()
    waiting = set(due.values_list("advertiser_id", flat=True).distinct())
    if len(waiting) < 2:
        return None
    tries = RenderAttempt.objects.order_by("-pk").values_list("advertiser_id", flat=True)
    latest: dict[UUID, int] = {}
    for place, advertiser_id in enumerate(tries[:TURNS_REMEMBERED]):
        latest.setdefault(advertiser_id, place)
    longest = max(latest.get(advertiser_id, TURNS_REMEMBERED) for advertiser_id in waiting)
    first = {a for a in waiting if latest.get(a, TURNS_REMEMBERED) == longest}
    if len(first) == 1:
        return first.pop()
    return (
        due.filter(advertiser_id__in=first)
        .order_by("available_at")
        .values_list("advertiser_id", flat=True)
        .first()
    )


def jobs_claim_like(
    *, job: RenderJob, worker: str, now: datetime, limit: int
) -> list[tuple[RenderJob, Lease]]:
    """Lease up to ``limit`` due jobs that one pass of a model can draw together with ``job``.

    They name the same model and LoRA, and none is painted around its product. A check of a picture is drawn
    alone: in a microbatch a pixel may come out one step brighter.
    """
    if job.brief.get("keeps_product") or job.checks_id or limit < 1:
        return []
    with transaction.atomic():
        due = jobs_due(now=now).filter(
            model=job.model,
            brief__brand__lora=job.brief["brand"].get("lora", ""),
            brief__keeps_product=False,
            checks=None,
        )
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        claimed = [(row, _claim(row, worker, now)) for row in due[:limit]]
        return [(row, lease) for row, lease in claimed if lease is not None]


def _claim(job: RenderJob, worker: str, now: datetime) -> Lease | None:
    """Lease a row that was seen queued; None when another worker was faster."""
    claimed = RenderJob.objects.filter(pk=job.pk, status=Status.QUEUED, lease_epoch=job.lease_epoch).update(
        status=Status.LEASED,
        lease_owner=worker,
        lease_epoch=F("lease_epoch") + 1,
        lease_expires_at=_expiry(now),
        started_at=now,
        stage="loading",
        step=0,
        steps=0,
    )
    if not claimed:
        return None
    RenderAttempt.objects.create(
        advertiser_id=job.advertiser_id,
        job=job,
        epoch=job.lease_epoch + 1,
        worker=worker,
        started_at=now,
    )
    job.refresh_from_db()
    return Lease(job.pk, job.lease_epoch)


def lease_renew(*, lease: Lease, now: datetime) -> bool:
    """Heartbeat. False: the lease is somebody else's, stop working."""
    return bool(_held(lease).update(lease_expires_at=_expiry(now)))


def progress_write(*, lease: Lease, stage: str, step: int, steps: int) -> Progress:
    """Show where the render is, and learn whether to go on."""
    if not _held(lease).update(stage=stage, step=step, steps=steps):
        return Progress(is_held=False, cancel_requested=False)
    flag = RenderJob.objects.filter(pk=lease.job_id).values_list("cancel_requested", flat=True).first()
    return Progress(is_held=True, cancel_requested=bool(flag))


@transaction.atomic
def job_finish(*, lease: Lease, now: datetime, picture: Picture, creatives: list[Creative]) -> bool:
    """Succeed: the job and its creatives in one transaction.

    False when the lease was lost or a cancel was asked for meanwhile: nothing is written then.
    """
    finished = (
        _held(lease)
        .filter(cancel_requested=False)
        .update(
            status=Status.SUCCEEDED,
            **_NO_LEASE,
            stage="",
            step=F("steps"),
            picture=picture.name,
            picture_sha256=picture.sha256,
            model_hash=picture.model_hash,
            render_ms=picture.render_ms,
            match_score=picture.match_score,
            render_details=picture.details,
            comparison=picture.comparison,
            error_code="",
            error_message="",
            finished_at=now,
        )
    )
    if not finished:
        return False
    failpoint("finishing")
    Creative.objects.bulk_create(creatives)
    _attempt_close(lease, now, Outcome.SUCCEEDED)
    return True


@transaction.atomic
def job_fail(
    *,
    lease: Lease,
    now: datetime,
    code: str,
    message: str,
    permanent: bool,
    jitter: float,
    is_counted: bool = True,
) -> str | None:
    """Record an error; the job's new status, or None when the lease was lost.

    A permanent error ends in ``rejected`` at once; a transient one waits in ``available_at`` until
    there were too many. ``is_counted`` False is for trouble of the machine: wait, use up no attempt.
    """
    job = _held(lease).select_for_update().first()
    if job is None:
        return None
    job.error_code, job.error_message = code[:60], message[:500]
    if is_counted:
        job.attempts += 1
    if permanent:
        job.status = Status.REJECTED
    elif job.cancel_requested:
        job.status = Status.CANCELLED
    elif job.attempts >= settings.GENERATION_MAX_ATTEMPTS:
        job.status = Status.DEAD
    else:
        job.status = Status.QUEUED
        job.available_at = now + (backoff(job.attempts, jitter) if is_counted else FREE_RETRY_DELAY)
    _leave(job, lease, now, Outcome.ERROR, code)
    return job.status


@transaction.atomic
def job_stop(*, lease: Lease, now: datetime) -> bool:
    """The worker stopped because a person cancelled the job. False: the lease was lost."""
    job = _held(lease).select_for_update().first()
    if job is None:
        return False
    job.status = Status.CANCELLED
    _leave(job, lease, now, Outcome.CANCELLED)
    return True


@transaction.atomic
def job_release(*, lease: Lease, now: datetime) -> bool:
    """Give the lease back at shutdown: due at once, its place in line kept, no counter moved. False: lost."""
    job = _held(lease).select_for_update().first()
    if job is None:
        return False
    job.status = Status.CANCELLED if job.cancel_requested else Status.QUEUED
    _leave(job, lease, now, Outcome.RELEASED)
    return True


@transaction.atomic
def job_crash(*, lease: Lease, now: datetime, code: str, message: str, jitter: float) -> str | None:
    """The worker is gone or hangs: count a crash, apart from errors. None: the lease had moved on."""
    job = _held(lease).select_for_update().first()
    if job is None:
        return None
    job.crashes += 1
    job.error_code, job.error_message = code, message[:500]
    if job.cancel_requested:
        job.status = Status.CANCELLED
    elif job.crashes >= settings.GENERATION_MAX_CRASHES:
        job.status = Status.DEAD
    else:
        job.status = Status.QUEUED
        if job.crashes > 1:  # the first lost worker is most often a restart: the job keeps its place in line
            job.available_at = now + backoff(job.crashes, jitter)
    _leave(job, lease, now, Outcome.LOST, code)
    return job.status


def leases_expire(*, now: datetime, jitter: float) -> int:
    """Take back every lease that ran out; how many. Safe to run twice, anywhere, at any time."""
    expired = RenderJob.objects.filter(status=Status.LEASED, lease_expires_at__lt=now)
    taken = 0
    for job_id, epoch, owner in list(expired.values_list("pk", "lease_epoch", "lease_owner")):
        with transaction.atomic():
            # Looked at again under the lock: a heartbeat may have come in between.
            if not expired.select_for_update().filter(pk=job_id, lease_epoch=epoch).exists():
                continue
            message = f"Worker {owner} stopped without a word; its lease ran out."
            lease = Lease(job_id, epoch)
            taken += (
                job_crash(lease=lease, now=now, code="worker_lost", message=message, jitter=jitter)
                is not None
            )
    return taken


def _expiry(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.GENERATION_LEASE_SECONDS)


def _held(lease: Lease) -> QuerySet[RenderJob]:
    return RenderJob.objects.filter(pk=lease.job_id, status=Status.LEASED, lease_epoch=lease.epoch)


def _leave(job: RenderJob, lease: Lease, now: datetime, outcome: str, code: str = "") -> None:
    """Write the state ``job`` was given; its row is locked and known to be held by ``lease``."""
    _held(lease).update(
        status=job.status,
        **_NO_LEASE,
        available_at=job.available_at,
        attempts=job.attempts,
        crashes=job.crashes,
        cancel_requested=False,
        stage="",
        error_code=job.error_code,
        error_message=job.error_message,
        finished_at=None if job.status == Status.QUEUED else now,
    )
    _attempt_close(lease, now, outcome, code)


def _attempt_close(lease: Lease, now: datetime, outcome: str, code: str = "") -> None:
    RenderAttempt.objects.filter(job_id=lease.job_id, epoch=lease.epoch).update(
        ended_at=now, outcome=outcome, error_code=code[:60]
    )
