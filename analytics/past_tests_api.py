"""Old tests over the API, and the newest self-check of the statistics."""

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
from analytics import past_test_services
from analytics.models import PastTest, PastTestImport, SelfCheckRun
from analytics.past_test_columns import MAX_BYTES
from analytics.verdict import Code


class PastImportInput(serializers.Serializer[Any]):
    source_name = serializers.CharField(max_length=255, default="file.csv")
    shape = serializers.ChoiceField(choices=PastTestImport.Shape.choices, default=PastTestImport.Shape.SUMS)
    text = serializers.CharField(max_length=MAX_BYTES, trim_whitespace=False, help_text="The CSV.")
    mapping = serializers.DictField(
        child=serializers.CharField(allow_blank=True),
        required=False,
        help_text="Field to column; without it the usual names are looked for.",
    )


class PastImportOutput(serializers.ModelSerializer[PastTestImport]):
    class Meta:
        model = PastTestImport
        fields = (
            "id", "source_name", "shape", "status", "columns", "mapping", "test_count", "problem_count",
            "problems", "created_at",
        )  # fmt: skip


class PastTestOutput(serializers.ModelSerializer[PastTest]):
    import_id = serializers.UUIDField(source="test_import_id")

    class Meta:
        model = PastTest
        fields: tuple[str, ...] = (
            "id",
            "import_id",
            "name",
            "started_on",
            "ended_on",
            "metric",
            "shoppers",
            "lift",
            "verdict",
        )


class PastTestReport(PastTestOutput):
    content = serializers.JSONField()

    class Meta:
        model = PastTest
        fields = (*PastTestOutput.Meta.fields, "content")


class PastTestListApi(TenantApi):
    """All old tests."""

    serializer_class = PastTestOutput

    @extend_schema(
        operation_id="list_past_tests",
        summary="List tests that ran elsewhere, with their verdicts",
        parameters=[
            OpenApiParameter("search", OpenApiTypes.STR),
            OpenApiParameter("verdict", OpenApiTypes.STR, enum=[code.value for code in Code]),
        ],
        responses=PastTestOutput(many=True),
        tags=["past tests"],
    )
    def get(self, request: Request) -> Response:
        verdict = request.query_params.get("verdict", "")
        found = past_test_services.past_test_list(
            advertiser_id=self.advertiser.pk,
            search=request.query_params.get("search", "").replace("\x00", ""),
            verdict=verdict if verdict in list(Code) else "",
        )
        page = self.paginate_queryset(found)
        return self.get_paginated_response(PastTestOutput(page, many=True).data)


class PastTestApi(TenantApi):
    """One old test."""

    serializer_class = PastTestReport

    @extend_schema(
        operation_id="get_past_test",
        summary="Health, figures and verdict of a test that ran elsewhere",
        responses=PastTestReport,
        tags=["past tests"],
    )
    def get(self, request: Request, past_test_id: UUID) -> Response:
        found = past_test_services.past_test_get(advertiser_id=self.advertiser.pk, past_test_id=past_test_id)
        return Response(PastTestReport(found).data)


class PastImportListApi(TenantApi):
    """Files of old tests."""

    serializer_class = PastImportOutput

    @extend_schema(
        operation_id="import_past_tests",
        summary="Import a CSV of arm sums or of events; a worker reads it",
        request=PastImportInput,
        responses={202: PastImportOutput},
        tags=["past tests"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        given = self.checked(PastImportInput)
        row = past_test_services.past_import_create(
            advertiser=self.advertiser,
            source_name=given["source_name"],
            content=given["text"].encode("utf-8", "replace"),
            shape=given["shape"],
            user=self.person,
        )
        try:
            row = past_test_services.past_import_run(
                advertiser=self.advertiser, past_import_id=row.pk, mapping=given.get("mapping", row.mapping)
            )
        except DomainError:
            past_test_services.past_import_delete(advertiser=self.advertiser, past_import_id=row.pk)
            raise
        return Response(PastImportOutput(row).data, status=status.HTTP_202_ACCEPTED)


class PastImportApi(TenantApi):
    """One file of old tests."""

    serializer_class = PastImportOutput

    @extend_schema(
        operation_id="get_past_import",
        summary="What became of a file's rows",
        responses=PastImportOutput,
        tags=["past tests"],
    )
    def get(self, request: Request, past_import_id: UUID) -> Response:
        row = past_test_services.past_import_get(
            advertiser_id=self.advertiser.pk, past_import_id=past_import_id
        )
        return Response(PastImportOutput(row).data)

    @extend_schema(
        operation_id="delete_past_import",
        summary="Remove a file with all its tests",
        responses={204: None},
        tags=["past tests"],
    )
    def delete(self, request: Request, past_import_id: UUID) -> Response:
        past_test_services.past_import_delete(advertiser=self.advertiser, past_import_id=past_import_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SelfCheckOutput(serializers.ModelSerializer[SelfCheckRun]):
    class Meta:
        model = SelfCheckRun
        fields = (
            "id",
            "ran_at",
            "seconds",
            "version",
            "seed",
            "simulations",
            "experiments",
            "outcomes",
            "is_passed",
        )


class SelfCheckApi(TenantApi):
    """The statistics' self-check."""

    serializer_class = SelfCheckOutput

    @extend_schema(
        operation_id="list_statistics_selfchecks",
        summary="Measured false-alarm rates, coverage, power and reconciliation, newest first",
        responses=SelfCheckOutput(many=True),
        tags=["past tests"],
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(SelfCheckRun.objects.filter(status=SelfCheckRun.Status.DONE))
        return self.get_paginated_response(SelfCheckOutput(page, many=True).data)
