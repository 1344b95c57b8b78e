"""The verdict table: one row a situation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analytics.templatetags.experiments import loss_value, unit_value
from analytics.verdict import TITLES, Code, Facts, GuardrailFacts, TreatmentFacts, judge
from analytics.words import chance_words, lift_words, probability_words, share_words

OPEN = TreatmentFacts("own", "Own segment", lift=0.02, low=-0.05, high=0.1, p_adjusted=0.6)
WIN = replace(OPEN, lift=0.12, low=0.04, high=0.21, p_adjusted=0.004)
LOSS = replace(OPEN, lift=-0.12, low=-0.2, high=-0.03, p_adjusted=0.01)
SAFE = GuardrailFacts("Revenue by shopper", 0.05, -0.03, 0.06)
UNSURE = replace(SAFE, low=-0.09)
BREACHED = replace(SAFE, low=-0.3, high=-0.08)
UNKNOWN = replace(SAFE, low=None, high=None)
FACTS = Facts(
    failed_checks=(),
    shoppers=10_000,
    planned_shoppers=10_000,
    is_enough=True,
    days_run=14,
    days_left=None,
    treatments=(OPEN,),
)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"failed_checks": ("Split: p < 0.001",), "treatments": (WIN,)}, Code.UNHEALTHY),
        ({"failed_checks": ("Split: p < 0.001",), "shoppers": 0}, Code.UNHEALTHY),
        ({"shoppers": 0}, Code.NO_DATA),
        ({"shoppers": 0, "days_left": 3}, Code.NO_DATA),
        ({"is_enough": False, "days_left": 5, "treatments": (WIN,)}, Code.COLLECTING),
        ({"is_enough": False, "treatments": (WIN,)}, Code.INCONCLUSIVE),
        ({"days_run": 3, "days_left": 11, "treatments": (WIN,)}, Code.COLLECTING),
        ({"days_left": 4}, Code.COLLECTING),
        ({"days_left": 4, "treatments": (WIN,)}, Code.SHIP),
        ({"treatments": (WIN,)}, Code.SHIP),
        ({"treatments": (replace(WIN, guardrails=(SAFE,)),)}, Code.SHIP),
        ({"treatments": (replace(WIN, guardrails=(SAFE, UNSURE)),)}, Code.NEEDS_REVIEW),
        ({"treatments": (replace(WIN, guardrails=(UNKNOWN,)),)}, Code.NEEDS_REVIEW),
        ({"treatments": (replace(WIN, guardrails=(BREACHED,)),)}, Code.NEEDS_REVIEW),
        ({"treatments": (replace(WIN, is_shippable=False),)}, Code.NEEDS_REVIEW),
        ({"treatments": (replace(WIN, lift=1.8),)}, Code.NEEDS_REVIEW),
        ({"treatments": (replace(WIN, p_adjusted=0.07),)}, Code.INCONCLUSIVE),  # not after Holm
        ({"treatments": (LOSS,)}, Code.ROLL_BACK),
        ({"treatments": (LOSS, OPEN)}, Code.INCONCLUSIVE),
        ({"treatments": (LOSS, WIN)}, Code.SHIP),
        ({"treatments": (replace(OPEN, guardrails=(BREACHED,)),), "days_left": 9}, Code.ROLL_BACK),
        ({}, Code.INCONCLUSIVE),
        ({"shoppers": 400}, Code.INCONCLUSIVE),
        (
            {"treatments": (replace(OPEN, lift=None, low=None, high=None, p_adjusted=None),)},
            Code.INCONCLUSIVE,
        ),
    ],
)
def test_each_situation_has_its_verdict_and_a_reason(changes, code):
    verdict = judge(replace(FACTS, **changes))
    assert verdict.code is code
    assert verdict.reasons
    assert all(reason.endswith(".") or ":" in reason for reason in verdict.reasons)
    assert verdict.title == TITLES[code]


def test_the_best_winner_is_the_one_that_is_named():
    better = replace(WIN, key="other", label="Other", lift=0.3)
    assert judge(replace(FACTS, treatments=(WIN, better))).arm == "other"


def test_a_missed_sample_is_said_apart_from_a_reached_one():
    assert "400 of 10,000" in judge(replace(FACTS, shoppers=400)).reasons[1]
    assert "planned sample was reached" in judge(FACTS).reasons[1]
    unknown = judge(replace(FACTS, planned_shoppers=None)).reasons[1]
    assert unknown.startswith("What sample was planned is not known")


def test_nothing_is_ever_said_to_be_certain():
    assert [chance_words(c) for c in (1.0, 0.9996, 0.5, 0.0001, 0.0)] == [
        "> 99.9 %", "> 99.9 %", "50.0 %", "< 0.1 %", "< 0.1 %",
    ]  # fmt: skip
    for nothing in (None, float("nan"), float("inf")):
        assert chance_words(nothing) == probability_words(nothing) == lift_words(nothing) == "–"
    assert (probability_words(1e-9), probability_words(0.0312), probability_words(1.0)) == (
        "p < 0.001", "p = 0.031", "p > 0.99",
    )  # fmt: skip
    assert (lift_words(0.042), lift_words(-0.05), lift_words(40.0)) == ("+4.2 %", "−5.0 %", "> +999 %")
    assert lift_words(-1.0) == "< −99.9 %"
    assert (share_words(0), share_words(0.00001), share_words(1.0)) == ("none", "< 0.1 %", "all")


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, "count", "–"),
        (0.0, "count", "0.00"),
        (-0.0, "count", "0.00"),
        (1234.5, "count", "1,234.50"),
        (0.5, "count", "0.50"),
        (0.011, "count", "0.011"),  # these two were both 0.01
        (0.0145, "count", "0.0145"),
        (-0.0145, "count", "-0.0145"),
        (0.99999, "count", "1.00"),
        (3e-7, "count", "< 0.0001"),
        (-3e-7, "count", "> -0.0001"),
        (129900, "money", "1,299.00 EUR"),
        (30.0, "money", "0.30 EUR"),
        (0.37, "money", "0.0037 EUR"),
        (-49.51, "money", "-0.495 EUR"),
        (0.001, "money", "< 0.0001 EUR"),
        (-0.001, "money", "> -0.0001 EUR"),
        (0.0423, "rate", "4.23 %"),
        (0.00011, "rate", "0.011 %"),
        (0.000145, "rate", "0.0145 %"),
        (-0.003, "rate", "-0.30 %"),
        (3e-7, "rate", "< 0.0001 %"),
        (0, "rate", "0.00 %"),
    ],
)
def test_small_figures_stay_apart_and_are_never_written_as_zero(value, unit, words):
    assert unit_value(value, unit, "EUR") == words


def test_an_expected_loss_is_never_none_at_all():
    told = [loss_value(value, "rate", "EUR") for value in (None, 0.0, 0.0041)]
    assert told == ["–", "< 0.0001 %", "0.41 %"]
    assert loss_value(0.0, "money", "EUR") == "< 0.0001 EUR"


def test_currencies_without_cents_and_with_three_digits_are_told_in_theirs():
    assert unit_value(0.4, "money", "JPY") == "0.4 JPY"
    assert unit_value(1500, "money", "JPY") == "1,500 JPY"
    assert unit_value(370, "money", "KWD") == "0.370 KWD"
    assert unit_value(0.37, "money", "KWD") == "0.00037 KWD"
