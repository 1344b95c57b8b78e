"""What another way of choosing would have earned, from a campaign's own log. Workers only.

The log is everything that was shown with a known chance, the pictures of experiments and of the standing
split included: a token's propensity is over all shoppers, so a log without those who take part would not be
what it speaks of. A decision's context is its placement and the segment that it was drawn for. What an
experiment shows of another segment, or beside the variant's own picture, is one action, FOREIGN, of which no
policy asked about makes use.

"No personalisation" is asked of the random splits alone: only there the generic picture was shown to people
of a segment by chance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from analytics.models import Event
from analytics.simulated import deciding
from analytics.small_groups import small_groups_get
from analytics.stats.off_policy import Evaluation, Log, Value, evaluate, on_policy
from analytics.what_if_words import refusal_words
from campaigns.models import Campaign, Experiment, ExperimentArm, Variant
from campaigns.serving.allocations import HOLDOUT
from campaigns.serving.loading import snapshot_load
from campaigns.serving.servable import servable_get

MAX_DECISIONS = 2_000_000
MAX_ONLY = 40  # "only this picture" is told of so many variants, the most shown ones
OWN, GENERIC, OTHER = "own_segment", "generic", "other_segment"
ORDINARY_ARMS = frozenset({"", HOLDOUT, OWN})  # what their events show is the variant that was drawn
FOREIGN = 0  # its column; the variants' begin at 1


@dataclass(frozen=True)
class _Draws:
    """The log, what its numbers mean, and what could be shown."""

    log: Log
    contexts: list[tuple[UUID, UUID | None]]  # placement, segment
    variants: list[Variant]  # of the columns after FOREIGN
    is_mine: np.ndarray  # (contexts, actions): of the context's segment
    is_open: np.ndarray  # mine, and shown in the context or servable there today


def what_if_compute(campaign: Campaign, parameters: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Policies with their estimates; ``parameters``: ``days``, and ``weights`` by variant."""
    days = int(parameters.get("days", 28))
    start = now - timedelta(days=days)
    draws = _draws_read(campaign, start, now)
    lines = [_as_now(draws.log)]
    if len(draws.log):
        lines.append(_line_of("Every picture alike", "uniform", draws, draws.is_open))
        if weights := _asked_weights(parameters):
            lines.append(_line_of("The weights asked for", "weights", draws, _weighted(draws, weights)))
        groups = small_groups_get(advertiser_id=campaign.advertiser_id, start=start.date(), end=now.date())
        for column in _most_shown(draws)[:MAX_ONLY]:
            line = _only(draws, column)
            shows = groups.shows_variant(draws.variants[column - 1].pk)
            lines.append(line if shows else _withheld(line))
    lines.append(_no_personalisation(campaign, start, now))
    return {
        "start": start.isoformat(),
        "end": now.isoformat(),
        "days": days,
        "decisions": len(draws.log),
        "lines": lines,
    }


def _draws_read(campaign: Campaign, start: datetime, end: datetime) -> _Draws:
    """Impressions with their clicks."""
    variants = list(Variant.objects.filter(campaign=campaign).select_related("product", "segment"))
    columns = {variant.pk: column for column, variant in enumerate(variants, start=1)}
    segments = {variant.pk: variant.segment_id for variant in variants}
    rows = (
        _events(campaign, start, end)
        .filter(kind=Event.Kind.IMPRESSION, propensity__gt=0, placement_id__isnull=False)
        .values_list(
            "decision_id", "placement_id", "segment_id", "drawn_segment_id", "experiment_id", "arm",
            "variant_id", "propensity", "shopper_pseudonym",
        )
    )  # fmt: skip
    clicked = _clicked(campaign, start, end)
    contexts: dict[tuple[UUID, UUID | None], int] = {}
    units: dict[Any, int] = {}
    found: list[tuple[int, int, float, float, int]] = []
    for decision, place, shown, drawn, experiment, arm, variant, propensity, shopper in rows[
        :MAX_DECISIONS
    ].iterator(5000):
        segment = shown if drawn is None and experiment is None else drawn
        is_ordinary = arm in ORDINARY_ARMS and variant in columns and segments[variant] == segment
        found.append(
            (
                contexts.setdefault((place, segment), len(contexts)),
                columns[variant] if is_ordinary else FOREIGN,
                float(decision in clicked),
                min(1.0, propensity),
                units.setdefault(shopper or decision, len(units)),
            )
        )
    return _draws_of(_log_of(found), list(contexts), variants, campaign)


def _draws_of(
    log: Log, contexts: list[tuple[UUID, UUID | None]], variants: list[Variant], campaign: Campaign
) -> _Draws:
    """With every variant of the campaign, so that what the log never showed is asked for and refused."""
    servable = servable_get(snapshot_load(campaign.advertiser_id), campaign.pk)
    is_mine, can_be_shown, was_shown = (np.zeros((len(contexts), len(variants) + 1), bool) for _ in range(3))
    for row, (placement, segment) in enumerate(contexts):
        here = servable.get(placement, frozenset())
        is_mine[row, 1:] = [variant.segment_id == segment for variant in variants]
        can_be_shown[row, 1:] = [variant.pk in here for variant in variants]
    was_shown[log.context, log.action] = True
    return _Draws(log, contexts, variants, is_mine, is_mine & (can_be_shown | was_shown))


def _log_of(rows: list[tuple[int, int, float, float, int]]) -> Log:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    whole, real = (lambda c: np.array(c, int)), (lambda c: np.array(c, float))
    return Log(whole(columns[0]), whole(columns[1]), real(columns[2]), real(columns[3]), whole(columns[4]))


def _events(campaign: Campaign, start: datetime, end: datetime) -> Any:
    mine = Event.objects.within(start, end).filter(
        advertiser_id=campaign.advertiser_id, campaign_id=campaign.pk, validity=Event.Validity.VALID
    )
    return deciding(mine, campaign.advertiser).order_by()


def _clicked(campaign: Campaign, start: datetime, end: datetime) -> set[UUID]:
    return set(
        _events(campaign, start, end + timedelta(days=1))
        .filter(kind=Event.Kind.CLICK)
        .values_list("decision_id", flat=True)
    )


# --- policies: (contexts, actions) of weights; a row without any is a context that is not asked about
def _weighted(draws: _Draws, weights: Mapping[UUID, float]) -> np.ndarray:
    """The weights work among what a context can show; one that can show nothing of what was asked for its
    segment asks for it all the same, and so has no support.
    """
    columns = {variant.pk: column for column, variant in enumerate(draws.variants, start=1)}
    asked = np.zeros(len(draws.variants) + 1)
    for pk, weight in weights.items():
        if pk in columns:
            asked[columns[pk]] = weight
    policy, wanted = draws.is_open * asked, draws.is_mine * asked
    is_shut = (policy.sum(axis=1) == 0) & (wanted.sum(axis=1) > 0)
    return np.where(is_shut[:, None], wanted, policy)


def _asked_weights(parameters: Mapping[str, Any]) -> dict[UUID, float]:
    given = parameters.get("weights") or {}
    return {UUID(str(key)): float(value) for key, value in given.items() if float(value) > 0}


def _most_shown(draws: _Draws) -> list[int]:
    """Columns of what was or could be shown, the most shown first."""
    shown = np.bincount(draws.log.action, minlength=len(draws.variants) + 1)
    is_open = np.asarray(draws.is_open.any(axis=0))
    return [column for column in np.argsort(-shown, kind="stable").tolist() if is_open[column]]


def _only(draws: _Draws, column: int) -> dict[str, Any]:
    """Only this picture, in the placements where the log knows it; for one never shown, where it could be."""
    variant, log = draws.variants[column - 1], draws.log
    is_known = np.zeros(len(draws.contexts), bool)
    is_known[log.context[log.action == column]] = True
    if not is_known.any():
        is_known = draws.is_open[:, column]
    policy = np.zeros(draws.is_open.shape)
    policy[is_known, column] = 1.0
    segment = variant.segment.name if variant.segment else "everybody"
    line = _line_of(f"Only “{variant.product.title}” for {segment}", "only", draws, policy)
    return line | {"variant_id": str(variant.pk)}


def _line_of(label: str, policy: str, draws: _Draws, weights: np.ndarray) -> dict[str, Any]:
    """A line of the contexts that have a weight, with what these earned as it was."""
    weights = weights.astype(float)
    totals = weights.sum(axis=1, keepdims=True)
    is_asked = totals[:, 0] > 0
    target = np.divide(weights, totals, where=totals > 0, out=np.zeros(weights.shape))
    target[~is_asked, FOREIGN] = 1.0  # none of their decisions are in the part
    log = draws.log
    taken = is_asked[log.context]
    part = Log(*(column[taken] for column in (log.context, log.action, log.reward, log.propensity, log.unit)))
    return _line(label, policy, part, target) | {"now": _value(on_policy(part))}


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
        if arm.rule != ExperimentArm.Rule.CHALLENGER:  # of those who saw one nothing is read
            totals[arm.experiment_id] += arm.weight
    started = Experiment.objects.filter(campaign=campaign, started_at__isnull=False)
    for pk in started.values_list("pk", flat=True):
        shares = {
            arm.rule: arm.weight / totals[pk]
            for arm in arms
            if arm.experiment_id == pk and arm.rule != ExperimentArm.Rule.CHALLENGER
        }
        if GENERIC in shares:
            found[pk] = shares
    return found
