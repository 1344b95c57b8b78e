"""Asking for events so that PostgreSQL opens few of their partitions, which are days of decisions.

How long after its decision an event may happen is bounded: its token expires (``SERVING_TOKEN_DAYS``).
Only simulated traffic, played by a server, may lie before its decision, at most ``EVENTS_MAX_AGE_DAYS``.
SQLite has one table, and would only be led to a worse index.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import connection, models
from django.db.models import Q

from adplatform.lib.ids import uuid7_first

# Shorter settings may change at will: hours that were counted under the longer ones are still found.
SHORTEST = 30

if TYPE_CHECKING:
    from analytics.models import Event  # noqa: F401  (named in the class below)


class EventQuerySet(models.QuerySet["Event"]):
    """Events, narrowed to what a partition may hold."""

    def within(self, start: datetime, end: datetime | None = None) -> Self:
        """That occurred from ``start`` on and before ``end``."""
        found = self.filter(occurred_at__gte=start)
        after = timedelta(days=max(SHORTEST, settings.SERVING_TOKEN_DAYS) + 1)
        decided = Q(decision_id__gte=uuid7_first(start - after))
        if end is not None:
            found = found.filter(occurred_at__lt=end)
            ahead = timedelta(days=max(SHORTEST, settings.EVENTS_MAX_AGE_DAYS) + 1)
            decided &= Q(decision_id__lt=uuid7_first(end + ahead))
        if connection.vendor != "postgresql":
            return found
        return found.filter(decided | Q(decision_id__isnull=True))

    def undated(self) -> Self:
        """Orders and refunds: whatever has no decision. The caller's other conditions find them."""
        return self.filter(decision_id__isnull=True) if connection.vendor == "postgresql" else self
