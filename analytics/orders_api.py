"""``POST /api/v1/conversions`` and ``/refunds``: what a shop's server reports, one at a time.

The same events as in a batch of ``/api/v1/events``, under the same rules; here with an Idempotency-Key and an
answer that says what became of the one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.idempotency import idempotent
from adplatform.lib.errors import DomainError
from analytics import services
from analytics.currencies import MAX_VALUE_CENTS
from analytics.intake import Batch, EventItem, Sender, batch_check
from analytics.models import Event
from profiles.pseudonyms import SHOPPER_KEY_LIMIT


class RefundInputSerializer(serializers.Serializer[Any]):
    event_id = serializers.CharField(max_length=64, help_text="Your own id: sending it twice counts once.")
    order_id = serializers.CharField(
        max_length=64,
        help_text="Stored as a digest where it holds an e-mail, a telephone number or `shopper`.",
    )
    value_cents = serializers.IntegerField(min_value=1, max_value=MAX_VALUE_CENTS)
    currency = serializers.RegexField(r"^[A-Z]{3}\Z", max_length=3)
    occurred_at = serializers.CharField(required=False, max_length=40, help_text="ISO 8601; missing: now.")
    shopper = serializers.CharField(
        required=False, max_length=SHOPPER_KEY_LIMIT, help_text="Your key of the shopper, as with the order."
    )


class ConversionInputSerializer(RefundInputSerializer):
    value_cents = serializers.IntegerField(min_value=0, max_value=MAX_VALUE_CENTS)
    user_agent = serializers.CharField(required=False, max_length=512, help_text="The shopper's browser.")


class OrderEventSerializer(serializers.Serializer[Any]):
    event_id = serializers.CharField()
    order_id = serializers.CharField()
    is_new = serializers.BooleanField(help_text="False: this event id was stored before.")
    is_counted = serializers.BooleanField(help_text="Whether what was stored is in the figures.")
    invalid_reason = serializers.CharField(allow_blank=True, help_text="Why it is not.")
    occurred_at = serializers.DateTimeField()


def _record(request: Request, kind: str, fields: dict[str, Any]) -> Response:
    """201 for a new event, 200 for one that was there.

    Raises DomainError with an item's code, or ``event_id_taken`` (409): the one there is of another kind.
    """
    advertiser = request.advertiser  # type: ignore[attr-defined]
    sender = Sender(
        received_at=timezone.now(),
        max_age=timedelta(days=settings.EVENTS_MAX_AGE_DAYS),
        advertiser_id=advertiser.pk,
        may_convert=True,
        is_server=True,
    )
    intake = batch_check(Batch([EventItem(kind=kind, **fields)], None), sender)
    for _, code in intake.rejected:
        raise DomainError(str(code), "The event cannot be stored; the code says what is wrong with it.")
    result = services.events_record(events=intake.events, received_at=sender.received_at)
    stored = Event.objects.get(
        advertiser=advertiser, decision_id__isnull=True, event_id=intake.events[0].event_id
    )
    if stored.kind != kind:
        raise DomainError(
            "event_id_taken",
            f"An event of kind {stored.kind} has this event_id already; give this one another.",
            status=409,
        )
    body = {
        "event_id": stored.event_id,
        "order_id": stored.order_id,
        "is_new": bool(result.accepted),
        "is_counted": stored.validity == Event.Validity.VALID,
        "invalid_reason": stored.invalid_reason,
        "occurred_at": stored.occurred_at.isoformat(),
    }
    return Response(body, status=201 if result.accepted else 200)


class ConversionApi(APIView):
    """An order. 409 `event_id_taken` where another kind of event has the event id."""

    @extend_schema(
        operation_id="conversion_record",
        tags=["events"],
        request=ConversionInputSerializer,
        responses={200: OrderEventSerializer, 201: OrderEventSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = ConversionInputSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _record(request, Event.Kind.CONVERSION.value, dict(body.validated_data))


class RefundApi(APIView):
    """Money given back of an order, in part or whole; the order may be reported later.

    409 `event_id_taken` where another kind of event has the event id, as the order itself.
    """

    @extend_schema(
        operation_id="refund_record",
        tags=["events"],
        request=RefundInputSerializer,
        responses={200: OrderEventSerializer, 201: OrderEventSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = RefundInputSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _record(request, Event.Kind.REFUND.value, dict(body.validated_data))
