"""Pages of analytics: the overview and the performance report."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.permissions import member_required
from adplatform.lib.errors import NotFound
from analytics import selectors
from analytics.charts import charts_make
from analytics.creative_lines import creative_lines_get
from analytics.exports import FORMATS
from analytics.filter_choices import chips_make, choices_make
from analytics.overview import overview_get
from analytics.report_query import ACROSS, CUSTOM, DEFAULT_PERIOD, PERIODS, Filters, ReportQuery, query_parse
from analytics.report_tables import TABLES
from analytics.reports import report_get
from analytics.saved_views import saved_view_list
from analytics.small_groups import small_groups_get, withheld_why
from analytics.tiles import figures_make
from analytics.windows import today
from generation.creative_selectors import creative_get
from generation.kpis import KPI_DAYS, kpis_get

SERVES_DAYS = 90  # what a creative's passport tells of


@member_required()
def overview(request: HttpRequest) -> HttpResponse:
    """The first page after signing in."""
    page = overview_get(advertiser=request.advertiser, today=today())  # type: ignore[attr-defined]
    kpis = kpis_get(advertiser_id=request.advertiser.pk, now=timezone.now())  # type: ignore[attr-defined]
    return render(request, "analytics/overview.html", {"overview": page, "kpis": kpis, "kpi_days": KPI_DAYS})


@member_required()
def performance(request: HttpRequest) -> HttpResponse:
    """The performance report; every choice stands in the URL."""
    advertiser = request.advertiser  # type: ignore[attr-defined]
    query, problems = query_parse(dict(request.GET.lists()), today=today())
    choices = choices_make(advertiser_id=advertiser.pk, query=query)
    report = report_get(advertiser=advertiser, query=query)
    context = {
        "report": report,
        "query": query,
        "problems": problems,
        "has_data": not report.totals.is_empty
        or bool(report.withheld)
        or selectors.has_data(advertiser_id=advertiser.pk),
        "figures": figures_make(report),
        "charts": charts_make(report) if not report.totals.is_empty else {},
        "click_days": settings.ATTRIBUTION_CLICK_DAYS,
        "view_days": settings.ATTRIBUTION_VIEW_DAYS,
        "choices": choices,
        "chips": chips_make(choices, query),
        "periods": _periods(query),
        "across": ACROSS.items(),
        "tables": [(name, name.title()) for name in TABLES if name != "hours" or report.hours],
        "formats": FORMATS,
        "saved_views": saved_view_list(advertiser_id=advertiser.pk, user=request.user),  # type: ignore[arg-type]
        "default_period": DEFAULT_PERIOD,
    }
    return render(request, "analytics/performance.html", context)


def _periods(query: ReportQuery) -> list[tuple[str, str]]:
    """The select's options; a number of days that it does not offer stands there when it is in force."""
    offered = {**PERIODS, CUSTOM: "From … to …"}
    if query.period not in offered:
        offered = {query.period: f"Last {query.period[:-1]} days", **offered}
    return list(offered.items())


@member_required()
def creative_serves(request: HttpRequest, creative_id: UUID) -> HttpResponse:
    """How often one creative was shown lately and what came of it: a part of its passport."""
    advertiser = request.advertiser  # type: ignore[attr-defined]
    try:
        creative_get(advertiser_id=advertiser.pk, creative_id=creative_id)
    except NotFound:
        raise Http404 from None
    last = today()
    period = {"advertiser_id": advertiser.pk, "start": last - timedelta(days=SERVES_DAYS - 1), "end": last}
    only = Filters(creatives=(creative_id,))
    lines = creative_lines_get(**period, **only)
    context = {
        "counts": selectors.totals_get(**period, **only),
        "withheld": withheld_why(small_groups_get(**period), only, lines),
        "days": SERVES_DAYS,
        "currency": advertiser.currency,
        "freshness": selectors.freshness_get(advertiser_id=advertiser.pk),
    }
    return render(request, "analytics/_creative_serves.html", context)
