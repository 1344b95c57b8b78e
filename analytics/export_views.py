"""A report's tables as files, with the page's own filters. What writes them is imported when it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse

from accounts.permissions import MemberRequest, member_required
from analytics.counted_event_views import measure_parse, rows_name
from analytics.counted_events import CountedEvents
from analytics.report_query import query_parse
from analytics.windows import today

if TYPE_CHECKING:
    from analytics.exports import Table

LEADERS = 2000
EVENTS = 10_000  # rows of one file


@member_required()
def performance_export(request: MemberRequest, form: str) -> HttpResponse:
    """``?table=creatives`` (or days, segments, ...) in one of the formats."""
    from analytics.report_tables import TABLES, table_make
    from analytics.reports import report_get

    query, _ = query_parse(dict(request.GET.lists()), today=today())
    name = request.GET.get("table", "")
    name = name if name in TABLES else "creatives"
    report = report_get(advertiser=request.advertiser, query=query, leader_limit=LEADERS)
    return _file(table_make(name, report), form, f"performance-{name}-{query.start}-{query.end}")


@member_required()
def performance_events_export(request: MemberRequest, form: str) -> HttpResponse:
    """The newest rows behind a number, at most 10,000."""
    from analytics.exports import Table

    query, _ = query_parse(dict(request.GET.lists()), today=today())
    measure = measure_parse(request.GET)
    events = CountedEvents(advertiser_id=request.advertiser.pk, query=query, measure=measure)
    name = f"events-{measure.name}-{query.start}-{query.end}"
    if events.withheld:
        return _file(Table("events", ("withheld",), [(events.withheld,)]), form, name)
    rows = events[:EVENTS]
    header = (
        "occurred_at", "event_id", "decision_id", "creative_id", "headline", "product", "campaign", "segment",
        "placement", "device", "shopper", "order_id", "value_cents", "currency", "simulated",
    )  # fmt: skip
    found = [
        (
            row.event.occurred_at,
            row.event.event_id,
            _text(row.event.decision_id),
            _text(row.event.creative_id),
            row.creative.headline if row.creative else "",
            row.product,
            row.campaign,
            row.segment,
            row.placement,
            row.event.device,
            row.event.shopper,
            row.event.order_id,
            row.event.value_cents,
            row.event.currency,
            "yes" if row.event.is_simulated else "no",
        )
        for row in rows_name(request.advertiser.pk, rows)
    ]
    return _file(Table("events", header, found), form, name)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _file(table: Table, form: str, name: str) -> HttpResponse:
    from analytics.exports import FORMATS

    content_type, write = FORMATS[form]
    return HttpResponse(
        write(table),
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}.{form}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
