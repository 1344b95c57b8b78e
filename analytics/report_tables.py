"""The tables of a report for export, with the same figures as the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analytics.exports import Table
from analytics.reports import Report
from analytics.selectors import Counts
from analytics.tiles import figures_make

COUNT_HEADER = (
    "impressions", "viewable_impressions", "clicks", "conversions", "revenue_cents", "currency",
    "click_rate", "click_rate_low", "click_rate_high",
)  # fmt: skip


def figures_table(report: Report) -> Table:
    """The key figures with their intervals and changes."""
    header = ("figure", "value", "low", "high", "change", "change_low", "change_high", "currency")
    rows = []
    for figure in figures_make(report):
        change = figure.change
        rows.append(
            (
                figure.name, _number(figure.value), _number(figure.low), _number(figure.high),
                *((change.value, change.low, change.high) if change else (None, None, None)),
                report.totals.currency if figure.kind == "money" else "",
            )
        )  # fmt: skip
    return Table("figures", (*header, "simulated_included"), _marked(report, rows))


def days_table(report: Report) -> Table:
    """The series, one day a row, with what the day cost."""
    rows = [
        (point.day, *_counts(point, report.totals.currency), cost)
        for point, _, cost in report.series_rows
        if point
    ]
    return Table("days", ("day", *COUNT_HEADER, "cost_cents", "simulated_included"), _marked(report, rows))


def hours_table(report: Report) -> Table:
    """One hour (UTC) a row, for periods that the page shows by the hour."""
    rows = [(point.hour, *_counts(point, report.totals.currency)) for point in report.hours]
    return Table("hours", ("hour", *COUNT_HEADER, "simulated_included"), _marked(report, rows))


def creatives_table(report: Report) -> Table:
    """The leaderboard, one creative a row."""
    header = (
        "creative_id", "headline", "size", "product", "segment", "campaign", *COUNT_HEADER,
        "click_rate_shrunk", "click_rate_shrunk_low", "click_rate_shrunk_high", "simulated_included",
    )  # fmt: skip
    rows = [
        (
            str(leader.line.creative_id),
            leader.creative.headline,
            leader.creative.size,
            leader.product,
            leader.segment,
            leader.campaign,
            *_counts(leader.line, report.totals.currency),
            *((s.mean, s.low, s.high) if (s := leader.line.shrunk) else (None, None, None)),
        )
        for leader in report.leaders
    ]
    return Table("creatives", header, _marked(report, rows))


def segments_table(report: Report) -> Table:
    """Segment by column, one cell a row; a hidden one has no figures here either."""
    matrix = report.matrix
    header = (
        "segment", f"{report.query.across}_id", report.query.across, "impressions", "clicks",
        "click_rate_shrunk", "click_rate_shrunk_low", "click_rate_shrunk_high", "is_hidden",
        "simulated_included",
    )  # fmt: skip
    rows = [
        (
            segment, row.id, row.name,
            *((None, None) if cell.is_hidden else (cell.impressions, cell.clicks)),
            *((s.mean, s.low, s.high) if (s := cell.shrunk) else (None, None, None)),
            "yes" if cell.is_hidden else "no",
        )
        for row, cells, _ in matrix.lines
        for segment, cell in zip(matrix.segments, cells, strict=True)
    ]  # fmt: skip
    return Table("segments", header, _marked(report, rows))


def funnel_table(report: Report) -> Table:
    """Each step with its share of the one before."""
    rows = [(stage.name, stage.count, stage.share) for stage in report.funnel.stages]
    return Table(
        "funnel", ("step", "count", "share_of_the_step_before", "simulated_included"), _marked(report, rows)
    )


def traffic_table(report: Report) -> Table:
    """Raw and counted events of each kind, and why the others were left out: one reason a row."""
    rows = []
    for line in report.traffic:
        rows.append((line.kind, "counted", line.counted))
        rows += [(line.kind, reason.reason, reason.events) for reason in line.reasons]
    return Table("traffic", ("kind", "reason", "events", "simulated_included"), _marked(report, rows))


def table_make(name: str, report: Report) -> Table:
    """One of TABLES; of a report that is withheld a table that says why."""
    if report.withheld:
        return Table(name, ("withheld",), [(report.withheld,)])
    return TABLES[name](report)


# Name -> table, in the order of the page.
TABLES: dict[str, Callable[[Report], Table]] = {
    "figures": figures_table,
    "days": days_table,
    "hours": hours_table,
    "creatives": creatives_table,
    "segments": segments_table,
    "funnel": funnel_table,
    "traffic": traffic_table,
}


def _counts(counts: Counts, currency: str) -> tuple[object, ...]:
    rate = counts.click_rate
    return (
        counts.impressions, counts.viewables, counts.clicks, counts.conversions, counts.revenue_cents,
        currency, rate.value, rate.low, rate.high,
    )  # fmt: skip


def _number(value: float | None) -> float | None:
    """One kind of number in a column, whatever the figure."""
    return None if value is None else float(value)


def _marked(report: Report, rows: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Each row says whether made-up shoppers are in it."""
    mark = "yes" if report.totals.has_simulated else "no"
    return [(*row, mark) for row in rows]
