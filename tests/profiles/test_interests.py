"""Weights of interests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.interests import STRENGTHS, Signal, aged, weigh

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HALF_LIFE = 14.0

signals = st.builds(
    Signal,
    kind=st.sampled_from(sorted(STRENGTHS)),
    occurred_at=st.integers(-3_600, 200 * 86_400).map(lambda s: NOW - timedelta(seconds=s)),
    interests=st.dictionaries(
        st.sampled_from(["outdoor_hiking", "food_coffee", "pets_cats"]), st.floats(0, 1), max_size=3
    ),
)


def weights_of(*items: Signal) -> dict[str, float]:
    return weigh(items, now=NOW, half_life_days=HALF_LIFE)


def signal(kind: str, days_ago: float = 0, interest: str = "food_coffee") -> Signal:
    return Signal(kind, NOW - timedelta(days=days_ago), {interest: 1.0})


@given(st.lists(signals, max_size=40))
def test_weights_lie_in_zero_to_one_and_come_strongest_first(items):
    weights = weights_of(*items)
    assert all(0 < weight <= 1 for weight in weights.values())
    assert list(weights.values()) == sorted(weights.values(), reverse=True)


@given(st.lists(signals, max_size=30), st.randoms())
def test_the_order_of_behaviours_does_not_matter(items, random):
    shuffled = list(items)
    random.shuffle(shuffled)
    assert weights_of(*items) == weights_of(*shuffled)


@given(st.lists(signals, max_size=20), signals)
def test_one_more_behaviour_never_lowers_a_weight(items, extra):
    before, after = weights_of(*items), weights_of(*items, extra)
    assert all(after.get(interest, 0) >= weight for interest, weight in before.items())


@given(st.sampled_from(sorted(STRENGTHS)), st.floats(0, 60), st.floats(0, 60))
def test_a_fresher_behaviour_never_weighs_less(kind, one, other):
    fresh, old = sorted((one, other))
    weight = lambda days: weights_of(signal(kind, days)).get("food_coffee", 0)  # noqa: E731
    assert weight(fresh) >= weight(old)


def test_evidence_halves_with_each_half_life():
    # One fresh stated interest is as much evidence as two of one half-life ago.
    assert weights_of(signal("interest")) == weights_of(signal("interest", 14), signal("interest", 14))
    assert weights_of(signal("interest"))["food_coffee"] == 0.5


def test_a_stated_interest_says_more_than_a_basket_and_a_basket_more_than_a_view():
    stated, cart, view = (weights_of(signal(kind))["food_coffee"] for kind in ("interest", "cart", "view"))
    assert stated > cart > view


def test_a_hundred_views_saturate():
    assert weights_of(*[signal("view")] * 100)["food_coffee"] < 0.95


def test_what_was_long_ago_is_forgotten():
    assert weights_of(signal("view", 100)) == {}


def test_a_clock_that_runs_ahead_counts_as_now():
    assert weights_of(signal("view", -1)) == weights_of(signal("view", 0))


@given(st.lists(signals, max_size=20), st.floats(0, 30))
def test_ageing_weights_equals_weighing_later(items, days):
    past = [s for s in items if s.occurred_at <= NOW]
    later = weigh(past, now=NOW + timedelta(days=days), half_life_days=HALF_LIFE)
    faded = aged(weights_of(*past), days=days, half_life_days=HALF_LIFE)
    for interest in set(later) | set(faded):
        assert faded.get(interest, 0) == pytest.approx(later.get(interest, 0), abs=0.011)
