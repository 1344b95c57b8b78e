"""Who belongs to a segment, and how well. Pure.

A rule is ``{"any": [condition, ...], "all": [...], "none": [...]}`` with conditions
``{"interest": id, "min_weight": 0..1}``. Naming a group counts its children too: the group's weight is
the strongest of the family.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adplatform.lib.sensitive import is_sensitive
from profiles.taxonomy import INTERESTS, family_of

PARTS = ("any", "all", "none")
MOST_CONDITIONS = 20
DEFAULT_MIN_WEIGHT = 0.2
TOP_INTEREST_MIN_WEIGHT = 0.15  # two fresh views: enough for a favourite, not for an accident


@dataclass(frozen=True)
class RuleProblem:
    """Why a rule is refused: the place in it, a stable code, a sentence."""

    place: str
    code: str
    message: str


def rule_clean(rule: Any) -> tuple[dict[str, list[dict[str, Any]]], list[RuleProblem]]:
    """The rule in its full form with weights as floats, and everything that is wrong with it."""
    if not isinstance(rule, Mapping):
        return {}, [RuleProblem("rule", "rule_malformed", "A rule is an object with any, all and none.")]
    problems = []
    if set(rule) - set(PARTS):  # unknown names are not repeated in the answer: they may hold anything
        problems.append(RuleProblem("rule", "rule_malformed", "A rule has only the parts any, all and none."))
    clean: dict[str, list[dict[str, Any]]] = {}
    for part in PARTS:
        conditions = rule.get(part) or []
        if not isinstance(conditions, list):
            problems.append(RuleProblem(part, "rule_malformed", "Each part is a list of conditions."))
            continue
        for place, condition in enumerate(conditions[:MOST_CONDITIONS]):
            value, problem = _condition_clean(condition, f"{part}[{place}]")
            if problem is not None:
                problems.append(problem)
            else:
                clean.setdefault(part, []).append(value)
        if len(conditions) > MOST_CONDITIONS:
            problems.append(
                RuleProblem(part, "rule_too_long", f"A part has at most {MOST_CONDITIONS} conditions.")
            )
    if not problems and not clean.get("any") and not clean.get("all"):
        # "Everyone except" would target by what a person is not.
        problems.append(RuleProblem("rule", "rule_empty", "Choose at least one interest to look for."))
    return clean, problems


def _condition_clean(condition: Any, place: str) -> tuple[dict[str, Any], RuleProblem | None]:
    if not isinstance(condition, Mapping):
        return {}, RuleProblem(place, "rule_malformed", "A condition names an interest and a min_weight.")
    interest = condition.get("interest")
    if not isinstance(interest, str) or interest not in INTERESTS:
        if isinstance(interest, str) and is_sensitive(interest):
            return {}, RuleProblem(
                place, "interest_sensitive", "Nobody is included or excluded by something so personal."
            )
        return {}, RuleProblem(place, "interest_unknown", "This interest is not in the taxonomy.")
    weight = condition.get("min_weight", DEFAULT_MIN_WEIGHT)
    # NaN fails both comparisons; a bool is an int in Python.
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0.0 < weight <= 1.0:
        return {}, RuleProblem(place, "min_weight_invalid", "min_weight is above 0 and at most 1.")
    return {"interest": interest, "min_weight": round(float(weight), 4) or 0.0001}, None


def family_weight(weights: Mapping[str, float], interest: str) -> float:
    """The weight of an interest; of a group, the strongest of itself and its children."""
    return max((weights.get(member, 0.0) for member in family_of(interest)), default=0.0)


def strength(rule: Mapping[str, Any], weights: Mapping[str, float]) -> float | None:
    """How well a profile fits a cleaned rule, in 0..1; None when it does not.

    The mean weight of the "all" interests and the best of the "any" interests: the served segment is
    the strongest one, so a narrow interest wins over a broad one that is held less.
    """
    if _holds(rule.get("none"), weights):
        return None
    parts = []
    for condition in rule.get("all") or ():
        weight = family_weight(weights, condition["interest"])
        if weight < _minimum(condition):
            return None
        parts.append(weight)
    if rule.get("any"):
        held = _holds(rule["any"], weights)
        if not held:
            return None
        parts.append(max(held))
    return round(sum(parts) / len(parts), 4) if parts else None


def _holds(conditions: Iterable[Mapping[str, Any]] | None, weights: Mapping[str, float]) -> list[float]:
    found = ((family_weight(weights, c["interest"]), _minimum(c)) for c in conditions or ())
    return [weight for weight, minimum in found if weight >= minimum]


def _minimum(condition: Mapping[str, Any]) -> float:
    return float(condition.get("min_weight", DEFAULT_MIN_WEIGHT))


def matched(rule: Mapping[str, Any], weights: Mapping[str, float]) -> list[str]:
    """The interests of a profile that meet the conditions of a cleaned rule that it fits, strongest first.

    Of a group each child that is held enough is named: taking one of them away may leave the others.
    """
    found = {
        member
        for part in ("all", "any")
        for condition in rule.get(part) or ()
        for member in family_of(condition["interest"])
        if weights.get(member, 0.0) >= _minimum(condition)
    }
    return sorted(found, key=lambda interest: (-weights[interest], interest))


def top_interest(weights: Mapping[str, float]) -> str:
    """The strongest interest, empty when none is strong enough to speak of."""
    if not weights:
        return ""
    best = min(weights, key=lambda interest: (-weights[interest], interest))
    return best if weights[best] >= TOP_INTEREST_MIN_WEIGHT else ""


def rule_interests(rule: Mapping[str, Any]) -> list[str]:
    """The interests that enter prompts, in the order the manager chose them: "all" first, then "any"."""
    named = [c["interest"] for part in ("all", "any") for c in rule.get(part) or ()]
    return list(dict.fromkeys(named))


def top_strength(interest: str, weights: Mapping[str, float]) -> float | None:
    """How well a profile fits the automatic segment of an interest: its favourite must be in the family.

    A group counts a little less than the interest itself, so that the more telling segment is served.
    """
    best = top_interest(weights)
    if not best or best not in family_of(interest):
        return None
    return weights[best] if best == interest else round(weights[best] * 0.9, 4)
