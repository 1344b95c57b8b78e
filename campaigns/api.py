"""Endpoints of campaigns and placements."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.idempotency import idempotent
from accounts.tenant_api import TenantApi
from campaigns.models import Campaign
from campaigns.planning import VARIANTS_MAX, campaign_plan
from campaigns.selectors import campaign_get, campaign_list, placement_get, placement_list, progress_map
from campaigns.serializers import (
    CampaignGenerateInput,
    CampaignGenerateOutput,
    CampaignInput,
    CampaignOutput,
    CampaignPlanOutput,
    CampaignWeightsInput,
    CampaignWeightsOutput,
    PlacementInput,
    PlacementOutput,
    PlacementPatchInput,
)
from campaigns.services import (
    campaign_create,
    campaign_end,
    campaign_launch,
    campaign_pause,
    campaign_update,
    placement_create,
    placement_deactivate,
    placement_update,
)
from campaigns.variant_services import campaign_generate
from campaigns.weight_services import weights_write


def _campaign_rows(campaigns: list[Campaign]) -> Any:
    progress = progress_map(campaigns)
    for campaign in campaigns:
        campaign.progress = progress[campaign.pk]  # type: ignore[attr-defined]
    return CampaignOutput(campaigns, many=True).data


class CampaignListApi(TenantApi):
    """All campaigns, and new ones."""

    serializer_class = CampaignOutput

    @extend_schema(
        operation_id="list_campaigns",
        summary="List campaigns",
        parameters=[
            OpenApiParameter("search", OpenApiTypes.STR, description="In the name or a product's title."),
            OpenApiParameter("status", OpenApiTypes.STR, enum=Campaign.Status.values),
        ],
        responses=CampaignOutput(many=True),
        tags=["campaigns"],
    )
    def get(self, request: Request) -> Response:
        found = campaign_list(
            advertiser_id=self.advertiser.pk,
            search=request.query_params.get("search", ""),
            status=request.query_params.get("status", ""),
        )
        page = self.paginate_queryset(found.prefetch_related("products", "segments", "placements"))
        return self.get_paginated_response(_campaign_rows(list(page or [])))

    @extend_schema(
        operation_id="create_campaign",
        summary="Create a draft campaign",
        request=CampaignInput,
        responses={201: CampaignOutput},
        tags=["campaigns"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        campaign = campaign_create(
            advertiser=self.advertiser, created_by=self.person, **self.checked(CampaignInput)
        )
        return Response(_campaign_rows([campaign])[0], status=status.HTTP_201_CREATED)


class CampaignApi(TenantApi):
    """One campaign."""

    serializer_class = CampaignOutput

    @extend_schema(
        operation_id="get_campaign", summary="Read a campaign", responses=CampaignOutput, tags=["campaigns"]
    )
    def get(self, request: Request, campaign_id: UUID) -> Response:
        campaign = campaign_get(advertiser_id=self.advertiser.pk, campaign_id=campaign_id)
        return Response(_campaign_rows([campaign])[0])

    @extend_schema(
        operation_id="update_campaign",
        summary="Change a campaign",
        request=CampaignInput(partial=True),
        responses=CampaignOutput,
        tags=["campaigns"],
    )
    def patch(self, request: Request, campaign_id: UUID) -> Response:
        changes = self.checked(CampaignInput, partial=True)
        campaign = campaign_update(advertiser=self.advertiser, campaign_id=campaign_id, **changes)
        return Response(_campaign_rows([campaign])[0])


class CampaignPlanApi(TenantApi):
    """The dry run before generating."""

    scopes = {"POST": "read"}  # writes nothing
    serializer_class = CampaignPlanOutput

    @extend_schema(
        operation_id="plan_campaign",
        summary="See every planned picture and its prompt; writes nothing",
        request=None,
        parameters=[
            OpenApiParameter("limit", OpenApiTypes.INT, description=f"Variants, 50; {VARIANTS_MAX} at most."),
            OpenApiParameter("offset", OpenApiTypes.INT, description="Variants to skip."),
        ],
        responses=CampaignPlanOutput,
        tags=["campaigns"],
    )
    def post(self, request: Request, campaign_id: UUID) -> Response:
        campaign = campaign_get(advertiser_id=self.advertiser.pk, campaign_id=campaign_id)
        plan = campaign_plan(campaign=campaign, now=timezone.now())
        limit = min(_count(request, "limit", 50), VARIANTS_MAX)
        offset = _count(request, "offset", 0)
        rows = {
            "picture_count": plan.picture_count,
            "new_picture_count": plan.new_picture_count,
            "creative_count": plan.creative_count,
            "size_names": plan.size_names,
            "seconds_estimated": plan.seconds_estimated,
            "variants": plan.variants[offset : offset + limit],
        }
        return Response(CampaignPlanOutput(rows).data)


def _count(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else default


class CampaignGenerateApi(TenantApi):
    """Ask for the pictures."""

    serializer_class = CampaignGenerateOutput

    @extend_schema(
        operation_id="generate_campaign",
        summary="Create the missing variants and queue their pictures; safe to repeat",
        request=CampaignGenerateInput,
        responses={202: CampaignGenerateOutput},
        tags=["campaigns"],
    )
    @idempotent
    def post(self, request: Request, campaign_id: UUID) -> Response:
        result = campaign_generate(
            advertiser=self.advertiser,
            campaign_id=campaign_id,
            requested_by=self.person,
            **self.checked(CampaignGenerateInput),
        )
        return Response(CampaignGenerateOutput(result).data, status=status.HTTP_202_ACCEPTED)


class CampaignLaunchApi(TenantApi):
    """On the air."""

    serializer_class = CampaignOutput

    @extend_schema(
        operation_id="launch_campaign",
        summary="Launch a draft or resume a paused campaign",
        request=None,
        responses=CampaignOutput,
        tags=["campaigns"],
    )
    @idempotent
    def post(self, request: Request, campaign_id: UUID) -> Response:
        return Response(
            _campaign_rows([campaign_launch(advertiser=self.advertiser, campaign_id=campaign_id)])[0]
        )


class CampaignPauseApi(TenantApi):
    """Off the air for now."""

    serializer_class = CampaignOutput

    @extend_schema(
        operation_id="pause_campaign",
        summary="Pause a live campaign",
        request=None,
        responses=CampaignOutput,
        tags=["campaigns"],
    )
    @idempotent
    def post(self, request: Request, campaign_id: UUID) -> Response:
        return Response(
            _campaign_rows([campaign_pause(advertiser=self.advertiser, campaign_id=campaign_id)])[0]
        )


class CampaignEndApi(TenantApi):
    """Off the air for good."""

    serializer_class = CampaignOutput

    @extend_schema(
        operation_id="end_campaign",
        summary="End a campaign for good",
        request=None,
        responses=CampaignOutput,
        tags=["campaigns"],
    )
    @idempotent
    def post(self, request: Request, campaign_id: UUID) -> Response:
        return Response(
            _campaign_rows([campaign_end(advertiser=self.advertiser, campaign_id=campaign_id)])[0]
        )


class CampaignWeightsApi(TenantApi):
    """How often each variant wins the draw."""

    serializer_class = CampaignWeightsOutput

    @extend_schema(
        operation_id="set_campaign_weights",
        summary="Set the weights of variants; those not named keep theirs",
        request=CampaignWeightsInput,
        responses=CampaignWeightsOutput,
        tags=["campaigns"],
    )
    def patch(self, request: Request, campaign_id: UUID) -> Response:
        given = self.checked(CampaignWeightsInput)
        changed = weights_write(
            advertiser=self.advertiser,
            campaign_id=campaign_id,
            weights={line["variant"]: line["weight"] for line in given["weights"]},
            now=timezone.now(),
            comment=given["comment"],
            user=self.person,
        )
        return Response({"changed": changed})


class PlacementListApi(TenantApi):
    """All placements, and new ones."""

    serializer_class = PlacementOutput

    @extend_schema(
        operation_id="list_placements",
        summary="List placements",
        responses=PlacementOutput(many=True),
        tags=["placements"],
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(placement_list(advertiser_id=self.advertiser.pk))
        return self.get_paginated_response(PlacementOutput(page, many=True).data)

    @extend_schema(
        operation_id="create_placement",
        summary="Create a placement",
        request=PlacementInput,
        responses={201: PlacementOutput},
        tags=["placements"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        placement = placement_create(advertiser=self.advertiser, **self.checked(PlacementInput))
        return Response(PlacementOutput(placement).data, status=status.HTTP_201_CREATED)


class PlacementApi(TenantApi):
    """One placement."""

    serializer_class = PlacementOutput

    @extend_schema(
        operation_id="get_placement",
        summary="Read a placement",
        responses=PlacementOutput,
        tags=["placements"],
    )
    def get(self, request: Request, placement_id: UUID) -> Response:
        placement = placement_get(advertiser_id=self.advertiser.pk, placement_id=placement_id)
        return Response(PlacementOutput(placement).data)

    @extend_schema(
        operation_id="update_placement",
        summary="Rename, recode, close or reopen a placement",
        request=PlacementPatchInput(partial=True),
        responses=PlacementOutput,
        tags=["placements"],
    )
    def patch(self, request: Request, placement_id: UUID) -> Response:
        placement = placement_update(
            advertiser=self.advertiser,
            placement_id=placement_id,
            **self.checked(PlacementPatchInput, partial=True),
        )
        return Response(PlacementOutput(placement).data)

    @extend_schema(
        operation_id="close_placement",
        summary="Close a placement; past events keep their name for it",
        responses={204: None},
        tags=["placements"],
    )
    def delete(self, request: Request, placement_id: UUID) -> Response:
        placement_deactivate(advertiser=self.advertiser, placement_id=placement_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
