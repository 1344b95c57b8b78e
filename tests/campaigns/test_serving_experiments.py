"""Experiments in a decision: sticky, symmetric, and recorded only for those who take part."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from campaigns.serving.engine import decide, explain
from campaigns.serving.experiments import Arm, RunningExperiment, arm_of
from campaigns.serving.reasons import Reason
from campaigns.serving.snapshot import SlotFacts, snapshot_make
from campaigns.serving.tokens import token_make
from tests.campaigns.serving_cast import HERO, NOW, SHOP, SIDE, SIZE, candidate_of, context_of

HIKERS, TEA, RUNNERS = (uuid.UUID(int=n) for n in (7, 8, 9))
CAMPAIGN = uuid.UUID(int=500)
TEST = RunningExperiment(
    id=uuid.UUID(int=90),
    campaign_id=CAMPAIGN,
    salt="salt",
    arms=(Arm("own", "own_segment", 0.5), Arm("generic", "generic", 0.5)),
    starts_at=NOW - timedelta(days=1),
    ends_at=NOW + timedelta(days=1),
)
PRODUCT = candidate_of(1).product_id
OWN = candidate_of(1, segment_id=HIKERS)
GENERIC = candidate_of(2, product_id=PRODUCT)
OTHERS = [
    candidate_of(3, product_id=PRODUCT, segment_id=TEA),
    candidate_of(4, product_id=PRODUCT, segment_id=RUNNERS),
]
ELSEWHERE = candidate_of(5)  # generic, of another product


def snapshot_of(*candidates, experiment=TEST):
    places = [SlotFacts(HERO, "hero", *SIZE, True), SlotFacts(SIDE, "side", *SIZE, True)]
    return snapshot_make(SHOP, places, candidates, [experiment] if experiment else [])


def answer_of(snapshot, pseudonym="someone", **changes):
    context = context_of(pseudonym=pseudonym, segment_ids=(HIKERS,), **changes)
    return decide(context, snapshot, random.Random(1)).slots[0]


def test_half_of_the_shoppers_see_the_generic_picture_of_the_same_product():
    snapshot = snapshot_of(OWN, GENERIC, ELSEWHERE)
    answers = [answer_of(snapshot, f"s{n}") for n in range(4000)]
    shown = Counter(answer.arm.key for answer in answers)
    assert shown["own"] == pytest.approx(2000, abs=110)
    assert {answer.candidate.product_id for answer in answers} == {PRODUCT}
    assert all((answer.candidate is OWN) == (answer.arm.key == "own") for answer in answers)
    assert {answer.propensity for answer in answers} == {0.5}


def test_a_shopper_stays_in_their_arm_on_every_day_and_page():
    snapshot = snapshot_of(OWN, GENERIC)
    for n in range(50):
        first = answer_of(snapshot, f"s{n}").arm
        assert first == arm_of(TEST, f"s{n}")
        assert answer_of(snapshot, f"s{n}", now=NOW + timedelta(hours=13)).arm == first
        assert answer_of(snapshot, f"s{n}", placements=("side",)).arm == first


def test_arms_of_unequal_weight_and_a_holdout_come_out_as_planned():
    arms = (Arm("own", "own_segment", 0.8), Arm("generic", "generic", 0.2))
    test = replace(TEST, arms=arms, traffic_rate=0.5)
    counts = Counter(getattr(arm_of(test, f"s{n}"), "key", None) for n in range(10_000))
    assert counts[None] == pytest.approx(5000, abs=150)
    assert counts["own"] == pytest.approx(4000, abs=150)
    held = next(f"s{n}" for n in range(100) if arm_of(test, f"s{n}") is None)
    answer = answer_of(snapshot_of(OWN, GENERIC, experiment=test), held)
    assert (answer.candidate, answer.arm) == (OWN, None)
    assert answer.propensity == pytest.approx(0.5 + 0.5 * 0.8)


def test_another_segments_picture_is_one_that_the_shopper_is_not_in():
    arms = (*TEST.arms[:1], Arm("other", "other_segment", 0.5))
    snapshot = snapshot_of(OWN, *OTHERS, experiment=replace(TEST, arms=arms))
    answers = [answer_of(snapshot, f"s{n}") for n in range(2000)]
    others = Counter(a.candidate.segment_id for a in answers if a.arm.key == "other")
    assert set(others) == {TEA, RUNNERS}
    assert others[TEA] == pytest.approx(500, abs=80)
    assert {a.propensity for a in answers if a.arm.key == "other"} == {0.25}


@pytest.mark.parametrize(
    ("candidates", "changes"),
    [
        ((OWN, ELSEWHERE), {}),  # no generic picture of this product: both arms would show the same
        ((GENERIC, ELSEWHERE), {}),  # nothing for the segment
        ((OWN, GENERIC), {"pseudonym": ""}),
        ((OWN, GENERIC), {"now": NOW + timedelta(days=2)}),
        ((OWN, GENERIC), {"now": NOW - timedelta(days=2)}),
        ((replace(OWN, campaign_id=uuid.UUID(int=501)), GENERIC), {}),
    ],
)
def test_where_the_arms_cannot_differ_nobody_is_exposed(candidates, changes):
    with_test, without = snapshot_of(*candidates), snapshot_of(*candidates, experiment=None)
    for n in range(30):
        fields = {"pseudonym": f"s{n}", **changes}
        answer, plain = answer_of(with_test, **fields), answer_of(without, **fields)
        assert answer.arm is None
        assert (answer.candidate, answer.propensity) == (plain.candidate, plain.propensity)


def test_exposure_does_not_depend_on_the_arm_when_several_products_compete():
    """The second product lacks a generic picture: those who drew it are in no arm, whichever it would be."""
    lonely = candidate_of(6, segment_id=HIKERS)
    snapshot = snapshot_of(OWN, GENERIC, lonely, ELSEWHERE)
    counts = Counter()
    for n in range(6000):
        answer = answer_of(snapshot, f"s{n}")
        counts[answer.arm.key if answer.arm else None, arm_of(TEST, f"s{n}").key] += 1
    assert counts[None, "own"] == pytest.approx(counts[None, "generic"], rel=0.12)
    assert counts["own", "own"] == pytest.approx(counts["generic", "generic"], rel=0.12)


def test_a_shipped_arm_is_shown_to_everybody_and_recorded_for_nobody():
    shipped = replace(TEST, arms=(Arm("generic", "generic", 1.0),), is_shipped=True, ends_at=None)
    snapshot = snapshot_of(OWN, GENERIC, experiment=shipped)
    answers = [answer_of(snapshot, f"s{n}") for n in range(50)]
    assert {(a.candidate.variant_id, a.arm, a.propensity) for a in answers} == {
        (GENERIC.variant_id, None, 1.0)
    }


def test_the_token_names_experiment_and_arm_only_for_those_who_take_part():
    answer = answer_of(snapshot_of(OWN, GENERIC))
    token = token_make(uuid.uuid4(), context_of(pseudonym="someone"), answer)
    assert (token.experiment_id, token.arm) == (TEST.id, answer.arm.key)
    plain = answer_of(snapshot_of(OWN, GENERIC, experiment=None))
    token = token_make(uuid.uuid4(), context_of(), plain)
    assert (token.experiment_id, token.arm) == (None, "")


def test_the_explanation_says_that_an_experiment_decided():
    snapshot = snapshot_of(OWN, GENERIC)
    pseudonym = next(f"s{n}" for n in range(50) if arm_of(TEST, f"s{n}").key == "generic")
    context = context_of(pseudonym=pseudonym, segment_ids=(HIKERS,))
    answer = decide(context, snapshot, random.Random(1)).slots[0]
    reasons = {line.candidate.variant_id: line.reason for line in explain(context, answer, snapshot)}
    assert reasons == {GENERIC.variant_id: None, OWN.variant_id: Reason.EXPERIMENT}


SHARES = st.floats(min_value=0.05, max_value=1)
RULES = st.sampled_from(["own_segment", "generic", "other_segment"])


@effort(max_examples=150)
@given(
    st.lists(st.tuples(RULES, SHARES), min_size=1, max_size=4),
    st.floats(min_value=0, max_value=1),
    st.booleans(),
    st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=1, max_size=3),
    st.booleans(),
    st.integers(0, 10_000),
)
def test_in_every_branch_the_chances_sum_to_one_and_the_token_carries_the_shown_ones(
    rules, traffic_rate, is_shipped, weights, has_house, number
):
    """Several products compete; one has a picture for every arm. House creatives wait behind them."""
    total = sum(share for _, share in rules)
    arms = tuple(Arm(f"arm-{n}", rule, share / total) for n, (rule, share) in enumerate(rules))
    test = replace(TEST, arms=arms, traffic_rate=traffic_rate, is_shipped=is_shipped)
    lonely = [candidate_of(20 + n, segment_id=HIKERS, weight=weight) for n, weight in enumerate(weights)]
    house = [candidate_of(30, is_house=True)] if has_house else []
    snapshot = snapshot_of(OWN, GENERIC, *OTHERS, *lonely, *house, experiment=test)
    for segments in ((HIKERS,), ()):
        context = context_of(pseudonym=f"s{number}", segment_ids=segments)
        answer = decide(context, snapshot, random.Random(number)).slots[0]
        lines = {line.candidate.variant_id: line for line in explain(context, answer, snapshot)}
        assert sum(line.propensity for line in lines.values()) == pytest.approx(1)
        assert answer.propensity == pytest.approx(lines[answer.candidate.variant_id].propensity)
        assert lines[answer.candidate.variant_id].reason is None
        assert answer.propensity > 0


def test_the_chances_are_those_that_shoppers_meet():
    rules = (("own", "own_segment", 0.25), ("generic", "generic", 0.25), ("other", "other_segment", 0.5))
    test = replace(TEST, arms=tuple(Arm(*rule) for rule in rules), traffic_rate=0.8)
    lonely = candidate_of(20, segment_id=HIKERS)
    snapshot = snapshot_of(OWN, GENERIC, *OTHERS, lonely, experiment=test)
    shown, told = Counter(), {}
    for n in range(6000):
        answer = answer_of(snapshot, f"s{n}")
        shown[answer.candidate.variant_id] += 1
        told[answer.candidate.variant_id] = answer.propensity
    assert set(shown) == {c.variant_id for c in (OWN, GENERIC, *OTHERS, lonely)}
    for variant_id, propensity in told.items():
        assert shown[variant_id] / 6000 == pytest.approx(propensity, abs=0.025)
