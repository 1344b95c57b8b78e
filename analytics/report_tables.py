"""The report as tables for export: creatives or days."""

from __future__ import annotations

from analytics.exports import csv_text
from analytics.reports import Report
from analytics.selectors import Counts

COUNT_HEADER = (
    "impressions", "viewable_impressions", "clicks", "conversions", "revenue_cents", "currency",
    "click_rate", "click_rate_low", "click_rate_high",
)  # fmt: skip


def creatives_csv(report: Report) -> str:
    """The leaderboard, one creative a row."""
    header = (
        "creative_id", "headline", "size", "product", "segment", "campaign", *COUNT_HEADER,
        "click_rate_shrunk", "click_rate_shrunk_low", "click_rate_shrunk_high", "simulated_included",
    )  # fmt: skip
    rows = (
        (
            str(leader.line.creative_id),
            leader.creative.headline,
            leader.creative.size,
            leader.product,
            leader.segment,
            leader.campaign,
            *_counts(leader.line, report.totals.currency),
            *((s.mean, s.low, s.high) if (s := leader.line.shrunk) else (None, None, None)),
            _simulated(report),
        )
        for leader in report.leaders
    )
    return csv_text(header, rows)


def days_csv(report: Report) -> str:
    """The series, one day a row."""
    rows = (
        (point.day.isoformat(), *_counts(point, report.totals.currency), _simulated(report))
        for point in report.series
    )
    return csv_text(("day", *COUNT_HEADER, "simulated_included"), rows)


def _counts(counts: Counts, currency: str) -> tuple[object, ...]:
    rate = counts.click_rate
    return (
        counts.impressions, counts.viewables, counts.clicks, counts.conversions, counts.revenue_cents,
        currency, rate.value, rate.low, rate.high,
    )  # fmt: skip


def _simulated(report: Report) -> str:
    return "yes" if report.totals.has_simulated else "no"
