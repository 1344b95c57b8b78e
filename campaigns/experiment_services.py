"""Writes of experiments: design, start, stop, decision. Each leaves a record of who, when and why."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import Advertiser, User, WebhookEndpoint
from accounts.webhooks import webhook_emit
from adplatform.lib.errors import DomainError
from campaigns.challenger_services import challengers_check, challengers_drop, challengers_ship
from campaigns.experiment_approval import approval_check
from campaigns.experiment_checks import (
    ArmPlan,
    Guardrail,
    arm_problems,
    decision_problems,
    layer_problems,
    metric_problems,
    number_problems,
    text_problems,
)
from campaigns.experiment_layers import layer_place
from campaigns.experiment_selectors import experiment_get
from campaigns.models import Campaign, Experiment, ExperimentArm, ExperimentRecord
from campaigns.selectors import campaign_get
from campaigns.serving.experiments import coverage
from campaigns.serving.loading import snapshot_load
from campaigns.serving_version import serving_version_bump

__all__ = ["ArmPlan", "Guardrail"]

Status = Experiment.Status


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
    layer: str = "",
    user: User | None = None,
) -> Experiment:
    """A draft. Raises DomainError ``invalid`` with a sentence a field, 404 for a foreign campaign."""
    campaign = campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)
    problems = {
        **text_problems(name, hypothesis),
        **arm_problems(arms),
        **metric_problems(primary_metric, guardrails),
        **number_problems(min_effect_rate, planned_shoppers, planned_days, traffic_rate),
        **layer_problems(layer),
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
        layer=layer,
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
    """From now on shoppers are split, for the planned days. One experiment a campaign at a time.

    Raises DomainError ``approval_needed`` (403) for the author where another person could approve,
    ``layer_full`` where the experiments of its layer leave too few shoppers, and the codes below.
    """
    experiment = _locked(advertiser, experiment_id)
    if experiment.status != Status.DRAFT:
        raise DomainError("experiment_not_draft", "Only a draft can be started.", status=409)
    if experiment.campaign.status != Campaign.Status.LIVE:
        raise DomainError(
            "campaign_not_live", "Launch the campaign first: nothing of it is shown.", status=409
        )
    challengers_check(experiment)
    if experiment_coverage(experiment)[0] == 0:
        raise DomainError(
            "nothing_to_compare", "No product has an approved creative for every arm yet.", status=409
        )
    if user is not None:  # a command of the operator's needs nobody
        approval_check(experiment, user)
    experiments_finish(now=now, advertiser_id=advertiser.pk)
    if experiment.layer:
        experiment.layer_start = layer_place(experiment)
    _asked_clear(experiment)
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
    """The end of it: ship an arm to every shopper, roll back, or leave things as they are.

    Only shipping, be it the control, says what shoppers see; else they see what they saw before the start.
    A challenger that ships becomes its variant's picture; another arm that ships, or a roll-back, drops it.
    ``report`` is frozen beside the decision. A running experiment is stopped first.
    """
    experiment = _locked(advertiser, experiment_id)
    if experiment.status not in (Status.RUNNING, Status.STOPPED):
        raise DomainError("experiment_not_decidable", "Only a started experiment can be decided.", status=409)
    arms = list(experiment.arms.all())
    problems = decision_problems(arms, outcome, arm, comment)
    if problems:
        raise DomainError("invalid", "The decision has invalid fields.", errors=problems)
    if outcome == Experiment.Outcome.SHIP and user is not None:
        approval_check(experiment, user)
    if experiment.status == Status.RUNNING:
        _stop(experiment, now)
    _asked_clear(experiment)
    _challengers_settle(experiment, outcome, arm, user)
    experiment.outcome = outcome
    experiment.decided_arm = arm if outcome == Experiment.Outcome.SHIP else ""
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


def _challengers_settle(experiment: Experiment, outcome: str, arm: str, user: User | None) -> None:
    """The challengers become the pictures, or go; where things are left as they are, they wait."""
    keys = {found.key: found.rule for found in experiment.arms.all()}
    challenger = ExperimentArm.Rule.CHALLENGER
    if challenger not in keys.values() or outcome == Experiment.Outcome.NO_CHANGE:
        return
    if outcome == Experiment.Outcome.SHIP and keys[arm] == challenger:
        challengers_ship(campaign=experiment.campaign, by=user)
    else:
        challengers_drop(campaign=experiment.campaign, by=user)


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


@transaction.atomic
def experiment_ask(
    *,
    advertiser: Advertiser,
    experiment_id: UUID,
    action: str,
    comment: str,
    now: datetime,
    arm: str = "",
    user: User | None = None,
) -> Experiment:
    """Ask another person to ``start`` the experiment or to ``ship`` an arm; they do so, or decline."""
    experiment = _locked(advertiser, experiment_id)
    needed = {"start": (Status.DRAFT,), "ship": (Status.RUNNING, Status.STOPPED)}
    if action not in needed:
        raise DomainError(
            "invalid", "Only starting and shipping are asked for.", errors={"action": ["start or ship."]}
        )
    if experiment.status not in needed[action]:
        raise DomainError(
            "experiment_status", f"An experiment that is {experiment.status} cannot {action}.", status=409
        )
    arms = list(experiment.arms.all())
    problems = decision_problems(arms, "ship", arm if action == "ship" else arms[-1].key, comment)
    if action == "start":
        problems.pop("arm", None)
    if problems:
        raise DomainError("invalid", "The request has invalid fields.", errors=problems)
    experiment.asked_action, experiment.asked_arm = action, arm if action == "ship" else ""
    experiment.asked_comment, experiment.asked_by, experiment.asked_at = comment.strip(), user, now
    experiment.save()
    _record(experiment, f"asked to {action}", user, comment)
    webhook_emit(
        advertiser_id=advertiser.pk,
        kind=WebhookEndpoint.Kind.APPROVAL_REQUESTED,
        data={
            "experiment_id": experiment.pk,
            "campaign_id": experiment.campaign_id,
            "name": experiment.name,
            "action": action,
            "arm": experiment.asked_arm,
            "comment": experiment.asked_comment,
            "asked_at": now,
        },
    )
    return experiment


@transaction.atomic
def experiment_decline(
    *, advertiser: Advertiser, experiment_id: UUID, comment: str, user: User | None = None
) -> Experiment:
    """What was asked for is not done; says why."""
    experiment = _locked(advertiser, experiment_id)
    if not experiment.asked_action:
        raise DomainError("nothing_asked", "Nobody asked for anything.", status=409)
    if not comment.strip() or "\x00" in comment:
        raise DomainError(
            "invalid", "Say why.", errors={"comment": ["Say why, in 1,000 characters at the most."]}
        )
    _record(experiment, f"declined to {experiment.asked_action}", user, comment)
    _asked_clear(experiment)
    experiment.save()
    return experiment


def _asked_clear(experiment: Experiment) -> None:
    experiment.asked_action = experiment.asked_arm = experiment.asked_comment = ""
    experiment.asked_by = experiment.asked_at = None


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
