"""How well generation works: three figures, each equal to SQL over the rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, Sum

from adplatform.lib.money import exponent_of
from generation.models import Creative, RenderAttempt, RenderJob

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

    drawn: int  # pictures: kept, discarded for their faults, and one for each refused job
    usable: int  # kept pictures with a creative that nothing keeps from approval
    discarded: int  # drawn again with another seed
    refused: int  # jobs that ended before any creative
    approved: int  # creatives, approved at some time
    approved_pictures: int  # with at least one approved creative
    worker_seconds: float  # of all tries, start to end, composition included
    models: tuple[ModelCost, ...] = ()  # the most worker seconds first

    @property
    def available_rate(self) -> float | None:
        """Usable pictures / pictures drawn."""
        return self.usable / self.drawn if self.drawn else None

    @property
    def drawn_per_approved(self) -> float | None:
        """Pictures drawn / pictures approved: one picture makes all sizes of a brief."""
        return self.drawn / self.approved_pictures if self.approved_pictures else None

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
    jobs = RenderJob.objects.filter(
        advertiser_id=advertiser_id, created_at__gte=since, checks=None
    ).order_by()
    creatives = Creative.objects.filter(advertiser_id=advertiser_id, job__created_at__gte=since).order_by()
    kept = jobs.filter(pk__in=creatives.values("job_id"))
    discards = [len(found or ()) for found in kept.values_list("render_details__discarded", flat=True)]
    discarded = sum(discards)
    refused = jobs.filter(status=RenderJob.Status.REJECTED, creatives=None).count()
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
        drawn=len(discards) + discarded + refused,
        usable=creatives.filter(Q(inspection__is_blocked=False) | Q(inspection__is_blocked__isnull=True))
        .values("job_id")
        .distinct()
        .count(),
        discarded=discarded,
        refused=refused,
        approved=approved.count(),
        approved_pictures=creatives.filter(reviews__action="approve").values("job_id").distinct().count(),
        worker_seconds=sum(seconds.values()),
        models=tuple(
            ModelCost(model, approved_by_model.get(model, 0), spent)
            for model, spent in sorted(seconds.items(), key=lambda pair: -pair[1])
        ),
    )
