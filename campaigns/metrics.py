"""What an operator watches of campaigns: pictures from web addresses, of all advertisers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from campaigns.models import RemotePicture


@dataclass(frozen=True)
class PictureMetrics:
    """The queue of remote pictures at one moment."""

    pictures: dict[str, int]  # by status; every status is there
    oldest_due_seconds: float  # how long the first one has been due; 0 when none is


def picture_metrics_get(*, now: datetime) -> PictureMetrics:
    """Two queries."""
    found = dict(RemotePicture.objects.order_by().values_list("status").annotate(n=Count("pk")))
    oldest = (
        RemotePicture.objects.filter(available_at__lte=now)
        .order_by("available_at")
        .values_list("available_at", flat=True)
        .first()
    )
    return PictureMetrics(
        pictures={status: found.get(status, 0) for status in RemotePicture.Status.values},
        oldest_due_seconds=(now - oldest).total_seconds() if oldest else 0.0,
    )
