"""A decision's signed token, read again; the token, not the sender, is the authority for its events."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from django.conf import settings

from adplatform.lib.tokens import TokenError, TokenReader
from campaigns.serving.tokens import DecisionToken

# A genuine token stays readable for this long after it expired, so that an old link still leads home.
READABLE = timedelta(days=3650)
_decode = msgspec.json.Decoder(DecisionToken).decode


class DecisionTokenReader:
    """Reads the tokens of a batch."""

    def __init__(self, *, max_age: timedelta | None = None) -> None:
        self._payload = TokenReader(max_age=max_age or timedelta(days=settings.SERVING_TOKEN_DAYS)).payload

    def read(self, token: str, *, purpose: str) -> DecisionToken:
        """Raises TokenError ``token_expired`` or ``token_invalid``."""
        try:
            return _decode(self._payload(token, purpose=purpose))
        except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError):
            raise TokenError("token_invalid") from None


def decision_token_read(token: str, *, purpose: str) -> DecisionToken:
    """Raises TokenError ``token_expired`` or ``token_invalid``."""
    return DecisionTokenReader().read(token, purpose=purpose)


def expired_token_read(token: str, *, purpose: str) -> DecisionToken:
    """A genuine token whatever its age. Raises TokenError ``token_invalid``."""
    return DecisionTokenReader(max_age=READABLE).read(token, purpose=purpose)
