"""Behaviours to interest weights. Pure: the clock and the half-life are arguments.

An interest's evidence is the sum over behaviours of strength x share x decay, where the decay halves
every half-life. The weight is ``evidence / (evidence + HALF)``, which stays in 0..1, grows with every
behaviour and saturates, so that a hundred views do not drown one stated interest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from profiles.taxonomy import family_of

# What one behaviour of a kind says, in views. A basket says more than a purchase: who has bought it
# needs it less.
STRENGTHS: Mapping[str, float] = {
    "view": 1.0,
    "search": 2.0,
    "click": 2.0,
    "purchase": 3.0,
    "cart": 4.0,
    "interest": 8.0,
}
HALF = 8.0  # the evidence (one fresh stated interest) at which a weight is one half
LEAST_WEIGHT = 0.01  # weaker than this is forgotten: one view is after three and a half half-lives
SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True)
class Signal:
    """What interests need to know of one behaviour."""

    kind: str
    occurred_at: datetime
    interests: Mapping[str, float]  # taxonomy id -> share


def decay(age_seconds: float, half_life_days: float) -> float:
    """1 for now (and for the future: clocks differ), one half after each half-life."""
    return math.pow(0.5, max(age_seconds, 0.0) / (half_life_days * SECONDS_A_DAY))


def weigh(signals: Iterable[Signal], *, now: datetime, half_life_days: float) -> dict[str, float]:
    """Weights in 0..1 by interest id, strongest first.

    The order of the signals does not matter to the last digit (``fsum``), a fresher behaviour never
    weighs less than an older one, and an added behaviour never lowers a weight.
    """
    evidence: dict[str, list[float]] = {}
    for signal in signals:
        strength = STRENGTHS[signal.kind] * decay((now - signal.occurred_at).total_seconds(), half_life_days)
        for interest, share in signal.interests.items():
            evidence.setdefault(interest, []).append(strength * share)
    weights = {}
    for interest, parts in evidence.items():
        total = math.fsum(parts)
        weight = round(total / (total + HALF), 4)
        if weight >= LEAST_WEIGHT:
            weights[interest] = weight
    return strongest_first(weights)


def strongest_first(weights: Mapping[str, float]) -> dict[str, float]:
    """The same weights in a stable order: by weight, then by id."""
    return dict(sorted(weights.items(), key=lambda item: (-item[1], item[0])))


def aged(weights: Mapping[str, float], *, days: float, half_life_days: float) -> dict[str, float]:
    """What weights become ``days`` later without any further behaviour."""
    factor = decay(days * SECONDS_A_DAY, half_life_days)
    later = {}
    for interest, weight in weights.items():
        evidence = factor * weight * HALF / (1.0 - weight) if weight < 1.0 else math.inf
        faded = 1.0 if math.isinf(evidence) else round(evidence / (evidence + HALF), 4)
        if faded >= LEAST_WEIGHT:
            later[interest] = faded
    return strongest_first(later)


def without(weights: Mapping[str, float], muted: Iterable[str]) -> dict[str, float]:
    """The weights less the interests that the shopper took away; a group takes its children along."""
    gone = {member for interest in muted for member in family_of(interest)}
    return {interest: weight for interest, weight in weights.items() if interest not in gone}
