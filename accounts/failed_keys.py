"""Keys that were wrong, by the address that sent them: beyond a few a second the database is not asked.

Every unknown key costs a query, and whoever sends one has shown nothing that could be throttled but an
address. Keys that were good lately are always asked about, so a flood takes nothing from a neighbour behind
the same address whose key this process knows. Each process counts for itself.
"""

from __future__ import annotations

import time

RATE = 5.0  # failures a second of one address
BURST_SECONDS = 4.0  # of them at once
CAPACITY = 10_000  # addresses, and keys; forgotten all at once when full

_due_at: dict[str, float] = {}  # a token bucket as one number (GCRA), as in campaigns.serving.keys
_good: set[str] = set()  # digests


def may_ask(*, address: str, digest: str) -> bool:
    """Whether the database is asked about this key now."""
    return digest in _good or _due_at.get(address, 0.0) - time.monotonic() <= BURST_SECONDS


def key_failed(*, address: str, digest: str) -> None:
    """It was unknown, or is revoked by now."""
    _good.discard(digest)
    if len(_due_at) >= CAPACITY:
        _due_at.clear()
    now = time.monotonic()
    _due_at[address] = max(_due_at.get(address, now), now) + 1.0 / RATE


def key_worked(digest: str) -> None:
    """It is live."""
    if len(_good) >= CAPACITY:
        _good.clear()
    _good.add(digest)


def forget() -> None:
    """As in a new process."""
    _due_at.clear()
    _good.clear()
