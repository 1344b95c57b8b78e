"""Rules of segments."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles import segments


def rule(**parts):
    return {
        part: [{"interest": i, "min_weight": w} for i, w in conditions] for part, conditions in parts.items()
    }


def test_any_takes_the_best_and_all_the_mean():
    weights = {"food_coffee": 0.6, "pets_cats": 0.4}
    assert segments.strength(rule(any=[("food_coffee", 0.2), ("pets_cats", 0.2)]), weights) == 0.6
    assert segments.strength(rule(all=[("food_coffee", 0.2), ("pets_cats", 0.2)]), weights) == 0.5


def test_all_misses_when_one_is_too_weak():
    assert (
        segments.strength(rule(all=[("food_coffee", 0.2), ("pets_cats", 0.5)]), {"food_coffee": 0.9}) is None
    )


def test_none_excludes():
    wanted = rule(any=[("food_coffee", 0.2)], none=[("food_tea", 0.3)])
    assert segments.strength(wanted, {"food_coffee": 0.5, "food_tea": 0.2}) == 0.5
    assert segments.strength(wanted, {"food_coffee": 0.5, "food_tea": 0.3}) is None


def test_a_group_counts_its_children():
    assert segments.strength(rule(any=[("outdoor", 0.3)]), {"outdoor_fishing": 0.4}) == 0.4
    assert segments.strength(rule(any=[("outdoor_fishing", 0.3)]), {"outdoor": 0.9}) is None


def test_favourites_need_some_weight():
    assert segments.top_interest({"food_tea": 0.1}) == ""
    assert segments.top_interest({"food_tea": 0.5, "food_coffee": 0.5}) == "food_coffee"
    assert segments.top_interest({}) == ""


def test_the_automatic_segment_of_a_group_holds_favourites_of_its_children():
    weights = {"food_tea": 0.5, "pets_cats": 0.4}
    assert segments.top_strength("food_tea", weights) == 0.5
    assert segments.top_strength("food", weights) == 0.45
    assert segments.top_strength("pets_cats", weights) is None


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (None, "rule_malformed"),
        ([], "rule_malformed"),
        ({}, "rule_empty"),
        ({"none": [{"interest": "food_tea"}]}, "rule_empty"),
        ({"any": "food_tea"}, "rule_malformed"),
        ({"any": ["food_tea"]}, "rule_malformed"),
        ({"any": [{"interest": "unicorns"}]}, "interest_unknown"),
        ({"none": [{"interest": "religion"}]}, "interest_sensitive"),
        ({"any": [{"interest": ["food_tea"]}]}, "interest_unknown"),
        ({"any": [{"interest": "food_tea", "min_weight": 0}]}, "min_weight_invalid"),
        ({"any": [{"interest": "food_tea", "min_weight": 1.01}]}, "min_weight_invalid"),
        ({"any": [{"interest": "food_tea", "min_weight": math.nan}]}, "min_weight_invalid"),
        ({"any": [{"interest": "food_tea", "min_weight": True}]}, "min_weight_invalid"),
        ({"any": [{"interest": "food_tea", "min_weight": "0.5"}]}, "min_weight_invalid"),
        ({"any": [{"interest": "food_tea"}], "or": []}, "rule_malformed"),
        ({"any": [{"interest": "food_tea"}] * 21}, "rule_too_long"),
    ],
)
def test_a_bad_rule_is_refused_with_a_code(raw, code):
    _, problems = segments.rule_clean(raw)
    assert code in {problem.code for problem in problems}


def test_a_good_rule_comes_back_in_full():
    clean, problems = segments.rule_clean({"any": [{"interest": "food_tea"}], "none": []})
    assert problems == []
    assert clean == {"any": [{"interest": "food_tea", "min_weight": segments.DEFAULT_MIN_WEIGHT}]}


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.sampled_from(["food_tea", "outdoor"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["any", "all", "none", "interest", "min_weight", "x"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_judged_without_an_error_and_what_passes_can_be_evaluated(raw):
    clean, problems = segments.rule_clean(raw)
    if not problems:
        strength = segments.strength(clean, {"food_tea": 0.5, "outdoor_hiking": 0.3})
        assert strength is None or 0 <= strength <= 1
