"""How well generation works: three figures, each equal to SQL over the rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, Sum

from adplatform.lib.money import exponent_of
from generation.models import Creative, RenderAttempt

KPI_DAYS = 30


@dataclass(frozen=True)
class ModelCost:
    """What one model's pictures cost, in worker seconds and, where an hour has its price, in money."""

    model: str
    approved: int  # creatives
    worker_seconds: float  # of all tries, failed and lost ones too

    @property
    def cents(self) -> float | None:
        """Hundredths (or what the currency has); None without GENERATION_WORKER_HOUR_CENTS."""
        price = settings.GENERATION_WORKER_HOUR_CENTS
        return self.worker_seconds / 3600 * price if price > 0 else None

    @property
    def text(self) -> str:
        """``12.34 EUR``; empty without a price."""
        return _money(self.cents)

    @property
    def text_per_approved(self) -> str:
        """The same for each approved creative; empty without one."""
        return _money(self.cents / self.approved) if self.cents is not None and self.approved else ""


def _money(cents: float | None) -> str:
    if cents is None:
        return ""
    digits = exponent_of(settings.GENERATION_WORKER_HOUR_CURRENCY) + 2  # a picture costs less than a cent
    return f"{cents / 10 ** (digits - 2):,.{digits}f} {settings.GENERATION_WORKER_HOUR_CURRENCY}"


@dataclass(frozen=True)
class GenerationKpis:
    """Counts over the render jobs that were asked for in a period; checks of finished ones left out."""

    made: int  # creatives
    passed: int  # of them without a fault that blocks approval
    approved: int  # of them approved at some time
    approved_briefs: int  # render jobs with at least one approved creative
    tries: int  # of workers, failed and lost ones too
    worker_seconds: float  # of all tries, start to end, composition included
    models: tuple[ModelCost, ...] = ()  # the most worker seconds first

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

    @property
    def whole(self) -> ModelCost:
        """All models together."""
        return ModelCost("", self.approved, self.worker_seconds)


def kpis_get(*, advertiser_id: UUID, now: datetime, days: int = KPI_DAYS) -> GenerationKpis:
    """The figures of the jobs that were asked for in the last ``days``."""
    since = now - timedelta(days=days)
    creatives = Creative.objects.filter(advertiser_id=advertiser_id, job__created_at__gte=since).order_by()
    approved = creatives.filter(reviews__action="approve").distinct()
    tries = RenderAttempt.objects.filter(
        advertiser_id=advertiser_id, job__created_at__gte=since, job__checks=None
    ).order_by()
    took = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())
    ended = tries.exclude(ended_at=None)
    seconds = {
        model: total.total_seconds()
        for model, total in ended.values_list("job__model").annotate(total=Sum(took)).order_by()
    }
    approved_by_model = dict(
        approved.values_list("job__model").annotate(number=Count("pk", distinct=True)).order_by()
    )
    return GenerationKpis(
        made=creatives.count(),
        passed=creatives.filter(
            Q(inspection__is_blocked=False) | Q(inspection__is_blocked__isnull=True)
        ).count(),
        approved=approved.count(),
        approved_briefs=approved.values("job_id").count(),
        tries=tries.count(),
        worker_seconds=sum(seconds.values()),
        models=tuple(
            ModelCost(model, approved_by_model.get(model, 0), spent)
            for model, spent in sorted(seconds.items(), key=lambda pair: -pair[1])
        ),
    )
