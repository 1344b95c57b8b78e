"""How far the figures are behind the events. Small, because the health check of every web process asks it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Min
from django.utils import timezone

from analytics.models import DirtyHour


def waiting_since(*, advertiser_id: UUID | None = None) -> datetime | None:
    """Since when the oldest event waits to be counted, of one advertiser or of any; None: nothing waits.

    What is in the Redis buffer may be anybody's, so it counts for everybody.
    """
    marks = (
        DirtyHour.objects.all()
        if advertiser_id is None
        else DirtyHour.objects.filter(advertiser_id=advertiser_id)
    )
    times = [marks.aggregate(oldest=Min("created_at"))["oldest"]]
    if settings.EVENTS_BUFFER_URL:
        from analytics.event_buffer import oldest_get  # brings redis

        times.append(oldest_get())
    return min((time for time in times if time is not None), default=None)


def rollups_behind() -> timedelta:
    """How long the oldest event of any advertiser has waited."""
    now = timezone.now()
    return now - min(waiting_since() or now, now)
