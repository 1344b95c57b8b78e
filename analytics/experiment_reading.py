"""Reads what shoppers did in a split out of their events. Workers and erasure only: it reads events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import Advertiser
from analytics import orders
from analytics.experiment_metrics import Column
from analytics.experiment_shoppers import Order, ShopperSums, Touch, before_sum, shopper_fold
from analytics.models import Event
from analytics.simulated import deciding
from campaigns.models import Experiment

PRE_PERIOD = timedelta(days=14)
KINDS = {
    Event.Kind.IMPRESSION: Column.IMPRESSIONS,
    Event.Kind.VIEWABLE: Column.VIEWABLES,
    Event.Kind.CLICK: Column.CLICKS,
}
CHUNK = 200  # shoppers read at once


@dataclass(frozen=True)
class Split:
    """What the events of a split are found by: an experiment's, or a campaign's standing one."""

    pk: UUID
    advertiser: Advertiser
    arms: tuple[str, ...]

    @classmethod
    def of(cls, experiment: Experiment) -> Split:
        """An experiment's."""
        return cls(experiment.pk, experiment.advertiser, tuple(arm.key for arm in experiment.arms.all()))


def shoppers_read(split: Split, *, start: datetime, end: datetime) -> Iterator[ShopperSums]:
    """All shoppers exposed between ``start`` and ``end``, with what they did before."""
    for chunk in name_chunks(names_read(split, start=start, end=end)):
        yield from shoppers_fold(split, chunk, start=start, end=end)


def names_read(split: Split, *, start: datetime, end: datetime) -> set[str]:
    """Who has an event of the split in the time."""
    events = Event.objects.within(start, end).filter(
        advertiser=split.advertiser, experiment_id=split.pk, validity=Event.Validity.VALID
    )
    rows = (
        deciding(events, split.advertiser)
        .exclude(shopper_pseudonym="")
        .order_by()
        .values_list("shopper_pseudonym", flat=True)
        .distinct()
    )
    return set(rows)


def name_chunks(names: Iterable[str]) -> Iterator[list[str]]:
    """Sorted, in lists short enough for one ``IN`` and for one short transaction."""
    found = sorted(names)
    return (found[i : i + CHUNK] for i in range(0, len(found), CHUNK))


def shoppers_fold(
    split: Split, names: Sequence[str], *, start: datetime, end: datetime
) -> Iterator[ShopperSums]:
    """Those of these shoppers who were exposed. Reads by the shoppers' index, theirs alone."""
    touches: dict[str, list[Touch]] = defaultdict(list)
    past: dict[str, list[Touch]] = defaultdict(list)
    bought: dict[str, list[orders.Order]] = defaultdict(list)
    rows = sorted(_rows(split, names, start, end), key=itemgetter(0, 1))
    for at, _, shopper, kind, experiment_id, order_id, cents, currency, *told in rows:
        if kind not in KINDS:
            bought[shopper].append(orders.Order(order_id, at, cents or 0, currency))
            continue
        arm, *first = told
        touch = Touch(arm, KINDS[kind], at, *first)
        if at < start:
            past[shopper].append(touch)
        elif experiment_id == split.pk:
            touches[shopper].append(touch)
    home = split.advertiser.currency
    wanted = [order for shopper in touches for order in bought[shopper]]
    values = orders.order_values(advertiser_id=split.advertiser.pk, home=home, orders=wanted)
    for shopper, mine in touches.items():
        priced = [
            Order(order.occurred_at, value.net_cents if value.currency == home else None)
            for order in bought[shopper]
            for value in (values[order.order_id],)
        ]
        before = before_sum(past[shopper], [order for order in priced if order.occurred_at < start])
        found = shopper_fold(
            shopper, set(split.arms), mine, [order for order in priced if order.occurred_at >= start], before
        )
        if found is not None:
            yield found


def _rows(
    split: Split, names: Sequence[str], start: datetime, end: datetime
) -> QuerySet[Event, tuple[Any, ...]]:
    events = Event.objects.within(start - PRE_PERIOD, end).filter(
        advertiser=split.advertiser,
        shopper_pseudonym__in=[name for name in names if name],
        validity=Event.Validity.VALID,
        kind__in=(*KINDS, Event.Kind.CONVERSION),
    )
    return (
        deciding(events, split.advertiser)
        .order_by()  # asked for in order of time, SQLite takes the index on time
        .values_list(
            "occurred_at",
            "id",
            "shopper_pseudonym",
            "kind",
            "experiment_id",
            "order_id",
            "value_cents",
            "currency",
            "arm",
            "device",
            "placement_id",
            "variant_id",
            "drawn_segment_id",
        )
    )
