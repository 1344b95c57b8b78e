"""Learned shares in a decision: exact propensities, a marked holdout, other campaigns undisturbed."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.serving.allocations import HOLDOUT, Allocation, Allocations
from campaigns.serving.assignment import bucket
from campaigns.serving.engine import decide
from campaigns.serving.experiments import Arm, RunningExperiment, arm_of, standing_split
from campaigns.serving.snapshot import SlotFacts, snapshot_make
from campaigns.serving.tokens import token_make
from tests.campaigns.serving_cast import HERO, NOW, SHOP, SIDE, SIZE, candidate_of, context_of

CAMPAIGN = uuid.UUID(int=500)
HIKERS, TEA = uuid.UUID(int=7), uuid.UUID(int=8)
ONE, TWO = candidate_of(1), candidate_of(2)


def snapshot_of(*candidates, shares=None, held=0.2, experiments=()):
    allocation = Allocation(shares or {ONE.variant_id: 0.9, TWO.variant_id: 0.1}, held)
    places = [SlotFacts(HERO, "hero", *SIZE, True), SlotFacts(SIDE, "side", *SIZE, True)]
    return snapshot_make(
        SHOP,
        places,
        candidates,
        experiments,
        allocations=Allocations({(CAMPAIGN, HERO, None): allocation}),
    )


def answers_of(snapshot, count=6000, code="hero"):
    rng = random.Random(4)
    return [decide(context_of(code), snapshot, rng).slots[0] for _ in range(count)]


def test_shown_as_often_as_the_propensity_says_and_the_holdout_is_marked():
    answers = answers_of(snapshot_of(ONE, TWO))
    assert {round(a.propensity, 6) for a in answers if a.candidate.variant_id == ONE.variant_id} == {0.82}
    assert {round(a.propensity, 6) for a in answers if a.candidate.variant_id == TWO.variant_id} == {0.18}
    shown = Counter(a.candidate.variant_id for a in answers)
    assert shown[ONE.variant_id] == pytest.approx(0.82 * 6000, rel=0.04)
    held = Counter(a.candidate.variant_id for a in answers if a.is_holdout)
    assert held.total() == pytest.approx(0.2 * 6000, rel=0.1)
    assert held[ONE.variant_id] == pytest.approx(held[TWO.variant_id], rel=0.2)
    learned = Counter(a.candidate.variant_id for a in answers if not a.is_holdout)
    assert learned[ONE.variant_id] / learned.total() == pytest.approx(0.9, abs=0.02)


def test_a_shopper_is_held_out_on_every_day_or_never_and_sees_all_pictures_alike():
    """Whatever weights people set; over all shoppers each picture is shown as its propensity says."""
    candidates = (replace(ONE, weight=9.0), TWO, candidate_of(3))
    shares = {ONE.variant_id: 0.2, TWO.variant_id: 0.7, candidates[2].variant_id: 0.1}
    snapshot = snapshot_of(*candidates, shares=shares)
    held, shown, chances, people = Counter(), Counter(), {}, set()
    for n in range(3000):
        days = [
            decide(
                context_of("hero", pseudonym=f"s{n}", now=NOW + timedelta(days=d)), snapshot, random.Random(1)
            )
            for d in range(3)
        ]
        answers = [day.slots[0] for day in days]
        assert len({answer.is_holdout for answer in answers}) == 1
        for answer in answers:
            shown[answer.candidate.variant_id] += 1
            chances[answer.candidate.variant_id] = answer.propensity
            if answer.is_holdout:
                people.add(n)
                held[answer.candidate.variant_id] += 1
    assert len(people) == pytest.approx(600, rel=0.1)
    for candidate in candidates:
        pk = candidate.variant_id
        assert chances[pk] == pytest.approx(0.8 * shares[pk] + 0.2 / 3)
        assert shown[pk] / 9000 == pytest.approx(chances[pk], abs=0.02)
        assert held[pk] / held.total() == pytest.approx(1 / 3, abs=0.05)


def test_with_a_product_on_the_page_already_the_others_share_what_it_had():
    candidates = (ONE, TWO, candidate_of(3))
    shares = {ONE.variant_id: 0.6, TWO.variant_id: 0.3, candidates[2].variant_id: 0.1}
    snapshot, rng = snapshot_of(*candidates, shares=shares), random.Random(4)
    context = context_of("hero", products_on_page=frozenset({ONE.product_external_id}))
    answers = [decide(context, snapshot, rng).slots[0] for _ in range(6000)]
    shown = Counter(a.candidate.variant_id for a in answers)
    for answer in answers:
        expected = 0.8 * {TWO.variant_id: 0.75}.get(answer.candidate.variant_id, 0.25) + 0.1
        assert answer.propensity == pytest.approx(expected)
    assert shown[TWO.variant_id] / 6000 == pytest.approx(0.7, abs=0.02)


def test_the_token_of_a_holdout_draw_says_so_and_names_no_experiment():
    answers = answers_of(snapshot_of(ONE, TWO), 100)
    for answer in answers:
        token = token_make(uuid.uuid4(), context_of("hero"), answer)
        assert (token.experiment_id, token.arm) == (None, HOLDOUT if answer.is_holdout else "")


def test_another_placement_and_another_campaign_draw_as_before():
    foreign = replace(candidate_of(3), campaign_id=uuid.UUID(int=501), weight=2.0)
    snapshot = snapshot_of(ONE, TWO, foreign)
    hero = {c.variant_id: share for c, share in zip(*_draw_of(snapshot, "hero"), strict=True)}
    side = {c.variant_id: share for c, share in zip(*_draw_of(snapshot, "side"), strict=True)}
    assert hero[foreign.variant_id] == side[foreign.variant_id] == pytest.approx(0.5)
    assert hero[ONE.variant_id] == pytest.approx(0.41)
    assert side[ONE.variant_id] == pytest.approx(0.25)
    assert not any(answer.is_holdout for answer in answers_of(snapshot, 50, "side"))


def _draw_of(snapshot, code):
    draw = snapshot.slots[code].by_segment[None].draw_of_all
    return draw.candidates, draw.shares


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=6),
    st.lists(st.floats(0.01, 100), min_size=6, max_size=6),
    st.floats(0.05, 0.5),
)
def test_shares_are_shares_whatever_was_learned(learned, weights, held):
    candidates = [replace(candidate_of(n), weight=weights[n]) for n in range(len(learned))]
    shares = {c.variant_id: share for c, share in zip(candidates, learned, strict=True)}
    found, chances = _draw_of(snapshot_of(*candidates, shares=shares, held=held), "hero")
    assert sum(chances) == pytest.approx(1)
    assert all(
        chance >= held / len(found) - 1e-9 and 0 <= c.learned_share <= 1 + 1e-9
        for c, chance in zip(found, chances, strict=True)
    )


def test_a_variant_newer_than_what_was_learned_is_shown_too():
    _, chances = _draw_of(snapshot_of(ONE, TWO, candidate_of(3)), "hero")
    assert min(chances) > 0.05
    assert sum(chances) == pytest.approx(1)


# --- the standing split
OWN = replace(ONE, segment_id=HIKERS)
GENERIC = replace(TWO, product_id=ONE.product_id)
OTHER = replace(candidate_of(3), product_id=ONE.product_id, segment_id=TEA)


def test_the_standing_split_shows_a_small_share_three_pictures_with_the_right_propensity():
    snapshot = snapshot_of(OWN, GENERIC, OTHER, experiments=[standing_split(CAMPAIGN, 0.3)])
    shown, chances = Counter(), {}
    for n in range(6000):
        context = context_of("hero", pseudonym=f"s{n}", segment_ids=(HIKERS,))
        answer = decide(context, snapshot, random.Random(1)).slots[0]
        shown[answer.arm.key if answer.arm else ""] += 1
        chances.setdefault(answer.candidate.variant_id, set()).add(round(answer.propensity, 9))
        if answer.arm:
            assert token_make(uuid.uuid4(), context, answer).experiment_id == CAMPAIGN
    assert shown[""] == pytest.approx(4200, rel=0.05)
    for rule in ("generic", "own_segment", "other_segment"):
        assert shown[rule] == pytest.approx(600, rel=0.15), rule
    assert chances == {OWN.variant_id: {0.8}, GENERIC.variant_id: {0.1}, OTHER.variant_id: {0.1}}


def test_with_another_rate_everybody_who_stays_in_the_split_stays_in_their_arm():
    small, large = standing_split(CAMPAIGN, 0.1), standing_split(CAMPAIGN, 0.3)
    people = [f"s{n}" for n in range(9000)]
    before = {p: arm.key for p in people if (arm := arm_of(small, p))}
    after = {p: arm.key for p in people if (arm := arm_of(large, p))}
    assert len(before) == pytest.approx(900, rel=0.1)
    assert len(after) == pytest.approx(2700, rel=0.1)
    assert before == {p: after[p] for p in before}
    for arms in (before, after):
        for count in Counter(arms.values()).values():
            assert count == pytest.approx(len(arms) / 3, rel=0.15)


def hikers_tokens(*candidates, experiments=()):
    """By shopper, with a learned context of hikers and half of them held out."""
    allocation = Allocation({OWN.variant_id: 0.9, LONELY.variant_id: 0.1}, 0.5)
    allocations = Allocations({(CAMPAIGN, HERO, HIKERS): allocation})
    snapshot = snapshot_make(
        SHOP, [SlotFacts(HERO, "hero", *SIZE, True)], candidates, experiments, allocations=allocations
    )
    tokens = {}
    for n in range(400):
        context = context_of("hero", pseudonym=f"s{n}", segment_ids=(HIKERS,))
        tokens[f"s{n}"] = token_make(
            uuid.uuid4(), context, decide(context, snapshot, random.Random(1)).slots[0]
        )
    return tokens


LONELY = candidate_of(6, segment_id=HIKERS)  # its product has no other picture
SHIPPED = RunningExperiment(
    uuid.UUID(int=91), CAMPAIGN, "s", (Arm("generic", "generic", 1.0),), is_shipped=True
)


@pytest.mark.parametrize(
    ("candidates", "experiments"),
    [
        ((OWN, GENERIC, OTHER, LONELY), [standing_split(CAMPAIGN, 0.3)]),
        ((OWN, GENERIC, LONELY), [SHIPPED]),
        ((OWN,), []),  # all others have gone
        ((OWN, LONELY), []),
    ],
)
def test_whoever_is_held_out_is_marked_wherever_they_take_no_part(candidates, experiments):
    for shopper, token in hikers_tokens(*candidates, experiments=experiments).items():
        if token.experiment_id is None:
            assert (token.arm == HOLDOUT) == (bucket("learning", shopper) < 0.5), shopper
        else:
            assert token.arm in {"own_segment", "generic", "other_segment"}


def test_a_shipped_picture_says_whose_it_was_drawn_for():
    tokens = hikers_tokens(OWN, GENERIC, experiments=[SHIPPED]).values()
    assert {(t.variant_id, t.segment_id, t.drawn_segment_id) for t in tokens} == {
        (GENERIC.variant_id, None, HIKERS)
    }


# --- layers
def test_experiments_of_a_layer_share_no_shopper_and_split_evenly():
    base = RunningExperiment(
        id=uuid.UUID(int=1), campaign_id=CAMPAIGN, salt="a", arms=standing_split(CAMPAIGN, 1).arms,
        traffic_rate=0.4, layer_salt="layer",
    )  # fmt: skip
    second = replace(base, salt="b", layer_start=0.4, traffic_rate=0.6)
    people = [f"s{n}" for n in range(9000)]
    first_in = {p: arm_of(base, p) for p in people if arm_of(base, p)}
    second_in = {p for p in people if arm_of(second, p)}
    assert not first_in.keys() & second_in
    assert len(first_in) + len(second_in) == len(people)
    assert len(first_in) == pytest.approx(3600, rel=0.05)
    for count in Counter(arm.key for arm in first_in.values()).values():
        assert count == pytest.approx(1200, rel=0.1)
