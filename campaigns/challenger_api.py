"""Challengers over the API: the same services as the page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.idempotency import idempotent
from accounts.tenant_api import TenantApi
from campaigns.challenger_selectors import Look, Pair, pairs_get
from campaigns.challenger_services import ASKED_AT_ONCE, challenger_drop, challengers_request
from campaigns.selectors import campaign_get


class ChallengerInput(serializers.Serializer[Any]):
    """Which variants, and what of the second picture differs; nothing named: the seed alone."""

    variant_ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=ASKED_AT_ONCE)
    style = serializers.CharField(  # type: ignore[assignment]
        max_length=40, default="", allow_blank=True, help_text="A style preset's key; blank: as it is."
    )
    template = serializers.CharField(max_length=40, default="", allow_blank=True)
    model = serializers.CharField(max_length=80, default="", allow_blank=True)


class LookOutput(serializers.Serializer[Any]):
    """One of the two pictures."""

    render_job_id = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(
        choices=("none", "rendering", "failed", "in_review", "approved", "rejected")
    )
    approved_sizes = serializers.ListField(child=serializers.CharField())
    creative_ids = serializers.ListField(child=serializers.UUIDField())


class ChallengerOutput(serializers.Serializer[Any]):
    """A variant's present picture and its challenger."""

    variant_id = serializers.UUIDField()
    product_id = serializers.UUIDField()
    product = serializers.CharField()
    segment_id = serializers.UUIDField(allow_null=True)
    present = LookOutput()
    challenger = LookOutput()
    is_ready = serializers.BooleanField(help_text="Both are approved in every size: they can be compared.")
    missing = serializers.ListField(child=serializers.CharField(), help_text="What to approve first.")


def _look(look: Look) -> dict[str, Any]:
    return {
        "render_job_id": look.job.pk if look.job is not None else None,
        "state": look.state,
        "approved_sizes": [f"{width}x{height}" for width, height in sorted(look.approved)],
        "creative_ids": [creative.pk for creative in look.creatives],
    }


def _output(pair: Pair) -> dict[str, Any]:
    variant = pair.variant
    return ChallengerOutput(
        {
            "variant_id": variant.pk,
            "product_id": variant.product_id,
            "product": variant.product.title,
            "segment_id": variant.segment_id,
            "present": _look(pair.shown),
            "challenger": _look(pair.challenger),
            "is_ready": pair.is_ready,
            "missing": pair.missing,
        }
    ).data


class ChallengerListApi(TenantApi):
    """A campaign's pictures and their challengers."""

    serializer_class = ChallengerOutput

    @extend_schema(
        operation_id="list_challengers",
        summary="Every picture of a campaign beside its challenger",
        responses=ChallengerOutput(many=True),
        tags=["experiments"],
    )
    def get(self, request: Request, campaign_id: UUID) -> Response:
        campaign = campaign_get(advertiser_id=self.advertiser.pk, campaign_id=campaign_id)
        page = self.paginate_queryset(pairs_get(campaign=campaign))
        return self.get_paginated_response([_output(pair) for pair in page or []])

    @extend_schema(
        operation_id="request_challengers",
        summary="Ask for a second picture of variants, to be compared by an experiment",
        description="A challenger is rendered and reviewed like any picture, and shown by the arm "
        "`challenger` of a running experiment alone. 409 `challenger_compared` while one is undecided.",
        request=ChallengerInput,
        responses={202: ChallengerOutput(many=True)},
        tags=["experiments"],
    )
    @idempotent
    def post(self, request: Request, campaign_id: UUID) -> Response:
        given = self.checked(ChallengerInput)
        variants = challengers_request(
            advertiser=self.advertiser, campaign_id=campaign_id, requested_by=self.person, **given
        )
        campaign = campaign_get(advertiser_id=self.advertiser.pk, campaign_id=campaign_id)
        asked = {variant.pk for variant in variants}
        pairs = [p for p in pairs_get(campaign=campaign, only_challenged=True) if p.variant.pk in asked]
        return Response([_output(pair) for pair in pairs], status=status.HTTP_202_ACCEPTED)


class ChallengerApi(TenantApi):
    """One variant's challenger."""

    serializer_class = ChallengerOutput

    @extend_schema(
        operation_id="drop_challenger",
        summary="Take a variant's challenger back",
        responses={204: None},
        tags=["experiments"],
    )
    def delete(self, request: Request, campaign_id: UUID, variant_id: UUID) -> Response:
        challenger_drop(
            advertiser=self.advertiser, campaign_id=campaign_id, variant_id=variant_id, by=self.person
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
