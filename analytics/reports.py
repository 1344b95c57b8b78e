"""The performance report: one object that the page, the API and the export all show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from uuid import UUID

from django.utils import timezone

from accounts.models import Advertiser
from analytics import labels, selectors
from analytics.creative_lines import CreativeLine, creative_lines_get, leaders_rank
from analytics.funnel import Funnel, funnel_get
from analytics.matrix import Matrix, matrix_get
from analytics.models import Event
from analytics.reach import Reach
from analytics.report_query import ReportQuery
from analytics.selectors import (
    COUNTS,
    Counts,
    DayPoint,
    Freshness,
    HourPoint,
    InvalidLine,
    Totals,
)
from analytics.spend import Spend, days_make, spend_make
from analytics.stats.changes import Change, count_change, rate_change, sum_change
from campaigns.selectors import campaign_rates_get

LEADERBOARD_LINES = 12
# Rate -> its successes and its trials.
RATES = {
    "viewable_rate": ("viewables", "impressions"),
    "click_rate": ("clicks", "impressions"),
    "conversion_rate": ("conversions", "clicks"),
}
HOURLY_DAYS = 2  # longer periods are not shown by the hour


@dataclass(frozen=True)
class Leader:
    """A line of the leaderboard with its names."""

    line: CreativeLine
    creative: labels.CreativeLabel
    product: str
    segment: str
    campaign: str


@dataclass(frozen=True)
class Traffic:
    """Events of one kind as they came and as they count."""

    kind: str
    raw: int
    counted: int
    reasons: tuple[InvalidLine, ...]


@dataclass(frozen=True)
class Report:
    """Everything the performance page says."""

    query: ReportQuery
    totals: Totals
    before: Totals | None
    reach: Reach | None
    series: list[DayPoint]
    series_before: list[DayPoint]
    hours: list[HourPoint]
    leaders: list[Leader]
    matrix: Matrix
    funnel: Funnel
    spend: Spend | None
    spend_before: Spend | None
    traffic: list[Traffic]
    freshness: Freshness
    computed_at: datetime

    def change(self, name: str) -> Change | None:
        """A figure's change against the comparison period; None where that says nothing."""
        if self.before is None:
            return None
        if name in RATES:
            return rate_change(*([_pair(point, name) for point in days] for days in self._periods))
        method = sum_change if name == "revenue_cents" else count_change
        return method(*([getattr(point, name) for point in days] for days in self._periods))

    @property
    def changes(self) -> dict[str, Change | None]:
        """The change of every figure."""
        return {name: self.change(name) for name in (*COUNTS, *RATES)}

    @property
    def series_rows(self) -> list[tuple[DayPoint, DayPoint | None, int | None]]:
        """Each day beside the day it is compared with and what it cost."""
        costs = self.spend.day_cents if self.spend else []
        return list(zip_longest(self.series, self.series_before, costs))

    @property
    def _periods(self) -> tuple[list[DayPoint], list[DayPoint]]:
        return self.series, self.series_before


def _pair(point: Counts, name: str) -> tuple[int, int]:
    successes, trials = RATES[name]
    return getattr(point, successes), getattr(point, trials)


def report_get(
    *, advertiser: Advertiser, query: ReportQuery, leader_limit: int = LEADERBOARD_LINES
) -> Report:
    """Reads roll-ups and names only, never the events."""
    pk, start, end, filters = advertiser.pk, query.start, query.end, query.filters
    currency, rates = advertiser.currency, campaign_rates_get(advertiser_id=pk)
    spans = [(start, end), *([query.comparison] if query.comparison else [])]
    found = selectors.day_sums_get(advertiser_id=pk, spans=spans, **filters)
    days = [line for line in found if start <= line.day <= end]
    totals, courses = selectors.totals_make(days, currency), selectors.courses_make(days, currency)
    before, series_before, spend_before = None, [], None
    if query.comparison:
        first, last = query.comparison
        days_before = [line for line in found if first <= line.day <= last]
        before = selectors.totals_make(days_before, currency)
        courses_before = selectors.courses_make(days_before, currency)
        series_before = days_make(courses_before, first, last)
        spend_before = spend_make(courses_before, rates, first, last)
    lines = creative_lines_get(advertiser_id=pk, start=start, end=end, **filters)
    invalid = selectors.invalid_get(advertiser_id=pk, start=start, end=end, **filters)
    return Report(
        query=query,
        totals=totals,
        before=before,
        reach=selectors.reach_get(advertiser_id=pk, start=start, end=end, **filters),
        series=days_make(courses, start, end),
        series_before=series_before,
        hours=selectors.hours_get(advertiser_id=pk, start=start, end=end, **filters)
        if query.day_count <= HOURLY_DAYS
        else [],
        leaders=_leaders(pk, leaders_rank(lines, sort=query.sort, limit=leader_limit)),
        matrix=matrix_get(
            advertiser_id=pk, lines=lines, across=query.across, start=start, end=end, **filters
        ),
        funnel=funnel_get(advertiser_id=pk, start=start, end=end, counts=totals, **filters),
        spend=spend_make(courses, rates, start, end),
        spend_before=spend_before,
        traffic=_traffic(totals, invalid),
        freshness=selectors.freshness_get(advertiser_id=pk),
        computed_at=timezone.now(),
    )


def _leaders(advertiser_id: UUID, lines: list[CreativeLine]) -> list[Leader]:
    if not lines:
        return []
    creatives = labels.creative_labels(advertiser_id=advertiser_id, ids=[line.creative_id for line in lines])
    variants = labels.variant_labels(
        advertiser_id=advertiser_id, ids=[line.variant_id for line in lines if line.variant_id]
    )
    segments = labels.segment_labels(advertiser_id=advertiser_id)
    campaigns = labels.campaign_labels(advertiser_id=advertiser_id)
    return [
        Leader(
            line=line,
            creative=creatives[line.creative_id],
            product=variants[line.variant_id].product if line.variant_id else "",
            segment=labels.label_of(segments, line.segment_id, "segment"),
            campaign=labels.label_of(campaigns, line.campaign_id, "campaign"),
        )
        for line in lines
    ]


def _traffic(totals: Totals, invalid: list[InvalidLine]) -> list[Traffic]:
    counted = {
        Event.Kind.IMPRESSION: totals.impressions,
        Event.Kind.VIEWABLE: totals.viewables,
        Event.Kind.CLICK: totals.clicks,
        Event.Kind.CONVERSION: totals.conversions + totals.unattributed_conversions,
        Event.Kind.REFUND: totals.refunds,
    }
    lines = []
    for kind, count in counted.items():
        reasons = tuple(line for line in invalid if line.kind == kind)
        if kind == Event.Kind.REFUND and not count and not reasons:
            continue
        lines.append(
            Traffic(Event.Kind(kind).label, count + sum(line.events for line in reasons), count, reasons)
        )
    return lines
