"""Reads of render batches: how far each is and what went wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet

from adplatform.lib.errors import NotFound
from generation import queue
from generation.job_selectors import FAILED, FailureGroup, duration_words, failure_groups
from generation.models import RenderBatch, RenderJob
from generation.pace import Pace, pace_get

Status = RenderJob.Status


@dataclass(frozen=True)
class BatchState:
    """A batch with its jobs counted by status."""

    batch: RenderBatch
    counts: dict[str, int]
    pace: Pace

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        return self.counts.get(Status.SUCCEEDED, 0)

    @property
    def failed(self) -> int:
        return sum(self.counts.get(status, 0) for status in FAILED)

    @property
    def left(self) -> int:
        return self.counts.get(Status.QUEUED, 0) + self.counts.get(Status.LEASED, 0)

    @property
    def done_rate(self) -> float:
        """What is no longer waited for, 0 to 1."""
        return 1 - self.left / self.total if self.total else 1.0

    @property
    def seconds_left(self) -> int | None:
        """At the pace of the workers that are at it, without what waits before it; None: unknown, or nothing
        left."""
        return self.pace.seconds_for(self.left)

    @property
    def time_left(self) -> str:
        return duration_words(self.seconds_left or 0)


def batch_get(*, advertiser_id: UUID, batch_id: UUID | str) -> RenderBatch:
    """Raises NotFound, also for another advertiser's."""
    try:
        return RenderBatch.objects.select_related("created_by").get(advertiser_id=advertiser_id, pk=batch_id)
    except (RenderBatch.DoesNotExist, ValidationError, ValueError):
        raise NotFound("render batch") from None


def batch_list(*, advertiser_id: UUID) -> QuerySet[RenderBatch]:
    """Newest first."""
    return RenderBatch.objects.filter(advertiser_id=advertiser_id).order_by("-created_at", "-id")


def batch_states(batches: Sequence[RenderBatch]) -> list[BatchState]:
    """The states of some batches in two queries, whatever their number."""
    counts: defaultdict[UUID, dict[str, int]] = defaultdict(dict)
    rows = RenderJob.objects.filter(batch__in=batches).order_by()
    for batch_id, status, count in rows.values_list("batch_id", "status").annotate(Count("pk")):
        counts[batch_id][status] = count
    pace = pace_get(now=queue.clock())
    return [BatchState(batch, counts[batch.pk], pace) for batch in batches]


def batch_failures(batch: RenderBatch) -> list[FailureGroup]:
    """Its failed jobs by code, the most frequent first."""
    return failure_groups(RenderJob.objects.filter(batch=batch).order_by())
