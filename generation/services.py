"""Writes of generation: ask for a picture, cancel it, ask again, and do the work of the queue."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Case, F, Min, Value, When

from accounts.models import Advertiser, User
from adplatform.lib.commit import queue_on_commit
from adplatform.lib.errors import DomainError, NotFound
from adplatform.lib.ids import uuid7
from generation import queue
from generation.briefs import Brief
from generation.models import RenderBatch, RenderJob
from generation.prompts import prompt_build

log = structlog.get_logger(__name__)

Status = RenderJob.Status
INSERTED_AT_ONCE = 200  # rows a statement: a few hundred kilobytes of JSON
FIRST_OF_ALL = -30_000  # of a smallint
CHECK_PRIORITY = 2  # a person is waiting for it, and it is one picture
RETRYABLE = (Status.DEAD, Status.REJECTED, Status.CANCELLED)


@transaction.atomic
def render_request(
    *,
    advertiser: Advertiser,
    brief: Brief,
    requested_by: User | None = None,
    priority: int = 5,
    replaces: RenderJob | None = None,
) -> RenderJob:
    """The job that makes this brief's picture: a new one, or the one that there is already.

    ``replaces`` is the picture whose place a new one takes, for the reviewer to compare. A cancelled job
    that is asked for again waits again; a failed one needs ``render_retry``. Raises DomainError
    ``model_unknown``, ``style_unknown`` or ``brief_without_sizes``.
    """
    _brief_check(brief)
    now = queue.clock()
    is_first = not queue.jobs_due(now=now).exists()
    job, is_new = RenderJob.objects.get_or_create(
        advertiser=advertiser,
        fingerprint=brief.fingerprint,
        defaults={
            **_job_fields(brief),
            "priority": priority,
            "available_at": now,
            "replaces": replaces,
            "requested_by": requested_by,
        },
    )
    if not is_new and job.status == Status.CANCELLED:
        return render_retry(advertiser=advertiser, job_id=job.pk)
    if is_new and is_first:
        # One message is enough for a hundred jobs: whoever it wakes works until nothing is due. Should
        # that worker be finishing just now, the sweep finds the job within its five seconds.
        _wake(job)
    return job


@dataclass(frozen=True)
class Wanted:
    """One picture of many that are asked for at once."""

    brief: Brief
    priority: int = 5
    replaces: RenderJob | None = None


@transaction.atomic
def renders_request(
    *,
    advertiser: Advertiser,
    wanted: Sequence[Wanted],
    requested_by: User | None = None,
    batch: RenderBatch | None = None,
) -> dict[str, UUID]:
    """``render_request`` for many in a few statements: fingerprint -> job. New jobs join ``batch``.

    Raises as ``render_request`` does; nothing is asked for then.
    """
    for one in wanted:
        _brief_check(one.brief)
    now = queue.clock()
    is_first = not queue.jobs_due(now=now).exists()
    jobs = RenderJob.objects.filter(
        advertiser=advertiser, fingerprint__in=[one.brief.fingerprint for one in wanted]
    )
    known = set(jobs.values_list("fingerprint", flat=True))
    fresh = {one.brief.fingerprint: one for one in wanted if one.brief.fingerprint not in known}
    rows = [
        RenderJob(
            advertiser=advertiser,
            fingerprint=fingerprint,
            priority=one.priority,
            available_at=now,
            replaces=one.replaces,
            requested_by=requested_by,
            batch=batch,
            **_job_fields(one.brief),
        )
        for fingerprint, one in fresh.items()
    ]
    RenderJob.objects.bulk_create(rows, ignore_conflicts=True, batch_size=INSERTED_AT_ONCE)
    jobs.filter(status=Status.CANCELLED).update(batch=batch, **_fresh_start(now))
    if rows and is_first:
        _wake(rows[0])
    return dict(jobs.values_list("fingerprint", "pk"))


def renders_retry(*, advertiser: Advertiser, code: str, batch: RenderBatch | None = None) -> int:
    """Queue every job that failed with ``code`` again, of one batch or of all; returns how many."""
    failed = RenderJob.objects.filter(
        advertiser=advertiser, status__in=(Status.DEAD, Status.REJECTED), error_code=code, checks=None
    )
    if batch is not None:
        failed = failed.filter(batch=batch)
    first = failed.first()
    count = failed.update(**_fresh_start(queue.clock()))
    if count and first is not None:
        _wake(first)
    return count


@transaction.atomic
def render_cancel(*, advertiser: Advertiser, job_id: UUID | str) -> RenderJob:
    """Stop a job: a waiting one at once, a running one at its next step; cancelling twice is harmless.

    Raises NotFound, or DomainError ``render_job_finished``.
    """
    job = _job_lock(advertiser, job_id)
    if job.status == Status.QUEUED:
        job.status, job.finished_at = Status.CANCELLED, queue.clock()
        job.save(update_fields=["status", "finished_at"])
    elif job.status == Status.LEASED:
        # Only the flag: the lease's columns belong to the worker.
        RenderJob.objects.filter(pk=job.pk).update(cancel_requested=True)
        job.cancel_requested = True
    elif job.status != Status.CANCELLED:
        raise DomainError(
            "render_job_finished", f"This job is over: {job.get_status_display().lower()}.", status=409
        )
    return job


@transaction.atomic
def render_first(*, advertiser: Advertiser, job_id: UUID | str) -> RenderJob:
    """Put a waiting job before all others of the advertiser, due at once; others' jobs keep their turn.

    Raises NotFound, or DomainError ``render_job_not_waiting`` or ``render_batch_paused`` (409).
    """
    job = _job_lock(advertiser, job_id)
    if job.status != Status.QUEUED:
        raise DomainError("render_job_not_waiting", "Only a job that waits can be moved.", status=409)
    if job.batch is not None and job.batch.status == RenderBatch.Status.PAUSED:
        raise DomainError("render_batch_paused", "Its batch is paused; resume that first.", status=409)
    waiting = RenderJob.objects.filter(advertiser=advertiser, status=Status.QUEUED).exclude(pk=job.pk)
    first = waiting.aggregate(first=Min("priority"))["first"]
    if first is not None:
        job.priority = max(min(job.priority, first - 1), FIRST_OF_ALL)
    job.available_at = min(job.available_at, queue.clock())
    job.save(update_fields=["priority", "available_at"])
    _wake(job)
    return job


@transaction.atomic
def render_check(
    *, advertiser: Advertiser, job_id: UUID | str, requested_by: User | None = None
) -> RenderJob:
    """Render a finished job once more, to see whether it comes out equal. A check that runs is not doubled.

    Raises NotFound, or DomainError ``render_job_unfinished`` or ``render_job_is_check`` (409).
    """
    job = _job_lock(advertiser, job_id)
    if job.checks_id is not None:
        raise DomainError("render_job_is_check", "This job is a check itself.", status=409)
    if job.status != Status.SUCCEEDED or not job.picture:
        raise DomainError("render_job_unfinished", "There is no picture to compare with yet.", status=409)
    running = _check_open(job)
    if running is not None:  # the lock on the job makes this look and the insert one step
        return running
    same = ("brief", "model", "prompt", "motif", "negative_prompt", "prompt_parts", "prompt_template", "seed")
    check = RenderJob.objects.create(
        advertiser=advertiser,
        checks=job,
        fingerprint=hashlib.sha256(f"check:{job.pk}:{uuid7()}".encode()).hexdigest(),
        priority=CHECK_PRIORITY,
        available_at=queue.clock(),
        requested_by=requested_by,
        **{name: getattr(job, name) for name in same},
    )
    _wake(check)
    return check


def renders_cancel(*, advertiser: Advertiser, job_ids: Iterable[UUID]) -> int:
    """Stop many jobs as ``render_cancel`` does, in one UPDATE; those that are over stay as they are."""
    open_jobs = RenderJob.objects.filter(
        advertiser=advertiser, pk__in=list(job_ids), status__in=(Status.QUEUED, Status.LEASED)
    )
    # One statement looks at each row once: a job that is claimed or released meanwhile is not missed.
    return open_jobs.update(
        status=Case(When(status=Status.QUEUED, then=Value(Status.CANCELLED)), default=F("status")),
        finished_at=Case(When(status=Status.QUEUED, then=Value(queue.clock())), default=F("finished_at")),
        cancel_requested=Case(When(status=Status.LEASED, then=Value(True)), default=Value(False)),
    )


@transaction.atomic
def render_retry(*, advertiser: Advertiser, job_id: UUID | str) -> RenderJob:
    """Queue a failed, refused or cancelled job again with fresh counters; a waiting one stays as it is.

    Raises NotFound, or DomainError ``render_job_succeeded`` or ``render_job_running``.
    """
    job = _job_lock(advertiser, job_id)
    if job.status == Status.SUCCEEDED:
        raise DomainError(
            "render_job_succeeded", "This job is done; ask for another take instead.", status=409
        )
    if job.status == Status.LEASED:
        raise DomainError("render_job_running", "This job is being rendered right now.", status=409)
    if job.checks is not None and _check_open(_job_lock(advertiser, job.checks.pk)) not in (None, job):
        raise DomainError("render_job_running", "Another check of this picture is running.", status=409)
    if job.status in RETRYABLE:
        job.attempts = job.crashes = job.step = 0
        job.error_code = job.error_message = ""
        job.cancel_requested = False
        job.finished_at = None
    job.status, job.available_at = Status.QUEUED, queue.clock()
    job.save()
    _wake(job)
    return job


def render_execute(
    worker: str,
    *,
    stopping: Callable[[], bool] | None = None,
    on_hang: Callable[[], None] | None = None,
) -> bool:
    """Claim one due job, or a microbatch of one model, and run it to its end; False when nothing is due."""
    # The worker's machinery: imported here, so that a page which only queues work stays light.
    from generation.execution import Watch, never
    from generation.microbatches import microbatch_run
    from generation.renderers import renderer_loaded

    claimed = queue.job_claim(worker=worker, now=queue.clock(), model=renderer_loaded())
    if claimed is None:
        return False
    others = queue.jobs_claim_like(
        job=claimed[0], worker=worker, now=queue.clock(), limit=settings.GENERATION_MICROBATCH - 1
    )
    watched = [
        (job, lease, Watch(lease, stopping=stopping or never, on_hang=on_hang))
        for job, lease in (claimed, *others)
    ]
    for job, outcome, ms in microbatch_run(watched):
        log.info("render_ended", job=str(job.pk), outcome=outcome, ms=ms)
    return True


def render_sweep(*, now: datetime) -> int:
    """Take back leases that ran out; how many. Safe to run twice, anywhere, at any time."""
    expired = queue.leases_expire(now=now, jitter=random.random())
    if expired:
        log.warning("leases_expired", count=expired)
    return expired


def _brief_check(brief: Brief) -> None:
    if brief.model not in settings.GENERATION_MODELS:
        known = ", ".join(settings.GENERATION_MODELS)
        raise DomainError("model_unknown", f"There is no image model {brief.model!r}; there are: {known}.")
    if not brief.sizes:
        raise DomainError("brief_without_sizes", "The brief names no size to make.")


def _job_fields(brief: Brief) -> dict[str, Any]:
    """What a job is told to make."""
    prompt = prompt_build(brief)
    return {
        "brief": brief.to_dict(),
        "model": brief.model,
        "prompt": prompt.text,
        "motif": prompt.motif,
        "negative_prompt": prompt.negative,
        "prompt_parts": [part.to_dict() for part in prompt.parts],
        "prompt_template": prompt.template,
        "seed": prompt.seed,
    }


def _fresh_start(now: datetime) -> dict[str, Any]:
    """The columns of a job that waits again as if for the first time."""
    return {
        "status": Status.QUEUED,
        "available_at": now,
        "attempts": 0,
        "crashes": 0,
        "step": 0,
        "error_code": "",
        "error_message": "",
        "cancel_requested": False,
        "finished_at": None,
    }


def _check_open(job: RenderJob) -> RenderJob | None:
    return job.rechecks.filter(status__in=(Status.QUEUED, Status.LEASED)).first()


def _job_lock(advertiser: Advertiser, job_id: UUID | str) -> RenderJob:
    try:
        return RenderJob.objects.select_for_update().get(advertiser=advertiser, pk=job_id)
    except (RenderJob.DoesNotExist, ValidationError, ValueError):
        raise NotFound("render job") from None


def queue_wake() -> None:
    """Tell a worker that something may be due; a lost message costs one sweep."""
    from generation.tasks import render_wake

    queue_on_commit(render_wake)


def _wake(job: RenderJob) -> None:
    from generation.tasks import render_wake

    queue_on_commit(render_wake, str(job.pk))
