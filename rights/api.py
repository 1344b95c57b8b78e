"""The API of one shopper: the profile, everything held, and its erasure."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import ApiKey
from profiles.selectors import profile_get
from profiles.serializers import ProfileSerializer
from rights.erasure import shopper_erase
from rights.export import shopper_export
from rights.models import Erasure
from rights.serializers import ErasureSerializer, ShopperExportSerializer, ShopperKeySerializer

KEY = OpenApiParameter("shopper_key", str, OpenApiParameter.PATH)
DEPRECATED_AT = "@1795564800"  # 2026-11-25; RFC 9745


def _profile(request: Request, shopper_key: str) -> dict[str, Any]:
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
    content: dict[str, Any] = ProfileSerializer(values).data
    return content


class ShopperLookupApi(APIView):
    """One shopper's profile, by the shop's own key."""

    scopes = {"POST": ApiKey.Scope.READ}

    @extend_schema(
        operation_id="shopper_lookup",
        tags=["profiles"],
        request=ShopperKeySerializer,
        responses={200: ProfileSerializer},
    )
    def post(self, request: Request) -> Response:
        """The profile: interests, segments, consent. Stores nothing."""
        serializer = ShopperKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        content = _profile(request, serializer.validated_data["shopper"])
        return Response(content, headers={"Cache-Control": "no-store"})


class ShopperDetailApi(APIView):
    """One shopper, by the shop's own key in the address, which proxies write down. Deprecated."""

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Says in the answer, too, what takes its place."""
        successor = reverse("api-shopper-erasure" if request.method == "DELETE" else "api-shopper-lookup")
        response["Deprecation"] = DEPRECATED_AT
        response["Link"] = f'<{successor}>; rel="successor-version"'
        response["Cache-Control"] = "no-store"
        return super().finalize_response(request, response, *args, **kwargs)

    @extend_schema(
        operation_id="shopper_get",
        tags=["profiles"],
        parameters=[KEY],
        responses={200: ProfileSerializer},
        deprecated=True,
    )
    def get(self, request: Request, shopper_key: str) -> Response:
        """The profile: interests, segments, consent. Use `POST /api/v1/shopper-lookups`: addresses are
        written to the logs of proxies, bodies are not."""
        return Response(_profile(request, shopper_key))

    @extend_schema(
        operation_id="shopper_erase",
        tags=["rights"],
        parameters=[KEY],
        responses={204: None},
        deprecated=True,
    )
    def delete(self, request: Request, shopper_key: str) -> Response:
        """Erase everything of a shopper, within a minute everywhere. Use `POST /api/v1/shopper-erasures`."""
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
