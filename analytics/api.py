"""``GET /api/v1/reports/performance``: the numbers of the performance page."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from adplatform.lib.errors import DomainError
from analytics.report_query import ACROSS, COMPARISONS, DEVICES, PERIODS, SORTS, query_parse
from analytics.windows import today


class RateSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField()
    high = serializers.FloatField()


class CountsSerializer(serializers.Serializer[Any]):
    impressions = serializers.IntegerField()
    viewables = serializers.IntegerField()
    clicks = serializers.IntegerField()
    conversions = serializers.IntegerField()
    revenue_cents = serializers.IntegerField()
    viewable_rate = RateSerializer()
    click_rate = RateSerializer()
    conversion_rate = RateSerializer()


class TotalsSerializer(CountsSerializer):
    currency = serializers.CharField()
    unattributed_conversions = serializers.IntegerField()
    unattributed_revenue_cents = serializers.IntegerField()
    other_revenue = serializers.DictField(
        child=serializers.IntegerField(), help_text="By currency: orders of days without an exchange rate."
    )
    refunds = serializers.IntegerField()
    refunded_cents = serializers.IntegerField(help_text="Already taken off revenue_cents.")
    invalid_events = serializers.IntegerField()
    has_simulated = serializers.BooleanField()


class PointSerializer(CountsSerializer):
    day = serializers.DateField()


class HourSerializer(CountsSerializer):
    hour = serializers.DateTimeField()


class ReachSerializer(serializers.Serializer[Any]):
    shoppers = serializers.IntegerField()
    low = serializers.IntegerField()
    high = serializers.IntegerField()


class PosteriorSerializer(serializers.Serializer[Any]):
    mean = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class LineSerializer(CountsSerializer):
    creative_id = serializers.UUIDField()
    variant_id = serializers.UUIDField(allow_null=True)
    campaign_id = serializers.UUIDField(allow_null=True)
    segment_id = serializers.UUIDField(allow_null=True)
    shrunk = PosteriorSerializer(allow_null=True)


class LeaderSerializer(serializers.Serializer[Any]):
    line = LineSerializer()
    headline = serializers.CharField(source="creative.headline")
    size = serializers.CharField(source="creative.size")
    product = serializers.CharField()
    segment = serializers.CharField()
    campaign = serializers.CharField()


class CellSerializer(serializers.Serializer[Any]):
    impressions = serializers.IntegerField()
    clicks = serializers.IntegerField()
    shrunk = PosteriorSerializer(allow_null=True)
    is_hidden = serializers.BooleanField(help_text="Too few shoppers, or it would tell of another such cell.")


class RowSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Of the creative or product; else the style, template or size.")
    name = serializers.CharField()


class MatrixSerializer(serializers.Serializer[Any]):
    segments = serializers.ListField(child=serializers.CharField())
    rows = RowSerializer(many=True)
    cells = serializers.ListField(child=CellSerializer(many=True), help_text="Of each row, by segment.")
    segment_totals = CellSerializer(many=True)
    row_totals = CellSerializer(many=True)
    minimum = serializers.IntegerField(help_text="Cells of fewer shoppers are hidden.")
    is_uncounted = serializers.BooleanField(help_text="A filter is in force that no shoppers are counted by.")
    count = serializers.IntegerField(help_text="Rows on all pages.")
    page = serializers.IntegerField()
    pages = serializers.IntegerField()


class StageSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    count = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField()
    events = serializers.IntegerField()


class TrafficSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    raw = serializers.IntegerField()
    counted = serializers.IntegerField()
    reasons = ReasonSerializer(many=True)


class FreshnessSerializer(serializers.Serializer[Any]):
    as_of = serializers.DateTimeField()
    pending_hours = serializers.IntegerField()
    is_stale = serializers.BooleanField()


class SpendSerializer(serializers.Serializer[Any]):
    cost_cents = serializers.IntegerField()
    day_cents = serializers.ListField(child=serializers.IntegerField())
    day_revenue_cents = serializers.ListField(child=serializers.IntegerField())
    revenue_cents = serializers.IntegerField(help_text="Of the campaigns that have a rate.")
    unpriced_impressions = serializers.IntegerField()
    return_rate = serializers.FloatField(allow_null=True)
    click_cents = serializers.FloatField(allow_null=True)
    order_cents = serializers.FloatField(allow_null=True)


class ChangeSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class ChangesSerializer(serializers.Serializer[Any]):
    impressions = ChangeSerializer(allow_null=True)
    viewables = ChangeSerializer(allow_null=True)
    clicks = ChangeSerializer(allow_null=True)
    conversions = ChangeSerializer(allow_null=True)
    revenue_cents = ChangeSerializer(allow_null=True)
    viewable_rate = ChangeSerializer(allow_null=True)
    click_rate = ChangeSerializer(allow_null=True)
    conversion_rate = ChangeSerializer(allow_null=True)


class ReportSerializer(serializers.Serializer[Any]):
    start = serializers.DateField(source="query.start")
    end = serializers.DateField(source="query.end")
    withheld = serializers.CharField(help_text="Why nothing is shown: too few shoppers. Blank otherwise.")
    notes = serializers.ListField(child=serializers.CharField(), help_text="What is left out, and why.")
    totals = TotalsSerializer()
    before = TotalsSerializer(allow_null=True)
    changes = ChangesSerializer(
        help_text="Each figure against the comparison period, relative; days are the sampling units."
    )
    reach = ReachSerializer(
        allow_null=True, help_text="Different shoppers; null with filters other than the campaign."
    )
    series = PointSerializer(many=True)
    hours = HourSerializer(many=True, help_text="For periods of at most two days.")
    leaders = LeaderSerializer(many=True)
    matrix = MatrixSerializer()
    funnel = StageSerializer(
        many=True,
        source="funnel.stages",
        help_text="From the decision on where the filters allow: all decisions are counted by placement, "
        "filled ones by what they showed, none by device.",
    )
    spend = SpendSerializer(allow_null=True, help_text="Null: no campaign with a rate was shown.")
    traffic = TrafficSerializer(many=True)
    freshness = FreshnessSerializer()


def _parameter(name: str, text: str, type_: Any = str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, type_, OpenApiParameter.QUERY, description=text, **more)


REPORT_PARAMETERS = [
    _parameter("period", f"One of {', '.join(PERIODS)}, or a number of days such as `45d`."),
    _parameter("days", "The last days, today included; the same as a period of so many days.", int),
    _parameter("start", "First day (UTC).", OpenApiTypes.DATE),
    _parameter("end", "Last day (UTC), included.", OpenApiTypes.DATE),
    _parameter(
        "compare",
        "Compare with the period before, the same weekdays 52 weeks earlier, or nothing.",
        enum=list(COMPARISONS),
    ),
    _parameter("campaign", "Campaign ids; of each filter any.", OpenApiTypes.UUID, many=True),
    _parameter("product", "Product ids.", OpenApiTypes.UUID, many=True),
    _parameter("segment", "Segment ids, or `generic`.", many=True),
    _parameter("placement", "Placement ids.", OpenApiTypes.UUID, many=True),
    _parameter("device", "Devices.", enum=list(DEVICES), many=True),
    _parameter("style", "Style keys, such as `soft_3d`.", many=True),
    _parameter("template", "Prompt templates, such as `scene@1`.", many=True),
    _parameter("simulated", "Simulated traffic: with it, only it, without it.", enum=["all", "yes", "no"]),
]


class PerformanceReportApi(APIView):
    """The performance report of the advertiser."""

    @extend_schema(
        operation_id="performance_report_get",
        tags=["reports"],
        parameters=[
            *REPORT_PARAMETERS,
            _parameter("across", "What the table by segment is of.", enum=list(ACROSS)),
            _parameter("find", "Of that table only the rows with this in their names."),
            _parameter("matrix_page", "Of that table.", int),
            _parameter("sort", "Order of the leaderboard.", enum=list(SORTS)),
        ],
        responses=ReportSerializer,
    )
    def get(self, request: Request) -> Response:
        from analytics.reports import report_get  # pandas

        query, problems = query_parse(dict(request.query_params.lists()), today=today())
        if problems:
            raise DomainError("invalid", "The request has invalid parameters.", errors=problems)
        report = report_get(advertiser=request.advertiser, query=query)  # type: ignore[attr-defined]
        return Response(ReportSerializer(report).data)
