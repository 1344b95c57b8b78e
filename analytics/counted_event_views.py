"""The page of the rows behind a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render

from accounts.permissions import MemberRequest, member_required
from analytics import labels
from analytics.counted_events import KINDS, CountedEvents, EventRow, Measure
from analytics.filter_choices import chips_make, choices_make
from analytics.report_query import query_parse
from analytics.windows import today

PAGE_SIZE = 50
MASKED = "withheld"


@dataclass(frozen=True)
class NamedRow:
    """An event with the names of what its ids stand for."""

    event: EventRow
    creative: labels.CreativeLabel | None
    product: str
    campaign: str
    placement: str
    segment: str


@member_required()
def performance_events(request: MemberRequest) -> HttpResponse:
    """``?of=clicks`` (or ``&reason=ua_bot``) and the report's own parameters."""
    query, problems = query_parse(dict(request.GET.lists()), today=today())
    measure = measure_parse(request.GET)
    rows = CountedEvents(advertiser_id=request.advertiser.pk, query=query, measure=measure)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "query": query,
        "problems": problems,
        "measure": measure,
        "page_obj": page,
        "rows": rows_name(request.advertiser.pk, list(page.object_list)),
        "counted": rows,
        "chips": chips_make(choices_make(advertiser_id=request.advertiser.pk, query=query), query),
    }
    return render(request, "analytics/events.html", context)


def measure_parse(parameters: Mapping[str, str]) -> Measure:
    """What is asked for; clicks for what there is no such number of."""
    name = parameters.get("of", "")
    reason = parameters.get("reason", "")[:40].replace("\x00", "")
    return Measure(name if name in KINDS else "clicks", reason, hour_parse(parameters.get("hour", "")))


def hour_parse(text: str) -> datetime | None:
    """``2026-11-25T14`` (UTC); None for anything else."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    except ValueError:
        return None


def rows_name(advertiser_id: UUID, rows: list[EventRow]) -> list[NamedRow]:
    """The rows with their names: one query a kind of name, whatever their number."""
    pk = advertiser_id
    creatives = labels.creative_labels(advertiser_id=pk, ids={r.creative_id for r in rows if r.creative_id})
    variants = labels.variant_labels(advertiser_id=pk, ids={r.variant_id for r in rows if r.variant_id})
    campaigns = labels.campaign_labels(advertiser_id=pk)
    placements = labels.placement_labels(advertiser_id=pk)
    segments = labels.segment_labels(advertiser_id=pk)
    return [
        NamedRow(
            event=row,
            creative=creatives[row.creative_id] if row.creative_id else None,
            product=variants[row.variant_id].product if row.variant_id else "",
            campaign=labels.label_of(campaigns, row.campaign_id, "campaign") if row.campaign_id else "–",
            placement=labels.label_of(placements, row.placement_id, "placement") if row.placement_id else "–",
            segment=_segment(row, segments),
        )
        for row in rows
    ]


def _segment(row: EventRow, names: dict[UUID, str]) -> str:
    if row.is_masked:
        return MASKED
    return labels.label_of(names, row.segment_id, "segment") if row.campaign_id else "–"
