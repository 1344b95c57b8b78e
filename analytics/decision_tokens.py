"""What a decision's signed token says; the token, not the sender, is the authority for its events."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import msgspec
from django.conf import settings

from adplatform.lib.tokens import TokenError, token_read

# A genuine token stays readable for this long after it expired, so that an old link still leads home.
READABLE = timedelta(days=3650)


class DecisionToken(msgspec.Struct, frozen=True, rename={
    "decision_id": "d", "advertiser_id": "a", "campaign_id": "c", "variant_id": "v", "creative_id": "cr",
    "placement_id": "p", "segment_id": "s", "propensity": "pr", "shopper_pseudonym": "u",
    "is_simulated": "sim", "experiment_id": "x", "arm": "xa",
}):  # fmt: skip
    """The payload under readable names; its short keys are the contract with serving."""

    decision_id: UUID
    advertiser_id: UUID
    campaign_id: UUID
    variant_id: UUID
    creative_id: UUID
    placement_id: UUID
    segment_id: UUID | None = None
    propensity: float | None = None
    shopper_pseudonym: str = ""
    is_simulated: bool = False
    experiment_id: UUID | None = None
    arm: str = ""


def decision_token_read(token: str, *, purpose: str) -> DecisionToken:
    """Raises TokenError ``token_expired`` or ``token_invalid``."""
    return _read(token, purpose=purpose, max_age=timedelta(days=settings.SERVING_TOKEN_DAYS))


def expired_token_read(token: str, *, purpose: str) -> DecisionToken:
    """A genuine token whatever its age. Raises TokenError ``token_invalid``."""
    return _read(token, purpose=purpose, max_age=READABLE)


def _read(token: str, *, purpose: str, max_age: timedelta) -> DecisionToken:
    try:
        payload = token_read(token, purpose=purpose, max_age=max_age)
        return msgspec.convert(payload, DecisionToken)
    except (msgspec.ValidationError, UnicodeError, RecursionError, OverflowError):
        raise TokenError("token_invalid") from None
