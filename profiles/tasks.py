"""Celery wake-ups of profiles; rows carry the truth, so a lost or doubled message harms nothing."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from accounts.models import Advertiser
from profiles import services
from profiles.segment_services import OLDEST_PROFILE
from profiles.selectors import advertisers_to_refresh

log = structlog.get_logger(__name__)


@shared_task
def segments_refresh() -> None:
    """Refresh every advertiser with something to do; a failure of one leaves the others alone."""
    now = timezone.now()
    due = advertisers_to_refresh(now=now, oldest=OLDEST_PROFILE)
    for advertiser in Advertiser.objects.filter(pk__in=due):
        try:
            result = services.segments_refresh(advertiser=advertiser, now=timezone.now())
        except Exception:
            log.exception("segments_refresh_failed", advertiser=str(advertiser.pk))
            continue
        log.info(
            "segments_refreshed",
            advertiser=str(advertiser.pk),
            profiles=result.profiles,
            segments=result.segments,
            created=result.created,
            is_complete=result.is_complete,
        )
