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
    payload = binascii.b2a_base64(data, newline=False).translate(_TO_URL, b"=")
    signed = b"%b:%b" % (payload, _made_at(int(time.time())))
    secret = settings.SECRET_KEY
    return [(b"%b:%b" % (signed, _signature(signed, secret, purpose))).decode() for purpose in purposes]


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
_made_at = lru_cache(maxsize=4)(lambda second: signing.b62_encode(second).encode())
_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


@lru_cache(maxsize=64)
def _keyed(secret: str, purpose: str) -> tuple[Any, Any]:
    """The inner and the outer hash of HMAC (RFC 2104) with the key worked in; to be copied before use.

    The key is that of Django's ``salted_hmac`` of a ``TimestampSigner``.
    """
    key = hashlib.sha256(f"adplatform.{purpose}.v1signer{secret}".encode()).digest().ljust(64, b"\0")
    return hashlib.sha256(key.translate(hmac.trans_36)), hashlib.sha256(key.translate(hmac.trans_5C))


def _signature(signed: bytes, secret: str, purpose: str) -> bytes:
    # An hmac.HMAC's own copy, update and digest are Python code: half as fast again.
    keyed_inner, keyed_outer = _keyed(secret, purpose)
    inner, outer = keyed_inner.copy(), keyed_outer.copy()
    inner.update(signed)
    outer.update(inner.digest())
    return binascii.b2a_base64(outer.digest(), newline=False).translate(_TO_URL, b"=")
