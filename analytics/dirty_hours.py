"""Marks on hours whose roll-ups no longer match their events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from django.utils import timezone

from adplatform.lib.ids import uuid7
from adplatform.lib.many_values import insert_new
from analytics.models import DirtyHour


def hour_of(moment: datetime) -> datetime:
    """The UTC hour that a moment lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hours_mark(*, hours: Iterable[tuple[UUID, datetime]]) -> None:
    """Say that these hours' roll-ups no longer match; call it in the transaction that made it true."""
    marks = sorted(hours)
    if marks:
        now = timezone.now()
        insert_new(
            DirtyHour,
            ("id", "created_at", "advertiser_id", "hour"),
            [
                [uuid7() for _ in marks],
                [now] * len(marks),
                [advertiser_id for advertiser_id, _ in marks],
                [hour for _, hour in marks],
            ],
        )
