"""What an operator watches of counting: sums over all advertisers, from the roll-ups, never from events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Count, Min, Sum

from analytics.models import DailyRollup, DirtyHour, HourlyInvalid

KINDS = ("impressions", "viewables", "clicks", "conversions")


@dataclass(frozen=True)
class CountingMetrics:
    """The state of the roll-ups at one moment; simulated traffic is left out."""

    pending_hours: int  # hours with events that are not in the figures yet
    lag_seconds: float  # age of the oldest of these marks; 0 without one
    today: dict[str, int]  # counted events of this UTC day, by kind
    not_counted_today: dict[tuple[str, str], int]  # (kind, reason) -> events kept and left out


def counting_metrics_get(*, now: datetime) -> CountingMetrics:
    """Three queries over marks and today's roll-ups."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    marks = DirtyHour.objects.aggregate(oldest=Min("created_at"), pending=Count("hour", distinct=True))
    sums = DailyRollup.objects.filter(day=midnight.date(), is_simulated=False).aggregate(
        **{kind: Sum(kind, default=0) for kind in KINDS}
    )
    invalid = (
        HourlyInvalid.objects.filter(hour__gte=midnight, is_simulated=False)
        .order_by()
        .values_list("kind", "reason")
        .annotate(n=Sum("events"))
    )
    return CountingMetrics(
        pending_hours=marks["pending"],
        lag_seconds=max(0.0, (now - marks["oldest"]).total_seconds()) if marks["oldest"] else 0.0,
        today=sums,
        not_counted_today={(kind, reason): n for kind, reason, n in invalid},
    )
