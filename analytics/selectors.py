"""Reads of analytics: sums over the roll-ups. Nothing here touches the events themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Unpack
from uuid import UUID

from django.db.models import Q, Sum
from django.utils import timezone

from accounts.models import Advertiser
from analytics import report_filters
from analytics.freshness import waiting_since
from analytics.models import DailyCreativeRollup, DailyInvalid, DailyReach, DailyRollup, DirtyHour
from analytics.reach import merge
from analytics.report_query import BY_CREATIVE, BY_PLACE, Filters
from analytics.stats.intervals import Rate, wilson

STALE_AFTER = timedelta(minutes=2)
COUNTS = ("impressions", "viewables", "clicks", "conversions", "revenue_cents")
# Rate -> its successes and its trials.
RATES = {
    "viewable_rate": ("viewables", "impressions"),
    "click_rate": ("clicks", "impressions"),
    "conversion_rate": ("conversions", "clicks"),
}
_SUMS = {name: Sum(name, default=0) for name in COUNTS}


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The five sums that everything is made of; revenue after refunds, in the advertiser's currency."""

    impressions: int = 0
    viewables: int = 0
    clicks: int = 0
    conversions: int = 0
    revenue_cents: int = 0

    @property
    def click_rate(self) -> Rate:
        """Clicks for each impression."""
        return wilson(self.clicks, self.impressions)

    @property
    def viewable_rate(self) -> Rate:
        """Viewable impressions for each impression."""
        return wilson(self.viewables, self.impressions)

    @property
    def conversion_rate(self) -> Rate:
        """Orders for each click."""
        return wilson(self.conversions, self.clicks)


@dataclass(frozen=True, kw_only=True)
class Totals(Counts):
    """Sums of a period. Orders count here when a creative led to them."""

    unattributed_conversions: int = 0  # orders that no creative led to
    unattributed_revenue_cents: int = 0
    other_revenue: dict[str, int] = field(default_factory=dict)  # attributed, of days without a rate
    refunds: int = 0  # of all orders of the period
    refunded_cents: int = 0  # of the attributed ones
    invalid_events: int = 0
    has_simulated: bool = False
    currency: str = ""

    @property
    def is_empty(self) -> bool:
        return not any(
            getattr(self, name) for name in (*COUNTS, "unattributed_conversions", "invalid_events")
        )


@dataclass(frozen=True, kw_only=True)
class DayPoint(Counts):
    """One day of a series."""

    day: date


@dataclass(frozen=True, kw_only=True)
class HourPoint(Counts):
    """One hour of a series."""

    hour: datetime


@dataclass(frozen=True)
class InvalidLine:
    """How many events of a kind were kept but not counted, for one reason."""

    kind: str
    reason: str
    events: int


@dataclass(frozen=True)
class Freshness:
    """Up to when every accepted event is in the figures."""

    as_of: datetime
    pending_hours: int
    is_stale: bool


NO_COUNTS = Counts()


def day_sketches_get(
    *, advertiser_id: UUID, spans: Sequence[tuple[date, date]], **filters: Unpack[Filters]
) -> dict[date, bytes] | None:
    """Each day's shoppers, of campaigns or all; None for filters that no sketch is kept of."""
    if filters.keys() - {"campaigns"}:
        return None
    days = Q()
    for start, end in spans:
        days |= Q(day__gte=start, day__lte=end)
    sketches = DailyReach.objects.filter(days, advertiser_id=advertiser_id)
    if campaigns := filters.get("campaigns"):
        sketches = sketches.filter(campaign_id__in=campaigns)
    else:
        sketches = sketches.filter(campaign_id=None)
    found: dict[date, list[bytes]] = {}
    for day, sketch in sketches.values_list("day", "sketch"):
        found.setdefault(day, []).append(bytes(sketch))
    return {day: mine[0] if len(mine) == 1 else merge(mine) for day, mine in found.items()}


def counts_get(*, advertiser_id: UUID, start: date, end: date, **filters: Unpack[Filters]) -> Counts:
    """The sums from ``start`` to ``end``, both included; attributed orders only."""
    rows = rollups_of(advertiser_id, start, end, filters)
    return Counts(**rows.aggregate(**sums_in(currency_of(advertiser_id))))


def placements_get(
    *, advertiser_id: UUID, start: date, end: date, **filters: Unpack[Filters]
) -> dict[UUID, Counts]:
    """Sums by placement."""
    rows = (
        rollups_of(advertiser_id, start, end, filters, whole=True)
        .filter(placement_id__isnull=False)
        .values("placement_id")
        .annotate(**sums_in(currency_of(advertiser_id)))
    )
    return {row.pop("placement_id"): Counts(**row) for row in rows}


def invalid_get(
    *, advertiser_id: UUID, start: date, end: date, **filters: Unpack[Filters]
) -> list[InvalidLine]:
    """What was kept but not counted, by kind and reason; nothing with a filter that only creatives tell."""
    if filters.keys() & BY_CREATIVE:
        return []
    rows = (
        DailyInvalid.objects.filter(advertiser_id=advertiser_id, day__gte=start, day__lte=end)
        .filter(report_filters.condition(filters, advertiser_id))
        .values("kind", "reason")
        .annotate(count=Sum("events"))
        .order_by("kind", "-count", "reason")
    )
    return [InvalidLine(row["kind"], row["reason"], row["count"]) for row in rows]


def freshness_get(*, advertiser_id: UUID, now: datetime | None = None) -> Freshness:
    """Without a mark every accepted event is counted, so the figures are as of now."""
    now = now or timezone.now()
    hours = DirtyHour.objects.filter(advertiser_id=advertiser_id).values("hour").distinct()
    as_of = min(waiting_since(advertiser_id=advertiser_id) or now, now)
    return Freshness(as_of, hours.count(), now - as_of > STALE_AFTER)


def has_data(*, advertiser_id: UUID) -> bool:
    """Whether anything was ever counted."""
    return DailyRollup.objects.filter(advertiser_id=advertiser_id).exists()


def currency_of(advertiser_id: UUID) -> str:
    """What the advertiser's money is counted in."""
    return Advertiser.objects.values_list("currency", flat=True).get(pk=advertiser_id)


def sums_in(currency: str) -> dict[str, Any]:
    """Sums of one group, orders that no creative led to and foreign money left out."""
    attributed = Q(campaign_id__isnull=False)
    return {
        **_SUMS,
        "conversions": Sum("conversions", filter=attributed, default=0),
        "revenue_cents": Sum("revenue_cents", filter=attributed & Q(currency=currency), default=0),
    }


def rollups_of(advertiser_id: UUID, start: date, end: date, filters: Filters, *, whole: bool = False) -> Any:
    """A query set, typed loosely: the stubs cannot follow sums made from names.

    Of the rows that are added up over placements and devices, unless a filter asks for some of those or
    ``whole`` for all of their columns.
    """
    model: Any = DailyRollup if whole or filters.keys() & BY_PLACE else DailyCreativeRollup
    rows = model.objects.filter(advertiser_id=advertiser_id, day__gte=start, day__lte=end)
    return rows.filter(report_filters.condition(filters, advertiser_id)).order_by()
