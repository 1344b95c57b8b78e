"""Experiments with a planted truth, in bulk, to measure whether the statistics keep their promises.

Every simulated shopper has impressions (1 + Poisson), a click probability of their own (Beta, so that a
shopper's impressions are not independent) and binomial clicks: the ratio metric that the product judges by.
The formulas are those of ``sequential`` and ``frequentist`` on arrays; a test holds them equal to what the
modules answer on the same sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from analytics.stats.multiplicity import holm
from analytics.stats.outcomes import Outcome
from analytics.stats.samplecheck import ALPHA, SRM_FAIL, sample_needed, split_check
from analytics.stats.sequential import multiplier
from analytics.stats.statistics import Sums

LOOKS = 20
RATE = 0.05  # clicks by impression of the control
SPREAD = 40.0  # alpha + beta of the shoppers' own click rates: smaller means more different people
IMPRESSIONS = 4.0  # mean by shopper
Z = 1.959963984540054


@dataclass(frozen=True)
class Batch:
    """Sums of many experiments at several looks; arrays of shape (simulations, looks), arms apart."""

    control: np.ndarray  # (5, simulations, looks): y, x, yy, xx, xy
    treatment: np.ndarray
    n: np.ndarray  # shoppers an arm at each look


def batch_simulate(
    rng: np.random.Generator, *, simulations: int, shoppers: int, lift: float = 0.0, looks: int = LOOKS
) -> Batch:
    """``shoppers`` an arm, looked at in ``looks`` equal steps."""
    steps = shoppers // looks
    arms = [_arm(rng, simulations, steps, looks, rate) for rate in (RATE, RATE * (1 + lift))]
    return Batch(arms[0], arms[1], np.arange(1, looks + 1) * steps)


def _arm(rng: np.random.Generator, simulations: int, steps: int, looks: int, rate: float) -> np.ndarray:
    sums = np.empty((5, simulations, looks))
    for look in range(looks):  # a look at a time: a thousand experiments of 20,000 would not fit in memory
        shape = (simulations, steps)
        x = 1 + rng.poisson(IMPRESSIONS - 1, shape)
        own_rate = rng.beta(rate * SPREAD, (1 - rate) * SPREAD, shape)
        y = rng.binomial(x, own_rate)
        for row, values in enumerate((y, x, y * y, x * x, x * y)):
            sums[row, :, look] = values.sum(axis=1)
    return sums.cumsum(axis=2)


@dataclass(frozen=True)
class Estimates:
    """Ratio and standard error by simulation and look."""

    a: np.ndarray
    b: np.ndarray
    se_a: np.ndarray
    se_b: np.ndarray

    @property
    def z(self) -> np.ndarray:
        """Difference by its standard error."""
        return (self.b - self.a) / np.hypot(self.se_a, self.se_b)

    def log_interval(self, reach: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """The interval of log(b / a)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            error = reach * np.hypot(self.se_a / self.a, self.se_b / self.b)
            centre = np.log(self.b / self.a)
            low, high = centre - error, centre + error
        # Without a single click nothing is known, so nothing is claimed.
        known = (self.a > 0) & (self.b > 0)
        return np.where(known, low, -np.inf), np.where(known, high, np.inf)


def estimates(batch: Batch) -> Estimates:
    """The delta method on every simulation at once."""
    a, se_a = _ratio(batch.control, batch.n)
    b, se_b = _ratio(batch.treatment, batch.n)
    return Estimates(a, b, se_a, se_b)


def _ratio(sums: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, x, yy, xx, xy = sums
    ratio = y / x
    var_y, var_x = (yy - y * y / n) / (n - 1), (xx - x * x / n) / (n - 1)
    cov = (xy - x * y / n) / (n - 1)
    variance = np.maximum(var_y - 2 * ratio * cov + ratio * ratio * var_x, 1e-300)
    return ratio, np.sqrt(variance / n) / (x / n)


def baseline() -> Sums:
    """What a planner would know: the control's own sums, from 200,000 shoppers."""
    sums = _arm(np.random.default_rng(99), 1, 200_000, 1, RATE)[:, 0, 0]
    y, x, yy, xx, xy = (float(value) for value in sums)
    return Sums(200_000, y, x, yy, xx, xy)


def planned_shoppers(lift: float, arms: int = 2) -> int:
    """An arm's sample for 80 % power, rounded up to whole looks."""
    needed = sample_needed(baseline(), effect=lift, weights=[1.0] * arms)
    assert needed is not None  # noqa: S101
    return math.ceil(needed / arms / LOOKS) * LOOKS


def peeking_check(rng: np.random.Generator, simulations: int, shoppers: int) -> list[Outcome]:
    """A/A experiments looked at twenty times: how often is a difference seen that is not there?"""
    found = estimates(batch_simulate(rng, simulations=simulations, shoppers=shoppers))
    total = 2 * shoppers
    sizes = (np.arange(1, LOOKS + 1) * (shoppers // LOOKS) * 2).tolist()
    reach = np.array([multiplier(size, tuned_for=total) for size in sizes])
    low, high = found.log_interval(reach)
    ever = ((low > 0) | (high < 0)).any(axis=1)
    fixed_low, fixed_high = found.log_interval(Z)
    fixed = (fixed_low > 0) | (fixed_high < 0)
    final = fixed[:, -1]
    return [
        Outcome("False alarms, always-valid, 20 looks", ever.mean(), 0, 0.06, simulations),
        Outcome(
            "False alarms, always-valid at 20 looks or fixed at the end",
            (ever | final).mean(),
            0,
            0.075,
            simulations,
            "what the verdict does",
        ),
        Outcome(
            "Coverage of the fixed interval at the planned end", 1 - final.mean(), 0.93, 0.97, simulations
        ),
        Outcome(
            "False alarms had the fixed interval been used at 20 looks",
            fixed.any(axis=1).mean(),
            0.12,
            0.4,
            simulations,
            "the mistake that the product avoids",
        ),
    ]


def coverage_check(rng: np.random.Generator, simulations: int, shoppers: int, lift: float) -> list[Outcome]:
    """A planted lift: does the interval hold it, and is it found at the planned sample?"""
    found = estimates(batch_simulate(rng, simulations=simulations, shoppers=shoppers, lift=lift))
    truth = math.log1p(lift)
    low, high = found.log_interval(Z)
    covered = (low[:, -1] <= truth) & (truth <= high[:, -1])
    reach = np.array([multiplier(int(2 * n), tuned_for=2 * shoppers) for n in _sizes(shoppers)])
    valid_low, valid_high = found.log_interval(reach)
    always = ((valid_low <= truth) & (truth <= valid_high)).all(axis=1)
    early = (valid_low > 0).any(axis=1)
    percent = f"{lift * 100:g} %"
    return [
        Outcome(
            f"A lift of {percent} found at the planned sample", (low[:, -1] > 0).mean(), 0.78, 1, simulations
        ),
        Outcome(f"Coverage of a lift of {percent}, fixed interval", covered.mean(), 0.93, 0.97, simulations),
        Outcome(
            f"Coverage of a lift of {percent} at all 20 looks, always-valid",
            always.mean(),
            0.94,
            1,
            simulations,
        ),
        Outcome(
            f"A lift of {percent} found before the planned end, always-valid",
            early.mean(),
            0.3,
            1,
            simulations,
            "power paid for the right to look",
        ),
    ]


def three_arms_check(rng: np.random.Generator, simulations: int, lift: float) -> list[Outcome]:
    """One of two treatments has the lift: is it found at the planned sample after Holm's adjustment?"""
    shoppers = planned_shoppers(lift, arms=3)
    control, winner, idle = (
        _arm(rng, simulations, shoppers // LOOKS, LOOKS, rate)[:, :, -1:]
        for rate in (RATE, RATE * (1 + lift), RATE)
    )
    z = [estimates(Batch(control, other, np.array([shoppers]))).z[:, 0] for other in (winner, idle)]
    adjusted = [
        holm([2 * NormalDist().cdf(-abs(value)) for value in pair])[0]
        for pair in np.stack(z, axis=1).tolist()
    ]
    found = [p is not None and p < ALPHA for p in adjusted]
    return [
        Outcome(
            f"A lift of {lift * 100:g} % found in one of two treatments, adjusted (Holm)",
            float(np.mean(found)),
            0.78,
            1,
            simulations,
        )
    ]


def _sizes(shoppers: int) -> list[int]:
    return [step * (shoppers // LOOKS) for step in range(1, LOOKS + 1)]


def split_checks(rng: np.random.Generator, simulations: int, shoppers: int = 20_000) -> list[Outcome]:
    """The sample-ratio check: silent on healthy splits, loud when one arm loses 8 % of its shoppers."""
    healthy = rng.binomial(shoppers, 0.5, simulations)
    alarms = [split_check([int(k), shoppers - int(k)], [1, 1]).level == "fail" for k in healthy]
    lost = rng.binomial(shoppers // 2, 0.92, simulations)
    caught = [split_check([shoppers // 2, int(k)], [1, 1]).level == "fail" for k in lost]
    return [
        Outcome(
            "False alarms of the sample-ratio check", float(np.mean(alarms)), 0, 5 * SRM_FAIL, simulations
        ),
        Outcome(
            "An arm that lost 8 % of its shoppers is caught", float(np.mean(caught)), 0.95, 1, simulations
        ),
    ]


def selfcheck(*, simulations: int = 1000, seed: int = 20261123, lift: float = 0.1) -> list[Outcome]:
    """Everything; the A/A part has the sample of a 20 % lift, the power part that of ``lift``."""
    rng = np.random.default_rng(seed)
    return [
        *peeking_check(rng, simulations, planned_shoppers(0.2)),
        *coverage_check(rng, simulations, planned_shoppers(lift), lift),
        *split_checks(rng, simulations),
        *three_arms_check(rng, simulations, 2 * lift),
    ]
