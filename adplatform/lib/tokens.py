"""Signed, expiring, purpose-bound tokens: what a storefront carries between a decision and its events.

Built on ``django.core.signing``; the purpose is the salt, so an impression token is worthless as a
click token, and ``SECRET_KEY_FALLBACKS`` lets keys rotate without losing tokens in flight.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import time
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core import signing


class TokenError(Exception):
    """``code`` is ``token_invalid`` (forged, moved, malformed) or ``token_expired``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def token_sign(payload: dict[str, Any], *, purpose: str) -> str:
    """URL-safe token over a JSON payload, readable by its bearer, valid for one purpose only."""
    data = json.dumps(payload, separators=(",", ":")).encode("ascii")
    return tokens_sign(data, purposes=(purpose,))[0]


def tokens_sign(data: bytes, *, purposes: tuple[str, ...]) -> list[str]:
    """A token of ``data``, a JSON object in ASCII, for each purpose: what ``signing.dumps`` makes.

    Two tokens a decision were a third of all it costs: here the payload is encoded once, and the keys that
    are derived from the secret and the purpose are kept.
    """
    value = f"{signing.b64_encode(data).decode()}:{signing.b62_encode(int(time.time()))}"
    tokens = []
    for purpose in purposes:
        tokens.append(f"{value}:{_signature(value.encode(), settings.SECRET_KEY, purpose).decode()}")
    return tokens


@lru_cache(maxsize=64)
def _hmac_of(secret: str, purpose: str) -> hmac.HMAC:
    """Keyed like Django's ``salted_hmac`` of a ``TimestampSigner``; to be copied before use."""
    key = f"adplatform.{purpose}.v1signer{secret}"
    return hmac.new(hashlib.sha256(key.encode()).digest(), digestmod=hashlib.sha256)


def token_read(token: str, *, purpose: str, max_age: timedelta) -> dict[str, Any]:
    """The payload of a genuine token. Raises TokenError."""
    try:
        payload = json.loads(token_payload(token, purpose=purpose, max_age=max_age))
    except ValueError:
        raise TokenError("token_invalid") from None
    if not isinstance(payload, dict):
        raise TokenError("token_invalid")
    return payload


def token_payload(token: str, *, purpose: str, max_age: timedelta) -> bytes:
    """The JSON of a genuine token: what ``signing.loads`` reads. Raises TokenError."""
    return TokenReader(max_age=max_age).payload(token, purpose=purpose)


class TokenReader:
    """Reads many tokens at one moment: neither settings nor the clock are asked for each."""

    def __init__(self, *, max_age: timedelta) -> None:
        self._secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        self._made_after = time.time() - max_age.total_seconds()

    def payload(self, token: str, *, purpose: str) -> bytes:
        """The JSON of a genuine token. Raises TokenError."""
        try:
            signed, _, given = token.encode().rpartition(b":")
        except UnicodeEncodeError:  # a lone surrogate
            raise TokenError("token_invalid") from None
        for secret in self._secrets:
            if hmac.compare_digest(_signature(signed, secret, purpose), given):
                break
        else:
            raise TokenError("token_invalid")
        payload, _, made_at = signed.rpartition(b":")
        try:
            second = _second_of(made_at)
            data = binascii.a2b_base64(payload.translate(_FROM_URL) + b"==")
        except ValueError:
            raise TokenError("token_invalid") from None
        if second < self._made_after:
            raise TokenError("token_expired")
        return data


# The tokens of a batch were made within a few seconds of each other.
_second_of = lru_cache(maxsize=4096)(lambda made_at: signing.b62_decode(made_at.decode()))
_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


def _signature(signed: bytes, secret: str, purpose: str) -> bytes:
    digest = _hmac_of(secret, purpose).copy()
    digest.update(signed)
    return binascii.b2a_base64(digest.digest(), newline=False).translate(_TO_URL, b"=")
