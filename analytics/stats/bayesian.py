"""Chance to beat control and expected loss.

For shoppers who did or did not: Beta-Binomial posteriors with Jeffreys' prior, by bayesian-testing (Monte
Carlo, seeded). For every other metric: the posterior of the difference under a flat prior is normal with
the delta method's standard error, in closed form. Chances are kept off 0 and 1: no data proves anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from analytics.stats.statistics import Sums, finite

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
    return _normal(control, treatment)


def _is_binary(sums: Sums) -> bool:
    return sums.is_mean and sums.y == sums.yy and sums.y == int(sums.y)


def _binary(control: Sums, treatment: Sums, seed: int) -> Belief:
    from bayesian_testing.experiments import BinaryDataTest

    test = BinaryDataTest()
    for name, sums in (("control", control), ("treatment", treatment)):
        test.add_variant_data_agg(name, totals=sums.n, positives=int(sums.y))
    found = {row["variant"]: row for row in test.evaluate(sim_count=DRAWS, seed=seed)}["treatment"]
    return Belief(_inside(float(found["prob_being_best"])), finite(float(found["expected_loss"])))


def _normal(control: Sums, treatment: Sums) -> Belief:
    error = math.hypot(control.standard_error or 0.0, treatment.standard_error or 0.0)
    if error <= 0 or not math.isfinite(error):
        return Belief()
    z = ((treatment.value or 0.0) - (control.value or 0.0)) / error
    normal = NormalDist()
    # E[max(0, -D)] of D ~ N(d, s²) is s (φ(z) - z Φ(-z)).
    loss = error * (normal.pdf(z) - z * normal.cdf(-z))
    return Belief(_inside(normal.cdf(z)), finite(max(0.0, loss)))


def _inside(chance: float) -> float:
    return min(1 - EDGE, max(EDGE, chance))
