"""Signed, expiring, purpose-bound tokens: what a storefront carries between a decision and its events.

Built on ``django.core.signing``; the purpose is the salt, so an impression token is worthless as a
click token, and ``SECRET_KEY_FALLBACKS`` lets keys rotate without losing tokens in flight.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core import signing


class TokenError(Exception):
    """``code`` is ``token_invalid`` (forged, moved, malformed) or ``token_expired``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def token_sign(payload: dict[str, Any], *, purpose: str) -> str:
    """URL-safe token over a JSON payload, readable by its bearer, valid for one purpose only."""
    return signing.dumps(payload, salt=f"adplatform.{purpose}.v1")


def token_read(token: str, *, purpose: str, max_age: timedelta) -> dict[str, Any]:
    """The payload of a genuine token. Raises TokenError."""
    try:
        payload = signing.loads(token, salt=f"adplatform.{purpose}.v1", max_age=max_age)
    except signing.SignatureExpired:
        raise TokenError("token_expired") from None
    except (signing.BadSignature, ValueError):
        raise TokenError("token_invalid") from None
    if not isinstance(payload, dict):
        raise TokenError("token_invalid")
    return payload
