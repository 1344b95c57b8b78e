"""A decision's signed token, read again; the token, not the sender, is the authority for its events."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from django.conf import settings

from adplatform.lib.tokens import TokenError, token_payload
from campaigns.serving.tokens import DecisionToken

# A genuine token stays readable for this long after it expired, so that an old link still leads home.
READABLE = timedelta(days=3650)


_decode = msgspec.json.Decoder(DecisionToken).decode


def decision_token_read(token: str, *, purpose: str) -> DecisionToken:
    """Raises TokenError ``token_expired`` or ``token_invalid``."""
    return _read(token, purpose=purpose, max_age=timedelta(days=settings.SERVING_TOKEN_DAYS))


def expired_token_read(token: str, *, purpose: str) -> DecisionToken:
    """A genuine token whatever its age. Raises TokenError ``token_invalid``."""
    return _read(token, purpose=purpose, max_age=READABLE)


def _read(token: str, *, purpose: str, max_age: timedelta) -> DecisionToken:
    try:
        return _decode(token_payload(token, purpose=purpose, max_age=max_age))
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError):
        raise TokenError("token_invalid") from None
