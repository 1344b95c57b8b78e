"""What another way of choosing would have earned, from a campaign's own log. Workers only.

The log is what the ordinary draw showed to shoppers of a segment (or to everybody, for generic pictures),
with the propensity that each decision carried. "No personalisation" is asked of the random splits instead:
there alone the generic picture was shown to people of a segment by chance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from analytics.models import Event
from analytics.small_groups import small_groups_get
from analytics.stats.off_policy import Evaluation, Log, Value, evaluate, on_policy
from analytics.what_if_words import refusal_words
from campaigns.models import Campaign, Experiment, ExperimentArm, Variant

MAX_DECISIONS = 2_000_000
MAX_ONLY = 40  # "only this picture" is told of so many variants, the most shown ones
OWN, GENERIC, OTHER = "own_segment", "generic", "other_segment"


def what_if_compute(campaign: Campaign, parameters: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Policies with their estimates; ``parameters``: ``days``, and ``weights`` by variant."""
    days = int(parameters.get("days", 28))
    start = now - timedelta(days=days)
    variants = {row.pk: row for row in _variants(campaign)}
    log, contexts, actions = _draws_read(campaign, variants, start, now)
    lines = [_as_now(log)]
    if len(log):
        shown = np.bincount(log.action, minlength=len(actions))
        lines.append(_line("Every picture alike", "uniform", log, _uniform(contexts, actions, variants)))
        if weights := _asked_weights(parameters):
            policy = _weighted(contexts, actions, variants, weights)
            lines.append(_line("The weights asked for", "weights", log, policy))
        groups = small_groups_get(advertiser_id=campaign.advertiser_id, start=start.date(), end=now.date())
        for action in np.argsort(-shown)[:MAX_ONLY].tolist():
            line = _only(log, contexts, actions, variants, action)
            lines.append(line if groups.shows_variant(actions[action]) else _withheld(line))
    lines.append(_no_personalisation(campaign, start, now))
    return {
        "start": start.isoformat(),
        "end": now.isoformat(),
        "days": days,
        "decisions": len(log),
        "lines": lines,
    }


def _variants(campaign: Campaign) -> Any:
    return Variant.objects.filter(campaign=campaign).select_related("product", "segment")


def _draws_read(
    campaign: Campaign, variants: Mapping[UUID, Variant], start: datetime, end: datetime
) -> tuple[Log, list[tuple[UUID, UUID | None]], list[UUID]]:
    """Impressions of the ordinary draw with their clicks."""
    rows = (
        _events(campaign, start, end)
        .filter(experiment_id__isnull=True, kind=Event.Kind.IMPRESSION, propensity__gt=0)
        .values_list(
            "decision_id", "placement_id", "segment_id", "variant_id", "propensity", "shopper_pseudonym"
        )
    )
    clicked = _clicked(campaign, start, end)
    contexts: dict[tuple[UUID, UUID | None], int] = {}
    actions: dict[UUID, int] = {}
    units: dict[Any, int] = {}
    found: list[tuple[int, int, float, float, int]] = []
    for decision, placement, segment, variant, propensity, shopper in rows[:MAX_DECISIONS].iterator(5000):
        if variant not in variants or placement is None:
            continue
        found.append(
            (
                contexts.setdefault((placement, segment), len(contexts)),
                actions.setdefault(variant, len(actions)),
                float(decision in clicked),
                min(1.0, propensity),
                units.setdefault(shopper or decision, len(units)),
            )
        )
    return _log_of(found), list(contexts), list(actions)


def _log_of(rows: list[tuple[int, int, float, float, int]]) -> Log:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    whole, real = (lambda c: np.array(c, int)), (lambda c: np.array(c, float))
    return Log(whole(columns[0]), whole(columns[1]), real(columns[2]), real(columns[3]), whole(columns[4]))


def _events(campaign: Campaign, start: datetime, end: datetime) -> Any:
    return Event.objects.filter(
        advertiser_id=campaign.advertiser_id,
        campaign_id=campaign.pk,
        occurred_at__gte=start,
        occurred_at__lt=end,
        validity=Event.Validity.VALID,
    ).order_by()


def _clicked(campaign: Campaign, start: datetime, end: datetime) -> set[UUID]:
    return set(
        _events(campaign, start, end + timedelta(days=1))
        .filter(kind=Event.Kind.CLICK)
        .values_list("decision_id", flat=True)
    )


# --- policies: (contexts, actions), each row a distribution over the variants of the context's segment
def _mine(contexts: list[Any], actions: list[UUID], variants: Mapping[UUID, Variant]) -> np.ndarray:
    return np.array(
        [[variants[pk].segment_id == segment for pk in actions] for _, segment in contexts], dtype=float
    )


def _normal(policy: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    total = policy.sum(axis=1, keepdims=True)
    policy = np.where(total > 0, policy / np.where(total > 0, total, 1), fallback)
    return policy / policy.sum(axis=1, keepdims=True)


def _uniform(contexts: list[Any], actions: list[UUID], variants: Mapping[UUID, Variant]) -> np.ndarray:
    mine = _mine(contexts, actions, variants)
    return _normal(mine, np.ones_like(mine))


def _weighted(
    contexts: list[Any], actions: list[UUID], variants: Mapping[UUID, Variant], weights: Mapping[str, float]
) -> np.ndarray:
    asked = np.array([max(0.0, float(weights.get(str(pk), 0.0))) for pk in actions])
    return _normal(_mine(contexts, actions, variants) * asked, _uniform(contexts, actions, variants))


def _asked_weights(parameters: Mapping[str, Any]) -> dict[str, float]:
    given = parameters.get("weights") or {}
    return {str(key): float(value) for key, value in given.items() if float(value) > 0}


def _only(
    log: Log, contexts: list[Any], actions: list[UUID], variants: Mapping[UUID, Variant], action: int
) -> dict[str, Any]:
    """Only this picture, in the placements and the segment where the log knows it."""
    variant = variants[actions[action]]
    of_segment = np.array([segment == variant.segment_id for _, segment in contexts])
    places = np.unique(log.context[log.action == action])
    known = of_segment & np.isin(np.arange(len(contexts)), places)
    taken = known[log.context]
    part = Log(*(column[taken] for column in (log.context, log.action, log.reward, log.propensity, log.unit)))
    policy = np.zeros((len(contexts), len(actions)))
    policy[:, action] = 1.0
    segment = variant.segment.name if variant.segment else "everybody"
    line = _line(f"Only “{variant.product.title}” for {segment}", "only", part, policy)
    return line | {"variant_id": str(variant.pk), "now": _value(on_policy(part))}


def _withheld(line: dict[str, Any]) -> dict[str, Any]:
    """A line of too few shoppers: its name and the reason."""
    refusal, nothing = "few_shoppers", {"value": None, "low": None, "high": None}
    told = {name: line[name] for name in ("label", "policy", "variant_id")}
    return told | {
        "refusal": refusal, "sentence": refusal_words(refusal), "decisions": None, "effective_sample": None,
        "mean_weight": None, "unsupported_rate": None, "ips": nothing, "snips": nothing,
        "doubly_robust": nothing, "now": None,
    }  # fmt: skip


def _as_now(log: Log) -> dict[str, Any]:
    value = _value(on_policy(log))
    refusal = "" if len(log) else "no_data"
    facts = {"decisions": len(log), "effective_sample": float(len(log)), "mean_weight": None}
    return {
        "label": "As it was", "policy": "now", "refusal": refusal, "sentence": refusal_words(refusal),
        "unsupported_rate": 0.0, "ips": value, "snips": value, "doubly_robust": value, **facts,
    }  # fmt: skip


def _line(label: str, policy: str, log: Log, target: np.ndarray) -> dict[str, Any]:
    found: Evaluation = evaluate(log, target)
    return {
        "label": label,
        "policy": policy,
        "refusal": found.refusal,
        "sentence": refusal_words(found.refusal),
        "decisions": found.decisions,
        "effective_sample": found.effective_sample,
        "mean_weight": found.mean_weight,
        "unsupported_rate": found.unsupported_rate,
        "ips": _value(found.ips),
        "snips": _value(found.snips),
        "doubly_robust": _value(found.doubly_robust),
    }


def _value(found: Value) -> dict[str, float | None]:
    return {"value": found.value, "low": found.low, "high": found.high}


# --- no personalisation
def _no_personalisation(campaign: Campaign, start: datetime, end: datetime) -> dict[str, Any]:
    """The generic picture for everybody of a segment, from the random splits that show it."""
    shares = _splits(campaign)
    rows = (
        _events(campaign, start, end)
        .filter(experiment_id__in=list(shares), kind=Event.Kind.IMPRESSION)
        .values_list("decision_id", "experiment_id", "arm", "shopper_pseudonym")
    )
    clicked = _clicked(campaign, start, end)
    contexts: dict[UUID, int] = {}
    units: dict[Any, int] = {}
    arms = (OWN, GENERIC, OTHER)
    found: list[tuple[int, int, float, float, int]] = []
    for decision, experiment, arm, shopper in rows[:MAX_DECISIONS].iterator(5000):
        share = shares[experiment].get(arm, 0.0)
        if arm in arms and share > 0:
            found.append(
                (
                    contexts.setdefault(experiment, len(contexts)),
                    arms.index(arm),
                    float(decision in clicked),
                    share,
                    units.setdefault(shopper or decision, len(units)),
                )
            )
    log = _log_of(found)
    if not len(log):
        line = _line("No personalisation", "generic", log, np.ones((1, 1)))
        return line | {"refusal": "no_split", "sentence": refusal_words("no_split")}
    policy = np.zeros((len(contexts), len(arms)))
    policy[:, arms.index(GENERIC)] = 1.0
    own = np.zeros_like(policy)
    own[:, arms.index(OWN)] = 1.0
    line = _line("No personalisation", "generic", log, policy)
    return line | {"now": _value(evaluate(log, own).snips)}


def _splits(campaign: Campaign) -> dict[UUID, dict[str, float]]:
    """Planned shares of each random split of the campaign that shows generic pictures."""
    found: dict[UUID, dict[str, float]] = {campaign.pk: dict.fromkeys((OWN, GENERIC, OTHER), 1 / 3)}
    totals: dict[UUID, float] = defaultdict(float)
    arms = list(ExperimentArm.objects.filter(experiment__campaign=campaign))
    for arm in arms:
        totals[arm.experiment_id] += arm.weight
    started = Experiment.objects.filter(campaign=campaign, started_at__isnull=False)
    for pk in started.values_list("pk", flat=True):
        shares = {arm.rule: arm.weight / totals[pk] for arm in arms if arm.experiment_id == pk}
        if GENERIC in shares:
            found[pk] = shares
    return found
