"""Learning over the API: settings, shares in force with their evidence, and the stored reports."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.idempotency import idempotent
from accounts.tenant_api import TenantApi
from adplatform.lib.errors import DomainError, NotFound
from analytics.fatigue_services import fatigued_replace
from analytics.learning_selectors import ContextShares, contexts_get
from analytics.models import StoredReport
from analytics.stored_reports import stored_report_find, stored_report_request
from analytics.what_if_parameters import parameters_parse
from campaigns.models import Campaign
from campaigns.selectors import campaign_get
from campaigns.weight_services import learning_configure
from generation.api import RenderJobOutput


class LearningInput(serializers.Serializer[Any]):
    learns = serializers.BooleanField(required=False)
    holdout_rate = serializers.FloatField(
        required=False, help_text="Share of the shoppers for whom all pictures are drawn alike."
    )
    dividend_rate = serializers.FloatField(required=False, help_text="Share of the shoppers; 0: none.")
    comment = serializers.CharField(
        max_length=500, required=False, allow_blank=True, help_text="Why; kept with the change."
    )


class ShareOutput(serializers.Serializer[Any]):
    variant_id = serializers.UUIDField()
    product = serializers.CharField()
    share = serializers.FloatField(help_text="Of the learned draws; before the holdout is mixed in.")
    evidence = serializers.JSONField(help_text="Counts, prior and chance to be the best.")
    is_withheld = serializers.BooleanField(help_text="Too few shoppers: the evidence has no counts.")


class LearningContextOutput(serializers.Serializer[Any]):
    placement_id = serializers.UUIDField()
    segment_id = serializers.UUIDField(allow_null=True)
    reason = serializers.CharField()
    since = serializers.DateTimeField()
    holdout_rate = serializers.FloatField()
    shares = ShareOutput(many=True, source="lines")


class LearningOutput(serializers.Serializer[Any]):
    learns = serializers.BooleanField()
    holdout_rate = serializers.FloatField(source="learning_holdout_rate")
    dividend_rate = serializers.FloatField()
    contexts = LearningContextOutput(many=True)


class StoredReportInput(serializers.Serializer[Any]):
    days = serializers.IntegerField(required=False, help_text="What if: how far back; 28 unless told.")
    weights = serializers.DictField(
        child=serializers.FloatField(), required=False, help_text="What if: a weight by variant id."
    )


class LearningApi(TenantApi):
    """A campaign's learning."""

    serializer_class = LearningOutput

    @extend_schema(
        operation_id="get_campaign_learning",
        summary="Settings, and the shares in force with their evidence",
        responses=LearningOutput,
        tags=["learning"],
    )
    def get(self, request: Request, campaign_id: UUID) -> Response:
        return self._answer(campaign_get(advertiser_id=self.advertiser.pk, campaign_id=campaign_id))

    @extend_schema(
        operation_id="set_campaign_learning",
        summary="Switch learning and the standing split; what is not named stays",
        request=LearningInput,
        responses=LearningOutput,
        tags=["learning"],
    )
    def patch(self, request: Request, campaign_id: UUID) -> Response:
        campaign = learning_configure(
            advertiser=self.advertiser,
            campaign_id=campaign_id,
            now=timezone.now(),
            user=self.person,
            **self.checked(LearningInput),
        )
        return self._answer(campaign)

    def _answer(self, campaign: Campaign) -> Response:
        contexts: list[ContextShares] = contexts_get(campaign=campaign)
        fields = ("learns", "learning_holdout_rate", "dividend_rate")
        found = {name: getattr(campaign, name) for name in fields} | {"contexts": contexts}
        return Response(LearningOutput(found).data)


KIND = OpenApiParameter("kind", OpenApiTypes.STR, OpenApiParameter.PATH, enum=StoredReport.Kind.values)


class StoredReportApi(TenantApi):
    """Reports that a worker computes."""

    serializer_class = StoredReportInput

    @extend_schema(
        operation_id="get_campaign_report",
        summary="Learning, what if, dividend or fatigue, as last computed",
        description=(
            "Null stands where a figure cannot be told; a refusal has a code and a sentence. The dividend's "
            "money is in cents and that of the last `money_days` days, 30 unless the split is younger; its "
            "interval holds for one look, not for many: decide by `answers`."
        ),
        parameters=[KIND],
        responses=OpenApiTypes.OBJECT,
        tags=["learning"],
    )
    def get(self, request: Request, campaign_id: UUID, kind: str) -> Response:
        campaign = campaign_get(advertiser_id=self.advertiser.pk, campaign_id=campaign_id)
        self._check(kind)
        row = stored_report_find(advertiser_id=self.advertiser.pk, campaign_id=campaign.pk, kind=kind)
        if row is None or row.computed_at is None:
            raise DomainError(
                "report_not_ready", "No figures were computed yet; POST to this address to ask.", status=404
            )
        return Response({**row.content, "computed_at": row.computed_at})

    @extend_schema(
        operation_id="refresh_campaign_report",
        summary="Ask a worker for fresh figures",
        parameters=[KIND],
        request=StoredReportInput,
        responses={202: None},
        tags=["learning"],
    )
    @idempotent
    def post(self, request: Request, campaign_id: UUID, kind: str) -> Response:
        campaign_get(advertiser_id=self.advertiser.pk, campaign_id=campaign_id)
        self._check(kind)
        given = self.checked(StoredReportInput)
        stored_report_request(
            advertiser=self.advertiser,
            campaign_id=campaign_id,
            kind=kind,
            now=timezone.now(),
            parameters=parameters_parse(**given) if kind == StoredReport.Kind.WHAT_IF else None,
        )
        return Response(status=status.HTTP_202_ACCEPTED)

    def _check(self, kind: str) -> None:
        if kind not in StoredReport.Kind.values:
            raise NotFound("report")


class FatigueReplacementApi(TenantApi):
    """Replacements for everything that is worn out."""

    serializer_class = RenderJobOutput

    @extend_schema(
        operation_id="replace_fatigued_creatives",
        summary="Ask for another take of every fatigued picture of a campaign",
        description="The present pictures are shown until the new ones are approved. 409 "
        "`nothing_fatigued` where nothing is, or everything was asked for already.",
        request=None,
        responses={202: RenderJobOutput(many=True)},
        tags=["learning"],
    )
    @idempotent
    def post(self, request: Request, campaign_id: UUID) -> Response:
        takes = fatigued_replace(
            advertiser=self.advertiser, campaign_id=campaign_id, requested_by=self.person
        )
        return Response(RenderJobOutput(takes, many=True).data, status=status.HTTP_202_ACCEPTED)
