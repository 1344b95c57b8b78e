"""Plotly figures of the experiment page; see ``analytics.charts`` for how they are drawn."""

from __future__ import annotations

from datetime import date
from typing import Any

from analytics.charts import MUTED, Figure, figure_make, trace_add

COLOURS = ("var(--chart-1)", "var(--chart-2)", "var(--chart-3)")
SHADES = ("var(--chart-1-a18)", "var(--chart-2-a18)", "var(--chart-3-a18)")


def trend_context(content: dict[str, Any]) -> dict[str, Any]:
    """What pages draw of a stored report: charts by the id of their element, and the same figures as rows.

    Nothing without a day of data. Arms are the control and those that have a line of their own.
    """
    trend = content.get("trend") or {}
    if not trend.get("days") or not content.get("shoppers"):
        return {}
    arms = [arm["label"] for arm in content["arms"]][: len(trend["lines"]) + 1]
    return {
        "charts": {"chart-lift": _lift_figure(trend), "chart-exposures": _exposures_figure(trend, arms)},
        "trend_arms": arms,
        "trend_days": [
            {
                "day": date.fromisoformat(day),
                "lifts": [{key: line[key][at] for key in ("lift", "low", "high")} for line in trend["lines"]],
                "shoppers": trend["exposures"][at][: len(arms)],
            }
            for at, day in enumerate(trend["days"])
        ],
    }


def _lift_figure(trend: dict[str, Any]) -> Figure:
    """The lift so far with its always-valid interval; a wild first day must not set the scale."""
    days = trend["days"]
    latter = slice(len(days) // 3, None)
    bounds = [
        abs(v)
        for line in trend["lines"]
        for side in ("low", "high")
        for v in line[side][latter]
        if v is not None
    ]
    yaxis: dict[str, Any] = {"tickformat": "+.0%", "rangemode": "normal"}
    if bounds:
        reach = min(max(bounds) * 1.15, 5)
        yaxis["range"] = [max(-1, -reach), reach]
    nothing = {"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "y0": 0, "y1": 0}
    figure = figure_make(
        xaxis=_day_axis(days),
        yaxis=yaxis,
        shapes=[{**nothing, "line": {"color": MUTED, "width": 1, "dash": "dot"}}],
    )
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    for position, line in enumerate(trend["lines"]):
        trace_add(figure, "scatter", x=days, y=line["low"], **edge)
        trace_add(
            figure, "scatter", x=days, y=line["high"], fill="tonexty", fillcolor=SHADES[position], **edge
        )
        trace_add(
            figure, "scatter",
            x=days, y=line["lift"], name=line["label"], mode="lines+markers",
            line={"color": COLOURS[position], "width": 2}, hovertemplate="%{y:+.1%}",
        )  # fmt: skip
    return figure


def _exposures_figure(trend: dict[str, Any], arms: list[str]) -> Figure:
    """New shoppers by day and arm: a gap between the arms shows when a split broke."""
    figure = figure_make(xaxis=_day_axis(trend["days"]), barmode="group", bargap=0.3)
    for position, arm in enumerate(arms):
        trace_add(
            figure, "bar",
            x=trend["days"], y=[counts[position] for counts in trend["exposures"]], name=arm,
            marker={"color": (MUTED, *COLOURS)[position]},
        )  # fmt: skip
    return figure


def _day_axis(days: list[str]) -> dict[str, Any]:
    """Days alone: left to itself Plotly marks hours between few of them, and milliseconds around one."""
    return {"dtick": 24 * 3600 * 1000} if len(days) <= 7 else {}
