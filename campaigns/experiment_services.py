"""Writes of experiments: design, start, stop, decision. Each leaves a record of who, when and why."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import Advertiser, User, WebhookEndpoint
from accounts.webhooks import webhook_emit
from adplatform.lib.errors import DomainError
from campaigns.experiment_selectors import experiment_get
from campaigns.models import Campaign, Experiment, ExperimentArm, ExperimentRecord
from campaigns.selectors import campaign_get
from campaigns.serving.experiments import coverage
from campaigns.serving.loading import snapshot_load
from campaigns.serving_version import serving_version_bump

Status = Experiment.Status
Rule = ExperimentArm.Rule
MAX_SHOPPERS = 1_000_000_000


@dataclass(frozen=True)
class ArmPlan:
    """An arm as it is asked for; the first one of a plan is the control."""

    rule: str
    weight: float = 1.0


@dataclass(frozen=True)
class Guardrail:
    """A metric that must not fall by more than ``margin_rate`` of the control's."""

    metric: str
    margin_rate: float


@transaction.atomic
def experiment_create(
    *,
    advertiser: Advertiser,
    campaign_id: UUID,
    name: str,
    hypothesis: str,
    arms: Sequence[ArmPlan],
    min_effect_rate: float,
    planned_shoppers: int,
    planned_days: int,
    primary_metric: str = Experiment.Metric.CLICK_RATE,
    guardrails: Sequence[Guardrail] = (),
    traffic_rate: float = 1.0,
    user: User | None = None,
) -> Experiment:
    """A draft. Raises DomainError ``invalid`` with a sentence a field, 404 for a foreign campaign."""
    campaign = campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)
    problems = {
        **_text_problems(name, hypothesis),
        **_arm_problems(arms),
        **_metric_problems(primary_metric, guardrails),
        **_number_problems(min_effect_rate, planned_shoppers, planned_days, traffic_rate),
    }
    if problems:
        raise DomainError("invalid", "The experiment has invalid fields.", errors=problems)
    experiment = Experiment.objects.create(
        advertiser=advertiser,
        campaign=campaign,
        name=name.strip(),
        hypothesis=hypothesis.strip(),
        primary_metric=primary_metric,
        guardrails=[{"metric": g.metric, "margin_rate": g.margin_rate} for g in guardrails],
        min_effect_rate=min_effect_rate,
        planned_shoppers=planned_shoppers,
        planned_days=planned_days,
        traffic_rate=traffic_rate,
        salt=secrets.token_hex(8),
        created_by=user,
    )
    ExperimentArm.objects.bulk_create(
        ExperimentArm(
            advertiser=advertiser,
            experiment=experiment,
            position=position,
            key=arm.rule,
            rule=arm.rule,
            weight=arm.weight,
        )
        for position, arm in enumerate(arms)
    )
    _record(experiment, "created", user, "")
    return experiment


@transaction.atomic
def experiment_start(
    *, advertiser: Advertiser, experiment_id: UUID, now: datetime, user: User | None = None
) -> Experiment:
    """From now on shoppers are split, for the planned days. One experiment a campaign at a time."""
    experiment = _locked(advertiser, experiment_id)
    if experiment.status != Status.DRAFT:
        raise DomainError("experiment_not_draft", "Only a draft can be started.", status=409)
    if experiment.campaign.status != Campaign.Status.LIVE:
        raise DomainError(
            "campaign_not_live", "Launch the campaign first: nothing of it is shown.", status=409
        )
    if experiment_coverage(experiment)[0] == 0:
        raise DomainError(
            "nothing_to_compare", "No product has an approved creative for every arm yet.", status=409
        )
    experiments_finish(now=now, advertiser_id=advertiser.pk)
    experiment.status = Status.RUNNING
    experiment.started_at = now
    experiment.planned_end_at = now + timedelta(days=experiment.planned_days)
    try:
        with transaction.atomic():
            experiment.save()
    except IntegrityError:
        raise DomainError(
            "experiment_running", "Another experiment of this campaign is running; stop it first.", status=409
        ) from None
    _record(experiment, "started", user, "")
    serving_version_bump(advertiser.pk)
    return experiment


def experiment_coverage(experiment: Experiment) -> tuple[int, int]:
    """Products with an approved creative for every arm, and all that can be shown."""
    rules = [arm.rule for arm in experiment.arms.all()]
    return coverage(snapshot_load(experiment.advertiser_id), experiment.campaign_id, rules)


@transaction.atomic
def experiment_delete(*, advertiser: Advertiser, experiment_id: UUID) -> None:
    """Only a draft: what once ran is part of the record."""
    experiment = _locked(advertiser, experiment_id)
    if experiment.status != Status.DRAFT:
        raise DomainError("experiment_not_draft", "Only a draft can be deleted.", status=409)
    experiment.delete()


@transaction.atomic
def experiment_stop(
    *, advertiser: Advertiser, experiment_id: UUID, now: datetime, comment: str = "", user: User | None = None
) -> Experiment:
    """Nobody is split any more; what was collected stays."""
    experiment = _locked(advertiser, experiment_id)
    if experiment.status != Status.RUNNING:
        raise DomainError("experiment_not_running", "The experiment is not running.", status=409)
    _stop(experiment, now)
    _record(experiment, "stopped", user, comment)
    serving_version_bump(advertiser.pk)
    return experiment


@transaction.atomic
def experiment_decide(
    *,
    advertiser: Advertiser,
    experiment_id: UUID,
    outcome: str,
    comment: str,
    now: datetime,
    arm: str = "",
    report: dict[str, Any] | None = None,
    user: User | None = None,
) -> Experiment:
    """The end of it: ship an arm to every shopper, go back to the control, or leave things as they are.

    ``report`` is frozen beside the decision. A running experiment is stopped first.
    """
    experiment = _locked(advertiser, experiment_id)
    if experiment.status not in (Status.RUNNING, Status.STOPPED):
        raise DomainError("experiment_not_decidable", "Only a started experiment can be decided.", status=409)
    arms = list(experiment.arms.all())
    problems = _decision_problems(arms, outcome, arm, comment)
    if problems:
        raise DomainError("invalid", "The decision has invalid fields.", errors=problems)
    if experiment.status == Status.RUNNING:
        _stop(experiment, now)
    control = arms[0].key
    experiment.outcome = outcome
    experiment.decided_arm = {"ship": arm, "roll_back": control}.get(outcome, "")
    experiment.decided_at = now
    experiment.decision_report = report
    experiment.status = Status.DECIDED
    experiment.save()
    _record(experiment, outcome, user, comment)
    webhook_emit(
        advertiser_id=advertiser.pk,
        kind=WebhookEndpoint.Kind.EXPERIMENT_DECIDED,
        data={
            "experiment_id": experiment.pk,
            "campaign_id": experiment.campaign_id,
            "outcome": outcome,
            "arm": experiment.decided_arm,
            "decided_at": now,
        },
    )
    serving_version_bump(advertiser.pk)
    return experiment


def experiments_finish(*, now: datetime, advertiser_id: UUID | None = None) -> int:
    """Stop those whose planned end has passed; the planned end, not the sweep, is when they stopped."""
    due = Experiment.objects.filter(status=Status.RUNNING, planned_end_at__lte=now)
    if advertiser_id is not None:
        due = due.filter(advertiser_id=advertiser_id)
    finished = 0
    for experiment in due:
        with transaction.atomic():
            # Guarded by the status: of two sweeps one wins.
            won = due.filter(pk=experiment.pk).update(
                status=Status.STOPPED, stopped_at=experiment.planned_end_at
            )
            if won:
                _record(experiment, "finished", None, "The planned end was reached.")
                serving_version_bump(experiment.advertiser_id)
            finished += won
    return finished


def _locked(advertiser: Advertiser, experiment_id: UUID) -> Experiment:
    experiment_get(advertiser_id=advertiser.pk, experiment_id=experiment_id)
    return Experiment.objects.select_for_update().get(advertiser=advertiser, pk=experiment_id)


def _stop(experiment: Experiment, now: datetime) -> None:
    experiment.status = Status.STOPPED
    experiment.stopped_at = min(now, experiment.planned_end_at or now)
    experiment.save()


def _record(experiment: Experiment, action: str, user: User | None, comment: str) -> None:
    ExperimentRecord.objects.create(
        advertiser_id=experiment.advertiser_id,
        experiment=experiment,
        action=action,
        comment=comment.strip()[:1000],
        user=user,
    )


# --- what is wrong with a plan, a sentence a field
def _text_problems(name: str, hypothesis: str) -> dict[str, list[str]]:
    found = {}
    for field, text, limit in (("name", name, 120), ("hypothesis", hypothesis, 1000)):
        if not text.strip() or len(text) > limit or "\x00" in text:
            found[field] = [f"Between 1 and {limit} characters are needed."]
    return found


def _arm_problems(arms: Sequence[ArmPlan]) -> dict[str, list[str]]:
    rules = [arm.rule for arm in arms]
    if not 2 <= len(arms) <= len(Rule) or len(set(rules)) != len(rules) or not set(rules) <= set(Rule):
        return {"arms": [f"Two or three different arms are needed, of: {', '.join(Rule.values)}."]}
    if Rule.OWN_SEGMENT not in rules:
        return {"arms": ["One arm has to be own_segment: it is what shoppers see without an experiment."]}
    total = sum(arm.weight for arm in arms)
    if not all(math.isfinite(arm.weight) and 0 < arm.weight <= 1e6 for arm in arms):
        return {"arms": ["Each weight is a positive number."]}
    if min(arm.weight for arm in arms) / total < 0.01:
        return {"arms": ["An arm of less than one shopper in a hundred learns nothing."]}
    return {}


def _metric_problems(primary: str, guardrails: Sequence[Guardrail]) -> dict[str, list[str]]:
    metrics = set(Experiment.Metric.values)
    if primary not in metrics:
        return {"primary_metric": [f"One of: {', '.join(sorted(metrics))}."]}
    names = [guardrail.metric for guardrail in guardrails]
    if len(set(names)) != len(names) or not set(names) <= metrics - {primary}:
        return {"guardrails": ["Each guardrail is another metric than the primary one, named once."]}
    if not all(0 < guardrail.margin_rate <= 0.5 for guardrail in guardrails):
        return {"guardrails": ["A margin lies above 0 and at 0.5 (half of the control's value) at the most."]}
    return {}


def _number_problems(effect: float, shoppers: int, days: int, traffic: float) -> dict[str, list[str]]:
    found = {}
    if not 0.001 <= effect <= 10:
        found["min_effect_rate"] = ["Between 0.001 (a lift of 0.1 %) and 10."]
    if not 1 <= shoppers <= MAX_SHOPPERS:
        found["planned_shoppers"] = [f"Between 1 and {MAX_SHOPPERS:,}."]
    if not 1 <= days <= 365:
        found["planned_days"] = ["Between 1 and 365 days."]
    if not 0.01 <= traffic <= 1:
        found["traffic_rate"] = ["Between 0.01 and 1."]
    return found


def _decision_problems(
    arms: Sequence[ExperimentArm], outcome: str, arm: str, comment: str
) -> dict[str, list[str]]:
    found = {}
    if outcome not in Experiment.Outcome.values:
        found["outcome"] = [f"One of: {', '.join(Experiment.Outcome.values)}."]
    shippable = [a.key for a in arms if a.rule != Rule.OTHER_SEGMENT]
    if outcome == Experiment.Outcome.SHIP and arm not in shippable:
        found["arm"] = [f"One of: {', '.join(shippable)}."]
    if not comment.strip() or len(comment) > 1000 or "\x00" in comment:
        found["comment"] = ["Say why, in 1,000 characters at the most."]
    return found
