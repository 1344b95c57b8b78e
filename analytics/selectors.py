"""Reads of analytics: sums over the roll-ups. Nothing here touches the events themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Unpack
from uuid import UUID

from django.db.models import IntegerField, Max, Q, Sum
from django.db.models.functions import Cast
from django.utils import timezone

from accounts.models import Advertiser
from analytics import report_filters
from analytics.freshness import waiting_since
from analytics.models import DailyInvalid, DailyReach, DailyRollup, DirtyHour, HourlyRollup
from analytics.reach import NOBODY, Reach, estimate, merge
from analytics.report_query import BY_CREATIVE, Filters
from analytics.stats.intervals import Rate, wilson

STALE_AFTER = timedelta(minutes=2)
COUNTS = ("impressions", "viewables", "clicks", "conversions", "revenue_cents")
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


@dataclass(frozen=True, slots=True)
class DaySums:
    """What one day holds of one campaign in one currency; None is what no campaign's creative led to."""

    day: date
    campaign_id: UUID | None
    currency: str  # the advertiser's, a foreign one without a rate, or blank without orders
    impressions: int
    viewables: int
    clicks: int
    conversions: int
    revenue_cents: int
    refunds: int
    refunded_cents: int
    invalid_events: int
    is_simulated: int  # 1 where made-up shoppers are in it


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
Courses = Mapping[UUID | None, Mapping[date, Counts]]


def day_sums_get(
    *, advertiser_id: UUID, spans: Sequence[tuple[date, date]], **filters: Unpack[Filters]
) -> list[DaySums]:
    """What every day of these spans holds, by campaign and currency: one pass over the roll-ups.

    Totals, courses and spend of a period and of the one it is compared with all come from these lines.
    """
    days = Q()
    for start, end in spans:
        days |= Q(day__gte=start, day__lte=end)
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    rows = rollups_of(advertiser_id, first, last, filters)
    rows = rows.filter(days) if len(spans) > 1 else rows
    names = ("day", "campaign_id", "currency")
    summed = (*COUNTS, "refunds", "refunded_cents", "invalid_events")
    simulated = Max(Cast("is_simulated", IntegerField()))
    rows = rows.values_list(*names).annotate(*(Sum(name) for name in summed), simulated=simulated)
    return [DaySums(*row) for row in rows]


def totals_get(*, advertiser_id: UUID, start: date, end: date, **filters: Unpack[Filters]) -> Totals:
    """The sums from ``start`` to ``end``, both included."""
    lines = day_sums_get(advertiser_id=advertiser_id, spans=[(start, end)], **filters)
    return totals_make(lines, currency_of(advertiser_id))


def totals_make(lines: Iterable[DaySums], currency: str) -> Totals:
    """The sums of these lines."""
    sums: dict[str, int] = defaultdict(int)
    foreign: dict[str, int] = defaultdict(int)
    for line in lines:
        for name in ("impressions", "viewables", "clicks", "refunds", "invalid_events"):
            sums[name] += getattr(line, name)
        sums["simulated"] += line.is_simulated
        prefix = "unattributed_" if line.campaign_id is None else ""
        sums[f"{prefix}conversions"] += line.conversions
        if line.currency in ("", currency):
            sums[f"{prefix}revenue_cents"] += line.revenue_cents
            sums[f"{prefix}refunded_cents"] += line.refunded_cents
        elif line.campaign_id is not None:
            foreign[line.currency] += line.revenue_cents
    return Totals(
        **{name: sums[name] for name in COUNTS},
        unattributed_conversions=sums["unattributed_conversions"],
        unattributed_revenue_cents=sums["unattributed_revenue_cents"],
        other_revenue=dict(sorted(foreign.items())),
        refunds=sums["refunds"],
        refunded_cents=sums["refunded_cents"],
        invalid_events=sums["invalid_events"],
        has_simulated=sums["simulated"] > 0,
        currency=currency,
    )


def courses_make(lines: Iterable[DaySums], currency: str) -> Courses:
    """Each campaign's days, those with something only; orders that no creative led to are in none."""
    found: dict[UUID | None, dict[date, Counts]] = defaultdict(dict)
    for line in lines:
        course = found[line.campaign_id]
        known = course.get(line.day, NO_COUNTS)
        is_own = line.campaign_id is not None and line.currency in ("", currency)
        course[line.day] = Counts(
            impressions=known.impressions + line.impressions,
            viewables=known.viewables + line.viewables,
            clicks=known.clicks + line.clicks,
            conversions=known.conversions + (line.conversions if line.campaign_id is not None else 0),
            revenue_cents=known.revenue_cents + (line.revenue_cents if is_own else 0),
        )
    return dict(found)


def series_get(*, advertiser_id: UUID, start: date, end: date, **filters: Unpack[Filters]) -> list[DayPoint]:
    """One point a day, days without anything included; attributed orders only."""
    currency = currency_of(advertiser_id)
    rows = rollups_of(advertiser_id, start, end, filters).values("day").annotate(**sums_in(currency))
    by_day = {row["day"]: row for row in rows}
    days = (start + timedelta(days=n) for n in range((end - start).days + 1))
    return [DayPoint(day=day, **{name: by_day.get(day, {}).get(name, 0) for name in COUNTS}) for day in days]


def hours_get(*, advertiser_id: UUID, start: date, end: date, **filters: Unpack[Filters]) -> list[HourPoint]:
    """One point an hour (UTC), hours without anything included; attributed orders only."""
    rows: Any = HourlyRollup.objects.filter(advertiser_id=advertiser_id, **_hours(start, end))
    rows = rows.filter(report_filters.condition(filters, advertiser_id)).order_by().values("hour")
    rows = rows.annotate(**sums_in(currency_of(advertiser_id)))
    by_hour = {row["hour"]: row for row in rows}
    first = datetime.combine(start, time.min, UTC)
    hours = (first + timedelta(hours=n) for n in range(24 * ((end - start).days + 1)))
    return [
        HourPoint(hour=hour, **{name: by_hour.get(hour, {}).get(name, 0) for name in COUNTS})
        for hour in hours
    ]


def reach_get(*, advertiser_id: UUID, start: date, end: date, **filters: Unpack[Filters]) -> Reach | None:
    """Different shoppers of the period, of campaigns or all; None for filters that no sketch is kept of."""
    if filters.keys() - {"campaigns"}:
        return None
    sketches = DailyReach.objects.filter(advertiser_id=advertiser_id, day__gte=start, day__lte=end)
    if campaigns := filters.get("campaigns"):
        sketches = sketches.filter(campaign_id__in=campaigns)
    else:
        sketches = sketches.filter(campaign_id=None)
    found = list(sketches.values_list("sketch", flat=True))
    return estimate(merge(found)) if found else NOBODY


def campaigns_get(
    *, advertiser_id: UUID, start: date, end: date, **filters: Unpack[Filters]
) -> dict[UUID, Counts]:
    """Sums by campaign."""
    return _counts_by("campaign_id", advertiser_id, start, end, filters)


def placements_get(
    *, advertiser_id: UUID, start: date, end: date, **filters: Unpack[Filters]
) -> dict[UUID, Counts]:
    """Sums by placement."""
    return _counts_by("placement_id", advertiser_id, start, end, filters)


def _counts_by(
    name: str, advertiser_id: UUID, start: date, end: date, filters: Filters
) -> dict[UUID, Counts]:
    rows = (
        rollups_of(advertiser_id, start, end, filters)
        .filter(**{f"{name}__isnull": False})
        .values(name)
        .annotate(**sums_in(currency_of(advertiser_id)))
    )
    return {row.pop(name): Counts(**row) for row in rows}


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


def _hours(start: date, end: date) -> dict[str, datetime]:
    first = datetime.combine(start, time.min, UTC)
    return {"hour__gte": first, "hour__lt": first + timedelta(days=(end - start).days + 1)}


def sums_in(currency: str) -> dict[str, Any]:
    """Sums of one group, orders that no creative led to and foreign money left out."""
    attributed = Q(campaign_id__isnull=False)
    return {
        **_SUMS,
        "conversions": Sum("conversions", filter=attributed, default=0),
        "revenue_cents": Sum("revenue_cents", filter=attributed & Q(currency=currency), default=0),
    }


def rollups_of(advertiser_id: UUID, start: date, end: date, filters: Filters) -> Any:
    """A query set, typed loosely: the stubs cannot follow sums made from names."""
    rows = DailyRollup.objects.filter(advertiser_id=advertiser_id, day__gte=start, day__lte=end)
    return rows.filter(report_filters.condition(filters, advertiser_id)).order_by()
