"""What limits a whole campaign besides its dates: devices, hours, budgets, pace and frequency caps; pure.

Asked once a campaign and decision, not once a candidate. Counts come from the events, a few seconds late
(``analytics.delivery``), so a budget may be overspent by what those seconds deliver; a cap also knows what
this process itself has just shown (``campaigns.serving.shows``). While counting stands still, a campaign that
needs counts serves on for ``SERVING_COUNT_MINUTES`` and then not until it is counted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, tzinfo
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from campaigns.serving.context import ServeContext
from campaigns.serving.reasons import Reason

# A paced day may run this share of its budget ahead of the clock; without it nothing would serve at 00:00.
PACE_LEAD_RATE = 0.02
ALL_HOURS = tuple(range(24))
UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, eq=False)  # equal only to itself: hashed by address, in C
class Limits:
    """One campaign's limits; the candidates of the campaign share the object."""

    campaign_id: UUID
    devices: frozenset[str] = frozenset()  # empty: all
    weekdays: frozenset[int] = frozenset()  # 0 is Monday; empty: all
    hours: tuple[int, ...] = ALL_HOURS  # sorted
    # What counting needs: money is in hundredths (or what the currency has), impressions at their rate.
    impression_cents: float = 0.0
    click_cents: float = 0.0
    budget_cents: int | None = None
    daily_budget_cents: int | None = None
    is_paced: bool = False
    # Impressions of one shopper in a day and in a week.
    cap_daily: int | None = None
    cap_weekly: int | None = None

    @property
    def is_capped(self) -> bool:
        return bool(self.cap_daily or self.cap_weekly)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a campaign has delivered: in all, on one day of its advertiser, and to whom often enough."""

    impressions: int = 0
    clicks: int = 0
    day: date | None = None
    day_impressions: int = 0
    day_clicks: int = 0
    # Pseudonym -> (until when, which cap)
    capped: Mapping[str, tuple[datetime, Reason]] = field(default_factory=dict)
    good_until: datetime | None = None  # from then on the counts are too old to hold a limit; None: never


@dataclass(frozen=True, slots=True)
class Delivery:
    """The counts of an advertiser's limited campaigns at one moment, and the zone of their days."""

    zone: tzinfo = UTC
    campaigns: Mapping[UUID, Delivered] = field(default_factory=dict)


NOTHING = Delivered()
NO_DELIVERY = Delivery()
NO_REFUSALS: Mapping[Limits, Reason] = MappingProxyType({})


def ageless(delivery: Delivery) -> Delivery:
    """The same counts, never too old: for a look at a moment that is still ahead."""
    campaigns = {key: replace(delivered, good_until=None) for key, delivered in delivery.campaigns.items()}
    return replace(delivery, campaigns=campaigns)


def hours_of(hour_from: int | None, hour_until: int | None) -> tuple[int, ...]:
    """The hours of a day from one (included) until another (excluded); 22 until 6 spans midnight."""
    if hour_from is None or hour_until is None:
        return ALL_HOURS
    if hour_from < hour_until:
        return tuple(range(hour_from, hour_until))
    return (*range(hour_until), *range(hour_from, 24))


def serving_weekday(hours: tuple[int, ...], local: datetime) -> int:
    """The weekday, 0 for Monday, on which the serving hours began that ``local`` lies in.

    Friday from 22 until 6 ends on Saturday's morning, which is still Friday's.
    """
    spans_midnight = len(hours) < 24 and hours[0] == 0 and hours[-1] == 23
    is_of_the_day_before = spans_midnight and hours[local.hour : local.hour + 1] == (local.hour,)
    return (local.weekday() - is_of_the_day_before) % 7


def refusals(limited: Iterable[Limits], context: ServeContext, delivery: Delivery) -> Mapping[Limits, Reason]:
    """The campaigns that may not be shown in this context, each with the first reason."""
    local = context.now.astimezone(delivery.zone)
    found = {}
    for limits in limited:
        reason = _refusal(limits, context, local, delivery.campaigns.get(limits.campaign_id, NOTHING))
        if reason is not None:
            found[limits] = reason
    return found


def _refusal(limits: Limits, context: ServeContext, local: datetime, delivered: Delivered) -> Reason | None:
    if limits.devices and context.device not in limits.devices:
        return Reason.DEVICE_MISMATCH
    if local.hour not in limits.hours:
        return Reason.OUTSIDE_HOURS
    if limits.weekdays and serving_weekday(limits.hours, local) not in limits.weekdays:
        return Reason.OUTSIDE_HOURS
    if limits.budget_cents is not None and spent_cents(limits, delivered) >= limits.budget_cents:
        return Reason.BUDGET_SPENT
    if limits.daily_budget_cents is not None:
        spent = day_spent_cents(limits, delivered, local.date())
        if spent >= limits.daily_budget_cents:
            return Reason.DAILY_BUDGET_SPENT
        share = day_share(limits.hours, local) + PACE_LEAD_RATE if limits.is_paced else 1.0
        if spent > limits.daily_budget_cents * share:
            return Reason.PACED
    if limits.is_capped and context.pseudonym:
        until, reason = delivered.capped.get(context.pseudonym, (None, None))
        if until is not None and context.now < until:
            return reason
        if (shows := context.shows.get(limits.campaign_id)) and (reason := _cap_reason(limits, shows, local)):
            return reason
    # Last: what is spent or capped by old counts is so by new ones. Without a pseudonym no cap holds anybody.
    if delivered.good_until is not None and context.now >= delivered.good_until:
        is_by_budget = limits.budget_cents is not None or limits.daily_budget_cents is not None
        if is_by_budget or context.pseudonym:
            return Reason.COUNT_LATE
    return None


def _cap_reason(limits: Limits, shows: Iterable[datetime], local: datetime) -> Reason | None:
    """The cap that what this process has shown reaches; both: the one that lasts longer."""
    day = datetime.combine(local.date(), time.min, local.tzinfo)
    week = datetime.combine(local.date() - timedelta(days=local.weekday()), time.min, local.tzinfo)
    if limits.cap_weekly and sum(at >= week for at in shows) >= limits.cap_weekly:
        return Reason.WEEKLY_CAP
    if limits.cap_daily and sum(at >= day for at in shows) >= limits.cap_daily:
        return Reason.DAILY_CAP
    return None


def spent_cents(limits: Limits, delivered: Delivered) -> float:
    """What the campaign has cost since its beginning."""
    return delivered.impressions * limits.impression_cents + delivered.clicks * limits.click_cents


def day_spent_cents(limits: Limits, delivered: Delivered, day: date) -> float:
    """What it has cost on ``day``; 0 while the counts are still those of an earlier day."""
    if delivered.day != day:
        return 0.0
    return delivered.day_impressions * limits.impression_cents + delivered.day_clicks * limits.click_cents


def day_share(hours: tuple[int, ...], local: datetime) -> float:
    """The share of a day's serving hours that has passed."""
    of_this_hour = (local.minute * 60 + local.second) / 3600 if local.hour in hours else 0.0
    return (bisect_left(hours, local.hour) + of_this_hour) / len(hours)
