"""Chance to beat control and expected loss.

For shoppers who did or did not: Beta-Binomial posteriors with Jeffreys' prior, by bayesian-testing (Monte
Carlo, seeded). For every other metric, and for values that were adjusted for the period before: the
posterior of the difference under a flat prior is normal with the estimates' standard error, in closed form.
Chances are kept off 0 and 1: no data proves anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from analytics.stats.statistics import Estimate, Sums, estimate_of, finite

DRAWS = 200_000
# The least chance that so many draws can tell from none.
EDGE = 1 / DRAWS


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of a treatment; None where there is no data to believe."""

    chance_to_beat: float | None = None
    expected_loss: float | None = None  # in the metric's unit, of choosing the treatment


def believe(control: Sums, treatment: Sums, *, seed: int = 1) -> Belief:
    """Chance that the treatment's true value is the higher one, and what choosing it costs if not."""
    if control.n < 2 or treatment.n < 2 or control.value is None or treatment.value is None:
        return Belief()
    if _is_binary(control) and _is_binary(treatment):
        return _binary(control, treatment, seed)
    usual, other = estimate_of(control), estimate_of(treatment)
    return Belief() if usual is None or other is None else believe_estimates(usual, other)


def believe_estimates(control: Estimate, treatment: Estimate) -> Belief:
    """The same of two values with their errors, such as those adjusted for the period before."""
    error = math.hypot(control.standard_error, treatment.standard_error)
    if error <= 0 or not math.isfinite(error):
        return Belief()
    z = (treatment.value - control.value) / error
    normal = NormalDist()
    # E[max(0, -D)] of D ~ N(d, s²) is s (φ(z) - z Φ(-z)).
    loss = error * (normal.pdf(z) - z * normal.cdf(-z))
    return Belief(_inside(normal.cdf(z)), finite(max(0.0, loss)))


def _is_binary(sums: Sums) -> bool:
    return sums.is_mean and sums.y == sums.yy and sums.y == int(sums.y)


def _binary(control: Sums, treatment: Sums, seed: int) -> Belief:
    from bayesian_testing.experiments import BinaryDataTest

    test = BinaryDataTest()
    for name, sums in (("control", control), ("treatment", treatment)):
        test.add_variant_data_agg(name, totals=sums.n, positives=int(sums.y))
    found = {row["variant"]: row for row in test.evaluate(sim_count=DRAWS, seed=seed)}["treatment"]
    return Belief(_inside(float(found["prob_being_best"])), finite(float(found["expected_loss"])))


def _inside(chance: float) -> float:
    return min(1 - EDGE, max(EDGE, chance))
