"""``GET /api/v1/reports/events``: the rows behind a number of the performance report."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from adplatform.lib.errors import DomainError
from analytics.api import REPORT_PARAMETERS
from analytics.counted_event_views import hour_parse
from analytics.counted_events import KINDS, CountedEvents, Measure
from analytics.report_query import query_parse
from analytics.windows import today

PAGE_SIZE = 200


class EventRowSerializer(serializers.Serializer[Any]):
    occurred_at = serializers.DateTimeField()
    event_id = serializers.CharField()
    decision_id = serializers.UUIDField(allow_null=True)
    campaign_id = serializers.UUIDField(allow_null=True)
    variant_id = serializers.UUIDField(allow_null=True)
    creative_id = serializers.UUIDField(allow_null=True)
    placement_id = serializers.UUIDField(allow_null=True)
    segment_id = serializers.UUIDField(allow_null=True)
    device = serializers.CharField(allow_blank=True)
    is_simulated = serializers.BooleanField()
    shopper = serializers.CharField(allow_blank=True, help_text="A short code, one for each shopper.")
    order_id = serializers.CharField(allow_blank=True)
    value_cents = serializers.IntegerField(allow_null=True, help_text="Of an order, after refunds.")
    currency = serializers.CharField(allow_blank=True)
    is_masked = serializers.BooleanField(
        help_text="Too few shoppers: variant, creative and segment are left out."
    )


class EventRowsSerializer(serializers.Serializer[Any]):
    withheld = serializers.CharField(help_text="Why no row is shown: too few shoppers. Blank otherwise.")
    count = serializers.IntegerField(help_text="The number in the report.")
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    is_reconciled = serializers.BooleanField(
        help_text="Whether the hours of this page hold as many events as the report counts in them."
    )
    results = EventRowSerializer(many=True)


class ReportEventsApi(APIView):
    """The events behind a number, newest first."""

    @extend_schema(
        operation_id="report_events_list",
        tags=["reports"],
        parameters=[
            OpenApiParameter("of", str, enum=list(KINDS), description="Which number; clicks without."),
            OpenApiParameter("reason", str, description="Events left out for this reason instead."),
            OpenApiParameter("hour", str, description="Of this hour (UTC) only, such as `2026-11-25T14`."),
            OpenApiParameter("page", int, description=f"{PAGE_SIZE} rows a page; the last one beyond."),
            *REPORT_PARAMETERS,
        ],
        responses=EventRowsSerializer,
    )
    def get(self, request: Request) -> Response:
        parameters = request.query_params
        query, problems = query_parse(dict(parameters.lists()), today=today())
        name = parameters.get("of", "clicks")
        if name not in KINDS:
            problems["of"] = f"One of {', '.join(KINDS)}."
        if not parameters.get("page", "1").isdecimal():
            problems["page"] = "A number."
        hour = hour_parse(parameters.get("hour", ""))
        if parameters.get("hour") and hour is None:
            problems["hour"] = "An hour such as 2026-11-25T14."
        if problems:
            raise DomainError("invalid", "The request has invalid parameters.", errors=problems)
        reason = parameters.get("reason", "")[:40].replace("\x00", "")
        advertiser_id = request.advertiser.pk  # type: ignore[attr-defined]
        rows = CountedEvents(advertiser_id=advertiser_id, query=query, measure=Measure(name, reason, hour))
        page = Paginator(rows, PAGE_SIZE).get_page(parameters.get("page", "1"))
        found = list(page.object_list)
        answer = {
            "withheld": rows.withheld,
            "count": len(rows),
            "page": page.number,
            "pages": page.paginator.num_pages,
            "is_reconciled": rows.is_reconciled,
            "results": found,
        }
        return Response(EventRowsSerializer(answer).data)
