"""The key figures of a report, as the page writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analytics.selectors import RATES, Counts
from analytics.stats.changes import Change, sum_change

if TYPE_CHECKING:  # templates know figures without pandas
    from analytics.reports import Report


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


def figures_make(report: Report) -> list[Figure]:
    """In the order of the way from impression to money; what nothing is known of is left out."""
    figures = [_count(report, "impressions", "Impressions")]
    if report.reach and report.reach.shoppers:
        seen = report.reach
        figures.append(Figure("shoppers", "Shoppers", "count", seen.shoppers, low=seen.low, high=seen.high))
    figures += [
        _rate(report, "viewable_rate", "Viewable rate"),
        _rate(report, "click_rate", "Click rate"),
        _count(report, "clicks", "Clicks"),
        _count(report, "conversions", "Conversions"),
        _rate(report, "conversion_rate", "Orders per click"),
        _count(report, "revenue_cents", "Revenue", "money"),
    ]
    if spend := report.spend:
        before = report.spend_before.day_cents if report.spend_before else []
        change = sum_change(spend.day_cents, before) if before else None
        figures += [
            Figure("cost_cents", "Cost", "money", spend.cost_cents, change, sparkline(spend.day_cents)),
            Figure("return_rate", "Return on spend", "ratio", spend.return_rate),
        ]
    return figures


def _count(report: Report, name: str, label: str, kind: str = "count") -> Figure:
    course = [getattr(point, name) for point in report.series]
    return Figure(name, label, kind, getattr(report.totals, name), report.change(name), sparkline(course))


def _rate(report: Report, name: str, label: str) -> Figure:
    rate = getattr(report.totals, name)
    is_known = rate.value is not None
    return Figure(
        name, label, "rate", rate.value, report.change(name),
        sparkline([_ratio(point, name) for point in report.series]) if is_known else "",
        rate.low if is_known else None, rate.high if is_known else None,
    )  # fmt: skip


def _ratio(point: Counts, name: str) -> float:
    """The day's rate without its interval, which a sparkline has no room for."""
    successes, trials = (getattr(point, part) for part in RATES[name])
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
