"""What one hour of an advertiser comes to, read from its events; nothing is written here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from accounts.models import Advertiser
from analytics import reach
from analytics.attribution import Touch, attribute
from analytics.attribution_windows import rules_get
from analytics.dirty_hours import hour_of
from analytics.models import Event
from analytics.orders import MONEY_KINDS, Order, OrderValue, chunks, order_values, refund_problems
from analytics.tracking import NotCounted

KEY = ("campaign_id", "variant_id", "creative_id", "placement_id", "segment_id", "device", "is_simulated")
CREATIVE_KEY = tuple(name for name in KEY if name not in ("placement_id", "device"))
_SHOWN_IN = tuple(name for name in KEY if name not in ("variant_id", "creative_id"))
INVALID_KEY = ("kind", "invalid_reason", *_SHOWN_IN)  # of the events
REASON_KEY = ("kind", "reason", *_SHOWN_IN)  # of the roll-ups
CREATIVE_REACH_KEY = ("variant_id", "creative_id", "is_simulated")
TOUCH_KINDS = (Event.Kind.CLICK, Event.Kind.VIEWABLE)
# Between the making of a row and its commit; nothing waits longer for the database than its time-out.
COMMIT_DELAY = timedelta(minutes=2)


@dataclass
class Sums:
    """One line of the roll-up."""

    impressions: int = 0
    viewables: int = 0
    clicks: int = 0
    conversions: int = 0
    revenue_cents: int = 0
    refunds: int = 0
    refunded_cents: int = 0
    invalid_events: int = 0


@dataclass
class Hour:
    """What one hour's rows will be; the last part of a key of ``sums`` is the currency of its revenue."""

    start: datetime
    sums: dict[tuple[Any, ...], Sums] = field(default_factory=lambda: defaultdict(Sums))
    invalid: list[dict[str, Any]] = field(default_factory=list)
    reach: dict[UUID | None, bytes] = field(default_factory=dict)
    creative_reach: list[dict[str, Any]] = field(default_factory=list)
    later: set[datetime] = field(
        default_factory=set
    )  # hours whose orders a late touch of this one may change


def hour_compute(*, advertiser_id: UUID, start: datetime) -> Hour:
    """The hour from ``start`` on."""
    end = start + timedelta(hours=1)
    everything = Event.objects.within(start, end).filter(advertiser_id=advertiser_id).order_by()
    valid = everything.filter(validity=Event.Validity.VALID)
    hour = Hour(start)
    # Most hours of most shops hold a kind or two: what they do not hold is not asked for.
    found = set(everything.values_list("kind", "validity").distinct())
    kinds = {kind for kind, validity in found if validity == Event.Validity.VALID}
    if kinds.difference(MONEY_KINDS):
        _add_counts(hour, valid.exclude(kind__in=MONEY_KINDS))
    if any(validity == Event.Validity.INVALID for _, validity in found):
        _add_invalid(hour, everything.filter(validity=Event.Validity.INVALID))
    if Event.Kind.CONVERSION in kinds:
        _add_orders(hour, advertiser_id, list(valid.filter(kind=Event.Kind.CONVERSION)))
    if Event.Kind.REFUND in kinds:
        _add_refund_problems(hour, advertiser_id, valid.filter(kind=Event.Kind.REFUND))
    if Event.Kind.IMPRESSION in kinds:
        _add_reach(hour, valid.filter(kind=Event.Kind.IMPRESSION))
    if any(kind in TOUCH_KINDS for kind, _ in found):
        hour.later = _later_hours(advertiser_id, everything, end)
    return hour


def _add_counts(hour: Hour, events: QuerySet[Event]) -> None:
    rows = events.values(*KEY).annotate(
        impressions=Count("pk", filter=Q(kind=Event.Kind.IMPRESSION)),
        viewables=Count("pk", filter=Q(kind=Event.Kind.VIEWABLE)),
        clicks=Count("pk", filter=Q(kind=Event.Kind.CLICK)),
    )
    for row in rows:
        sums = hour.sums[(*(row[name] for name in KEY), "")]
        sums.impressions, sums.viewables, sums.clicks = row["impressions"], row["viewables"], row["clicks"]


def _add_invalid(hour: Hour, events: QuerySet[Event]) -> None:
    for row in events.values(*KEY).annotate(count=Count("pk")):
        hour.sums[(*(row[name] for name in KEY), "")].invalid_events = row["count"]
    for row in events.values(*INVALID_KEY).annotate(events=Count("pk")).order_by(*INVALID_KEY):
        row["reason"] = row.pop("invalid_reason")
        hour.invalid.append(row)


def _add_orders(hour: Hour, advertiser_id: UUID, orders: list[Event]) -> None:
    """Orders count in their own hour, for the creative they are attributed to, at what was kept of them."""
    for _, key, value in orders_attribute(advertiser_id=advertiser_id, orders=orders):
        sums = hour.sums[(*key, value.currency)]
        sums.conversions += 1
        sums.revenue_cents += value.net_cents
        sums.refunds += value.refunds
        sums.refunded_cents += value.refunded_cents


def orders_attribute(
    *, advertiser_id: UUID, orders: list[Event]
) -> Iterator[tuple[Event, tuple[Any, ...], OrderValue]]:
    """Each order with the KEY it counts under and what it is worth."""
    rules = rules_get(advertiser_id=advertiser_id)
    touches = _touches_get(advertiser_id, orders, rules.longest)
    values = order_values(
        advertiser_id=advertiser_id,
        home=Advertiser.objects.values_list("currency", flat=True).get(pk=advertiser_id) if orders else "",
        orders=[Order(o.order_id, o.occurred_at, o.value_cents or 0, o.currency) for o in orders],
    )
    for order in orders:
        touch = attribute(order.occurred_at, touches.get(order.shopper_pseudonym, ()), rules)
        key = (
            touch.campaign_id if touch else None,
            touch.variant_id if touch else None,
            touch.creative_id if touch else None,
            touch.placement_id if touch else None,
            touch.segment_id if touch else None,
            touch.device if touch else order.device,
            order.is_simulated or bool(touch and touch.is_simulated),
        )
        yield order, key, values[order.order_id]


def _add_refund_problems(hour: Hour, advertiser_id: UUID, refunds: QuerySet[Event]) -> None:
    """A refund that no order takes is left out in its own hour; the others count with their order."""
    given = refunds.values_list("order_id", "currency")
    counts: dict[str, int] = defaultdict(int)
    for problem, _ in refund_problems(advertiser_id=advertiser_id, refunds=given):
        counts[problem] += 1
    for reason, count in sorted(counts.items()):
        hour.invalid.append({"kind": Event.Kind.REFUND, "reason": reason, "events": count})
        hour.sums[(*(None,) * 5, "", False, "")].invalid_events += count


def _add_reach(hour: Hour, impressions: QuerySet[Event]) -> None:
    rows = impressions.exclude(shopper_pseudonym="").values_list(
        "shopper_pseudonym", "campaign_id", *CREATIVE_REACH_KEY
    )
    shoppers: dict[UUID | None, set[str]] = defaultdict(set)
    by_creative: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for shopper, campaign_id, *key in rows.distinct().iterator(chunk_size=5000):
        shoppers[campaign_id].add(shopper)
        if None not in key:
            by_creative[tuple(key)].add(shopper)
    hour.creative_reach = [
        dict(zip(CREATIVE_REACH_KEY, key, strict=True))
        | {"shoppers": len(found), "sketch": reach.sketch_of(found)}
        for key, found in by_creative.items()
    ]
    if shoppers:
        shoppers[None] = set().union(*shoppers.values())
    hour.reach = {campaign_id: reach.sketch_of(found) for campaign_id, found in shoppers.items()}


def _touches_get(advertiser_id: UUID, orders: Iterable[Event], longest: timedelta) -> dict[str, list[Touch]]:
    by_shopper = [order for order in orders if order.shopper_pseudonym]
    if not by_shopper:
        return {}
    first = min(order.occurred_at for order in by_shopper) - longest
    last = max(order.occurred_at for order in by_shopper)
    found: dict[str, list[Touch]] = defaultdict(list)
    for chunk in chunks(sorted({order.shopper_pseudonym for order in by_shopper})):
        rows = (
            Event.objects.within(first, last + timedelta(microseconds=1))
            .filter(
                advertiser_id=advertiser_id,
                shopper_pseudonym__in=chunk,
                kind__in=TOUCH_KINDS,
                validity=Event.Validity.VALID,
                decision_id__isnull=False,
            )
            .values_list("shopper_pseudonym", "occurred_at", "kind", "decision_id", *KEY)
        )
        for shopper, occurred_at, kind, *rest in rows:
            found[shopper].append(Touch(occurred_at, kind == Event.Kind.CLICK, *rest))
    return found


def _later_hours(advertiser_id: UUID, everything: QuerySet[Event], end: datetime) -> set[datetime]:
    """Hours with orders that a touch of this hour, stored after it, may now claim, or that one had claimed
    until an earlier touch of its decision made it a repeat.

    Asked at the rebuild and not at the insert: whichever of two concurrent transactions (the touch, the
    order) commits last marks an hour whose rebuild sees both. Asked shopper by shopper, because all events of
    the days to come are many and a shopper's are few.
    """
    is_late = Q(validity=Event.Validity.VALID, created_at__gte=end - COMMIT_DELAY)
    is_repeat = Q(validity=Event.Validity.INVALID, invalid_reason=NotCounted.REPEAT)
    changing = everything.filter(is_late | is_repeat, kind__in=TOUCH_KINDS)
    shoppers = changing.exclude(shopper_pseudonym="").values_list("shopper_pseudonym", flat=True).distinct()
    hours: set[datetime] = set()
    for chunk in chunks(list(shoppers)):
        orders = Event.objects.undated().filter(
            advertiser_id=advertiser_id,
            shopper_pseudonym__in=chunk,
            occurred_at__gte=end,
            occurred_at__lt=end + rules_get(advertiser_id=advertiser_id).longest,
            kind=Event.Kind.CONVERSION,
            validity=Event.Validity.VALID,
        )
        hours |= {hour_of(at) for at in orders.values_list("occurred_at", flat=True)}
    return hours
