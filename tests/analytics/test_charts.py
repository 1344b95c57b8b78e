from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import pytest
from django.conf import settings
from django.utils import timezone

from analytics import charts, experiment_charts
from analytics.learning_charts import history_figure
from analytics.matrix import Matrix
from analytics.report_query import query_parse
from analytics.reports import report_get
from tests.analytics.test_reports import World

BUNDLE = settings.BASE_DIR / "static" / "vendor" / "plotly"


def test_the_browsers_plotly_is_the_one_that_the_charts_are_checked_against():
    from plotly.offline import get_plotlyjs_version

    head = (BUNDLE / "plotly-cartesian.min.js").read_text()[:200]
    assert f"v{get_plotlyjs_version()}" in head
    assert "MIT" in (BUNDLE / "LICENSE").read_text()


def drawable(figure: charts.Figure) -> None:
    """Plotly takes the whole of it, traces, layout and template; and JSON takes it, without NaN."""
    import plotly.graph_objects as go

    built = go.Figure(json.loads(json.dumps(figure, allow_nan=False)), skip_invalid=False)
    assert len(built.data) == len(figure["data"])


@pytest.mark.parametrize("hides", [1, 50])
@pytest.mark.parametrize("period", ["1d", "28d"])
def test_every_chart_of_the_page_is_one_that_plotly_draws(shop, settings, period, hides):
    settings.REPORTS_MIN_SHOPPERS = hides
    World(shop)
    query, _ = query_parse({"period": period, "across": "product"}, today=timezone.now().date())
    made = charts.charts_make(report_get(advertiser=shop, query=query))
    by_day = {"chart-volume", "chart-rate", "chart-orders", "chart-money"}
    leaders = {"chart-leaders"} if hides == 1 else set()
    assert made.keys() == (by_day if period != "1d" else {"chart-hours"}) | leaders | {"chart-matrix"}
    for figure in made.values():
        drawable(figure)


def test_the_charts_of_experiments_and_learning_are_ones_that_plotly_draws():
    days = ["2026-11-01", "2026-11-02"]
    line = {"label": "B", "low": [None, -0.1], "lift": [None, 0.1], "high": [None, 0.3]}
    trend = {"days": days, "lines": [line], "exposures": [[1, 2, 9], [3, 4, 9]]}
    made = experiment_charts.trend_context(
        {"shoppers": 9, "trend": trend, "arms": [{"label": "A"}, {"label": "B"}, {"label": "no line"}]}
    )
    assert made["trend_arms"] == ["A", "B"]
    assert made["trend_days"] == [
        {"day": date(2026, 11, 1), "lifts": [{"lift": None, "low": None, "high": None}], "shoppers": [1, 2]},
        {"day": date(2026, 11, 2), "lifts": [{"lift": 0.1, "low": -0.1, "high": 0.3}], "shoppers": [3, 4]},
    ]
    for figure in (
        *made["charts"].values(),
        history_figure([{"name": "<b>", "at": days, "share": [0.5, 0.4]}]),
    ):
        drawable(figure)


def test_the_axis_of_one_day_marks_no_milliseconds():
    line = {"label": "B", "low": [-0.1], "lift": [0.1], "high": [0.3]}
    trend = {"days": ["2026-11-02"], "lines": [line], "exposures": [[1, 2]]}
    content = {"shoppers": 3, "trend": trend, "arms": [{"label": "A"}, {"label": "B"}]}
    for figure in experiment_charts.trend_context(content)["charts"].values():
        drawable(figure)
        assert figure["layout"]["xaxis"]["dtick"] == 24 * 3600 * 1000


def test_what_plotly_does_not_know_is_refused_where_a_figure_is_made():
    with pytest.raises(ValueError, match="hovermod"):
        charts.figure_make(hovermod="closest")
    figure = charts.figure_make()
    with pytest.raises(ValueError, match="colour"):
        charts.trace_add(figure, "bar", x=[1], y=[2], marker={"colour": "red"})
    with pytest.raises(ValueError, match="no-colour"):
        charts.trace_add(figure, "bar", x=[1], y=[2], marker={"color": "no-colour"})


def test_figures_share_one_small_template_and_have_no_colour_of_their_own():
    figure, other = charts.matrix_figure(Matrix()), charts.figure_make()
    assert figure["layout"]["template"] is other["layout"]["template"]
    text = json.dumps(figure)
    assert len(json.dumps(other)) < 1000  # Plotly's own template is 7 kB
    assert "var(--chart-1)" in text
    assert "#" not in text


def test_importing_the_project_loads_neither_plotly_nor_pandas():
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings';"
        "import django; django.setup();"
        "import adplatform.urls; sys.exit(any(m in sys.modules for m in ('plotly', 'pandas', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
