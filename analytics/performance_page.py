"""What the performance page says: the report, its figures, charts and filters. Loads pandas and Plotly."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from accounts.permissions import MemberRequest
from analytics import selectors
from analytics.charts import charts_make
from analytics.exports import FORMATS
from analytics.filter_choices import chips_make, choices_make
from analytics.report_query import ACROSS, CUSTOM, DEFAULT_PERIOD, PERIODS, ReportQuery, query_parse
from analytics.report_tables import TABLES
from analytics.reports import report_get
from analytics.saved_views import saved_view_list
from analytics.tiles import figures_make
from analytics.windows import today


def context_make(request: MemberRequest) -> dict[str, Any]:
    """What the template is given."""
    advertiser = request.advertiser
    query, problems = query_parse(dict(request.GET.lists()), today=today())
    choices = choices_make(advertiser_id=advertiser.pk, query=query)
    report = report_get(advertiser=advertiser, query=query)
    return {
        "report": report,
        "query": query,
        "problems": problems,
        "has_data": not report.totals.is_empty
        or bool(report.withheld)
        or selectors.has_data(advertiser_id=advertiser.pk),
        "figures": figures_make(report),
        "includes_today": query.start <= today() <= query.end,
        "charts": charts_make(report) if not report.totals.is_empty else {},
        "click_days": settings.ATTRIBUTION_CLICK_DAYS,
        "view_days": settings.ATTRIBUTION_VIEW_DAYS,
        "choices": choices,
        "chips": chips_make(choices, query),
        "periods": _periods(query),
        "across": ACROSS.items(),
        "tables": [(name, name.title()) for name in TABLES if name != "hours" or report.hours],
        "formats": FORMATS,
        "saved_views": saved_view_list(advertiser_id=advertiser.pk, user=request.user),
        "default_period": DEFAULT_PERIOD,
    }


def _periods(query: ReportQuery) -> list[tuple[str, str]]:
    """The select's options; a number of days that it does not offer stands there when it is in force."""
    offered = {**PERIODS, CUSTOM: "From … to …"}
    if query.period not in offered:
        offered = {query.period: f"Last {query.period[:-1]} days", **offered}
    return list(offered.items())
