"""What is wrong with an experiment's plan or decision, a sentence a field; pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.models import Experiment, ExperimentArm

Rule = ExperimentArm.Rule
MAX_SHOPPERS = 1_000_000_000
LAYER = re.compile(r"[a-z0-9-]{0,40}")


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


def text_problems(name: str, hypothesis: str) -> dict[str, list[str]]:
    found = {}
    for field, text, limit in (("name", name, 120), ("hypothesis", hypothesis, 1000)):
        if not text.strip() or len(text) > limit or "\x00" in text:
            found[field] = [f"Between 1 and {limit} characters are needed."]
    return found


def arm_problems(arms: Sequence[ArmPlan]) -> dict[str, list[str]]:
    rules = [arm.rule for arm in arms]
    if not 2 <= len(arms) <= len(Rule) or len(set(rules)) != len(rules) or not set(rules) <= set(Rule):
        return {"arms": [f"Two to four different arms are needed, of: {', '.join(Rule.values)}."]}
    if Rule.OWN_SEGMENT not in rules:
        return {"arms": ["One arm has to be own_segment: it is what shoppers see without an experiment."]}
    total = sum(arm.weight for arm in arms)
    if not all(math.isfinite(arm.weight) and 0 < arm.weight <= 1e6 for arm in arms):
        return {"arms": ["Each weight is a positive number."]}
    if min(arm.weight for arm in arms) / total < 0.01:
        return {"arms": ["An arm of less than one shopper in a hundred learns nothing."]}
    return {}


def metric_problems(primary: str, guardrails: Sequence[Guardrail]) -> dict[str, list[str]]:
    metrics = set(Experiment.Metric.values)
    if primary not in metrics:
        return {"primary_metric": [f"One of: {', '.join(sorted(metrics))}."]}
    names = [guardrail.metric for guardrail in guardrails]
    if len(set(names)) != len(names) or not set(names) <= metrics - {primary}:
        return {"guardrails": ["Each guardrail is another metric than the primary one, named once."]}
    if not all(0 < guardrail.margin_rate <= 0.5 for guardrail in guardrails):
        return {"guardrails": ["A margin lies above 0 and at 0.5 (half of the control's value) at the most."]}
    return {}


def number_problems(effect: float, shoppers: int, days: int, traffic: float) -> dict[str, list[str]]:
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


def decision_problems(
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


def layer_problems(layer: str) -> dict[str, list[str]]:
    """Of a layer's name."""
    if LAYER.fullmatch(layer):
        return {}
    return {"layer": ["Up to 40 lower-case letters, digits and hyphens; empty: on its own."]}
