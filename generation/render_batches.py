"""Writes of render batches. Each is one guarded UPDATE; the jobs' own columns stay the queue's truth."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts.models import Advertiser, User
from adplatform.lib.errors import DomainError
from generation.batch_selectors import batch_get
from generation.models import RenderBatch, RenderJob
from generation.services import queue_wake, renders_cancel, renders_retry

Status = RenderBatch.Status
NAME_LENGTH = RenderBatch._meta.get_field("name").max_length or 0


def batch_create(
    *, advertiser: Advertiser, name: str, asked_count: int, shared_count: int, created_by: User | None
) -> RenderBatch:
    """A batch to ask for pictures under; ``shared_count`` of them are there or on their way already."""
    return RenderBatch.objects.create(
        advertiser=advertiser,
        name=name[:NAME_LENGTH],
        asked_count=asked_count,
        shared_count=shared_count,
        created_by=created_by,
    )


def batch_pause(*, advertiser: Advertiser, batch_id: UUID) -> RenderBatch:
    """Claim no more of its jobs. Raises NotFound or DomainError ``batch_not_open`` (409)."""
    return _move(advertiser, batch_id, Status.OPEN, Status.PAUSED)


def batch_resume(*, advertiser: Advertiser, batch_id: UUID) -> RenderBatch:
    """Go on with a paused batch. Raises NotFound or DomainError ``batch_not_paused`` (409)."""
    batch = _move(advertiser, batch_id, Status.PAUSED, Status.OPEN)
    queue_wake()
    return batch


@transaction.atomic
def batch_cancel(*, advertiser: Advertiser, batch_id: UUID) -> RenderBatch:
    """Stop what waits at once and what is rendered at its next step; cancelling twice is harmless."""
    batch = batch_get(advertiser_id=advertiser.pk, batch_id=batch_id)
    RenderBatch.objects.filter(pk=batch.pk).update(status=Status.CANCELLED)
    renders_cancel(advertiser=advertiser, job_ids=batch.jobs.values_list("pk", flat=True))
    batch.status = Status.CANCELLED
    return batch


@transaction.atomic
def batch_prioritise(*, advertiser: Advertiser, batch_id: UUID, priority: int) -> RenderBatch:
    """Move what still waits before or behind other work, its own order kept.

    Raises NotFound or DomainError ``priority_unknown``.
    """
    if priority not in RenderBatch.Priority.values:
        known = ", ".join(map(str, RenderBatch.Priority.values))
        raise DomainError("priority_unknown", f"The priority must be one of {known}; smaller is sooner.")
    batch_get(advertiser_id=advertiser.pk, batch_id=batch_id)
    # The row is locked, so that two clicks at once do not both shift from the same old priority.
    batch = RenderBatch.objects.select_for_update().get(advertiser=advertiser, pk=batch_id)
    shift = priority - batch.priority
    batch.jobs.filter(status=RenderJob.Status.QUEUED).update(priority=F("priority") + shift)
    batch.priority = priority
    batch.save(update_fields=["priority"])
    return batch


@transaction.atomic
def batch_retry(*, advertiser: Advertiser, batch_id: UUID, code: str) -> int:
    """Queue what failed with ``code`` again; how many. A cancelled batch is open again when there is any."""
    batch = batch_get(advertiser_id=advertiser.pk, batch_id=batch_id)
    count = renders_retry(advertiser=advertiser, code=code, batch=batch)
    if count:
        RenderBatch.objects.filter(pk=batch.pk, status=Status.CANCELLED).update(status=Status.OPEN)
    return count


def _move(advertiser: Advertiser, batch_id: UUID, before: str, after: str) -> RenderBatch:
    batch = batch_get(advertiser_id=advertiser.pk, batch_id=batch_id)
    if not RenderBatch.objects.filter(pk=batch.pk, status=before).update(status=after):
        raise DomainError(f"batch_not_{before}", f"This batch is not {before}.", status=409)
    batch.status = after
    return batch
