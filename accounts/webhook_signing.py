"""Pure: signatures of outgoing webhooks as standardwebhooks.com describes them, so that receivers find a
library for them in every language."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"


def secret_mint() -> str:
    """A new random signing secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature_make(secret: str, *, message_id: str, timestamp: int, body: str) -> str:
    """``v1,`` and the base64 HMAC-SHA256 of id, Unix time and body, joined by dots."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.{body}".encode()
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers_make(keys: Iterable[str], *, message_id: str, timestamp: int, body: str) -> dict[str, str]:
    """One signature for each secret: while one is being replaced, either verifies."""
    signatures = (signature_make(key, message_id=message_id, timestamp=timestamp, body=body) for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
