"""The decision as a pure function: tables of rules, the fallback chain, stickiness, frequencies."""

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

from campaigns.serving.assignment import bucket
from campaigns.serving.eligibility import dynamic_reason, eligible_now
from campaigns.serving.engine import decide, explain
from campaigns.serving.limits import Limits
from campaigns.serving.policies import draw_make, pool_make
from campaigns.serving.reasons import NUMBERS, SENTENCES, Reason
from tests.campaigns.serving_cast import (
    HERO,
    NOW,
    SIZE,
    candidate_of,
    context_of,
    creative_of,
    snapshot_of,
)

HIKERS, RUNNERS = uuid.UUID(int=71), uuid.UUID(int=72)
RNG = random.Random(7)


def answer_of(snapshot, context=None):
    return decide(context or context_of(), snapshot, RNG).slots[0]


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        (Reason.CAMPAIGN_NOT_LIVE, {"campaign_status": "paused"}),
        (Reason.CAMPAIGN_NOT_LIVE, {"campaign_status": "draft"}),
        (Reason.PRODUCT_INACTIVE, {"is_product_active": False}),
        (Reason.CREATIVE_NOT_APPROVED, {"creatives": {}, "unapproved_sizes": frozenset({SIZE})}),
        (Reason.NO_CREATIVE_OF_SIZE, {"creatives": {}}),
        (Reason.NO_CREATIVE_OF_SIZE, {"creatives": {(728, 90): creative_of(1, (728, 90))}}),
        (Reason.OUT_OF_STOCK, {"is_buyable": False}),
        (Reason.PRICE_CHANGED, {"has_price_changed": True}),
        (Reason.WEIGHT_ZERO, {"weight": 0.0}),
        (Reason.WEIGHT_ZERO, {"weight": float("nan")}),
        (Reason.WEIGHT_ZERO, {"weight": float("inf")}),
        (Reason.NOT_STARTED, {"starts_at": NOW + timedelta(seconds=1)}),
        (Reason.ENDED, {"ends_at": NOW}),
        (Reason.SEGMENT_MISMATCH, {"segment_id": HIKERS}),
        (Reason.NO_CANDIDATES, {"placement_ids": frozenset()}),
    ],
)
def test_each_rule_keeps_a_candidate_out_and_names_itself(reason, changes):
    answer = answer_of(snapshot_of(candidate_of(1, **changes)))
    assert not answer.is_filled
    assert answer.reason is reason


def test_an_unknown_placement_an_inactive_one_and_an_empty_shop_each_have_their_code():
    assert answer_of(snapshot_of(), context_of("nowhere")).reason is Reason.UNKNOWN_PLACEMENT
    assert answer_of(snapshot_of(candidate_of(1), is_active=False)).reason is Reason.PLACEMENT_INACTIVE
    assert answer_of(snapshot_of()).reason is Reason.NO_CANDIDATES


def test_every_reason_has_one_number_and_a_sentence():
    assert set(NUMBERS) == set(SENTENCES) == set(Reason)
    assert len(set(NUMBERS.values())) == len(NUMBERS)


def test_an_empty_placement_tells_how_far_the_best_candidate_came():
    paused = candidate_of(1, campaign_status="paused")
    over = candidate_of(2, ends_at=NOW - timedelta(days=1))
    assert answer_of(snapshot_of(paused, over)).reason is Reason.ENDED


def test_start_and_end_are_the_first_and_the_first_excluded_moment():
    candidate = candidate_of(1, starts_at=NOW, ends_at=NOW + timedelta(microseconds=1))
    assert answer_of(snapshot_of(candidate)).is_filled


def test_the_strongest_segment_wins_then_the_next_then_generic():
    generic, hikers, runners = (
        candidate_of(1),
        candidate_of(2, segment_id=HIKERS),
        candidate_of(3, segment_id=RUNNERS),
    )
    snapshot = snapshot_of(generic, hikers, runners)
    both = context_of(segment_ids=(RUNNERS, HIKERS))
    assert answer_of(snapshot, both).candidate == runners
    assert answer_of(snapshot_of(generic, hikers), both).candidate == hikers
    assert answer_of(snapshot_of(generic), both).candidate == generic
    assert answer_of(snapshot).candidate == generic


def test_a_smaller_priority_number_wins_within_a_link_of_the_chain_only():
    early = candidate_of(1, priority=1)
    late = candidate_of(2, priority=9)
    segment = candidate_of(3, priority=9, segment_id=HIKERS)
    assert answer_of(snapshot_of(early, late)).candidate == early
    assert answer_of(snapshot_of(early, segment), context_of(segment_ids=(HIKERS,))).candidate == segment


def test_no_product_appears_twice_on_a_page():
    snapshot = snapshot_of(candidate_of(1), candidate_of(2))
    answers = decide(context_of("hero", "side", "hero"), snapshot, RNG).slots
    assert {a.candidate.product_id for a in answers[:2]} == {c.product_id for c in _candidates(snapshot)}
    assert answers[2].reason is Reason.ALREADY_ON_PAGE


def test_what_the_page_shows_already_is_not_chosen_again():
    first, second = candidate_of(1), candidate_of(2)
    shown = context_of(creatives_on_page=frozenset({first.creatives[SIZE].id}))
    for _ in range(20):
        assert answer_of(snapshot_of(first, second), shown).candidate == second
    own_page = context_of(products_on_page=frozenset({first.product_external_id, "unknown"}))
    assert answer_of(snapshot_of(first, second), own_page).candidate == second
    assert answer_of(snapshot_of(first), own_page).reason is Reason.ALREADY_ON_PAGE


def test_a_snapshot_of_another_advertiser_is_an_error():
    with pytest.raises(ValueError, match="another advertiser"):
        decide(context_of(advertiser_id=uuid.UUID(int=9)), snapshot_of(), RNG)


def test_the_explanation_names_every_candidate_and_why_it_lost():
    context = context_of(segment_ids=(HIKERS,), pseudonym="p")
    snapshot = snapshot_of(
        candidate_of(1),
        candidate_of(2, segment_id=HIKERS),
        candidate_of(3, segment_id=HIKERS),
        candidate_of(4, segment_id=HIKERS, priority=9),
        candidate_of(5, segment_id=RUNNERS),
        candidate_of(6, campaign_status="paused"),
    )
    answer = answer_of(snapshot, context)
    lines = explain(context, answer, snapshot)
    assert len(lines) == 6
    assert lines[0].reason is None
    assert lines[0].candidate is answer.candidate
    assert Counter(line.reason for line in lines) == {
        None: 1,
        Reason.NOT_PICKED: 1,
        Reason.OUTRANKED_BY_PRIORITY: 1,
        Reason.OUTRANKED_BY_SEGMENT: 1,
        Reason.SEGMENT_MISMATCH: 1,
        Reason.CAMPAIGN_NOT_LIVE: 1,
    }
    assert sum(line.propensity for line in lines) == pytest.approx(1)


def test_a_reload_shows_the_same_creative_until_the_weights_change():
    candidates = [candidate_of(number) for number in range(6)]
    known = context_of(pseudonym="shopper")
    first = answer_of(snapshot_of(*candidates), known).candidate
    for _ in range(50):
        assert answer_of(snapshot_of(*reversed(candidates)), known).candidate == first
    without = [
        candidate if candidate != first else replace(candidate, weight=0.0) for candidate in candidates
    ]
    assert answer_of(snapshot_of(*without), known).candidate != first


def test_shoppers_spread_over_the_candidates_as_the_weights_say():
    weights = {1: 1.0, 2: 3.0, 3: 6.0}
    snapshot = snapshot_of(*[candidate_of(number, weight=weight) for number, weight in weights.items()])
    shown = Counter(
        answer_of(snapshot, context_of(pseudonym=f"shopper-{number}")).candidate.weight
        for number in range(8000)
    )
    for weight in weights.values():
        assert shown[weight] / 8000 == pytest.approx(weight / 10, abs=0.02)


def test_without_a_shopper_the_draw_follows_the_weights_too():
    snapshot = snapshot_of(candidate_of(1, weight=1.0), candidate_of(2, weight=3.0))
    rng = random.Random(1)
    shown = Counter(decide(context_of(), snapshot, rng).slots[0].candidate.weight for _ in range(8000))
    assert shown[3.0] / 8000 == pytest.approx(0.75, abs=0.02)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_bucket_is_stable_and_inside_the_unit_interval(salt, pseudonym):
    assert bucket(salt, pseudonym) == bucket(salt, pseudonym)
    assert 0 <= bucket(salt, pseudonym) < 1


WEIGHTS = st.floats(min_value=0, max_value=1e300, exclude_min=True, allow_subnormal=False)


@given(st.lists(WEIGHTS, min_size=1, max_size=12), st.floats(min_value=0, max_value=1, exclude_max=True))
def test_propensities_sum_to_one_and_the_pick_reports_its_own(weights, point):
    candidates = [candidate_of(number, weight=weight) for number, weight in enumerate(weights)]
    draw = draw_make(candidates)
    assert sum(draw.shares) == pytest.approx(1)
    pick = draw.pick(point)
    assert pick.propensity == draw.shares[candidates.index(pick.candidate)]
    assert pick.propensity > 0


SPENT, OPEN = Limits(uuid.UUID(int=501), budget_cents=0), Limits(uuid.UUID(int=502), budget_cents=1)
CANDIDATES = st.builds(
    lambda number, status, approved, segment, weight, priority, offset, limits: candidate_of(
        number,
        limits=limits,
        campaign_status=status,
        creatives={SIZE: creative_of(number)} if approved else {},
        unapproved_sizes=frozenset() if approved else frozenset({SIZE}),
        segment_id=segment,
        weight=weight,
        priority=priority,
        ends_at=NOW + timedelta(seconds=offset),
        placement_ids=frozenset({HERO}),
    ),
    number=st.integers(1, 40),
    status=st.sampled_from(["live", "live", "paused", "draft"]),
    approved=st.booleans(),
    segment=st.sampled_from([None, HIKERS, RUNNERS]),
    weight=st.sampled_from([0.0, 0.5, 1.0, 7.0]),
    priority=st.integers(1, 3),
    offset=st.integers(-5, 5),
    limits=st.sampled_from([None, SPENT, OPEN]),
)


@effort(max_examples=200)
@given(
    st.lists(CANDIDATES, max_size=15, unique_by=lambda c: c.variant_id),
    st.lists(st.sampled_from([HIKERS, RUNNERS]), unique=True),
    st.sampled_from(["", "p1", "p2"]),
)
def test_whatever_the_catalogue_looks_like_only_what_may_be_shown_is_shown(candidates, segments, pseudonym):
    context = context_of(segment_ids=tuple(segments), pseudonym=pseudonym)
    snapshot = snapshot_of(*candidates)
    answer = answer_of(snapshot, context)
    lines = explain(context, answer, snapshot)
    assert len(lines) == len(candidates)
    if not answer.is_filled:
        assert answer.reason is not None
        assert not [line for line in lines if line.reason is None]
        return
    chosen = answer.candidate
    assert chosen.campaign_status == "live"
    assert answer.creative is chosen.creatives[SIZE]
    assert chosen.segment_id in (None, *segments)
    assert chosen.ends_at > NOW
    assert chosen.limits is not SPENT
    assert 0 < answer.propensity <= 1
    assert sum(line.propensity for line in lines) == pytest.approx(1)
    if pseudonym:
        assert answer_of(snapshot_of(*candidates), context).candidate == chosen


@given(
    st.lists(CANDIDATES, max_size=15, unique_by=lambda c: c.variant_id),
    st.sets(st.integers(1, 40).map(lambda number: candidate_of(number).product_id)),
)
def test_the_fast_pass_agrees_with_the_rules(candidates, products_on_page):
    context = context_of(segment_ids=(HIKERS, RUNNERS))
    closed = {SPENT: Reason.BUDGET_SPENT}
    assert eligible_now(candidates, context, products_on_page, closed) == [
        candidate
        for candidate in candidates
        if dynamic_reason(candidate, context, products_on_page, closed) is None
    ]


@given(
    st.lists(
        CANDIDATES.filter(lambda c: c.weight > 0), min_size=1, max_size=6, unique_by=lambda c: c.variant_id
    ),
    st.sets(st.integers(1, 40).map(lambda number: candidate_of(number).product_id), max_size=2),
    st.sampled_from([{}, {SPENT: Reason.BUDGET_SPENT}]),
)
def test_the_draw_worked_out_ahead_is_the_draw_made_now(candidates, products_on_page, closed):
    context = context_of(segment_ids=(HIKERS, RUNNERS))
    eligible = eligible_now(candidates, context, products_on_page, closed)
    draw = pool_make(candidates).draw(context, products_on_page, closed)
    assert draw == (draw_make(eligible) if eligible else None)


def _candidates(snapshot):
    return list(snapshot.slots["hero"].candidates)


def test_every_reason_is_documented_for_storefront_developers(settings):
    text = (settings.BASE_DIR / "docs" / "storefront.md").read_text()
    for reason in Reason:
        assert f"| `{reason}` | {NUMBERS[reason]} | {SENTENCES[reason]} |" in text
