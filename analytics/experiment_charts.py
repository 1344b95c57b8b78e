"""Plotly figures of the experiment page; see ``analytics.charts`` for how they are drawn."""

from __future__ import annotations

import json
from typing import Any

from analytics.charts import MUTED, _figure

COLOURS = ("var(--chart-1)", "var(--chart-2)", "var(--chart-3)")
SHADES = ("var(--chart-1-a18)", "var(--chart-2-a18)", "var(--chart-3-a18)")


def charts_make(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The charts of a stored report, by the id of their element; none without a day of data."""
    trend = content.get("trend") or {}
    if not trend.get("days") or not content.get("shoppers"):
        return {}
    return {"chart-lift": _lift_figure(trend), "chart-exposures": _exposures_figure(trend, content["arms"])}


def _lift_figure(trend: dict[str, Any]) -> dict[str, Any]:
    """The lift so far with its always-valid interval; a wild first day must not set the scale."""
    figure = _figure(yaxis={"tickformat": "+.0%", "rangemode": "normal"})
    days, bounds = trend["days"], []
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    for position, line in enumerate(trend["lines"]):
        figure.add_scatter(x=days, y=line["low"], **edge)
        figure.add_scatter(x=days, y=line["high"], fill="tonexty", fillcolor=SHADES[position], **edge)
        figure.add_scatter(
            x=days, y=line["lift"], name=line["label"], mode="lines+markers",
            line={"color": COLOURS[position], "width": 2}, hovertemplate="%{y:+.1%}",
        )  # fmt: skip
        latter = slice(len(days) // 3, None)
        bounds += [abs(v) for side in ("low", "high") for v in line[side][latter] if v is not None]
    figure.add_hline(y=0, line={"color": MUTED, "width": 1, "dash": "dot"})
    if bounds:
        reach = min(max(bounds) * 1.15, 5)
        figure.update_yaxes(range=[max(-1, -reach), reach])
    return json.loads(figure.to_json())


def _exposures_figure(trend: dict[str, Any], arms: list[dict[str, Any]]) -> dict[str, Any]:
    """New shoppers by day and arm: a gap between the arms shows when a split broke."""
    figure = _figure(barmode="group", bargap=0.3)
    for position, arm in enumerate(arms):
        figure.add_bar(
            x=trend["days"], y=[counts[position] for counts in trend["exposures"]], name=arm["label"],
            marker={"color": (MUTED, *COLOURS)[position]},
        )  # fmt: skip
    return json.loads(figure.to_json())
