"""The key figures of a report, as the page writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from analytics.selectors import RATES, Counts, DayPoint, Totals
from analytics.stats.changes import (
    Change,
    count_change,
    rate_change,
    ratio_change,
    ratio_interval,
    sum_change,
)
from analytics.stats.intervals import relative_change

if TYPE_CHECKING:  # templates know figures without pandas
    from analytics.reach import Reach
    from analytics.reports import Report
    from analytics.spend import Spend


@dataclass(frozen=True)
class Figure:
    """One key figure with its interval, its change and its course."""

    name: str  # of what it counts: "clicks", "click_rate", ...
    label: str
    kind: str  # count, rate, money or ratio: how the page writes it
    value: float | None
    change: Change | None = None
    points: str = ""  # of an SVG polyline, 100 wide and 30 high
    low: float | None = None
    high: float | None = None


class Shown(Protocol):
    """What figures are made of: a report, or a week of the overview."""

    @property
    def totals(self) -> Totals: ...
    @property
    def series(self) -> list[DayPoint]: ...
    def change(self, name: str) -> Change | None: ...


def week_figures_make(week: Shown) -> list[Figure]:
    """The few that the first page shows."""
    return [
        _count(week, "impressions", "Impressions"),
        _rate(week, "click_rate", "Click rate"),
        _count(week, "clicks", "Clicks"),
        _count(week, "conversions", "Conversions"),
        _count(week, "revenue_cents", "Revenue", "money"),
    ]


def figures_make(report: Report) -> list[Figure]:
    """In the order of the way from impression to money; what nothing is known of is left out."""
    figures = [_count(report, "impressions", "Impressions")]
    if report.reach and report.reach.shoppers:
        figures.append(_shoppers(report.reach, report))
    figures += [
        _rate(report, "viewable_rate", "Viewable rate"),
        _rate(report, "click_rate", "Click rate"),
        _count(report, "clicks", "Clicks"),
        _count(report, "conversions", "Conversions"),
        _rate(report, "conversion_rate", "Orders per click"),
        _count(report, "revenue_cents", "Revenue", "money"),
    ]
    if report.spend:
        figures += _money(report.spend, report.spend_before)
    return figures


def _shoppers(seen: Reach, report: Report) -> Figure:
    """Different shoppers. Their change has no interval: who comes back is in no count of days."""
    before = report.reach_before.shoppers if report.reach_before else None
    value = relative_change(seen.shoppers, before)
    return Figure(
        "shoppers", "Shoppers", "count", seen.shoppers, None if value is None else Change(value),
        sparkline(report.reach_days), seen.low, seen.high,
    )  # fmt: skip


def _money(spend: Spend, before: Spend | None) -> list[Figure]:
    """What the priced traffic cost and what each unit of it brought; days are the sampling units."""
    now = list(zip(spend.day_revenue_cents, spend.day_cents, strict=True))
    then = list(zip(before.day_revenue_cents, before.day_cents, strict=True)) if before else []
    low, high = ratio_interval(now) or (None, None)
    courses = sparkline([revenue / cost if cost else 0.0 for revenue, cost in now])
    return [
        Figure(
            "cost_cents", "Cost", "money", spend.cost_cents,
            sum_change(spend.day_cents, before.day_cents) if before else None, sparkline(spend.day_cents),
        ),
        Figure(
            "return_rate", "Return on spend", "ratio", spend.return_rate,
            ratio_change(now, then), courses, low, high,
        ),
    ]  # fmt: skip


def _count(report: Shown, name: str, label: str, kind: str = "count") -> Figure:
    course = [getattr(point, name) for point in report.series]
    return Figure(name, label, kind, getattr(report.totals, name), report.change(name), sparkline(course))


def _rate(report: Shown, name: str, label: str) -> Figure:
    rate = getattr(report.totals, name)
    is_known = rate.value is not None
    return Figure(
        name, label, "rate", rate.value, report.change(name),
        sparkline([_ratio(point, name) for point in report.series]) if is_known else "",
        rate.low if is_known else None, rate.high if is_known else None,
    )  # fmt: skip


def change_of(name: str, now: Sequence[Counts], before: Sequence[Counts]) -> Change | None:
    """A figure's change, from the days of two periods; None where that says nothing."""
    if name in RATES:
        return rate_change(*([_pair(day, name) for day in days] for days in (now, before)))
    method = sum_change if name == "revenue_cents" else count_change
    return method(*([getattr(day, name) for day in days] for days in (now, before)))


def _pair(day: Counts, name: str) -> tuple[int, int]:
    successes, trials = RATES[name]
    return getattr(day, successes), getattr(day, trials)


def _ratio(point: Counts, name: str) -> float:
    """The day's rate without its interval, which a sparkline has no room for."""
    successes, trials = _pair(point, name)
    return min(1.0, successes / trials) if trials else 0.0


def sparkline(values: Sequence[float], width: int = 100, height: int = 30) -> str:
    """The points of an SVG polyline; a flat line at the foot for nothing at all, none for a single day."""
    if len(values) < 2:
        return ""
    top = max(values)
    step = width / max(1, len(values) - 1)
    floor, span = height - 2, height - 4
    heights = (floor - (value / top * span if top > 0 else 0) for value in values)
    return " ".join(f"{n * step:.1f},{y:.1f}" for n, y in enumerate(heights))
