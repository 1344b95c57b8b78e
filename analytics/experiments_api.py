"""Experiments over the API: the same services and the same stored report as the pages."""

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
from adplatform.lib.errors import DomainError
from analytics import experiment_services
from campaigns import experiment_services as campaigns_services
from campaigns.experiment_approval import approval_check
from campaigns.experiment_selectors import experiment_get, experiment_list
from campaigns.experiment_services import ArmPlan, Guardrail
from campaigns.models import Experiment, ExperimentArm


class ArmSerializer(serializers.Serializer[Any]):
    rule = serializers.ChoiceField(choices=ExperimentArm.Rule.choices)
    weight = serializers.FloatField(default=1.0)


class GuardrailSerializer(serializers.Serializer[Any]):
    metric = serializers.ChoiceField(choices=Experiment.Metric.choices)
    margin_rate = serializers.FloatField()


class ExperimentInput(serializers.Serializer[Any]):
    campaign_id = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    hypothesis = serializers.CharField(max_length=1000)
    arms = ArmSerializer(many=True, help_text="The first one is the control.")
    primary_metric = serializers.ChoiceField(
        choices=Experiment.Metric.choices, default=Experiment.Metric.CLICK_RATE
    )
    guardrails = GuardrailSerializer(many=True, default=list)
    min_effect_rate = serializers.FloatField(help_text="The smallest relative lift worth finding.")
    planned_shoppers = serializers.IntegerField()
    planned_days = serializers.IntegerField()
    traffic_rate = serializers.FloatField(default=1.0)
    layer = serializers.CharField(
        max_length=40, default="", allow_blank=True, help_text="Experiments of one layer share no shopper."
    )


class ExperimentArmOutput(serializers.ModelSerializer[ExperimentArm]):
    class Meta:
        model = ExperimentArm
        fields = ("key", "rule", "weight")


class ExperimentOutput(serializers.ModelSerializer[Experiment]):
    campaign_id = serializers.UUIDField()
    arms = ExperimentArmOutput(many=True)
    guardrails = GuardrailSerializer(many=True)

    class Meta:
        model = Experiment
        fields = (
            "id",
            "campaign_id",
            "name",
            "hypothesis",
            "status",
            "arms",
            "primary_metric",
            "guardrails",
            "min_effect_rate",
            "planned_shoppers",
            "planned_days",
            "traffic_rate",
            "layer",
            "asked_action",
            "asked_arm",
            "asked_comment",
            "asked_at",
            "started_at",
            "planned_end_at",
            "stopped_at",
            "outcome",
            "decided_arm",
            "decided_at",
            "created_at",
        )


class StopInput(serializers.Serializer[Any]):
    comment = serializers.CharField(max_length=1000, allow_blank=True, default="")


class DecisionInput(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=Experiment.Outcome.choices)
    arm = serializers.CharField(max_length=20, default="", allow_blank=True, help_text="What to ship.")
    comment = serializers.CharField(max_length=1000)
    seen_at = serializers.DateTimeField(
        required=False, help_text="`computed_at` of the report you saw; with a newer one nothing is decided."
    )


class AskInput(serializers.Serializer[Any]):
    action = serializers.ChoiceField(choices=("start", "ship"))
    arm = serializers.CharField(max_length=20, default="", allow_blank=True, help_text="What to ship.")
    comment = serializers.CharField(max_length=1000)


class DeclineInput(serializers.Serializer[Any]):
    comment = serializers.CharField(max_length=1000)


class _ExperimentsApi(TenantApi):
    serializer_class: type[serializers.BaseSerializer[Any]] = ExperimentOutput

    def answer(self, experiment_id: UUID, code: int = status.HTTP_200_OK) -> Response:
        """The experiment as it is now."""
        found = experiment_get(advertiser_id=self.advertiser.pk, experiment_id=experiment_id)
        return Response(ExperimentOutput(found).data, status=code)


class ExperimentListApi(_ExperimentsApi):
    """All experiments, and new ones."""

    @extend_schema(
        operation_id="list_experiments",
        summary="List experiments",
        parameters=[
            OpenApiParameter("search", OpenApiTypes.STR, description="In its name or its campaign's."),
            OpenApiParameter("status", OpenApiTypes.STR, enum=Experiment.Status.values),
        ],
        responses=ExperimentOutput(many=True),
        tags=["experiments"],
    )
    def get(self, request: Request) -> Response:
        found = experiment_list(
            advertiser_id=self.advertiser.pk,
            search=request.query_params.get("search", "").replace("\x00", ""),
            status=request.query_params.get("status", ""),
        )
        page = self.paginate_queryset(found)
        return self.get_paginated_response(ExperimentOutput(page, many=True).data)

    @extend_schema(
        operation_id="create_experiment",
        summary="Create a draft experiment",
        request=ExperimentInput,
        responses={201: ExperimentOutput},
        tags=["experiments"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        data = self.checked(ExperimentInput)
        data["arms"] = [ArmPlan(**arm) for arm in data["arms"]]
        data["guardrails"] = [Guardrail(**guardrail) for guardrail in data["guardrails"]]
        experiment = campaigns_services.experiment_create(
            advertiser=self.advertiser, user=self.person, **data
        )
        return self.answer(experiment.pk, status.HTTP_201_CREATED)


class ExperimentApi(_ExperimentsApi):
    """One experiment."""

    @extend_schema(
        operation_id="get_experiment",
        summary="Read an experiment",
        responses=ExperimentOutput,
        tags=["experiments"],
    )
    def get(self, request: Request, experiment_id: UUID) -> Response:
        return self.answer(experiment_id)

    @extend_schema(
        operation_id="delete_experiment",
        summary="Delete a draft",
        responses={204: None},
        tags=["experiments"],
    )
    def delete(self, request: Request, experiment_id: UUID) -> Response:
        campaigns_services.experiment_delete(advertiser=self.advertiser, experiment_id=experiment_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ExperimentStartApi(_ExperimentsApi):
    """Start."""

    @extend_schema(
        operation_id="start_experiment",
        summary="Start splitting shoppers",
        request=None,
        responses=ExperimentOutput,
        tags=["experiments"],
    )
    @idempotent
    def post(self, request: Request, experiment_id: UUID) -> Response:
        if self.person is None:  # a key is nobody, and approves nothing
            approval_check(
                experiment_get(advertiser_id=self.advertiser.pk, experiment_id=experiment_id), None
            )
        campaigns_services.experiment_start(
            advertiser=self.advertiser, experiment_id=experiment_id, now=timezone.now(), user=self.person
        )
        return self.answer(experiment_id)


class ExperimentStopApi(_ExperimentsApi):
    """Stop."""

    @extend_schema(
        operation_id="stop_experiment",
        summary="Stop before the planned end",
        request=StopInput,
        responses=ExperimentOutput,
        tags=["experiments"],
    )
    @idempotent
    def post(self, request: Request, experiment_id: UUID) -> Response:
        campaigns_services.experiment_stop(
            advertiser=self.advertiser,
            experiment_id=experiment_id,
            now=timezone.now(),
            user=self.person,
            **self.checked(StopInput),
        )
        return self.answer(experiment_id)


class ExperimentDecideApi(_ExperimentsApi):
    """Decide."""

    @extend_schema(
        operation_id="decide_experiment",
        summary="Ship an arm, roll back, or leave things as they are",
        request=DecisionInput,
        responses=ExperimentOutput,
        tags=["experiments"],
    )
    @idempotent
    def post(self, request: Request, experiment_id: UUID) -> Response:
        given = self.checked(DecisionInput)
        if self.person is None and given["outcome"] == Experiment.Outcome.SHIP:
            approval_check(
                experiment_get(advertiser_id=self.advertiser.pk, experiment_id=experiment_id), None
            )
        experiment_services.experiment_decide(
            advertiser=self.advertiser,
            experiment_id=experiment_id,
            now=timezone.now(),
            user=self.person,
            **given,
        )
        return self.answer(experiment_id)


class ExperimentAskApi(_ExperimentsApi):
    """Ask another person."""

    @extend_schema(
        operation_id="ask_for_experiment",
        summary="Ask another person to start the experiment or to ship an arm",
        request=AskInput,
        responses=ExperimentOutput,
        tags=["experiments"],
    )
    @idempotent
    def post(self, request: Request, experiment_id: UUID) -> Response:
        campaigns_services.experiment_ask(
            advertiser=self.advertiser,
            experiment_id=experiment_id,
            now=timezone.now(),
            user=self.person,
            **self.checked(AskInput),
        )
        return self.answer(experiment_id)


class ExperimentDeclineApi(_ExperimentsApi):
    """Decline what was asked for."""

    @extend_schema(
        operation_id="decline_experiment",
        summary="Decline what was asked for, and say why",
        request=DeclineInput,
        responses=ExperimentOutput,
        tags=["experiments"],
    )
    @idempotent
    def post(self, request: Request, experiment_id: UUID) -> Response:
        campaigns_services.experiment_decline(
            advertiser=self.advertiser,
            experiment_id=experiment_id,
            user=self.person,
            **self.checked(DeclineInput),
        )
        return self.answer(experiment_id)


class ExperimentReportApi(_ExperimentsApi):
    """The stored report."""

    @extend_schema(
        operation_id="get_experiment_report",
        summary="Health, figures, trend and verdict as last computed",
        description="Of a decided experiment the figures that it was decided by. Null stands where one "
        "cannot be told. `interval_kind` is `always_valid` until the planned end and `fixed` afterwards. "
        "Rates are fractions.",
        responses=OpenApiTypes.OBJECT,
        tags=["experiments"],
    )
    def get(self, request: Request, experiment_id: UUID) -> Response:
        experiment = experiment_get(advertiser_id=self.advertiser.pk, experiment_id=experiment_id)
        content = experiment_services.report_content(experiment=experiment)
        if not content:
            raise DomainError(
                "report_not_ready", "No figures were computed yet; POST to this address to ask.", status=404
            )
        return Response(content)

    @extend_schema(
        operation_id="refresh_experiment_report",
        summary="Ask a worker for fresh figures",
        request=None,
        responses={202: None},
        tags=["experiments"],
    )
    @idempotent
    def post(self, request: Request, experiment_id: UUID) -> Response:
        experiment_services.report_request(
            advertiser=self.advertiser, experiment_id=experiment_id, now=timezone.now()
        )
        return Response(status=status.HTTP_202_ACCEPTED)
