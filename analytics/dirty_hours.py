"""Marks on hours whose roll-ups no longer match their events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from adplatform.lib.ids import uuid7
from adplatform.lib.many_values import insert_new
from analytics.models import DirtyHour, HourlyRollup

# As long as an order is awaited anywhere; a rebuild reads so many days of its shoppers.
LONGEST_WINDOW = timedelta(days=90)


def hour_of(moment: datetime) -> datetime:
    """The UTC hour that a moment lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hours_mark(*, hours: Iterable[tuple[UUID, datetime]]) -> None:
    """Say that these hours' roll-ups no longer match; call it in the transaction that made it true."""
    now = timezone.now()
    marks = _countable(sorted(hours), now)
    if marks:
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


def _countable(marks: list[tuple[UUID, datetime]], now: datetime) -> list[tuple[UUID, datetime]]:
    """Without counted hours so old that retention has taken the shoppers off their events, or off the clicks
    that may claim their orders: counted anew they would lose their orders and their reach."""
    linked = timedelta(days=settings.RETENTION_EVENT_LINK_DAYS) - LONGEST_WINDOW
    frozen_before = now - max(linked, timedelta(days=settings.EVENTS_MAX_AGE_DAYS + 1))
    old = {mark for mark in marks if mark[1] < frozen_before}
    if not old:
        return marks
    rows = HourlyRollup.objects.filter(
        advertiser_id__in={advertiser_id for advertiser_id, _ in old}, hour__lt=frozen_before
    )
    counted = set(rows.order_by().values_list("advertiser_id", "hour").distinct())
    return [mark for mark in marks if mark not in old or mark not in counted]
