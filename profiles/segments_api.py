"""The API of segments."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.idempotency import idempotent
from accounts.models import ApiKey
from profiles import services
from profiles.models import Segment
from profiles.segment_services import rule_checked
from profiles.selectors import rule_size, segment_get, segment_list
from profiles.serializers import (
    RuleInputSerializer,
    RuleSizeSerializer,
    SegmentInputSerializer,
    SegmentPatchSerializer,
    SegmentSerializer,
)

KIND = OpenApiParameter("kind", str, enum=Segment.Kind.values, description="Only segments of this kind.")
SEARCH = OpenApiParameter("search", str, description="Part of the name.")


class SegmentListApi(GenericAPIView[Segment]):
    """Segments of the advertiser."""

    queryset = Segment.objects.none()
    serializer_class = SegmentSerializer
    filter_backends: list[Any] = []

    @extend_schema(
        operation_id="segments_list",
        tags=["segments"],
        parameters=[KIND, SEARCH],
        responses=SegmentSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Segments by name, with their sizes."""
        found = segment_list(
            advertiser_id=request.advertiser.pk,  # type: ignore[attr-defined]
            search=request.query_params.get("search", "").replace("\x00", ""),
            kind=request.query_params.get("kind", "").replace("\x00", ""),
        )
        page = self.paginate_queryset(found)
        return self.get_paginated_response(SegmentSerializer(page, many=True).data)

    @extend_schema(
        operation_id="segment_create",
        tags=["segments"],
        request=SegmentInputSerializer,
        responses={201: SegmentSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a segment by a rule; its size is known when this answers."""
        serializer = SegmentInputSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        segment = services.segment_create(
            advertiser=request.advertiser,  # type: ignore[attr-defined]
            **serializer.validated_data,
        )
        return Response(SegmentSerializer(segment).data, status=status.HTTP_201_CREATED)


class SegmentDetailApi(APIView):
    """One segment."""

    @extend_schema(operation_id="segment_get", tags=["segments"], responses={200: SegmentSerializer})
    def get(self, request: Request, segment_id: UUID) -> Response:
        """One segment."""
        advertiser_id = request.advertiser.pk  # type: ignore[attr-defined]
        return Response(
            SegmentSerializer(segment_get(advertiser_id=advertiser_id, segment_id=segment_id)).data
        )

    @extend_schema(
        operation_id="segment_update",
        tags=["segments"],
        request=SegmentPatchSerializer,
        responses={200: SegmentSerializer},
    )
    def patch(self, request: Request, segment_id: UUID) -> Response:
        """Change the name, the rule (of a rule segment) or whether it is active."""
        serializer = SegmentPatchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        segment = services.segment_update(
            advertiser=request.advertiser,  # type: ignore[attr-defined]
            segment_id=segment_id,
            **serializer.validated_data,
        )
        return Response(SegmentSerializer(segment).data)

    @extend_schema(operation_id="segment_delete", tags=["segments"], responses={204: None})
    def delete(self, request: Request, segment_id: UUID) -> Response:
        """Delete a segment that no campaign is aimed at."""
        services.segment_delete(
            advertiser=request.advertiser,  # type: ignore[attr-defined]
            segment_id=segment_id,
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class SegmentPreviewApi(APIView):
    """The size a rule would have."""

    scopes = {"POST": ApiKey.Scope.READ}

    @extend_schema(
        operation_id="segment_preview",
        tags=["segments"],
        request=RuleInputSerializer,
        responses={200: RuleSizeSerializer},
    )
    def post(self, request: Request) -> Response:
        """Count the shoppers a rule would catch, storing nothing."""
        serializer = RuleInputSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        size = rule_size(
            advertiser_id=request.advertiser.pk,  # type: ignore[attr-defined]
            rule=rule_checked(serializer.validated_data["rule"]),
        )
        return Response(RuleSizeSerializer(size).data)
