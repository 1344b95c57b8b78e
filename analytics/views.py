"""Pages of analytics: the overview and the performance report."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.permissions import MemberRequest, member_required
from adplatform.lib.errors import NotFound
from analytics import selectors
from analytics.creative_lines import creative_lines_get
from analytics.report_query import Filters
from analytics.small_groups import small_groups_get, withheld_why
from analytics.windows import today
from generation.creative_selectors import creative_get
from generation.kpis import KPI_DAYS, kpis_get

SERVES_DAYS = 90  # what a creative's passport tells of


@member_required()
def overview(request: MemberRequest) -> HttpResponse:
    """The first page after signing in."""
    from analytics.overview import overview_get  # pandas

    page = overview_get(advertiser=request.advertiser, today=today())
    kpis = kpis_get(advertiser_id=request.advertiser.pk, now=timezone.now())
    return render(request, "analytics/overview.html", {"overview": page, "kpis": kpis, "kpi_days": KPI_DAYS})


@member_required()
def performance(request: MemberRequest) -> HttpResponse:
    """The performance report; every choice stands in the URL."""
    from analytics.performance_page import context_make  # pandas and Plotly: 90 MB for who looks at figures

    return render(request, "analytics/performance.html", context_make(request))


@member_required()
def creative_serves(request: MemberRequest, creative_id: UUID) -> HttpResponse:
    """How often one creative was shown lately and what came of it: a part of its passport."""
    advertiser = request.advertiser
    try:
        creative_get(advertiser_id=advertiser.pk, creative_id=creative_id)
    except NotFound:
        raise Http404 from None
    last = today()
    pk, start = advertiser.pk, last - timedelta(days=SERVES_DAYS - 1)
    only = Filters(creatives=(creative_id,))
    lines = creative_lines_get(advertiser_id=pk, start=start, end=last, **only)
    groups = small_groups_get(advertiser_id=pk, start=start, end=last)
    context = {
        "counts": selectors.counts_get(advertiser_id=pk, start=start, end=last, **only),
        "withheld": withheld_why(groups, only, lines),
        "days": SERVES_DAYS,
        "currency": advertiser.currency,
        "freshness": selectors.freshness_get(advertiser_id=advertiser.pk),
    }
    return render(request, "analytics/_creative_serves.html", context)
