"""Marks on hours whose roll-ups no longer match their events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from analytics.models import DirtyHour


def hour_of(moment: datetime) -> datetime:
    """The UTC hour that a moment lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hours_mark(*, hours: Iterable[tuple[UUID, datetime]]) -> None:
    """Say that these hours' roll-ups no longer match; call it in the transaction that made it true."""
    DirtyHour.objects.bulk_create(
        DirtyHour(advertiser_id=advertiser_id, hour=hour) for advertiser_id, hour in sorted(hours)
    )
