"""Reads the events of an experiment into a table of shoppers. Workers only: it reads events, and numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.functions import TruncDate

from accounts.models import Advertiser
from analytics import orders
from analytics.experiment_metrics import COLUMNS, Column
from analytics.experiment_table import Order, Table, Touch, table_make
from analytics.models import Event
from analytics.orders import order_values
from campaigns.models import Experiment, Placement, Variant
from profiles.models import Segment

PRE_PERIOD = timedelta(days=14)
KINDS = {
    Event.Kind.IMPRESSION: Column.IMPRESSIONS,
    Event.Kind.VIEWABLE: Column.VIEWABLES,
    Event.Kind.CLICK: Column.CLICKS,
}
GONE = "deleted since"


@dataclass(frozen=True)
class Split:
    """What the events of a split are found by: an experiment's, or a campaign's standing one."""

    pk: UUID
    advertiser: Advertiser
    campaign_id: UUID
    arms: tuple[str, ...]

    @property
    def advertiser_id(self) -> UUID:
        return self.advertiser.pk

    @classmethod
    def of(cls, experiment: Experiment) -> Split:
        """An experiment's."""
        arms = tuple(arm.key for arm in experiment.arms.all())
        return cls(experiment.pk, experiment.advertiser, experiment.campaign_id, arms)


def table_read(split: Split, *, start: datetime, end: datetime) -> Table:
    """The shoppers exposed between ``start`` and ``end``, with what they did before."""
    last = max(start, end - timedelta(microseconds=1))
    table = table_make(
        list(split.arms),
        _touches(split, start, end),
        _orders(split, start, end),
        first=start.astimezone(UTC).date(),
        last=last.astimezone(UTC).date(),
    )
    table.before_fill(_before(split, start, table.names))
    return table


def _events(split: Split, start: datetime, end: datetime) -> Any:
    return Event.objects.filter(
        advertiser_id=split.advertiser_id, occurred_at__gte=start, occurred_at__lt=end
    )


def _touches(split: Split, start: datetime, end: datetime) -> Iterator[Touch]:
    placements = dict(Placement.objects.filter(advertiser_id=split.advertiser_id).values_list("pk", "name"))
    segments = segment_names(split.advertiser_id)
    products = dict(Variant.objects.filter(campaign_id=split.campaign_id).values_list("pk", "product__title"))
    rows = (
        _events(split, start, end)
        .filter(experiment_id=split.pk, validity=Event.Validity.VALID, kind__in=KINDS)
        .exclude(shopper_pseudonym="")
        .order_by("occurred_at", "id")
        .values_list(
            "shopper_pseudonym",
            "arm",
            "kind",
            "occurred_at",
            "device",
            "placement_id",
            "variant_id",
            "drawn_segment_id",
        )
    )
    for shopper, arm, kind, at, device, placement, variant, segment in rows.iterator(chunk_size=5000):
        yield Touch(
            shopper,
            arm,
            KINDS[kind],
            at,
            device,
            placements.get(placement, GONE),
            products.get(variant, GONE),
            segments.get(segment, GONE) if segment else "",
        )


def segment_names(advertiser_id: UUID) -> dict[UUID, str]:
    """Of one name each: two that are called alike are told apart by their slug."""
    rows = list(Segment.objects.filter(advertiser_id=advertiser_id).values_list("pk", "name", "slug"))
    count = Counter(name for _, name, _ in rows)
    return {pk: name if count[name] == 1 else f"{name} ({slug})" for pk, name, slug in rows}


def _orders(split: Split, start: datetime, end: datetime) -> Iterator[Order]:
    """At what was kept of them; None where no exchange rate is stored."""
    advertiser = split.advertiser
    rows = (
        _events(split, start, end)
        .filter(kind=Event.Kind.CONVERSION, validity=Event.Validity.VALID)
        .exclude(shopper_pseudonym="")
        .values_list("shopper_pseudonym", "order_id", "occurred_at", "value_cents", "currency")
    )
    read = rows.iterator(chunk_size=5000)
    while found := list(islice(read, 5000)):
        values = order_values(
            advertiser_id=advertiser.pk,
            home=advertiser.currency,
            orders=[orders.Order(order_id, at, cents or 0, code) for _, order_id, at, cents, code in found],
        )
        for shopper, order_id, at, _, _ in found:
            value = values[order_id]
            is_known = value.currency == advertiser.currency
            yield Order(shopper, at, value.net_cents if is_known else None)


def _before(split: Split, start: datetime, names: frozenset[str]) -> dict[str, list[float]]:
    """What the shoppers of the experiment did in the two weeks before it, by ``Column``."""
    since = start - PRE_PERIOD
    day = TruncDate("occurred_at", tzinfo=UTC)
    rows = (
        _events(split, since, start)
        .filter(validity=Event.Validity.VALID, kind__in=KINDS)
        .exclude(shopper_pseudonym="")
        .order_by()
        .values_list("shopper_pseudonym")
        .annotate(
            impressions=Count("pk", filter=Q(kind=Event.Kind.IMPRESSION)),
            viewables=Count("pk", filter=Q(kind=Event.Kind.VIEWABLE)),
            clicks=Count("pk", filter=Q(kind=Event.Kind.CLICK)),
            days=Count(day, filter=Q(kind=Event.Kind.IMPRESSION), distinct=True),
        )
    )
    seen: dict[str, list[float]] = {}
    for shopper, impressions, viewables, clicks, days in rows.iterator(chunk_size=5000):
        if shopper in names:
            seen[shopper] = [impressions, viewables, clicks, 0.0, 0.0, days]
    for order in _orders(split, since, start):
        if order.shopper in names:
            found = seen.setdefault(order.shopper, [0.0] * COLUMNS)
            found[Column.ORDERS] += 1
            found[Column.REVENUE] += order.value_cents or 0
    return seen


def invalid_counts(split: Split, *, start: datetime, end: datetime) -> dict[str, tuple[int, int]]:
    """By arm: events that were kept but not counted, and all."""
    rows = (
        _events(split, start, end)
        .filter(experiment_id=split.pk)
        .order_by()
        .values_list("arm")
        .annotate(bad=Count("pk", filter=Q(validity=Event.Validity.INVALID)), total=Count("pk"))
    )
    return {arm: (bad, total) for arm, bad, total in rows}


def pictures_changed(split: Split, *, start: datetime, end: datetime) -> int:
    """Variants whose picture was exchanged in the middle: more than one creative in one place."""
    rows = (
        _events(split, start, end)
        .filter(experiment_id=split.pk, kind=Event.Kind.IMPRESSION, validity=Event.Validity.VALID)
        .order_by()
        .values("variant_id", "placement_id")
        .annotate(creatives=Count("creative_id", distinct=True))
        .filter(creatives__gt=1)
    )
    return len({row["variant_id"] for row in rows})
