"""How well generation works: three figures, each equal to SQL over the rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import DurationField, ExpressionWrapper, F, Q, Sum

from generation.models import Creative, RenderAttempt

KPI_DAYS = 30


@dataclass(frozen=True)
class GenerationKpis:
    """Counts over the render jobs that were asked for in a period; checks of finished ones left out."""

    made: int  # creatives
    passed: int  # of them without a fault that blocks approval
    approved: int  # of them approved at some time
    approved_briefs: int  # render jobs with at least one approved creative
    tries: int  # of workers, failed and lost ones too
    worker_seconds: float  # of all tries, start to end, composition included

    @property
    def available_rate(self) -> float | None:
        """Creatives that passed the inspection / creatives made."""
        return self.passed / self.made if self.made else None

    @property
    def tries_per_approved(self) -> float | None:
        """Tries / creatives approved."""
        return self.tries / self.approved if self.approved else None

    @property
    def tries_per_approved_brief(self) -> float | None:
        """Tries / briefs with an approved creative: one try makes all sizes of a brief."""
        return self.tries / self.approved_briefs if self.approved_briefs else None

    @property
    def seconds_per_approved(self) -> float | None:
        """Worker seconds of all tries / creatives approved."""
        return self.worker_seconds / self.approved if self.approved else None


def kpis_get(*, advertiser_id: UUID, now: datetime, days: int = KPI_DAYS) -> GenerationKpis:
    """The figures of the jobs that were asked for in the last ``days``."""
    since = now - timedelta(days=days)
    creatives = Creative.objects.filter(advertiser_id=advertiser_id, job__created_at__gte=since).order_by()
    approved = creatives.filter(reviews__action="approve").distinct()
    tries = RenderAttempt.objects.filter(
        advertiser_id=advertiser_id, job__created_at__gte=since, job__checks=None
    ).order_by()
    took = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())
    seconds = tries.exclude(ended_at=None).aggregate(total=Sum(took))["total"] or timedelta(0)
    return GenerationKpis(
        made=creatives.count(),
        passed=creatives.filter(
            Q(inspection__is_blocked=False) | Q(inspection__is_blocked__isnull=True)
        ).count(),
        approved=approved.count(),
        approved_briefs=approved.values("job_id").count(),
        tries=tries.count(),
        worker_seconds=seconds.total_seconds(),
    )
