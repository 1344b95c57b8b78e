"""Tokens as serving would sign them."""

from __future__ import annotations

from typing import Any

from adplatform.lib.ids import uuid7
from adplatform.lib.tokens import token_sign

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 "
    "Safari/604.1"
)


def decision_payload(advertiser: Any, **fields: Any) -> dict[str, Any]:
    """The payload of one decision; the short names are the contract with serving."""
    payload = {
        "d": uuid7(), "a": advertiser.pk, "c": uuid7(), "v": uuid7(), "cr": uuid7(), "p": uuid7(),
        "s": None, "pr": 0.5, "u": "", "sim": False, **fields,
    }  # fmt: skip
    return {k: str(v) if hasattr(v, "hex") and not isinstance(v, float) else v for k, v in payload.items()}


def token_of(payload: dict[str, Any], purpose: str = "impression") -> str:
    return token_sign(payload, purpose=purpose)


def event_of(payload: dict[str, Any], kind: str = "impression", **fields: Any) -> dict[str, Any]:
    """An item of a batch for a decision."""
    purpose = "click" if kind == "click" else "impression"
    event = {"event_id": f"{payload['d']}:{kind}", "kind": kind, "token": token_of(payload, purpose)}
    return {**event, **fields}
