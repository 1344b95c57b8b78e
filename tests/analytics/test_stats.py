from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.stats.intervals import relative_change, wilson
from analytics.stats.shrinkage import Prior, beta_cdf, beta_quantile, posterior, prior_estimate


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3 (Wilson score).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(successes, trials, low, high):
    rate = wilson(successes, trials)
    assert (round(rate.low, 4), round(rate.high, 4)) == (low, high)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_rate_is_always_a_number_inside_its_interval(successes, trials):
    rate = wilson(successes, trials)
    assert 0 <= rate.low <= rate.high <= 1
    assert rate.value is None or rate.low <= rate.value <= rate.high
    assert (rate.value is None) == (trials == 0)


def test_no_data_is_no_rate_and_a_tiny_sample_is_a_wide_one():
    assert wilson(0, 0).value is None
    assert wilson(1, 3).high - wilson(1, 3).low > 0.6


def test_the_interval_covers_the_truth_at_small_samples():
    trials, truth = 40, 0.05
    covered = sum(
        math.comb(trials, k) * truth**k * (1 - truth) ** (trials - k)
        for k in range(trials + 1)
        if wilson(k, trials).low <= truth <= wilson(k, trials).high
    )
    assert 0.93 <= covered <= 0.99


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(allow_nan=True, allow_infinity=True))
def test_a_change_is_finite_or_none(now, before):
    change = relative_change(now, before)
    assert change is None or math.isfinite(change)


def test_beta_agrees_with_closed_forms():
    assert beta_cdf(0.3, 1, 1) == pytest.approx(0.3)
    assert beta_cdf(0.01, 1, 300) == pytest.approx(1 - 0.99**300)
    assert beta_cdf(0.2, 3, 1) == pytest.approx(0.2**3)
    assert beta_cdf(0.5, 2, 3) == pytest.approx(0.6875)
    # Binomial tail: I_p(k, n-k+1) = P(X >= k).
    tail = sum(math.comb(20, k) * 0.1**k * 0.9 ** (20 - k) for k in range(4, 21))
    assert beta_cdf(0.1, 4, 17) == pytest.approx(tail)


@given(st.floats(0.05, 1e5), st.floats(0.05, 1e5), st.sampled_from([0.005, 0.025, 0.5, 0.975, 0.995]))
def test_the_quantile_undoes_the_distribution(alpha, beta, probability):
    x = beta_quantile(probability, alpha, beta)
    assert 0 <= x <= 1
    assert beta_cdf(x - 1e-8, alpha, beta) <= probability + 1e-6
    assert beta_cdf(x + 1e-8, alpha, beta) >= probability - 1e-6


counts = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))


@given(st.lists(counts, max_size=8))
def test_shrinkage_never_leaves_the_numbers(pairs):
    prior = prior_estimate(pairs)
    assert 0 < prior.mean < 1
    assert math.isfinite(prior.strength)
    for successes, trials in pairs:
        shown = posterior(successes, trials, prior)
        assert 0 <= shown.low <= shown.mean <= shown.high <= 1


def test_three_lucky_impressions_do_not_lead():
    pairs = [(3, 3), (600, 20_000), (500, 20_000), (400, 20_000), (450, 20_000)]
    prior = prior_estimate(pairs)
    lucky, best = posterior(3, 3, prior), posterior(600, 20_000, prior)
    assert lucky.mean < 0.2  # raw: 1.0
    assert best.mean == pytest.approx(0.03, rel=0.05)
    assert lucky.high - lucky.low > best.high - best.low


def test_rates_that_differ_by_chance_alone_are_pooled():
    pairs = [(20, 1000)] * 10
    assert prior_estimate(pairs).strength == pytest.approx(10_000)
    assert posterior(20, 1000, prior_estimate(pairs)).mean == pytest.approx(0.02, rel=0.01)


def test_the_prior_is_found_again_from_many_draws():
    import random

    rng = random.Random(5)
    truth = Prior(4.0, 96.0)
    pairs = []
    for _ in range(400):
        rate = rng.betavariate(truth.alpha, truth.beta)
        pairs.append((sum(rng.random() < rate for _ in range(400)), 400))
    found = prior_estimate(pairs)
    assert found.mean == pytest.approx(truth.mean, rel=0.08)
    assert found.strength == pytest.approx(truth.strength, rel=0.3)


def test_the_statistics_work_without_django():
    code = (
        "import sys, analytics.stats.intervals, analytics.stats.shrinkage; sys.exit('django' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
