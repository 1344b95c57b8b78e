"""Batch Thompson sampling: shares by each arm's chance to be the best, with a floor for every arm.

share = floor + (1 - k floor) P(arm is best), P by draws from Beta posteriors. Source: O. Chapelle, L. Li, "An
empirical evaluation of Thompson sampling", NIPS 2011 (batch updates); the floor keeps propensities off zero,
so that what was logged can answer questions about other policies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DRAWS = 20_000
FLOOR = 0.02
MIN_IMPRESSIONS = 100  # an arm
MIN_CLICKS = 40  # all arms with so many impressions together


@dataclass(frozen=True, slots=True)
class ArmFacts:
    """What was counted of an arm, and what is believed without it."""

    impressions: int
    clicks: int
    prior_rate: float
    prior_impressions: float


@dataclass(frozen=True, slots=True)
class Shares:
    """One number an arm."""

    shares: tuple[float, ...]
    chances_best: tuple[float, ...]
    has_enough: bool


def is_counted(arm: ArmFacts) -> bool:
    """Whether an arm's counts may speak; before, it stands on its prior."""
    return arm.impressions >= MIN_IMPRESSIONS


def has_enough(arms: Sequence[ArmFacts]) -> bool:
    """Whether counts may decide at all; before, only the priors do."""
    return sum(arm.clicks for arm in arms if is_counted(arm)) >= MIN_CLICKS


def shares_make(arms: Sequence[ArmFacts], *, floor: float = FLOOR, seed: int = 1) -> Shares:
    """Shares that sum to 1. An arm that is too young, or all with too little data, stand on their priors."""
    if not arms:
        return Shares((), (), has_enough=False)
    import numpy as np

    enough = has_enough(arms)
    rng = np.random.default_rng(seed)
    alphas, betas = [], []
    for arm in arms:
        speaks = enough and is_counted(arm)
        clicks = min(arm.clicks, arm.impressions) if speaks else 0
        shown = arm.impressions if speaks else 0
        rate = min(1 - 1e-6, max(1e-6, arm.prior_rate))
        alphas.append(rate * arm.prior_impressions + clicks)
        betas.append((1 - rate) * arm.prior_impressions + shown - clicks)
    draws = rng.beta(np.array(alphas)[:, None], np.array(betas)[:, None], (len(arms), DRAWS))
    best = np.bincount(draws.argmax(axis=0), minlength=len(arms)) / DRAWS
    low = min(floor, 0.5 / len(arms))
    shares = low + (1 - len(arms) * low) * best
    return Shares(tuple(shares.tolist()), tuple(best.tolist()), enough)
