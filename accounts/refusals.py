"""What the routes of storefronts refuse, by code: counted in this process, added to rows every few seconds.

The refused request writes nothing, so a flood of them costs a dictionary's entry. A process that is killed
loses what it counted since its last flush.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

import structlog
from django.db import transaction
from django.db.models import F

from accounts.models import RefusedCount

log = structlog.get_logger(__name__)

_counts: Counter[tuple[str, str]] = Counter()
_lock = threading.Lock()


def refused_count(route: str, codes: Iterable[str]) -> None:
    """Count refusals of one request. Codes are of the product's own lists, never a sender's text."""
    with _lock:
        _counts.update((route, str(code)) for code in codes)


def refusals_flush() -> None:
    """Store what this process counted; what cannot be stored now is stored later."""
    with _lock:
        taken = dict(_counts)
        _counts.clear()
    if not taken:
        return
    try:
        with transaction.atomic():
            # Sorted: two processes that flush at once take the rows' locks in one order.
            for (route, code), number in sorted(taken.items()):
                row, _ = RefusedCount.objects.get_or_create(route=route, code=code)
                RefusedCount.objects.filter(pk=row.pk).update(number=F("number") + number)
    except Exception as error:
        with _lock:
            _counts.update(taken)
        log.warning("refusals_kept", refusals=sum(taken.values()), error=repr(error))
