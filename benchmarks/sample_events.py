"""Events as storefronts send them, for the benchmarks."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from accounts.models import Advertiser
from adplatform.lib.ids import uuid7
from adplatform.lib.tokens import token_sign

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36"
VIEWABLE_RATE, ORDER_RATE, KNOWN_RATE = 0.6, 0.001, 0.7  # of decisions


def event_make(advertiser: Advertiser, *, pseudonym: str = "") -> dict[str, Any]:
    """An impression of a decision of its own, with a token as serving signs them."""
    decision = str(uuid7())
    payload = {
        "d": decision, "a": str(advertiser.pk), "c": str(uuid7()), "v": str(uuid7()), "cr": str(uuid7()),
        "p": str(uuid7()), "s": None, "pr": 0.5, "u": pseudonym, "sim": True,
    }  # fmt: skip
    token = token_sign(payload, purpose="impression")
    return {"event_id": f"{decision}:impression", "kind": "impression", "token": token}


def events_make(
    advertiser: Advertiser, *, pseudonyms: Sequence[str], count: int, rng: random.Random
) -> list[dict[str, Any]]:
    """What a server with a secret key reports: impressions, most of known shoppers and most seen; orders."""
    return list(islice(_visits(advertiser, pseudonyms, rng), count))


def _visits(
    advertiser: Advertiser, pseudonyms: Sequence[str], rng: random.Random
) -> Iterator[dict[str, Any]]:
    while True:
        occurred_at = datetime.now(UTC).isoformat()
        pseudonym = rng.choice(pseudonyms) if rng.random() < KNOWN_RATE else ""
        impression = event_make(advertiser, pseudonym=pseudonym) | {"occurred_at": occurred_at}
        yield impression
        if rng.random() < VIEWABLE_RATE:
            decision = impression["event_id"].partition(":")[0]
            yield impression | {"event_id": f"{decision}:viewable", "kind": "viewable"}
        if rng.random() < ORDER_RATE:
            order = uuid7().hex
            yield {
                "event_id": f"order-{order}", "kind": "conversion", "order_id": order, "value_cents": 4990,
                "currency": "EUR", "occurred_at": occurred_at,
            }  # fmt: skip
