"""The API of one shopper: the profile, everything held, and its erasure."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from profiles.selectors import profile_get
from profiles.serializers import ProfileSerializer
from rights.erasure import shopper_erase
from rights.export import shopper_export
from rights.models import Erasure
from rights.serializers import ErasureSerializer, ShopperExportSerializer, ShopperKeySerializer

KEY = OpenApiParameter("shopper_key", str, OpenApiParameter.PATH)


class ShopperDetailApi(APIView):
    """One shopper, by the shop's own key."""

    @extend_schema(
        operation_id="shopper_get", tags=["profiles"], parameters=[KEY], responses={200: ProfileSerializer}
    )
    def get(self, request: Request, shopper_key: str) -> Response:
        """The profile: interests, segments, consent."""
        profile = profile_get(
            advertiser_id=request.advertiser.pk,  # type: ignore[attr-defined]
            shopper_key=shopper_key,
        )
        values = profile.__dict__ | {
            "segments": [
                {"id": segment_id, "name": name, "strength": strength}
                for segment_id, name, strength in profile.segments
            ]
        }
        return Response(ProfileSerializer(values).data)

    @extend_schema(operation_id="shopper_erase", tags=["rights"], parameters=[KEY], responses={204: None})
    def delete(self, request: Request, shopper_key: str) -> Response:
        """Erase everything of a shopper, within a minute everywhere. Repeating it answers the same."""
        shopper_erase(
            advertiser=request.advertiser,  # type: ignore[attr-defined]
            shopper_key=shopper_key,
            origin=Erasure.Origin.API,
            now=timezone.now(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class ShopperExportApi(APIView):
    """GDPR articles 15 and 20."""

    @extend_schema(
        operation_id="shopper_export",
        tags=["rights"],
        request=ShopperKeySerializer,
        responses={200: ShopperExportSerializer},
    )
    def post(self, request: Request) -> Response:
        """Everything that is held of a shopper, machine readable, with a legend."""
        serializer = ShopperKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(
            shopper_export(
                advertiser=request.advertiser,  # type: ignore[attr-defined]
                shopper_key=serializer.validated_data["shopper"],
                now=timezone.now(),
            ),
            headers={"Cache-Control": "no-store"},
        )


class ShopperErasureApi(APIView):
    """GDPR article 17."""

    @extend_schema(
        operation_id="shopper_erasure_create",
        tags=["rights"],
        request=ShopperKeySerializer,
        responses={200: ErasureSerializer},
    )
    def post(self, request: Request) -> Response:
        """Erase everything of a shopper, known or not; within a minute everywhere. May be repeated."""
        serializer = ShopperKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        erasure = shopper_erase(
            advertiser=request.advertiser,  # type: ignore[attr-defined]
            shopper_key=serializer.validated_data["shopper"],
            origin=Erasure.Origin.API,
            now=timezone.now(),
        )
        return Response(ErasureSerializer(erasure).data)
