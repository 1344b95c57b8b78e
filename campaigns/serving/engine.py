"""The decision itself: context and snapshot in, one answer a placement out; pure.

What is made anew in every decision is a msgspec Struct: a frozen dataclass takes three times as long to make.

Order: the placement's candidates by the fallback chain (best segment, next segment, generic, house); in the
first link with an eligible candidate the campaigns of the smallest priority number; among those a weighted
draw, which for a known shopper is a fixed point for the day. An experiment of the drawn campaign has the
last word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from random import Random
from typing import Literal
from uuid import UUID

import msgspec

from campaigns.serving.assignment import bucket, day_salt
from campaigns.serving.context import ServeContext
from campaigns.serving.eligibility import PROGRESS, dynamic_reason
from campaigns.serving.experiments import (
    CHALLENGER,
    Arm,
    RunningExperiment,
    experiment_apply,
    experiment_chances,
)
from campaigns.serving.limits import NO_REFUSALS, Limits, refusals
from campaigns.serving.policies import Draw, fallback_chain
from campaigns.serving.reasons import Reason
from campaigns.serving.snapshot import Candidate, Picture, Slot, Snapshot, SnapshotCreative

Match = Literal["segment", "generic", "house"]


class SlotDecision(msgspec.Struct, frozen=True):
    """What one placement shows, or the reason why it shows nothing."""

    code: str
    slot: Slot | None = None
    candidate: Candidate | None = None
    creative: SnapshotCreative | None = None
    propensity: float = 0.0
    reason: Reason | None = None
    experiment: RunningExperiment | None = None  # it had a say in this answer
    arm: Arm | None = None  # the shopper takes part: exposure is recorded with the events
    drawn_segment_id: UUID | None = None  # whose picture the draw had chosen before the experiment spoke
    is_holdout: bool = False  # of learning, and takes part in no experiment here
    # When this placement was decided: on the page, and what campaigns' limits refused.
    products_before: frozenset[UUID] = frozenset()
    closed: Mapping[Limits, Reason] = {}

    @property
    def is_filled(self) -> bool:
        return self.creative is not None


class Decision(msgspec.Struct, frozen=True):
    """The answers to one request, in its order."""

    context: ServeContext
    slots: tuple[SlotDecision, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A candidate and why it lost; ``reason`` is None for the one that is shown."""

    candidate: Candidate
    reason: Reason | None
    propensity: float  # its chance in the draw, 0.0 where it was not in it


def match_of(candidate: Candidate) -> Match:
    """Which link of the fallback chain a candidate belongs to."""
    if candidate.is_house:
        return "house"
    return "generic" if candidate.segment_id is None else "segment"


def decide(context: ServeContext, snapshot: Snapshot, rng: Random) -> Decision:
    """Fill the context's placements in order, no product twice on the page."""
    if context.advertiser_id != snapshot.advertiser_id:
        raise ValueError("the snapshot belongs to another advertiser")
    shows_some = context.creatives_on_page or context.products_on_page
    on_page = _products_on_page(context, snapshot) if shows_some else set()
    closed = _closed(context, snapshot) if snapshot.limited else NO_REFUSALS
    answers, asking = [], context
    for code in context.placements:
        answer = _slot_decide(code, context, snapshot, rng, on_page, closed)
        if answer.candidate is not None:
            on_page.add(answer.candidate.product_id)
        answers.append(answer)
        if not context.pseudonym or len(answers) == len(context.placements):
            continue
        if (shown := capped_campaign_of(answer)) is not None:
            shows = {**asking.shows, shown: (*asking.shows.get(shown, ()), context.now)}
            asking = msgspec.structs.replace(asking, shows=shows)
            closed = _closed(asking, snapshot)
    return Decision(context, tuple(answers))


def capped_campaign_of(answer: SlotDecision) -> UUID | None:
    """The campaign that is shown, if it has a frequency cap."""
    shown = answer.candidate
    is_capped = shown is not None and shown.limits is not None and shown.limits.is_capped
    return shown.campaign_id if shown is not None and is_capped else None


def _products_on_page(context: ServeContext, snapshot: Snapshot) -> set[UUID]:
    by_creative, by_feed_id = snapshot.product_of_creative, snapshot.product_of_external_id
    return {by_creative[shown] for shown in context.creatives_on_page if shown in by_creative} | {
        by_feed_id[feed_id] for feed_id in context.products_on_page if feed_id in by_feed_id
    }


def _closed(context: ServeContext, snapshot: Snapshot) -> Mapping[Limits, Reason]:
    return refusals(snapshot.limited, context, snapshot.delivery)


def _slot_decide(
    code: str,
    context: ServeContext,
    snapshot: Snapshot,
    rng: Random,
    on_page: Set[UUID],
    closed: Mapping[Limits, Reason],
) -> SlotDecision:
    slot = snapshot.slots.get(code)
    if slot is None:
        return SlotDecision(code, reason=Reason.UNKNOWN_PLACEMENT)
    before = frozenset(on_page)
    if not slot.is_active:
        return SlotDecision(code, slot, reason=Reason.PLACEMENT_INACTIVE)
    draw = _draw(slot, context, on_page, closed)
    if draw is None:
        reason = _furthest_reason(slot, context, on_page, closed)
        return SlotDecision(code, slot, reason=reason, products_before=before, closed=closed)
    if context.pseudonym:
        point = bucket(day_salt(slot.placement_id, context.now), context.pseudonym)
    else:
        point = rng.random()
    pick = draw.pick(point, _holdout_point(context, rng)) if draw.learned else draw.pick(point)
    outcome = (
        experiment_apply(snapshot.experiments, pick.candidate, pick.propensity, slot, context)
        if snapshot.experiments
        else None
    )
    if outcome is not None:
        return SlotDecision(
            code,
            slot,
            candidate=outcome.candidate,
            creative=outcome.candidate.creatives[slot.size],
            propensity=outcome.propensity,
            experiment=outcome.experiment,
            arm=outcome.arm,
            drawn_segment_id=pick.candidate.segment_id,
            is_holdout=pick.is_holdout and outcome.arm is None,
            products_before=before,
            closed=closed,
        )
    return SlotDecision(
        code,
        slot,
        candidate=pick.candidate,
        creative=pick.candidate.creatives[slot.size],
        propensity=pick.propensity,
        is_holdout=pick.is_holdout,
        products_before=before,
        closed=closed,
    )


def _holdout_point(context: ServeContext, rng: Random) -> float:
    """The same on every day and in every campaign of the advertiser: who is held out of learning stays so."""
    if not context.pseudonym:
        return rng.random()
    return bucket("learning", context.pseudonym)


def _draw(
    slot: Slot, context: ServeContext, on_page: Set[UUID], closed: Mapping[Limits, Reason]
) -> Draw | None:
    """Among whom chance decides: one link of the chain, one priority."""
    for segment_id in fallback_chain(context.segment_ids):
        pool = slot.by_segment.get(segment_id)
        if pool is not None and (draw := pool.draw(context, on_page, closed)) is not None:
            return draw
    return slot.house.draw(context, on_page, closed) if slot.house is not None else None


def _furthest_reason(
    slot: Slot, context: ServeContext, on_page: Set[UUID], closed: Mapping[Limits, Reason]
) -> Reason:
    """The most telling reason of an empty placement: that of the candidate which came closest."""
    reasons: list[Reason] = [reason for _, reason in slot.refused if reason is not Reason.PLACEMENT_MISMATCH]
    for candidate in slot.candidates:
        reason = dynamic_reason(candidate, context, on_page, closed)
        if reason is not None:
            reasons.append(reason)
    return max(reasons, key=PROGRESS.__getitem__, default=Reason.NO_CANDIDATES)


def explain(context: ServeContext, answer: SlotDecision, snapshot: Snapshot) -> tuple[Explanation, ...]:
    """Every candidate of the placement and why it lost; computed only when somebody asks.

    The propensities sum to 1 where something is shown: that of the shown one is in its token.
    """
    slot = answer.slot
    if slot is None or not slot.is_active:
        return ()
    closed = answer.closed
    chances = _chances(slot, context, _draw(slot, context, answer.products_before, closed), snapshot)
    found = []
    for candidate in _pictures(slot, snapshot):
        reason = dynamic_reason(candidate, context, answer.products_before, closed)
        if candidate is answer.candidate:
            reason = None  # an experiment may show another segment's picture
        elif reason is None:
            reason = _outranked(candidate, answer, chances)
        found.append(Explanation(candidate, reason, chances.get(candidate.picture, 0.0)))
    found.extend(Explanation(candidate, reason, 0.0) for candidate, reason in slot.refused)
    found.sort(key=lambda line: (line.reason is not None, -line.propensity, line.candidate.variant_id))
    return tuple(found)


def _pictures(slot: Slot, snapshot: Snapshot) -> Iterator[Candidate]:
    """The placement's candidates, and after each the challenger that an experiment may show in its place."""
    for candidate in slot.candidates:
        yield candidate
        experiment, other = snapshot.experiments.get(candidate.campaign_id), candidate.challenger
        if experiment is None or other is None or slot.size not in other.creatives:
            continue
        if any(arm.rule == CHALLENGER for arm in experiment.arms):
            yield other


def _chances(
    slot: Slot, context: ServeContext, draw: Draw | None, snapshot: Snapshot
) -> dict[Picture, float]:
    """The share of all draws in which each picture is shown."""
    chances: dict[Picture, float] = {}
    for candidate, share in zip(draw.candidates, draw.shares, strict=True) if draw is not None else ():
        shown = experiment_chances(snapshot.experiments, candidate, slot, context)
        for picture, chance in shown.items():
            chances[picture] = chances.get(picture, 0.0) + share * chance
    return chances


def _outranked(candidate: Candidate, answer: SlotDecision, chances: Mapping[Picture, float]) -> Reason:
    shown = answer.candidate
    if candidate.is_house and shown is not None and not shown.is_house:
        return Reason.HOUSE_NOT_NEEDED
    if answer.experiment is not None and candidate.campaign_id == answer.experiment.campaign_id:
        return Reason.EXPERIMENT
    if candidate.picture in chances:
        return Reason.NOT_PICKED
    if shown is not None and candidate.segment_id == shown.segment_id:
        return Reason.OUTRANKED_BY_PRIORITY
    return Reason.OUTRANKED_BY_SEGMENT
