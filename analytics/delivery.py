"""Counts for budgets, pace and frequency caps, from the events, every few seconds, off every request.

Budgets: everything from the daily roll-ups, today from the hourly ones, because a day of the advertiser's
time zone is not a UTC day; so the roll-ups have to be rebuilt first; made-up visits
spend nothing (``simulated``). Caps: only shoppers with a new
impression can newly reach one, so only those are counted, by the index of a shopper's events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from accounts.models import Advertiser
from adplatform.lib.ids import uuid7
from analytics.freshness import waiting_since
from analytics.models import DailyRollup, Event, HourlyRollup
from analytics.simulated import deciding
from campaigns.delivery_services import (
    Capped,
    CountedCampaign,
    Counts,
    counted_campaign_list,
    delivery_write,
)
from campaigns.models import CappedShopper

log = structlog.get_logger(__name__)

# An event's id is made before its transaction commits, and on another machine's clock.
OVERLAP = timedelta(seconds=60)
CHUNK = 400  # pseudonyms in one query


def delivery_refresh(*, now: datetime | None = None) -> int:
    """Count every limited campaign; the number of advertisers whose counts moved.

    Where counting ends in an error it is tried again in the next call; the others' are counted meanwhile.
    """
    now = now or timezone.now()
    moved = 0
    for advertiser_id, group in groupby(counted_campaign_list(), key=lambda c: c.advertiser_id):
        try:
            moved += _refresh(advertiser_id, list(group), now)
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            log.exception("delivery_failed", advertiser=str(advertiser_id))
    return moved


def _refresh(advertiser_id: UUID, campaigns: list[CountedCampaign], now: datetime) -> bool:
    # Asked before the sums are read: what waits in the buffer or in an hour that was not rebuilt is not in
    # them, and counts may not look fresh while it waits.
    waiting = waiting_since(advertiser_id=advertiser_id)
    return delivery_write(
        advertiser_id=advertiser_id,
        counts=list(_counts(advertiser_id, campaigns, now)),
        capped=list(_capped(advertiser_id, campaigns, now)),
        counted_at=min(now, waiting or now),
    )


def _counts(advertiser_id: UUID, campaigns: list[CountedCampaign], now: datetime) -> Iterator[Counts]:
    ids = [campaign.campaign_id for campaign in campaigns]
    local = now.astimezone(campaigns[0].zone)
    advertiser = Advertiser.objects.get(pk=advertiser_id)
    mine = {"advertiser_id": advertiser_id, "campaign_id__in": ids}
    whole = _sums(deciding(DailyRollup.objects.filter(**mine), advertiser))
    # By the hour: where a zone is half an hour off, its first half hour counts as yesterday's.
    since = HourlyRollup.objects.filter(**mine, hour__gte=_midnight(local))
    today = _sums(deciding(since, advertiser))
    for campaign_id in ids:
        impressions, clicks = whole.get(campaign_id, (0, 0))
        day_impressions, day_clicks = today.get(campaign_id, (0, 0))
        yield Counts(
            campaign_id=campaign_id,
            day=local.date(),
            impressions=impressions,
            clicks=clicks,
            day_impressions=day_impressions,
            day_clicks=day_clicks,
        )


def _sums(rows: QuerySet[Any]) -> dict[UUID, tuple[int, int]]:
    """Impressions and clicks by campaign."""
    sums = rows.order_by().values_list("campaign_id").annotate(Sum("impressions"), Sum("clicks"))
    return {campaign_id: (impressions, clicks) for campaign_id, impressions, clicks in sums}


def _capped(advertiser_id: UUID, campaigns: list[CountedCampaign], now: datetime) -> Iterator[Capped]:
    """Who has reached a cap: asked of everybody this week at first, then of those who saw it since."""
    capping = {c.campaign_id: c for c in campaigns if c.cap_daily or c.cap_weekly}
    if not capping:
        return
    local = now.astimezone(campaigns[0].zone)
    day_start, day_end = _midnight(local), _midnight(local + timedelta(days=1))
    week_start = _midnight(local - timedelta(days=local.weekday()))
    week_end = _midnight(local + timedelta(days=7 - local.weekday()))
    since = min((c.counted_at or week_start for c in capping.values()), default=week_start)
    shown = (
        Event.objects.within(week_start)
        .filter(
            advertiser_id=advertiser_id,
            validity=Event.Validity.VALID,
            kind=Event.Kind.IMPRESSION,
            campaign_id__in=list(capping),
        )
        .order_by()
    )
    recent = (
        shown.filter(pk__gte=uuid7(since - OVERLAP))
        .exclude(shopper_pseudonym="")
        .values_list("shopper_pseudonym", flat=True)
        .distinct()
    )
    for chunk in _chunks(recent.order_by("shopper_pseudonym").iterator(chunk_size=CHUNK)):
        rows = (
            shown.filter(shopper_pseudonym__in=chunk)
            .values_list("campaign_id", "shopper_pseudonym")
            .annotate(Count("pk"), today=Count("pk", filter=Q(occurred_at__gte=day_start)))
        )
        for campaign_id, pseudonym, seen_this_week, seen_today in rows:
            campaign = capping[campaign_id]
            if campaign.cap_daily and seen_today >= campaign.cap_daily:
                yield Capped(campaign_id, pseudonym, CappedShopper.Period.DAY, day_end)
            if campaign.cap_weekly and seen_this_week >= campaign.cap_weekly:
                yield Capped(campaign_id, pseudonym, CappedShopper.Period.WEEK, week_end)


def _midnight(local: datetime) -> datetime:
    """The first moment of a local day."""
    return datetime.combine(local.date(), time.min, local.tzinfo)


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for value in values:
        chunk.append(value)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
