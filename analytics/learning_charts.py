"""Plotly figures of the learning pages; see ``analytics.charts`` for how they are drawn."""

from __future__ import annotations

from typing import Any

from analytics.charts import MUTED, Figure, figure_make, trace_add

COLOURS = ("var(--chart-1)", "var(--chart-2)", "var(--chart-3)", "var(--ink)", MUTED)


def history_figure(series: list[dict[str, Any]]) -> Figure:
    """Shares as steps: they hold from one period's start to the next."""
    figure = figure_make(yaxis={"tickformat": ".0%"}, hovermode="closest")
    for position, line in enumerate(series):
        name = line["name"].replace("<", "‹").replace(">", "›")
        trace_add(
            figure,
            "scatter",
            x=line["at"],
            y=line["share"],
            name=name if len(name) <= 30 else f"{name[:29]}…",
            mode="lines+markers",
            line={"color": COLOURS[position % len(COLOURS)], "width": 2, "shape": "hv"},
            hovertemplate="%{y:.1%}",
        )
    return figure
