from __future__ import annotations

import math
import random

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from analytics.stats.changes import (
    Change,
    count_change,
    rate_change,
    ratio_change,
    ratio_interval,
    sum_change,
    t_quantile,
)
from analytics.words import change_words

DAYS = st.lists(st.integers(0, 10**9), min_size=1, max_size=40)
PAIRS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=1, max_size=40)


@pytest.mark.parametrize("freedom", [1, 2, 5, 12, 54, 1000])
def test_students_t_is_scipys(freedom):
    assert t_quantile(0.975, freedom) == pytest.approx(scipy.stats.t.ppf(0.975, freedom), rel=1e-6)


def test_two_days_are_compared_by_what_counting_alone_makes():
    # ln(120/100) = 0.1823, standard error sqrt(1/120 + 1/100) = 0.1354
    found = count_change([120], [100])
    assert found == Change(
        pytest.approx(0.2), pytest.approx(-0.0797, abs=1e-4), pytest.approx(0.5647, abs=1e-4)
    )
    assert not found.is_certain
    assert count_change([1200], [1000]).is_certain


def test_the_ratio_of_two_rates_is_katz_interval():
    # Katz et al.: ln RR = ln(0.10/0.05), variance 1/100 - 1/1000 + 1/50 - 1/1000
    found = rate_change([(100, 1000)], [(50, 1000)])
    half = 1.959964 * math.sqrt(1 / 100 - 1 / 1000 + 1 / 50 - 1 / 1000)
    assert found.value == pytest.approx(1)
    assert (found.low, found.high) == pytest.approx((2 * math.exp(-half) - 1, 2 * math.exp(half) - 1))


def test_days_that_differ_more_than_chance_widen_the_interval():
    calm = count_change([100] * 14, [90] * 14)
    rough = count_change([20, 180] * 7, [10, 170] * 7)
    assert calm.value == rough.value
    assert rough.high - rough.low > 3 * (calm.high - calm.low)
    even = rate_change([(10, 100)] * 14, [(9, 100)] * 14)
    uneven = rate_change([(1, 100), (19, 100)] * 7, [(0, 100), (18, 100)] * 7)
    assert uneven.high - uneven.low > 2 * (even.high - even.low)


def test_money_of_one_day_has_no_interval_and_nothing_before_has_no_change():
    assert sum_change([500], [400]) == Change(0.25)
    assert sum_change([500, 300], [0, 0]) is None
    assert count_change([5], [0]) is None
    assert rate_change([(1, 2)], [(0, 0)]) is None


def test_a_ratio_of_sums_has_the_interval_of_its_days():
    # Cochran's ratio estimator by hand: r = 60/30; residuals 0, 2, -2 -> relative variance 3/2 * 8 / 60^2.
    days = [(20, 10), (22, 10), (18, 10)]
    half = t_quantile(0.975, 2) * math.sqrt(1.5 * 8 / 3600)
    assert ratio_interval(days) == pytest.approx((2 * math.exp(-half), 2 * math.exp(half)))
    for nothing in ([], [(5, 1)], [(0, 1), (0, 2)], [(3, 0), (4, 0)]):
        assert ratio_interval(nothing) is None
    assert ratio_change([(5, 1)], [(4, 1)]) == Change(0.25)
    assert ratio_change(days, [(0, 1), (0, 1)]) is None
    assert ratio_change([(0, 1), (0, 2)], days) == Change(-1)
    found = ratio_change([(30, 10), (33, 10), (27, 10)], days)
    assert found.value == pytest.approx(0.5)
    assert found.low < 0.5 < found.high


def test_a_return_on_spend_is_covered_as_often_as_it_says():
    rng, covered = random.Random(7), 0
    for _ in range(400):
        days = [(rng.gammavariate(4, 30), rng.gammavariate(9, 10)) for _ in range(28)]
        low, high = ratio_interval(days)
        covered += low < 120 / 90 < high
    assert 0.92 <= covered / 400 <= 0.98


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(0.05, -0.01, 0.12), "+5.0 % (−1.0 % to +12.0 %)"),
        (Change(0.05), "+5.0 %"),
        (Change(-1, -1, 20), "down to nothing"),
        (Change(-0.5, -0.9999, 2), "−50.0 % (too few to tell)"),
        (Change(1, -0.2, 12), "+100.0 % (too few to tell)"),
    ],
)
def test_a_change_is_told_in_words_that_a_range_of_anything_does_not_hide(change, words):
    assert change_words(change) == words


PAIRS_OF_MONEY = st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), max_size=40)


@given(PAIRS_OF_MONEY, PAIRS_OF_MONEY)
def test_a_change_of_a_ratio_is_a_number_inside_its_interval(now, before):
    found = ratio_change(now, before)
    if found is not None and found.low is not None:
        assert -1 <= found.low <= found.value <= found.high
        assert math.isfinite(found.high)
    bounds = ratio_interval(now)
    assert bounds is None or 0 <= bounds[0] <= bounds[1] < math.inf


@given(DAYS, DAYS)
def test_a_change_is_always_a_number_inside_its_interval(now, before):
    for found in (count_change(now, before), sum_change(now, before)):
        if found is None:
            assert sum(before) == 0
        elif found.low is not None:
            assert -1 <= found.low <= found.value <= found.high < math.inf


@given(PAIRS, PAIRS)
def test_a_change_of_rates_is_always_a_number_inside_its_interval(now, before):
    found = rate_change(now, before)
    if found is not None and found.low is not None:
        assert -1 <= found.low <= found.value <= found.high < math.inf


def test_the_interval_holds_no_change_at_least_as_often_as_it_says():
    rng = random.Random(7)

    def day():  # more noise than counting alone: a busy day has half as many more
        expected = 40 * rng.choice((0.5, 1, 1.5))
        return sum(rng.random() < expected / 400 for _ in range(400))

    held = 0
    for _ in range(400):
        found = count_change([day() for _ in range(14)], [day() for _ in range(14)])
        held += found.low <= 0 <= found.high
    assert held >= 0.93 * 400
