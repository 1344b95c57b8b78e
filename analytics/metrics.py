"""What an operator watches of counting: sums over all advertisers, from the roll-ups, never from events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q, Sum

from analytics.freshness import waiting_since
from analytics.models import DailyRollup, DirtyHour, HourlyInvalid, ReportSending

KINDS = ("impressions", "viewables", "clicks", "conversions")


@dataclass(frozen=True)
class CountingMetrics:
    """The state of the roll-ups at one moment; simulated traffic is left out."""

    pending_hours: int  # hours with events that are not in the figures yet
    failing_hours: int  # those of them whose rebuild ended in an error
    lag_seconds: float  # since when the oldest event waits, marked or in the buffer; 0 without one
    today: dict[str, int]  # counted events of this UTC day, by kind
    not_counted_today: dict[tuple[str, str], int]  # (kind, reason) -> events kept and left out
    buffer_batches: dict[str, int]  # waiting, refused (put aside); empty without a buffer
    mails: dict[str, int]  # report e-mails tried within a day, by status


def counting_metrics_get(*, now: datetime) -> CountingMetrics:
    """Five queries over marks, today's roll-ups and e-mails; two questions to the buffer."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    oldest = waiting_since()
    sums = DailyRollup.objects.filter(day=midnight.date(), is_simulated=False).aggregate(
        **{kind: Sum(kind, default=0) for kind in KINDS}
    )
    invalid = (
        HourlyInvalid.objects.filter(hour__gte=midnight, is_simulated=False)
        .order_by()
        .values_list("kind", "reason")
        .annotate(n=Sum("events"))
    )
    mails = dict(
        ReportSending.objects.filter(tried_at__gt=now - timedelta(days=1))
        .order_by()
        .values_list("status")
        .annotate(n=Count("pk"))
    )
    hours = DirtyHour.objects.aggregate(
        pending=Count("hour", distinct=True),
        failing=Count("hour", distinct=True, filter=Q(failures__gt=0)),
    )
    return CountingMetrics(
        pending_hours=hours["pending"],
        failing_hours=hours["failing"],
        lag_seconds=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        today=sums,
        not_counted_today={(kind, reason): n for kind, reason, n in invalid},
        buffer_batches=_buffer_batches(),
        mails={status: mails.get(status, 0) for status in ReportSending.Status.values},
    )


def _buffer_batches() -> dict[str, int]:
    if not settings.EVENTS_BUFFER_URL:
        return {}
    from analytics.event_buffer import sizes_get  # brings redis

    return sizes_get()
