"""What a decision hands to the storefront: signed, purpose-bound, and read again when an event comes back."""

from __future__ import annotations

from uuid import UUID

import msgspec

from adplatform.lib.tokens import tokens_sign
from campaigns.serving.allocations import HOLDOUT
from campaigns.serving.context import ServeContext
from campaigns.serving.engine import SlotDecision

IMPRESSION = "impression"  # also carried by viewable events
CLICK = "click"


class DecisionToken(msgspec.Struct, frozen=True, omit_defaults=True, rename={
    "decision_id": "d", "advertiser_id": "a", "campaign_id": "c", "variant_id": "v", "creative_id": "cr",
    "placement_id": "p", "segment_id": "s", "propensity": "pr", "shopper_pseudonym": "u",
    "is_simulated": "sim", "experiment_id": "x", "arm": "xa", "interests": "i", "entered": "e",
    "drawn_segment_id": "xs", "why_pseudonym": "w",
}):  # fmt: skip
    """Everything an event has to know of its decision, in ASCII; the event outlives the rows it names."""

    decision_id: UUID
    advertiser_id: UUID
    campaign_id: UUID
    variant_id: UUID
    creative_id: UUID
    placement_id: UUID
    segment_id: UUID | None = None
    propensity: float | None = None
    shopper_pseudonym: str = ""
    # Of a shopper who agreed to personal adverts and not to measurement; events never read it.
    why_pseudonym: str = ""
    is_simulated: bool = False
    experiment_id: UUID | None = None
    arm: str = ""
    drawn_segment_id: UUID | None = None  # whose picture was drawn, where an experiment had a say
    entered: tuple[str, ...] = ()  # the shopper's own interests that the decision went by
    interests: tuple[str, ...] = ()  # only in tokens of before "entered": all those of the segment


_encode = msgspec.json.Encoder().encode


def interests_entered(context: ServeContext, answer: SlotDecision) -> tuple[str, ...]:
    """Which of the shopper's interests this decision went by: those that make them a member of the segment
    whose picture was drawn. Where an experiment then shows another one, they led there all the same.
    """
    candidate = answer.candidate
    if candidate is None:
        return ()
    return context.interests_for(answer.drawn_segment_id or candidate.segment_id)


def token_make(decision_id: UUID, context: ServeContext, answer: SlotDecision) -> DecisionToken:
    """The token of a filled placement."""
    if answer.slot is None or answer.candidate is None or answer.creative is None:
        raise ValueError("an empty placement has no token")
    experiment, arm = answer.experiment, answer.arm
    unexposed = HOLDOUT if answer.is_holdout else ""
    return DecisionToken(
        decision_id=decision_id,
        entered=interests_entered(context, answer),
        advertiser_id=context.advertiser_id,
        campaign_id=answer.candidate.campaign_id,
        variant_id=answer.candidate.variant_id,
        creative_id=answer.creative.id,
        placement_id=answer.slot.placement_id,
        segment_id=answer.candidate.segment_id,
        propensity=round(answer.propensity, 9),
        shopper_pseudonym=context.pseudonym,
        why_pseudonym="" if context.pseudonym else context.why_pseudonym,
        is_simulated=context.is_simulated,
        experiment_id=experiment.id if experiment is not None and arm is not None else None,
        arm=arm.key if experiment is not None and arm is not None else unexposed,
        drawn_segment_id=answer.drawn_segment_id,
    )


def tokens_make(token: DecisionToken) -> tuple[str, str]:
    """The signed impression token and the signed click token."""
    impression, click = tokens_sign(_encode(token), purposes=(IMPRESSION, CLICK))
    return impression, click
