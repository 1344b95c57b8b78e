"""Endpoints of render batches. A campaign's ``generate`` makes one; here it is watched and steered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.idempotency import idempotent
from accounts.tenant_api import TenantApi
from generation import batch_selectors as selectors
from generation import render_batches
from generation.models import RenderBatch


class FailureOutput(serializers.Serializer[Any]):
    """Jobs that failed for one reason."""

    code = serializers.CharField()
    count = serializers.IntegerField()
    message = serializers.CharField()


class RenderBatchOutput(serializers.Serializer[Any]):
    """A batch and how far it is. ``waiting`` counts what is being rendered too."""

    id = serializers.UUIDField(source="batch.pk")
    name = serializers.CharField(source="batch.name")
    status = serializers.ChoiceField(source="batch.status", choices=RenderBatch.Status.choices)
    priority = serializers.IntegerField(source="batch.priority")
    asked = serializers.IntegerField(source="batch.asked_count")
    shared = serializers.IntegerField(source="batch.shared_count")
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    waiting = serializers.IntegerField(source="left")
    seconds_left = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField(source="batch.created_at")


class RenderBatchDetailOutput(RenderBatchOutput):
    failures = FailureOutput(many=True)


class PriorityInput(serializers.Serializer[Any]):
    priority = serializers.ChoiceField(choices=RenderBatch.Priority.choices)


class RetryInput(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=60, help_text="Of the failures to try again.")


class RetryOutput(serializers.Serializer[Any]):
    queued = serializers.IntegerField()


class _BatchesApi(TenantApi):
    serializer_class: Any = RenderBatchDetailOutput
    queryset = RenderBatch.objects.none()  # for the schema only

    def answer(self, batch: RenderBatch) -> Response:
        (state,) = selectors.batch_states([batch])
        body = RenderBatchOutput(state).data
        failures = FailureOutput(selectors.batch_failures(batch), many=True).data
        return Response({**body, "failures": failures})


class RenderBatchListApi(_BatchesApi):
    """All batches, newest first."""

    serializer_class = RenderBatchOutput

    @extend_schema(
        operation_id="list_render_batches",
        summary="List render batches",
        tags=["render jobs"],
        responses=RenderBatchOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(selectors.batch_list(advertiser_id=self.advertiser.pk))
        states = selectors.batch_states(list(page or ()))
        return self.get_paginated_response(RenderBatchOutput(states, many=True).data)


class RenderBatchApi(_BatchesApi):
    """One batch."""

    @extend_schema(
        operation_id="get_render_batch",
        summary="Read a render batch with its failures by code",
        tags=["render jobs"],
        responses=RenderBatchDetailOutput,
    )
    def get(self, request: Request, batch_id: UUID) -> Response:
        return self.answer(selectors.batch_get(advertiser_id=self.advertiser.pk, batch_id=batch_id))


class RenderBatchPauseApi(_BatchesApi):
    """Claim no more of its jobs."""

    @extend_schema(
        operation_id="pause_render_batch",
        summary="Pause a render batch",
        tags=["render jobs"],
        request=None,
        responses=RenderBatchDetailOutput,
    )
    @idempotent
    def post(self, request: Request, batch_id: UUID) -> Response:
        return self.answer(render_batches.batch_pause(advertiser=self.advertiser, batch_id=batch_id))


class RenderBatchResumeApi(_BatchesApi):
    """Go on."""

    @extend_schema(
        operation_id="resume_render_batch",
        summary="Resume a paused render batch",
        tags=["render jobs"],
        request=None,
        responses=RenderBatchDetailOutput,
    )
    @idempotent
    def post(self, request: Request, batch_id: UUID) -> Response:
        return self.answer(render_batches.batch_resume(advertiser=self.advertiser, batch_id=batch_id))


class RenderBatchCancelApi(_BatchesApi):
    """Stop it."""

    @extend_schema(
        operation_id="cancel_render_batch",
        summary="Cancel what is left of a render batch",
        tags=["render jobs"],
        request=None,
        responses=RenderBatchDetailOutput,
    )
    @idempotent
    def post(self, request: Request, batch_id: UUID) -> Response:
        return self.answer(render_batches.batch_cancel(advertiser=self.advertiser, batch_id=batch_id))


class RenderBatchPriorityApi(_BatchesApi):
    """Sooner or later."""

    @extend_schema(
        operation_id="prioritise_render_batch",
        summary="Move what waits of a render batch before or behind other work",
        description="2 is sooner, 5 normal, 8 later.",
        tags=["render jobs"],
        request=PriorityInput,
        responses=RenderBatchDetailOutput,
    )
    @idempotent
    def post(self, request: Request, batch_id: UUID) -> Response:
        given = self.checked(PriorityInput)
        return self.answer(
            render_batches.batch_prioritise(advertiser=self.advertiser, batch_id=batch_id, **given)
        )


class RenderBatchRetryApi(_BatchesApi):
    """Failed ones again."""

    serializer_class = RetryOutput

    @extend_schema(
        operation_id="retry_render_batch",
        summary="Queue the jobs of a batch again that failed with one code",
        tags=["render jobs"],
        request=RetryInput,
        responses=RetryOutput,
    )
    @idempotent
    def post(self, request: Request, batch_id: UUID) -> Response:
        count = render_batches.batch_retry(
            advertiser=self.advertiser, batch_id=batch_id, **self.checked(RetryInput)
        )
        return Response({"queued": count})
