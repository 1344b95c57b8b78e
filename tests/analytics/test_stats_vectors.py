"""The statistics against numbers computed by other packages (reference/statistics.md, 1.3)."""

from __future__ import annotations

import math
import random

import pytest

from analytics.stats.bayesian import believe
from analytics.stats.frequentist import compare
from analytics.stats.multiplicity import holm
from analytics.stats.samplecheck import days_needed, sample_needed, split_check
from analytics.stats.sequential import compare_always_valid, multiplier
from analytics.stats.statistics import Sums

CONTROL, TREATMENT = Sums.of_counts(1000, 20_000), Sums.of_counts(1100, 20_000)


def test_the_fixed_comparison_agrees_with_three_other_packages():
    found = compare(CONTROL, TREATMENT)
    assert found.difference_low == pytest.approx(0.000629, abs=1e-6)
    assert found.difference_high == pytest.approx(0.009371, abs=1e-6)
    assert found.p == pytest.approx(0.02497, abs=1e-5)
    assert found.lift == pytest.approx(0.1)
    assert (found.lift_low, found.lift_high) == pytest.approx((0.0120, 0.1956), abs=1e-4)


def test_the_always_valid_comparison_agrees_with_gbstats():
    found = compare_always_valid(CONTROL, TREATMENT, tuned_for=5000)
    assert (found.difference_low, found.difference_high) == pytest.approx((-0.00216, 0.01216), abs=5e-6)
    assert found.p == pytest.approx(0.676, abs=1e-3)


def test_chance_and_loss_agree_with_gbstats_and_scipy():
    found = believe(CONTROL, TREATMENT)
    assert found.chance_to_beat == pytest.approx(0.98751, abs=1e-3)
    assert found.expected_loss == pytest.approx(9.7e-6, abs=1e-6)
    # The normal form, which every other metric takes: gbstats' absolute figures.
    pairs = [Sums(s.n, s.y, s.x, s.yy, s.xx + 1e-9, s.xy) for s in (CONTROL, TREATMENT)]
    normal = believe(*pairs)
    assert normal.chance_to_beat == pytest.approx(0.98752, abs=1e-5)
    assert normal.expected_loss == pytest.approx(9.67e-6, abs=2e-8)
    assert believe(CONTROL, TREATMENT) == found  # seeded


def test_the_always_valid_interval_is_wider_and_never_narrower_than_the_fixed_one():
    for n in (10, 100, 1000, 10_000, 1_000_000):
        assert multiplier(n, tuned_for=5000) > 1.96
    assert multiplier(5000, tuned_for=5000) == pytest.approx(2.82, abs=0.3)


def test_sums_add_and_a_ratio_equals_the_formula_over_its_shoppers():
    rng = random.Random(7)
    impressions = [rng.randint(1, 9) for _ in range(400)]
    clicks = [sum(rng.random() < 0.1 for _ in range(n)) for n in impressions]
    whole = Sums.of_pairs(clicks, impressions)
    parts = Sums.of_pairs(clicks[:150], impressions[:150]) + Sums.of_pairs(clicks[150:], impressions[150:])
    assert whole == parts
    rate = sum(clicks) / sum(impressions)
    residuals = [y - rate * x for y, x in zip(clicks, impressions, strict=True)]
    mean_x = sum(impressions) / 400
    expected = math.sqrt(sum(r * r for r in residuals) / 399 / 400) / mean_x
    assert whole.value == pytest.approx(rate)
    assert whole.standard_error == pytest.approx(expected, rel=1e-6)


def test_a_shopper_s_impressions_are_not_independent_trials():
    """R01: every shopper clicks all or none of ten impressions; the naive z would be three times too sure."""
    control = Sums.of_pairs([10] * 20 + [0] * 380, [10] * 400)
    treatment = Sums.of_pairs([10] * 30 + [0] * 370, [10] * 400)
    found = compare(control, treatment)
    naive = 0.025 / math.sqrt(0.05 * 0.95 / 4000 + 0.075 * 0.925 / 4000)
    assert naive > 4
    assert found.p == pytest.approx(0.1448, abs=0.01)


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        (Sums(), Sums()),
        (Sums.of_counts(0, 100), Sums.of_counts(0, 100)),
        (Sums.of_counts(0, 100), Sums.of_counts(5, 100)),
        (Sums.of_counts(100, 100), Sums.of_counts(100, 100)),
        (Sums.of_counts(1, 1), Sums.of_counts(0, 1)),
        (Sums.of_pairs([0, 0], [0, 0]), Sums.of_pairs([1, 2], [3, 4])),
        (Sums.of_values([-5.0, 5.0, 1.0]), Sums.of_values([-5.0, -5.0, 1.0])),
        (Sums.of_values([1e300, 1e300]), Sums.of_values([1e-300, 0.0])),
    ],
)
def test_hopeless_data_gives_none_and_never_nan(control, treatment):
    for found in (
        compare(control, treatment),
        compare_always_valid(control, treatment),
        believe(control, treatment),
    ):
        values = [getattr(found, name) for name in found.__slots__]
        assert all(value is None or math.isfinite(value) for value in values)


def test_no_chance_is_ever_certain():
    sure = believe(Sums.of_counts(10, 10_000), Sums.of_counts(9000, 10_000))
    assert 0.999 < sure.chance_to_beat < 1
    hopeless = believe(Sums.of_counts(9000, 10_000), Sums.of_counts(10, 10_000))
    assert 0 < hopeless.chance_to_beat < 0.001


def test_the_split_is_judged_on_all_arms_against_their_weights():
    assert split_check([5000, 5000], [1, 1]).level == "ok"
    assert split_check([9000, 1000], [0.9, 0.1]).level == "ok"
    skewed = split_check([821_588, 815_482], [1, 1])  # Kohavi's textbook case
    assert skewed.p == pytest.approx(1.8e-6, rel=0.1)
    assert skewed.level == "fail"
    assert split_check([3, 4], [1, 1]).level == "unknown"
    assert split_check([0, 0], [1, 1]).level == "unknown"
    assert split_check([5140, 4860], [1, 1]).level == "warn"
    with pytest.raises(ValueError, match="positive weight"):
        split_check([1, 2], [1, 0])


def test_holm_equals_tea_tasting_and_passes_over_what_was_not_tested():
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_sample_needed_finds_the_effect_it_was_made_for():
    baseline = Sums.of_counts(1000, 20_000)
    needed = sample_needed(baseline, effect=0.1)
    # Two proportions, 5 % against 5.5 %: 31,234 an arm in the textbooks.
    assert needed == pytest.approx(2 * 31_234, rel=0.01)
    assert sample_needed(baseline, effect=0.1, weights=(0.9, 0.1)) > 2 * needed
    assert sample_needed(Sums(), effect=0.1) is None
    assert sample_needed(baseline, effect=0) is None
    assert days_needed(needed, shoppers_a_day=1000) == 63
    assert days_needed(needed, shoppers_a_day=0) is None
    assert days_needed(None, shoppers_a_day=10) is None
