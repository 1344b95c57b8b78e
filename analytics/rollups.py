"""Roll-ups: one (advertiser, day) at a time, rebuilt whole from its events and overwritten.

Nothing is ever incremented, so late events, changed attribution and erasure need no special case, and
running twice changes nothing. A day is a UTC day. What the rebuild reads is computed first and swapped
in by one short transaction, so that on SQLite the writers wait for milliseconds only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.models import Advertiser
from analytics.attribution import Touch, Windows, attribute
from analytics.models import DailyInvalid, DailyRollup, DirtyDay, Event
from analytics.services import days_mark

KEY = ("campaign_id", "variant_id", "creative_id", "placement_id", "segment_id", "device", "is_simulated")
INVALID_KEY = ("kind", "invalid_reason", *(name for name in KEY if name not in ("variant_id", "creative_id")))
CHUNK = 400  # pseudonyms in one query
TOUCH_KINDS = (Event.Kind.CLICK, Event.Kind.VIEWABLE)


@dataclass
class _Sums:
    impressions: int = 0
    viewables: int = 0
    clicks: int = 0
    conversions: int = 0
    revenue_cents: int = 0
    invalid_events: int = 0


@dataclass
class _Day:
    """What one day's rows will be; the key's last part is the currency of its revenue."""

    sums: dict[tuple[Any, ...], _Sums] = field(default_factory=lambda: defaultdict(_Sums))
    invalid: list[dict[str, Any]] = field(default_factory=list)
    later_days: set[date] = field(default_factory=set)  # whose orders a late touch of this day may change


def windows_get() -> Windows:
    """The attribution windows in force."""
    return Windows(
        click=timedelta(days=settings.ATTRIBUTION_CLICK_DAYS),
        view=timedelta(days=settings.ATTRIBUTION_VIEW_DAYS),
    )


def rollups_refresh(*, limit: int = 500) -> int:
    """Rebuild every dirty day, at most ``limit``; the number rebuilt.

    Oldest first, each mark read just before its rebuild, because an early day may mark later ones.
    Each is taken once a call: a day that events keep arriving for waits for the next call instead of
    keeping the others from their turn.
    """
    taken: set[UUID] = set()
    while len(taken) < limit:
        mark = DirtyDay.objects.exclude(pk__in=taken).order_by("day", "advertiser_id").first()
        if mark is None:
            break
        taken.add(mark.pk)
        rollup_rebuild(mark=mark)
    return len(taken)


def rollups_rebuild(
    *, advertiser_id: UUID | None = None, start: date | None = None, end: date | None = None
) -> int:
    """Rebuild the days that hold events or roll-ups, all or those asked for; the number rebuilt."""
    scope = {} if advertiser_id is None else {"advertiser_id": advertiser_id}
    events = Event.objects.filter(**scope).annotate(day=TruncDate("occurred_at", tzinfo=UTC))
    rolled_up = DailyRollup.objects.filter(**scope)
    found = set(events.order_by().values_list("advertiser_id", "day").distinct())
    found |= set(rolled_up.values_list("advertiser_id", "day").distinct())
    days = {(pk, day) for pk, day in found if (not start or day >= start) and (not end or day <= end)}
    with transaction.atomic():
        days_mark(days=days)
    return rollups_refresh(limit=len(days) + 500)


def rollup_rebuild(*, mark: DirtyDay) -> bool:
    """Rebuild the day of a mark; False when somebody else has just done so."""
    read_at = timezone.now()
    computed = _compute(mark.advertiser_id, mark.day)
    with transaction.atomic():
        # One rebuild an advertiser at a time; no_key lets events, which only refer to the row, go on.
        list(Advertiser.objects.select_for_update(no_key=True).filter(pk=mark.advertiser_id))
        if not DirtyDay.objects.filter(pk=mark.pk).exists():
            return False  # rebuilt meanwhile, from newer events than ours
        _swap(mark.advertiser_id, mark.day, computed, read_at)
        removed, _ = DirtyDay.objects.filter(pk=mark.pk, marks=mark.marks).delete()
        if not removed:  # events came while we counted: stay dirty, but as of now
            DirtyDay.objects.filter(pk=mark.pk).update(created_at=read_at)
        days_mark(days={(mark.advertiser_id, day) for day in computed.later_days})
    return True


def _swap(advertiser_id: UUID, day: date, computed: _Day, computed_at: datetime) -> None:
    DailyRollup.objects.filter(advertiser_id=advertiser_id, day=day).delete()
    DailyInvalid.objects.filter(advertiser_id=advertiser_id, day=day).delete()
    DailyRollup.objects.bulk_create(
        DailyRollup(
            advertiser_id=advertiser_id,
            day=day,
            computed_at=computed_at,
            currency=key[-1],
            **dict(zip(KEY, key[:-1], strict=True)),
            **vars(sums),
        )
        for key, sums in sorted(computed.sums.items(), key=lambda pair: str(pair[0]))
    )
    DailyInvalid.objects.bulk_create(
        DailyInvalid(advertiser_id=advertiser_id, day=day, **row) for row in computed.invalid
    )


def _compute(advertiser_id: UUID, day: date) -> _Day:
    start = datetime.combine(day, time.min, UTC)
    end = start + timedelta(days=1)
    everything = Event.objects.filter(
        advertiser_id=advertiser_id, occurred_at__gte=start, occurred_at__lt=end
    ).order_by()
    valid = everything.filter(validity=Event.Validity.VALID)
    computed = _Day()
    _add_counts(computed, valid.exclude(kind=Event.Kind.CONVERSION))
    _add_invalid(computed, everything.filter(validity=Event.Validity.INVALID))
    _add_conversions(computed, advertiser_id, list(valid.filter(kind=Event.Kind.CONVERSION)))
    computed.later_days = _later_days(advertiser_id, valid, end)
    return computed


def _add_counts(computed: _Day, events: QuerySet[Event]) -> None:
    rows = events.values(*KEY).annotate(
        impressions=Count("pk", filter=Q(kind=Event.Kind.IMPRESSION)),
        viewables=Count("pk", filter=Q(kind=Event.Kind.VIEWABLE)),
        clicks=Count("pk", filter=Q(kind=Event.Kind.CLICK)),
    )
    for row in rows:
        sums = computed.sums[(*(row[name] for name in KEY), "")]
        sums.impressions, sums.viewables, sums.clicks = row["impressions"], row["viewables"], row["clicks"]


def _add_invalid(computed: _Day, events: QuerySet[Event]) -> None:
    for row in events.values(*KEY).annotate(count=Count("pk")):
        computed.sums[(*(row[name] for name in KEY), "")].invalid_events = row["count"]
    for row in events.values(*INVALID_KEY).annotate(events=Count("pk")).order_by(*INVALID_KEY):
        row["reason"] = row.pop("invalid_reason")
        computed.invalid.append(row)


def _add_conversions(computed: _Day, advertiser_id: UUID, orders: list[Event]) -> None:
    """Orders count on their own day, for the creative they are attributed to."""
    windows = windows_get()
    touches = _touches_get(advertiser_id, orders, windows)
    for order in orders:
        touch = attribute(order.occurred_at, touches.get(order.shopper_pseudonym, ()), windows)
        key = (
            touch.campaign_id if touch else None,
            touch.variant_id if touch else None,
            touch.creative_id if touch else None,
            touch.placement_id if touch else None,
            touch.segment_id if touch else None,
            touch.device if touch else order.device,
            order.is_simulated or bool(touch and touch.is_simulated),
        )
        sums = computed.sums[(*key, order.currency)]
        sums.conversions += 1
        sums.revenue_cents += order.value_cents or 0


def _touches_get(advertiser_id: UUID, orders: list[Event], windows: Windows) -> dict[str, list[Touch]]:
    shoppers = sorted({order.shopper_pseudonym for order in orders if order.shopper_pseudonym})
    if not shoppers:
        return {}
    first = min(order.occurred_at for order in orders) - windows.longest
    last = max(order.occurred_at for order in orders)
    found: dict[str, list[Touch]] = defaultdict(list)
    for chunk in _chunks(shoppers):
        rows = Event.objects.filter(
            advertiser_id=advertiser_id,
            shopper_pseudonym__in=chunk,
            occurred_at__gte=first,
            occurred_at__lte=last,
            kind__in=TOUCH_KINDS,
            validity=Event.Validity.VALID,
            decision_id__isnull=False,
        ).values_list("shopper_pseudonym", "occurred_at", "kind", "decision_id", *KEY)
        for shopper, occurred_at, kind, *rest in rows:
            found[shopper].append(Touch(occurred_at, kind == Event.Kind.CLICK, *rest))
    return found


def _later_days(advertiser_id: UUID, valid: QuerySet[Event], end: datetime) -> set[date]:
    """Days with orders that a touch of this day, reported after the day, may now claim.

    Asked at the rebuild and not at the insert: whichever of two concurrent transactions (the touch, the
    order) commits last marks a day whose rebuild sees both.
    """
    late = valid.filter(kind__in=TOUCH_KINDS, received_at__gte=end).exclude(shopper_pseudonym="")
    return set(
        Event.objects.filter(
            advertiser_id=advertiser_id,
            kind=Event.Kind.CONVERSION,
            validity=Event.Validity.VALID,
            occurred_at__gte=end,
            occurred_at__lt=end + windows_get().longest,
            shopper_pseudonym__in=late.values("shopper_pseudonym"),
        )
        .order_by()
        .annotate(day=TruncDate("occurred_at", tzinfo=UTC))
        .values_list("day", flat=True)
        .distinct()
    )


def _chunks(values: list[str]) -> Iterable[list[str]]:
    return (values[i : i + CHUNK] for i in range(0, len(values), CHUNK))
