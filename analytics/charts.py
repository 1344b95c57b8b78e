"""Plotly figures, as the browser's Plotly draws them: ``{"data": [...], "layout": {...}}``.

Traces and layouts are Plotly's own objects, which refuse a property or a value that Plotly does not know, so
a chart that could not be drawn never leaves the server. What they share is a template, made once a process.
``go.Figure`` is left out: it costs as much again for what only notebooks need. Plotly is imported with this
module, which pages import when they draw: no hot path loads it (docs/decisions/0013).

Colours are names of the design system's custom properties; ``static/js/charts.js`` puts the values of
the theme in force in their place, ``var(--chart-1-a15)`` being ``--chart-1`` at 15 % opacity.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import plotly.graph_objects as go

from adplatform.lib.money import exponent_of
from analytics.matrix import Matrix
from analytics.reports import Leader, Report
from analytics.selectors import DayPoint
from analytics.stats.intervals import Rate

Figure = dict[str, Any]
INK, MUTED, LINE = "var(--ink)", "var(--muted)", "var(--line)"
CLEAR = "rgba(0,0,0,0)"
TRACES = {"scatter": go.Scatter, "bar": go.Bar, "heatmap": go.Heatmap}


def charts_make(report: Report) -> dict[str, Figure]:
    """Every chart of the performance page, by the id of its element."""
    charts = {}
    if report.has_days:
        charts = {
            "chart-volume": volume_figure(report),
            "chart-rate": rate_figure(report),
            "chart-orders": orders_figure(report),
            "chart-money": money_figure(report),
        }
    if report.hours:
        charts["chart-hours"] = hours_figure(report)
    if report.leaders:
        charts["chart-leaders"] = leaders_figure(report.leaders)
    if report.matrix.rows and report.query.across != "creative":  # creatives stand in a table with pictures
        charts["chart-matrix"] = matrix_figure(report.matrix)
    return charts


def figure_make(**layout: Any) -> Figure:
    """A figure without a trace, laid out like all. Raises ValueError for what Plotly does not know."""
    layout.setdefault("height", 280)
    return {"data": [], "layout": {**go.Layout(**layout).to_plotly_json(), "template": _template()}}


@cache
def _template() -> Figure:
    """The look of every chart of the product."""
    axis = {"gridcolor": LINE, "zerolinecolor": LINE, "linecolor": LINE, "automargin": True, "ticks": ""}
    layout = go.Layout(
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"color": MUTED, "size": 12},
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="x unified",
        hoverlabel={"bgcolor": "var(--surface)", "bordercolor": LINE, "font": {"color": INK}},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        xaxis={**axis, "showgrid": False, "fixedrange": True},
        yaxis={**axis, "rangemode": "tozero", "fixedrange": True},
    )
    made: Figure = go.layout.Template(layout=layout).to_plotly_json()
    return made


def trace_add(figure: Figure, kind: str, **values: Any) -> None:
    """One more trace of a figure: ``scatter``, ``bar``, ``heatmap``. Raises ValueError as ``figure_make``."""
    figure["data"].append(TRACES[kind](**values).to_plotly_json())


def _line(figure: Figure, days: list[str], values: list[Any], name: str, colour: str, **more: Any) -> None:
    # A lone point draws no line, so a short series shows its points as well.
    mode = "lines+markers" if len(days) <= 31 else "lines"
    line = {"color": colour, "width": 2, **more.pop("line", {})}
    trace_add(figure, "scatter", x=days, y=values, name=name, mode=more.pop("mode", mode), line=line, **more)


def _has_before(report: Report) -> bool:
    """A line along the foot of the chart says nothing."""
    return any(point.impressions for point in report.series_before)


def _before(report: Report) -> str:
    return "last year" if report.query.compare == "year" else "period before"


def _days(points: list[DayPoint]) -> list[str]:
    return [point.day.isoformat() for point in points]


def volume_figure(report: Report) -> Figure:
    """Impressions and viewable impressions by day, the period before as a dotted line."""
    days = _days(report.series)
    figure = figure_make()
    _line(figure, days, [p.impressions for p in report.series], "Impressions", "var(--chart-1)")
    _line(figure, days, [p.viewables for p in report.series], "Viewable", "var(--chart-3)")
    if _has_before(report):
        _line(
            figure, days, [p.impressions for p in report.series_before], f"Impressions, {_before(report)}",
            MUTED, mode="lines", line={"dash": "dot", "width": 1.5},
        )  # fmt: skip
    return figure


def hours_figure(report: Report) -> Figure:
    """Impressions and clicks by the hour (UTC), each against its own side."""
    hours = [point.hour.isoformat() for point in report.hours]
    right = {"overlaying": "y", "side": "right", "showgrid": False, "rangemode": "tozero", "color": MUTED}
    right["tickformat"] = "~g"
    # Whole clicks: Plotly would write quarters of one as 0, 1, 1, 2.
    right["dtick"] = max(1, -(-max((p.clicks for p in report.hours), default=0) // 4))
    figure = figure_make(yaxis2=right, bargap=0.2)
    trace_add(
        figure, "bar",
        x=hours, y=[p.impressions for p in report.hours], name="Impressions",
        marker={"color": "var(--chart-1)"},
        customdata=[[url] for url in _hour_urls(report, "impressions")],
    )  # fmt: skip
    _line(
        figure, hours, [p.clicks for p in report.hours], "Clicks", "var(--chart-2)",
        yaxis="y2", customdata=[[url] for url in _hour_urls(report, "clicks")],
    )  # fmt: skip
    return figure


def _hour_urls(report: Report, of: str) -> list[str]:
    """Where a click on a mark leads, its first custom datum: the events behind each hour's number."""
    return [report.query.rows_url(of, hour=f"{point.hour:%Y-%m-%dT%H}") for point in report.hours]


def rate_figure(report: Report) -> Figure:
    """Click rate by day inside its Wilson interval; days without an impression leave a gap."""
    rates = [point.click_rate for point in report.series]
    days = _days(report.series)
    known = [rate.value is not None for rate in rates]
    figure = figure_make(yaxis={"tickformat": ".1%", **_rate_range(rates)})
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    highs = [rate.high if ok else None for rate, ok in zip(rates, known, strict=True)]
    lows = [rate.low if ok else None for rate, ok in zip(rates, known, strict=True)]
    trace_add(figure, "scatter", x=days, y=lows, **edge)
    trace_add(
        figure, "scatter",
        x=days, y=highs, fill="tonexty", fillcolor="var(--chart-1-a18)", name="95 % interval",
        **{**edge, "showlegend": True},
    )  # fmt: skip
    _line(figure, days, [rate.value for rate in rates], "Click rate", "var(--chart-1)")
    if _has_before(report):
        _line(
            figure, days, [p.click_rate.value for p in report.series_before], _before(report).capitalize(),
            MUTED, mode="lines", line={"dash": "dot", "width": 1.5},
        )  # fmt: skip
    return figure


def _rate_range(rates: Sequence[Rate]) -> dict[str, Any]:
    """Up to what most days' intervals reach: a first day of seven impressions must not set the scale."""
    highs = sorted(rate.high for rate in rates if rate.value is not None)
    values = [rate.value for rate in rates if rate.value is not None]
    if len(highs) < 4:
        return {}
    return {"range": [0, 1.1 * max(*values, highs[int(0.85 * (len(highs) - 1))])]}


def orders_figure(report: Report) -> Figure:
    """Attributed orders by day."""
    figure = figure_make(bargap=0.35)
    days = _days(report.series)
    trace_add(
        figure, "bar",
        x=days, y=[p.conversions for p in report.series], name="Conversions",
        marker={"color": "var(--chart-2)"}, showlegend=True,
    )  # fmt: skip
    if _has_before(report):
        _line(
            figure, days, [p.conversions for p in report.series_before], _before(report).capitalize(),
            MUTED, mode="lines", line={"dash": "dot", "width": 1.5},
        )  # fmt: skip
    return figure


def money_figure(report: Report) -> Figure:
    """Revenue by day beside what the traffic cost, both in the advertiser's currency."""
    unit = 10 ** exponent_of(report.totals.currency)
    figure = figure_make(bargap=0.35, yaxis={"tickformat": "~s", "title": {"text": report.totals.currency}})
    days = _days(report.series)
    trace_add(
        figure, "bar",
        x=days, y=[p.revenue_cents / unit for p in report.series], name="Revenue",
        marker={"color": "var(--chart-1)"}, showlegend=True,
    )  # fmt: skip
    if report.spend:
        costs = [cents / unit for cents in report.spend.day_cents]
        _line(figure, days, costs, "Cost", "var(--chart-2)")
    if _has_before(report):
        _line(
            figure, days, [p.revenue_cents / unit for p in report.series_before],
            f"Revenue, {_before(report)}", MUTED, mode="lines", line={"dash": "dot", "width": 1.5},
        )  # fmt: skip
    return figure


def leaders_figure(leaders: list[Leader]) -> Figure:
    """Shrunk click rates with their credible intervals, best at the top."""
    shown = [(leader, s) for leader in leaders if (s := leader.line.shrunk)][::-1]
    # Two creatives may share a headline and a size; the position keeps their bars apart.
    rows = list(range(len(shown)))
    names = [(leader.creative.headline, leader.product or leader.creative.size) for leader, _ in shown]
    texts = [f"{_clip(headline, 24)} · {_clip(product, 18)}" for headline, product in names]
    figure = figure_make(
        height=90 + 30 * len(shown),
        hovermode="closest",
        xaxis={"tickformat": ".1%", "showgrid": True, "rangemode": "tozero"},
        yaxis={"tickvals": rows, "ticktext": texts, "showgrid": False, "rangemode": "normal"},
    )
    trace_add(
        figure,
        "scatter",
        x=[s.mean for _, s in shown],
        y=rows,
        mode="markers",
        name="Click rate",
        showlegend=False,
        marker={"color": "var(--chart-1)", "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [s.high - s.mean for _, s in shown],
            "arrayminus": [s.mean - s.low for _, s in shown],
            "color": "var(--chart-1-a60)",
            "thickness": 2,
            "width": 0,
        },
        customdata=[[s.low, s.high, leader.line.impressions] for leader, s in shown],
        text=texts,
        hovertemplate="%{text}<br>%{x:.2%} (%{customdata[0]:.2%} to %{customdata[1]:.2%})"
        "<br>%{customdata[2]:,} impressions<extra></extra>",
    )
    return figure


def matrix_figure(matrix: Matrix) -> Figure:
    """Shrunk click rate of each row for each segment; hidden cells stay empty and say so."""
    places = list(range(len(matrix.rows)))  # two creatives may share a headline and a size
    figure = figure_make(
        height=110 + 34 * len(matrix.rows),
        hovermode="closest",
        xaxis={"side": "top", "showgrid": False, "type": "category"},
        yaxis={
            "autorange": "reversed", "showgrid": False, "zeroline": False,
            "tickvals": places, "ticktext": [_clip(row.name, 30) for row in matrix.rows],
        },
    )  # fmt: skip
    common = {
        "x": [_clip(name, 20) for name in matrix.segments],
        "y": places,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverongaps": False,
    }
    trace_add(
        figure,
        "heatmap",
        **common,
        z=[[cell.shrunk.mean if cell.shrunk else None for cell in row] for row in matrix.cells],
        customdata=[
            [
                [
                    cell.rows_url,
                    cell.clicks,
                    cell.impressions,
                    _clip(row.name),
                ]
                for cell in cells
            ]
            for row, cells, _ in matrix.lines
        ],
        # From nothing to the best: from the worst on, chance alone would look like a contrast.
        zmin=0,
        zmax=max((c.shrunk.mean for row in matrix.cells for c in row if c.shrunk), default=1),
        colorscale=[[0, "var(--sunken)"], [1, "var(--chart-1)"]],
        texttemplate="%{z:.2%}",
        hovertemplate="%{customdata[3]} × %{x}<br>%{z:.2%} "
        "(%{customdata[1]:,} clicks of %{customdata[2]:,} impressions)<extra></extra>",
    )
    if matrix.hidden_count:
        trace_add(
            figure,
            "heatmap",
            **common,
            z=[[1 if cell.is_hidden else None for cell in row] for row in matrix.cells],
            text=[["hidden" if cell.is_hidden else "" for cell in row] for row in matrix.cells],
            customdata=[[["", _clip(row.name)]] * len(matrix.segments) for row in matrix.rows],
            colorscale=[[0, "var(--line)"], [1, "var(--line)"]],
            texttemplate="%{text}",
            hovertemplate="%{customdata[1]} × %{x}<br>too few shoppers<extra></extra>",
        )
    return figure


def _clip(text: str, limit: int = 34) -> str:
    """Short enough for an axis, and plain: Plotly reads tags in its texts."""
    text = text.replace("<", "‹").replace(">", "›")
    return text if len(text) <= limit else text[: limit - 1] + "…"
