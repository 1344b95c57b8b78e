"""What a decision hands to the storefront: signed, purpose-bound, and read again when an event comes back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from adplatform.lib.tokens import tokens_sign
from campaigns.serving.context import ServeContext
from campaigns.serving.engine import SlotDecision

IMPRESSION = "impression"  # also carried by viewable events
CLICK = "click"


def payload_make(decision_id: UUID, context: ServeContext, answer: SlotDecision) -> dict[str, Any]:
    """Everything an event has to know of the decision; the event outlives the rows it names."""
    if answer.slot is None or answer.candidate is None or answer.creative is None:
        raise ValueError("an empty placement has no token")
    segment_id = answer.candidate.segment_id
    payload: dict[str, Any] = {
        "d": str(decision_id),
        "a": str(context.advertiser_id),
        "c": str(answer.candidate.campaign_id),
        "v": str(answer.candidate.variant_id),
        "cr": str(answer.creative.id),
        "p": str(answer.slot.placement_id),
        "s": str(segment_id) if segment_id else None,
        "pr": round(answer.propensity, 9),
        "u": context.pseudonym,
        "sim": context.is_simulated,
    }
    if answer.experiment is not None and answer.arm is not None:
        payload |= {"x": str(answer.experiment.id), "xa": answer.arm.key}
    return payload


def tokens_make(payload: dict[str, Any]) -> tuple[str, str]:
    """The impression token and the click token."""
    impression, click = tokens_sign(payload, purposes=(IMPRESSION, CLICK))
    return impression, click
