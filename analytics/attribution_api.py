"""``/api/v1/campaigns/{id}/attribution``: how long its clicks and views may claim an order."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.tenant_api import TenantApi
from analytics.attribution_windows import LONGEST_DAYS, windows_get, windows_reset, windows_set
from campaigns.selectors import campaign_get


class AttributionInput(serializers.Serializer[Any]):
    click_days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS)
    view_days = serializers.IntegerField(
        min_value=0, max_value=LONGEST_DAYS, help_text="0: a view never gets an order."
    )


class AttributionOutput(AttributionInput):
    is_own = serializers.BooleanField(help_text="False: the installation's windows hold.")


class AttributionApi(TenantApi):
    """A campaign's attribution windows, in days."""

    @extend_schema(operation_id="campaign_attribution_get", tags=["reports"], responses=AttributionOutput)
    def get(self, request: Request, campaign_id: UUID) -> Response:
        windows, is_own = windows_get(advertiser_id=self.advertiser.pk, campaign_id=campaign_id)
        return Response({"click_days": windows.click.days, "view_days": windows.view.days, "is_own": is_own})

    @extend_schema(
        operation_id="campaign_attribution_set",
        tags=["reports"],
        request=AttributionInput,
        responses=AttributionOutput,
        description="Orders so far are counted anew by the windows given.",
    )
    def put(self, request: Request, campaign_id: UUID) -> Response:
        campaign_get(
            advertiser_id=self.advertiser.pk, campaign_id=campaign_id
        )  # 404 before any word on the body
        body = AttributionInput(data=request.data)
        body.is_valid(raise_exception=True)
        windows_set(advertiser=self.advertiser, campaign_id=campaign_id, **body.validated_data)
        return self.get(request, campaign_id)

    @extend_schema(operation_id="campaign_attribution_reset", tags=["reports"], responses={204: None})
    def delete(self, request: Request, campaign_id: UUID) -> Response:
        windows_reset(advertiser=self.advertiser, campaign_id=campaign_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
