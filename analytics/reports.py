"""The performance report: one object that the page, the API and the export all show."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import zip_longest
from uuid import UUID

from django.utils import timezone

from accounts.models import Advertiser
from analytics import labels, selectors
from analytics.creative_lines import CreativeLine, creative_lines_get
from analytics.funnel import Funnel, funnel_get, funnel_make
from analytics.leaders import leaders_rank
from analytics.matrix import Matrix, matrix_make
from analytics.models import Event
from analytics.periods import NO_PERIOD, days_get, hours_get
from analytics.reach import Reach, reach_days, reach_of
from analytics.report_query import ReportQuery
from analytics.selectors import (
    COUNTS,
    RATES,
    DayPoint,
    Freshness,
    HourPoint,
    InvalidLine,
    Totals,
)
from analytics.small_groups import (
    NARROWING,
    UNCOUNTED,
    SmallGroups,
    is_of_a_group,
    is_thin_by_day,
    small_groups_get,
    withheld_why,
)
from analytics.spend import Spend
from analytics.stats.changes import Change
from analytics.tiles import change_of
from campaigns.selectors import campaign_rates_get

LEADERBOARD_LINES = 12
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
    reach_before: Reach | None
    reach_days: list[int]  # of each day by itself
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
    withheld: str = ""  # why nothing is shown: the filters leave too few shoppers
    notes: tuple[str, ...] = ()  # what is left out of the rest, and why

    def change(self, name: str) -> Change | None:
        """A figure's change against the comparison period; None where that says nothing."""
        return None if self.before is None else change_of(name, self.series, self.series_before)

    @property
    def changes(self) -> dict[str, Change | None]:
        """The change of every figure."""
        return {name: self.change(name) for name in (*COUNTS, *RATES)}

    @property
    def has_days(self) -> bool:
        """Whether there is a course by day to draw: a single day is drawn by the hour."""
        return len(self.series) > 1 or (bool(self.series) and not self.hours)

    @property
    def series_rows(self) -> list[tuple[DayPoint, DayPoint | None, int | None]]:
        """Each day beside the day it is compared with and what it cost."""
        costs = self.spend.day_cents if self.spend else []
        return list(zip_longest(self.series, self.series_before, costs))


def report_get(
    *, advertiser: Advertiser, query: ReportQuery, leader_limit: int = LEADERBOARD_LINES
) -> Report:
    """Reads roll-ups and names only, never the events. Small groups of shoppers are withheld."""
    pk, start, end, filters = advertiser.pk, query.start, query.end, query.filters
    lines = creative_lines_get(advertiser_id=pk, start=start, end=end, **filters)
    groups = _groups(pk, query, lines)
    if why := withheld_why(groups, filters, lines):
        return _withheld(advertiser, query, why)
    notes = []
    compared = query.comparison
    if compared and not _may_compare(pk, query, compared):
        compared = None
        notes.append("The comparison is withheld: too few shoppers stand behind the period before.")
    currency, rates = advertiser.currency, campaign_rates_get(advertiser_id=pk)
    spans = [(start, end), *([compared] if compared else [])]
    days = days_get(advertiser_id=pk, spans=spans, currency=currency, rates=rates, **filters)
    now, then = days.period(start, end), days.period(*compared) if compared else NO_PERIOD
    totals, series, spend = now.totals, now.series, now.spend
    before, series_before, spend_before = (then.totals if compared else None), then.series, then.spend
    is_narrow = is_of_a_group(groups, filters, lines)
    if is_narrow and is_thin_by_day(pk, query, lines, series):
        notes.append("Days are not shown one by one: on some of them there were too few shoppers.")
        series, series_before, before, spend_before = [], [], None, None
        spend = spend and replace(spend, day_cents=[], day_revenue_cents=[])
    sketches = selectors.day_sketches_get(advertiser_id=pk, spans=spans, **filters)
    leaders, note = _shown(groups, query, lines)
    notes += [note] if note else []
    invalid = selectors.invalid_get(advertiser_id=pk, start=start, end=end, **filters)
    return Report(
        query=query,
        totals=totals,
        before=before,
        reach=None if sketches is None else reach_of(sketches, start, end),
        reach_before=reach_of(sketches, *compared) if sketches is not None and before and compared else None,
        reach_days=reach_days(sketches, start, end) if sketches and series else [],
        series=series,
        series_before=series_before,
        hours=hours_get(advertiser_id=pk, start=start, end=end, currency=currency, **filters)
        if query.day_count <= HOURLY_DAYS and not is_narrow
        else [],
        leaders=_leaders(pk, leaders_rank(leaders, sort=query.sort, limit=leader_limit)),
        matrix=matrix_make(advertiser_id=pk, lines=lines, query=query, groups=groups),
        funnel=funnel_get(advertiser_id=pk, start=start, end=end, counts=totals, **filters),
        spend=spend,
        spend_before=spend_before,
        traffic=_traffic(totals, invalid),
        freshness=selectors.freshness_get(advertiser_id=pk),
        computed_at=timezone.now(),
        notes=tuple(notes),
    )


def _groups(advertiser_id: UUID, query: ReportQuery, lines: list[CreativeLine]) -> SmallGroups:
    """What of the whole period is hidden, whatever the filters leave of it."""
    is_whole = not query.filters.keys() - {"is_simulated"}
    return small_groups_get(
        advertiser_id=advertiser_id,
        start=query.start,
        end=query.end,
        is_simulated=query.filters.get("is_simulated"),
        lines=lines if is_whole else None,
    )


def _may_compare(advertiser_id: UUID, query: ReportQuery, compared: tuple[date, date]) -> bool:
    if not query.filters.keys() & NARROWING:
        return True
    first, last = compared
    lines = creative_lines_get(advertiser_id=advertiser_id, start=first, end=last, **query.filters)
    groups = _groups(advertiser_id, replace(query, start=first, end=last), lines)
    return not withheld_why(groups, query.filters, lines)


def _shown(
    groups: SmallGroups, query: ReportQuery, lines: list[CreativeLine]
) -> tuple[list[CreativeLine], str]:
    """The creatives whose figures may be shown one by one, and what to say of the others."""
    if groups.minimum <= 1 or not lines:
        return lines, ""
    if query.filters.keys() & UNCOUNTED:
        return [], (
            "Creatives are made for segments, and shoppers are not counted by placement and device: "
            "take those filters away to see the figures of single creatives."
        )
    mine: dict[UUID, list[CreativeLine]] = defaultdict(list)
    for line in lines:
        mine[line.creative_id].append(line)
    shown = [found for found in mine.values() if groups.shows_lines(found)]
    hidden = len(mine) - len(shown)
    note = (
        f"{hidden} creative{'s' if hidden > 1 else ''} with fewer than {groups.minimum} shoppers, or from "
        "which such ones could be worked out, cannot be shown one by one; the totals hold them."
    )
    return [line for found in shown for line in found], note if hidden else ""


def _withheld(advertiser: Advertiser, query: ReportQuery, why: str) -> Report:
    """A report that says why it shows nothing."""
    return Report(
        query=query,
        totals=Totals(currency=advertiser.currency),
        before=None,
        reach=None,
        reach_before=None,
        reach_days=[],
        series=[],
        series_before=[],
        hours=[],
        leaders=[],
        matrix=Matrix(),
        funnel=funnel_make(decisions=None, counts=selectors.NO_COUNTS),
        spend=None,
        spend_before=None,
        traffic=[],
        freshness=selectors.freshness_get(advertiser_id=advertiser.pk),
        computed_at=timezone.now(),
        withheld=why,
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
