"""Parts of the placements' and the campaign's page: what was decided and what came of it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render

from accounts.permissions import MemberRequest, member_required
from adplatform.lib.errors import NotFound
from analytics.funnel import funnel_get, placement_funnels_list
from analytics.report_query import Filters, ReportQuery
from analytics.selectors import freshness_get
from analytics.windows import today
from campaigns.selectors import campaign_get

PERIODS = (1, 7, 28)


@member_required()
def placement_funnels(request: MemberRequest) -> HttpResponse:
    """``?days=7``: the last days (UTC), today included."""
    days, end = _days(request), today()
    pk = request.advertiser.pk
    rows = placement_funnels_list(advertiser_id=pk, start=end - timedelta(days=days - 1), end=end)
    context = {"rows": rows, "days": days, "periods": PERIODS, "freshness": freshness_get(advertiser_id=pk)}
    return render(request, "analytics/_placement_funnels.html", context)


@member_required()
def campaign_funnel(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """One campaign's, from its filled decisions on; ``?days=7`` as above."""
    pk = request.advertiser.pk
    try:
        campaign_get(advertiser_id=pk, campaign_id=campaign_id)
    except NotFound:
        raise Http404 from None
    days, end = _days(request), today()
    query = ReportQuery(
        end - timedelta(days=days - 1), end, period=f"{days}d", filters=Filters(campaigns=(campaign_id,))
    )
    funnel = funnel_get(advertiser_id=pk, start=query.start, end=query.end, **query.filters)
    context = {
        "funnel": funnel,
        "is_empty": not any(stage.count for stage in funnel.stages),
        "query": query,
        "campaign_id": campaign_id,
        "freshness": freshness_get(advertiser_id=pk),
        "days": days,
        "periods": PERIODS,
        "click_days": settings.ATTRIBUTION_CLICK_DAYS,
        "view_days": settings.ATTRIBUTION_VIEW_DAYS,
    }
    return render(request, "analytics/_campaign_funnel.html", context)


def _days(request: MemberRequest) -> int:
    asked = request.GET.get("days", "")
    return next((days for days in PERIODS if str(days) == asked), 7)
