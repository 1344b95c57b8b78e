"""Roll-ups: one (advertiser, hour) at a time, rebuilt whole from its events; a day is the sum of its hours.

Nothing is ever incremented, so late events, changed attribution, refunds and erasure need no special case,
and running twice changes nothing. Hours and days are UTC. What the rebuild reads is computed first and
swapped in by one short transaction, so that on SQLite the writers wait for milliseconds only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import F, Max, Q, Sum
from django.db.models.functions import TruncHour
from django.utils import timezone

from accounts.models import Advertiser
from analytics import reach
from analytics.dirty_hours import hours_mark
from analytics.experiment_sums import experiment_hours_mark
from analytics.models import (
    DailyCreativeReach,
    DailyCreativeRollup,
    DailyInvalid,
    DailyReach,
    DailyRollup,
    DirtyHour,
    Event,
    HourlyCreativeReach,
    HourlyInvalid,
    HourlyReach,
    HourlyRollup,
)
from analytics.rollup_hours import CREATIVE_KEY, CREATIVE_REACH_KEY, KEY, REASON_KEY, Hour, hour_compute

log = structlog.get_logger(__name__)

SUMS = (
    "impressions",
    "viewables",
    "clicks",
    "conversions",
    "revenue_cents",
    "refunds",
    "refunded_cents",
    "invalid_events",
)


def rollups_refresh(*, limit: int = 5000) -> int:
    """Rebuild every dirty hour, at most ``limit``; the number taken in hand.

    Oldest day first and a day's hours together, each mark read just before its rebuild, because an early
    hour may mark later ones. Each hour is taken once a call: one that events keep arriving for waits for
    the next call instead of keeping the others from their turn. A day whose rebuild ends in an error stays
    dirty, is noted on its marks and is tried again in the next call.
    """
    taken: set[tuple[UUID, datetime]] = set()
    while len(taken) < limit:
        marks = DirtyHour.objects.order_by("hour", "advertiser_id").values_list("advertiser_id", "hour")
        found = next((mark for mark in marks.distinct().iterator(chunk_size=500) if mark not in taken), None)
        if found is None:
            break
        advertiser_id, first = found
        day = first.astimezone(UTC).date()
        of_day = DirtyHour.objects.filter(advertiser_id=advertiser_id, hour__gte=first, hour__lt=_end(day))
        hours = {hour for hour in of_day.values_list("hour", flat=True) if (advertiser_id, hour) not in taken}
        taken |= {(advertiser_id, hour) for hour in hours}
        try:
            rollup_rebuild(advertiser_id=advertiser_id, day=day, hours=hours)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:
            known = of_day.filter(failures__gt=0).exists()  # tried every ten seconds: one traceback is enough
            note = log.warning if known else log.exception
            note("rollup_failed", advertiser=str(advertiser_id), day=str(day), error=type(error).__name__)
            of_day.filter(hour__in=hours).update(failures=F("failures") + 1)
    return len(taken)


def rollups_rebuild(
    *, advertiser_id: UUID | None = None, start: date | None = None, end: date | None = None
) -> int:
    """Rebuild the hours that hold events or roll-ups, all or those of the days asked for; the number."""
    scope = Q() if advertiser_id is None else Q(advertiser_id=advertiser_id)
    events = Event.objects.filter(scope).annotate(hour=TruncHour("occurred_at", tzinfo=UTC)).order_by()
    found = set(events.values_list("advertiser_id", "hour").distinct())
    found |= set(HourlyRollup.objects.filter(scope).values_list("advertiser_id", "hour").distinct())
    hours = {
        (pk, hour)
        for pk, hour in found
        if (not start or hour.astimezone(UTC).date() >= start)
        and (not end or hour.astimezone(UTC).date() <= end)
    }
    with transaction.atomic():
        hours_mark(hours=hours)
    return rollups_refresh(limit=len(hours) + 5000)


def rollup_rebuild(*, advertiser_id: UUID, day: date, hours: Iterable[datetime]) -> bool:
    """Rebuild hours of one day, and the day; False when somebody else has just done so.

    Two workers at once: an hour is swapped in only if every mark read before its events is still there. A
    mark that is gone means that somebody swapped in what was read after it, perhaps later than ours.
    """
    read_at = timezone.now()
    marks: dict[datetime, set[UUID]] = {}
    found = DirtyHour.objects.filter(advertiser_id=advertiser_id, hour__in=sorted(hours))
    for pk, hour in found.values_list("pk", "hour"):
        marks.setdefault(hour, set()).add(pk)
    computed = [hour_compute(advertiser_id=advertiser_id, start=hour) for hour in sorted(marks)]
    with transaction.atomic():
        # One rebuild an advertiser at a time; no_key lets events, which only refer to the row, go on.
        list(Advertiser.objects.select_for_update(no_key=True).filter(pk=advertiser_id))
        left = set(DirtyHour.objects.filter(pk__in=set().union(*marks.values())).values_list("pk", flat=True))
        swapped = [hour for hour in computed if marks[hour.start] <= left]
        if not swapped:
            return False
        taken = [hour.start for hour in swapped]
        DirtyHour.objects.filter(pk__in=set().union(*(marks[hour] for hour in taken))).delete()
        for hour_values in swapped:
            _swap_hour(advertiser_id, hour_values, read_at)
        _swap_day(advertiser_id, day, read_at)
        experiment_hours_mark(advertiser_id=advertiser_id, hours=taken)
        # An hour of this call was computed after the touches that would claim its orders were read.
        later = {hour for values in swapped for hour in values.later} - set(taken)
        hours_mark(hours={(advertiser_id, hour) for hour in later})
        # Events came while we counted: those hours stay dirty, but as of now.
        DirtyHour.objects.filter(advertiser_id=advertiser_id, hour__in=taken, created_at__lt=read_at).update(
            created_at=read_at
        )
    return True


def _swap_hour(advertiser_id: UUID, hour: Hour, computed_at: datetime) -> None:
    common = {"advertiser_id": advertiser_id, "hour": hour.start}
    for model in (HourlyRollup, HourlyInvalid, HourlyReach, HourlyCreativeReach):
        model._default_manager.filter(**common).delete()
    HourlyRollup.objects.bulk_create(
        HourlyRollup(
            **common,
            computed_at=computed_at,
            currency=key[-1],
            **dict(zip(KEY, key[:-1], strict=True)),
            **vars(sums),
        )
        for key, sums in sorted(hour.sums.items(), key=lambda pair: str(pair[0]))
    )
    HourlyInvalid.objects.bulk_create(HourlyInvalid(**common, **row) for row in hour.invalid)
    HourlyReach.objects.bulk_create(
        HourlyReach(**common, campaign_id=campaign_id, sketch=sketch)
        for campaign_id, sketch in hour.reach.items()
    )
    HourlyCreativeReach.objects.bulk_create(
        HourlyCreativeReach(**common, **row) for row in hour.creative_reach
    )


def _swap_day(advertiser_id: UUID, day: date, computed_at: datetime) -> None:
    common = {"advertiser_id": advertiser_id, "day": day}
    hours = {"advertiser_id": advertiser_id, "hour__gte": _start(day), "hour__lt": _end(day)}
    for model in (DailyRollup, DailyCreativeRollup, DailyInvalid, DailyReach, DailyCreativeReach):
        model._default_manager.filter(**common).delete()
    groups = (*KEY, "currency")
    rows: Any = HourlyRollup.objects.filter(**hours).order_by(*groups).values(*groups)
    found = list(rows.annotate(**{name: Sum(name) for name in SUMS}))
    DailyRollup.objects.bulk_create(DailyRollup(**common, computed_at=computed_at, **row) for row in found)
    DailyCreativeRollup.objects.bulk_create(
        DailyCreativeRollup(**common, computed_at=computed_at, **row) for row in by_creative_sum(found)
    )
    left_out: Any = HourlyInvalid.objects.filter(**hours).order_by(*REASON_KEY).values(*REASON_KEY)
    DailyInvalid.objects.bulk_create(
        DailyInvalid(**common, **row) for row in left_out.annotate(events=Sum("events"))
    )
    sketches: dict[UUID | None, list[bytes | memoryview]] = {}
    for campaign_id, sketch in HourlyReach.objects.filter(**hours).values_list("campaign_id", "sketch"):
        sketches.setdefault(campaign_id, []).append(sketch)
    DailyReach.objects.bulk_create(
        DailyReach(**common, campaign_id=campaign_id, sketch=reach.merge(found))
        for campaign_id, found in sketches.items()
    )
    by_creative: dict[tuple[Any, ...], list[bytes | memoryview]] = {}
    seen = HourlyCreativeReach.objects.filter(**hours).values_list(*CREATIVE_REACH_KEY, "sketch")
    for *key, sketch in seen:
        by_creative.setdefault(tuple(key), []).append(sketch)
    DailyCreativeReach.objects.bulk_create(
        DailyCreativeReach(
            **common,
            **dict(zip(CREATIVE_REACH_KEY, key, strict=True)),
            shoppers=reach.estimate(merged := reach.merge(found)).shoppers,
            sketch=merged,
        )
        for key, found in by_creative.items()
    )


def days_catch_up() -> int:
    """Write what DailyCreativeRollup lacks beside DailyRollup; the number of days.

    Both are swapped in together, so they differ only where a release without the first one has counted.
    """
    late = 0
    keys = ("advertiser_id", "day")

    # An older release may still count for as long as an upgrade takes; what it counted before it, the
    # migration has written.
    since = timezone.now() - timedelta(days=2)

    def computed(model: Any) -> dict[tuple[UUID, date], datetime]:
        rows = model.objects.filter(computed_at__gte=since).order_by()
        rows = rows.values_list(*keys).annotate(Max("computed_at"))
        return {(pk, day): at for pk, day, at in rows}

    known = computed(DailyCreativeRollup)
    for (advertiser_id, day), at in computed(DailyRollup).items():
        if known.get((advertiser_id, day)) == at:
            continue
        with transaction.atomic():
            list(Advertiser.objects.select_for_update(no_key=True).filter(pk=advertiser_id))
            of_day = {"advertiser_id": advertiser_id, "day": day}
            found = DailyRollup.objects.filter(**of_day).values(*KEY, "currency", *SUMS)
            at = max(DailyRollup.objects.filter(**of_day).values_list("computed_at", flat=True), default=at)
            DailyCreativeRollup.objects.filter(**of_day).delete()
            DailyCreativeRollup.objects.bulk_create(
                DailyCreativeRollup(**of_day, computed_at=at, **row) for row in by_creative_sum(found)
            )
        late += 1
    return late


def by_creative_sum(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a day, added up over placements and devices."""
    groups = (*CREATIVE_KEY, "currency")
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        sums = found.setdefault(
            tuple(row[name] for name in groups), {name: row[name] for name in groups} | dict.fromkeys(SUMS, 0)
        )
        for name in SUMS:
            sums[name] += row[name]
    return list(found.values())


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _end(day: date) -> datetime:
    return _start(day) + timedelta(days=1)
