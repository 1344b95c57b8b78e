"""Experiments in a decision: which arm a shopper is in, and which creative that arm shows; pure.

An experiment acts at one point only: when the ordinary draw has chosen a creative made for the shopper's
segment and there is a creative for every arm: of the same product, or the variant's own challenger. Whether
that point is reached does not depend on the arm, so all arms reach it equally often (no sample-ratio
mismatch), and the arms differ in the picture alone: product, placement and moment are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from campaigns.serving.assignment import bucket
from campaigns.serving.context import ServeContext

if TYPE_CHECKING:
    from campaigns.serving.snapshot import Candidate, Picture, Slot, Snapshot

OWN_SEGMENT = "own_segment"
GENERIC = "generic"
OTHER_SEGMENT = "other_segment"
CHALLENGER = "challenger"
PICTURE_RULES = frozenset({OWN_SEGMENT, CHALLENGER})  # of pictures alone: for generic ones too


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm: its key, its share of the shoppers who take part, and what it shows."""

    key: str
    rule: str
    share: float


@dataclass(frozen=True, slots=True)
class RunningExperiment:
    """A running experiment; or, ``is_shipped``, a decided one whose only arm everybody gets, unrecorded."""

    id: UUID
    campaign_id: UUID
    salt: str
    arms: tuple[Arm, ...]
    traffic_rate: float = 1.0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_shipped: bool = False
    layer_salt: str = ""  # experiments of one layer exclude each other's shoppers
    layer_start: float = 0.0

    @property
    def is_for_everybody(self) -> bool:
        """Whether it compares two pictures of one variant, whichever that is, and no segments."""
        rules = {arm.rule for arm in self.arms}
        return CHALLENGER in rules and rules <= PICTURE_RULES

    def is_on(self, now: datetime) -> bool:
        return (self.starts_at is None or self.starts_at <= now) and (
            self.ends_at is None or now < self.ends_at
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an experiment made of a draw. Without an ``arm`` the shopper was held out or it was shipped."""

    experiment: RunningExperiment
    arm: Arm | None
    candidate: Candidate
    propensity: float


def arm_of(experiment: RunningExperiment, pseudonym: str) -> Arm | None:
    """The shopper's arm, the same on every visit and machine; None for those held out.

    Who takes part and in which arm are two hashes: a place in the layer must not tell the arm, and with more
    or less traffic those who take part before and after must stay in theirs.
    """
    if experiment.layer_salt or experiment.traffic_rate < 1:
        place = bucket(experiment.layer_salt or f"{experiment.salt}:traffic", pseudonym)
        if not 0 <= place - experiment.layer_start < experiment.traffic_rate:
            return None
    point, reached = bucket(experiment.salt, pseudonym), 0.0
    for arm in experiment.arms:
        reached += arm.share
        if point < reached:
            return arm
    return experiment.arms[-1]  # rounding left a gap below the last arm's end


def experiment_apply(
    experiments: Mapping[UUID, RunningExperiment],
    picked: Candidate,
    share: float,
    slot: Slot,
    context: ServeContext,
) -> Outcome | None:
    """What an experiment shows in place of ``picked``; None when none has a say in this draw."""
    experiment = experiments.get(picked.campaign_id)
    choices = _arm_choices(experiment, picked, slot, context) if experiment is not None else None
    if experiment is None or choices is None:
        return None
    arm = experiment.arms[0] if experiment.is_shipped else arm_of(experiment, context.pseudonym)
    if arm is None:
        shown = picked
    elif len(found := choices[arm.key]) == 1 or experiment.is_shipped:
        shown = found[0]
    else:
        point = bucket(f"{experiment.salt}:{slot.placement_id.hex}", context.pseudonym)
        shown = found[int(point * len(found))]
    chance = _chances(experiment, picked, choices)[shown.picture]
    return Outcome(experiment, None if experiment.is_shipped else arm, shown, share * chance)


def experiment_chances(
    experiments: Mapping[UUID, RunningExperiment], picked: Candidate, slot: Slot, context: ServeContext
) -> Mapping[Picture, float]:
    """How likely each picture is shown once ``picked`` was drawn; the chances sum to 1."""
    experiment = experiments.get(picked.campaign_id)
    choices = _arm_choices(experiment, picked, slot, context) if experiment is not None else None
    if experiment is None or choices is None:
        return {picked.picture: 1.0}
    return _chances(experiment, picked, choices)


def _arm_choices(
    experiment: RunningExperiment, picked: Candidate, slot: Slot, context: ServeContext
) -> dict[str, list[Candidate]] | None:
    """What each arm could show here; None where the experiment has no say."""
    if picked.is_house or not context.pseudonym or not experiment.is_on(context.now):
        return None
    if picked.segment_id is None and not experiment.is_for_everybody:
        return None
    pictures = slot.by_product[picked.campaign_id, picked.product_id]
    choices = {arm.key: _choices(arm.rule, picked, pictures, slot, context) for arm in experiment.arms}
    return choices if all(choices.values()) else None


def _chances(
    experiment: RunningExperiment, picked: Candidate, choices: Mapping[str, list[Candidate]]
) -> dict[Picture, float]:
    """Over all shoppers who drew ``picked``, held-out ones included."""
    if experiment.is_shipped:
        return {choices[experiment.arms[0].key][0].picture: 1.0}
    chances = {picked.picture: 1 - experiment.traffic_rate}
    for arm in experiment.arms:
        each = experiment.traffic_rate * arm.share / len(choices[arm.key])
        for shown in choices[arm.key]:
            chances[shown.picture] = chances.get(shown.picture, 0.0) + each
    return chances


def standing_split(campaign_id: UUID, rate: float) -> RunningExperiment:
    """The campaign's split into own, other and generic pictures, without an end; its id is the campaign's."""
    arms = tuple(Arm(rule, rule, 1 / 3) for rule in (GENERIC, OWN_SEGMENT, OTHER_SEGMENT))
    return RunningExperiment(
        id=campaign_id,
        campaign_id=campaign_id,
        salt=f"dividend:{campaign_id.hex}",
        arms=arms,
        traffic_rate=rate,
    )


def coverage(snapshot: Snapshot, campaign_id: UUID, rules: Collection[str]) -> tuple[int, int]:
    """How many of the campaign's products have a picture for every arm in some placement, and of how many."""
    ready, seen = set(), set()
    for slot in snapshot.slots.values():
        for (campaign, product), pictures in slot.by_product.items():
            if campaign != campaign_id:
                continue
            seen.add(product)
            own = [p for p in pictures if p.segment_id is not None or PICTURE_RULES.issuperset(rules)]
            challenged = any(p.challenger is not None and slot.size in p.challenger.creatives for p in own)
            needed = 2 if OTHER_SEGMENT in rules else 1
            if (
                len(own) >= needed
                and (GENERIC not in rules or len(own) < len(pictures))
                and (CHALLENGER not in rules or challenged)
            ):
                ready.add(product)
    return len(ready), len(seen)


def _choices(
    rule: str, picked: Candidate, pictures: tuple[Candidate, ...], slot: Slot, context: ServeContext
) -> list[Candidate]:
    """What an arm can show of the picked product; the same campaign, so it may run as long as ``picked``."""
    if rule == OWN_SEGMENT:
        return [picked]
    if rule == GENERIC:
        return [picture for picture in pictures if picture.segment_id is None]
    if rule == CHALLENGER:
        other = picked.challenger
        return [other] if other is not None and slot.size in other.creatives else []
    mine = context.segment_ids
    return [p for p in pictures if p.segment_id is not None and p.segment_id not in mine]
