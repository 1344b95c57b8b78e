"""``/api/v1/exchange-rates``: what foreign money is worth on a day."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.idempotency import idempotent
from analytics.exchange_rates import Line, exchange_rate_delete, exchange_rates_set
from analytics.models import ExchangeRate


class ExchangeRateSerializer(serializers.ModelSerializer[ExchangeRate]):
    """A stored rate."""

    class Meta:
        model = ExchangeRate
        fields = ("id", "day", "currency", "rate")


class RateInputSerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    currency = serializers.RegexField(r"^[A-Z]{3}\Z", max_length=3)
    rate = serializers.DecimalField(
        max_digits=18, decimal_places=8, help_text="What one unit of it is worth in the shop's currency."
    )


class RatesInputSerializer(serializers.Serializer[Any]):
    rates = RateInputSerializer(many=True, allow_empty=False, max_length=1000)  # type: ignore[call-arg]


class RatesResultSerializer(serializers.Serializer[Any]):
    stored = serializers.IntegerField()


class ExchangeRateListApi(generics.ListAPIView[ExchangeRate]):
    """The rates, newest day first."""

    serializer_class = ExchangeRateSerializer
    filterset_fields = ("currency", "day")
    queryset = ExchangeRate.objects.none()  # for the schema

    def get_queryset(self) -> QuerySet[ExchangeRate]:
        rows = ExchangeRate.objects.filter(advertiser=self.request.advertiser)  # type: ignore[attr-defined]
        return rows.order_by("-day", "currency")

    @extend_schema(operation_id="exchange_rates_list", tags=["reports"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="exchange_rates_set",
        tags=["reports"],
        request=RatesInputSerializer,
        responses=RatesResultSerializer,
        description="All or none; a rate that is there is overwritten. Orders are counted anew.",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = RatesInputSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        stored = exchange_rates_set(
            advertiser=request.advertiser,  # type: ignore[attr-defined]
            lines=[Line(**rate) for rate in body.validated_data["rates"]],
        )
        return Response({"stored": stored})


class ExchangeRateApi(APIView):
    """One rate."""

    @extend_schema(operation_id="exchange_rate_delete", tags=["reports"], responses={204: None})
    def delete(self, request: Request, rate_id: UUID) -> Response:
        exchange_rate_delete(advertiser=request.advertiser, rate_id=rate_id)  # type: ignore[attr-defined]
        return Response(status=status.HTTP_204_NO_CONTENT)
