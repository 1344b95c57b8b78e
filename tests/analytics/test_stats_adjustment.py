"""CUPED against tea-tasting as an oracle, its promises under simulation, and many p-values at once."""

from __future__ import annotations

import numpy as np
import pytest
import tea_tasting as tt
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from tea_tasting.aggr import Aggregates

from analytics.stats.adjustment import PairedSums, adjust
from analytics.stats.frequentist import compare, compare_estimates
from analytics.stats.multiplicity import benjamini_hochberg
from analytics.stats.samplecheck import independence_p
from analytics.stats.statistics import Sums, estimate_of


def shoppers(rng, n, rate, *, seen=0.8):
    """(clicks, impressions) now and before; a shopper's taste lasts."""
    taste = rng.beta(rate * 8, (1 - rate) * 8, n)
    x, bx = 1 + rng.poisson(8, n), (1 + rng.poisson(12, n)) * (rng.random(n) < seen)
    return np.stack([rng.binomial(x, taste), x], 1), np.stack([rng.binomial(bx, taste), bx], 1)


def paired(now, before):
    return PairedSums.of_pairs([tuple(map(float, r)) for r in now], [tuple(map(float, r)) for r in before])


def aggregates(now, before):
    columns = {"y": now[:, 0], "x": now[:, 1], "by": before[:, 0], "bx": before[:, 1]}
    names = list(columns)
    return Aggregates(
        count_=len(now),
        mean_={k: float(v.mean()) for k, v in columns.items()},
        var_={k: float(v.var(ddof=1)) for k, v in columns.items()},
        cov_={
            (a, b): float(np.cov(columns[a], columns[b])[0, 1])
            for i, a in enumerate(names)
            for b in names[i + 1 :]
        },
    )


def test_the_adjusted_figures_are_those_of_tea_tasting():
    rng = np.random.default_rng(5)
    arms = [shoppers(rng, 6000, rate) for rate in (0.10, 0.11)]
    found = adjust(*(paired(*arm) for arm in arms))
    ours = compare_estimates(found.control, found.treatment)
    metric = tt.RatioOfMeans("y", "x", numer_covariate="by", denom_covariate="bx")
    theirs = metric.analyze_aggregates(*(aggregates(*arm) for arm in arms))
    half = (theirs.effect_size_ci_upper - theirs.effect_size_ci_lower) / 2
    assert ours.difference == pytest.approx(theirs.effect_size, abs=0.02 * half)
    assert ours.difference_low == pytest.approx(theirs.effect_size_ci_lower, abs=0.02 * half)
    assert ours.difference_high == pytest.approx(theirs.effect_size_ci_upper, abs=0.02 * half)
    assert ours.lift_high == pytest.approx(theirs.rel_effect_size_ci_upper, abs=0.005)
    assert 0.2 < found.reduction < 0.3


def test_the_adjusted_interval_is_narrower_and_still_covers():
    rng = np.random.default_rng(6)
    covered, plain_width, width = 0, 0.0, 0.0
    for _ in range(300):
        arms = [paired(*shoppers(rng, 400, 0.1)) for _ in range(2)]
        found = adjust(*arms)
        ours = compare_estimates(found.control, found.treatment)
        plain = compare(arms[0].now, arms[1].now)
        covered += ours.difference_low <= 0 <= ours.difference_high
        width += ours.difference_high - ours.difference_low
        plain_width += plain.difference_high - plain.difference_low
    assert 0.91 <= covered / 300 <= 0.985
    assert width < 0.9 * plain_width


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (lambda rng, n: np.zeros((n, 2)), "Fewer than 100"),
        (lambda rng, n: np.ones((n, 2)), "did the same"),
        (lambda rng, n: np.stack([rng.random(n), np.ones(n)], 1), "explains less than 1 %"),
    ],
)
def test_without_a_useful_period_before_it_says_why(before, words):
    rng = np.random.default_rng(7)
    arms = []
    for _ in range(2):
        now, _ = shoppers(rng, 500, 0.1)
        arms.append(paired(now, before(rng, 500)))
    found = adjust(*arms)
    assert not found.is_used
    assert words in found.reason


def test_plain_estimates_agree_with_welch():
    a, b = Sums.of_counts(1000, 20000), Sums.of_counts(1100, 20000)
    ours, theirs = compare_estimates(estimate_of(a), estimate_of(b)), compare(a, b)
    for name in ("difference_low", "lift_low", "lift_high", "p"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=2e-3)


def test_negative_revenue_has_a_difference_and_no_lift():
    values = [[-100.0, 30.0] * 100, [-50.0, 40.0] * 100]
    found = compare(*(Sums.of_values(v) for v in values))
    assert found.difference == pytest.approx(30.0)
    assert found.difference_low < 30 < found.difference_high
    assert (found.lift, found.lift_low) == (None, None)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_benjamini_hochberg_is_scipys(p_values):
    ours = benjamini_hochberg(p_values)
    assert ours == pytest.approx(list(false_discovery_control(p_values)), abs=1e-12)
    assert all(p <= adjusted <= 1 for p, adjusted in zip(p_values, ours, strict=True))


def test_what_was_not_tested_does_not_count():
    assert benjamini_hochberg([None, 0.01, None]) == [None, 0.01, None]


def test_a_share_that_differs_between_arms_is_seen():
    assert independence_p([(100, 900), (100, 900)]) == pytest.approx(1)
    assert independence_p([(100, 900), (200, 800)]) < 1e-6
    assert independence_p([(0, 900), (0, 800)]) is None
    assert independence_p([(1, 5), (0, 4)]) is None
    assert independence_p([(10, 90)]) is None
