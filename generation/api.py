"""Endpoints of render jobs. Jobs are made by campaigns; here they are watched, cancelled and retried."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.idempotency import idempotent
from accounts.tenant_api import TenantApi
from adplatform.lib.errors import DomainError
from adplatform.lib.media import media_url
from generation import services
from generation.job_selectors import render_job_get, render_job_list
from generation.models import RenderJob


class RenderPromptPartOutput(serializers.Serializer[Any]):
    """A piece of a prompt and where it came from: ``interest:food_coffee``, ``product:title``, ..."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # "from" is a word of Python, so the fields cannot be written as class attributes.
        return {name: serializers.CharField(read_only=True) for name in ("slot", "text", "from")}


class RenderJobOutput(serializers.ModelSerializer[RenderJob]):
    """A render job in a list."""

    class Meta:
        model = RenderJob
        fields = [
            "id",
            "status",
            "model",
            "motif",
            "priority",
            "stage",
            "step",
            "steps",
            "attempts",
            "crashes",
            "cancel_requested",
            "error_code",
            "error_message",
            "render_ms",
            "available_at",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class RenderJobDetailOutput(RenderJobOutput):
    """A render job with its prompt, where each word of it came from, and what came out."""

    prompt_parts = RenderPromptPartOutput(many=True, read_only=True)
    picture_url = serializers.SerializerMethodField()
    creative_ids = serializers.SerializerMethodField()
    checks_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta(RenderJobOutput.Meta):
        fields = [
            *RenderJobOutput.Meta.fields,
            "prompt",
            "negative_prompt",
            "prompt_parts",
            "prompt_template",
            "seed",
            "fingerprint",
            "model_hash",
            "render_details",
            "checks_id",
            "comparison",
            "picture_sha256",
            "picture_url",
            "creative_ids",
        ]
        read_only_fields = fields

    def get_picture_url(self, job: RenderJob) -> str:
        return media_url(job.picture)

    def get_creative_ids(self, job: RenderJob) -> list[UUID]:
        return list(job.creatives.order_by("width", "height").values_list("pk", flat=True))


class _RenderJobsApi(TenantApi):
    serializer_class: Any = RenderJobDetailOutput
    queryset = RenderJob.objects.none()  # for the schema only

    def answer(self, job: RenderJob, code: int = status.HTTP_200_OK) -> Response:
        return Response(RenderJobDetailOutput(job).data, status=code)


class RenderJobListApi(_RenderJobsApi):
    """All render jobs, newest first."""

    serializer_class = RenderJobOutput

    @extend_schema(
        operation_id="list_render_jobs",
        summary="List render jobs",
        tags=["render jobs"],
        parameters=[OpenApiParameter("status", OpenApiTypes.STR, enum=RenderJob.Status.values)],
        responses=RenderJobOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted = request.query_params.get("status", "")
        if wanted and wanted not in RenderJob.Status.values:
            raise DomainError("status_unknown", f"There is no status {wanted!r}.")
        page = self.paginate_queryset(render_job_list(advertiser_id=self.advertiser.pk, status=wanted))
        return self.get_paginated_response(RenderJobOutput(page, many=True).data)


class RenderJobApi(_RenderJobsApi):
    """One render job."""

    @extend_schema(
        operation_id="get_render_job",
        summary="Read a render job",
        tags=["render jobs"],
        responses=RenderJobDetailOutput,
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        return self.answer(render_job_get(advertiser_id=self.advertiser.pk, job_id=job_id))


class RenderJobCancelApi(_RenderJobsApi):
    """Stop a render job."""

    @extend_schema(
        operation_id="cancel_render_job",
        summary="Cancel a render job",
        description="A waiting job is cancelled at once, a running one at its next step.",
        tags=["render jobs"],
        request=None,
        responses=RenderJobDetailOutput,
    )
    @idempotent
    def post(self, request: Request, job_id: UUID) -> Response:
        return self.answer(services.render_cancel(advertiser=self.advertiser, job_id=job_id))


class RenderJobFirstApi(_RenderJobsApi):
    """Draw one job next."""

    @extend_schema(
        operation_id="move_render_job_first",
        summary="Move a render job to the front",
        description="Before all other waiting jobs of the advertiser, whatever their batch. A job that waits "
        "for its next try is tried at once.",
        tags=["render jobs"],
        request=None,
        responses=RenderJobDetailOutput,
    )
    @idempotent
    def post(self, request: Request, job_id: UUID) -> Response:
        return self.answer(services.render_first(advertiser=self.advertiser, job_id=job_id))


class RenderJobRetryApi(_RenderJobsApi):
    """Queue a render job again."""

    @extend_schema(
        operation_id="retry_render_job",
        summary="Retry a render job",
        description="For a failed, refused or cancelled job; its counters start again.",
        tags=["render jobs"],
        request=None,
        responses=RenderJobDetailOutput,
    )
    @idempotent
    def post(self, request: Request, job_id: UUID) -> Response:
        return self.answer(services.render_retry(advertiser=self.advertiser, job_id=job_id))


class RenderJobCheckApi(_RenderJobsApi):
    """Render a finished job once more and compare."""

    @extend_schema(
        operation_id="check_render_job",
        summary="Render a finished job again to see whether it comes out equal",
        description="Answers with the job of the check; its `comparison` says what it found.",
        tags=["render jobs"],
        request=None,
        responses={202: RenderJobDetailOutput},
    )
    @idempotent
    def post(self, request: Request, job_id: UUID) -> Response:
        check = services.render_check(advertiser=self.advertiser, job_id=job_id, requested_by=self.person)
        return self.answer(check, status.HTTP_202_ACCEPTED)
