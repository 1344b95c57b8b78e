"""Pages of analytics: the overview and the performance report."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.permissions import member_required
from adplatform.lib.errors import NotFound
from analytics import labels, selectors
from analytics.charts import charts_make
from analytics.overview import overview_get
from analytics.report_query import DEVICES, GENERIC, PRESETS, ReportQuery, query_parse
from analytics.report_tables import creatives_csv, days_csv
from analytics.reports import report_get
from analytics.windows import today
from generation.creative_selectors import creative_get

EXPORT_LEADERS = 500
EXPORTS = {"creatives": creatives_csv, "days": days_csv}


@member_required()
def overview(request: HttpRequest) -> HttpResponse:
    """The first page after signing in."""
    page = overview_get(advertiser=request.advertiser, today=today())  # type: ignore[attr-defined]
    return render(request, "analytics/overview.html", {"overview": page})


@member_required()
def performance(request: HttpRequest) -> HttpResponse:
    """The performance report; every choice stands in the URL."""
    advertiser = request.advertiser  # type: ignore[attr-defined]
    query, problems = query_parse(request.GET, today=today())
    report = report_get(advertiser=advertiser, query=query)
    context = {
        "report": report,
        "query": query,
        "problems": problems,
        "has_data": not report.totals.is_empty or selectors.has_data(advertiser_id=advertiser.pk),
        "charts": charts_make(report) if not report.totals.is_empty else {},
        "presets": PRESETS,
        "click_days": settings.ATTRIBUTION_CLICK_DAYS,
        "view_days": settings.ATTRIBUTION_VIEW_DAYS,
        "choices": _choices(advertiser.pk, query),
    }
    return render(request, "analytics/performance.html", context)


@member_required()
def performance_export(request: HttpRequest) -> HttpResponse:
    """The same report as CSV: ``?table=creatives`` or ``days``."""
    query, _ = query_parse(request.GET, today=today())
    table = request.GET.get("table", "")
    table = table if table in EXPORTS else "creatives"
    report = report_get(
        advertiser=request.advertiser,  # type: ignore[attr-defined]
        query=query,
        leader_limit=EXPORT_LEADERS,
    )
    name = f"performance-{table}-{query.start}-{query.end}.csv"
    return HttpResponse(
        EXPORTS[table](report),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


def _choices(advertiser_id: UUID, query: ReportQuery) -> list[dict[str, Any]]:
    """The selects of the filter bar: name, label, (value, text, is chosen)."""
    given = {"simulated": "all", **query.parameters()}
    generic = (GENERIC, labels.GENERIC_LABEL)
    campaigns = _options(labels.campaign_labels(advertiser_id=advertiser_id))
    segments = _options(labels.segment_labels(advertiser_id=advertiser_id))
    placements = _options(labels.placement_labels(advertiser_id=advertiser_id))
    selects = (
        ("campaign", "Campaign", [("", "All"), *campaigns]),
        ("segment", "Segment", [("", "All"), generic, *segments]),
        ("placement", "Placement", [("", "All"), *placements]),
        ("device", "Device", [("", "All"), *((device, device.title()) for device in DEVICES)]),
        ("simulated", "Simulated traffic", [("all", "Included"), ("no", "Left out"), ("yes", "Only")]),
    )
    return [
        {
            "name": name,
            "label": label,
            "options": [(value, text, value == given.get(name, "")) for value, text in options],
        }
        for name, label, options in selects
    ]


def _options(found: dict[UUID, str]) -> list[tuple[str, str]]:
    return [(str(pk), name) for pk, name in found.items()]


@member_required()
def creative_serves(request: HttpRequest, creative_id: UUID) -> HttpResponse:
    """How often one creative was shown and what came of it: a part of its passport."""
    advertiser = request.advertiser  # type: ignore[attr-defined]
    try:
        creative_get(advertiser_id=advertiser.pk, creative_id=creative_id)
    except NotFound:
        raise Http404 from None
    counts = selectors.creative_totals_get(advertiser_id=advertiser.pk, creative_id=creative_id)
    context = {"counts": counts, "currency": advertiser.currency}
    return render(request, "analytics/_creative_serves.html", context)
