"""Events as a storefront's page sends them, for the benchmarks."""

from __future__ import annotations

from accounts.models import Advertiser
from adplatform.lib.ids import uuid7
from adplatform.lib.tokens import token_sign

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36"


def event_make(advertiser: Advertiser) -> dict[str, str]:
    """An impression of a decision of its own, with a token as serving signs them."""
    decision = str(uuid7())
    payload = {
        "d": decision, "a": str(advertiser.pk), "c": str(uuid7()), "v": str(uuid7()), "cr": str(uuid7()),
        "p": str(uuid7()), "s": None, "pr": 0.5, "u": "", "sim": True,
    }  # fmt: skip
    token = token_sign(payload, purpose="impression")
    return {"event_id": f"{decision}:impression", "kind": "impression", "token": token}
