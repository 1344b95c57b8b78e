"""A shop with weeks of events, loaded past the API: for benchmarks of what only reads them.

Ten campaigns of five products for four segments, each variant with one approved creative; three kinds of
device; robots, clicks, and orders of the shoppers who clicked. Rows go in hour by hour, so their keys are
ordered by time as in life.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import product as pairs
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Advertiser, Membership, User
from adplatform.lib.ids import uuid7
from analytics.dirty_hours import hours_mark
from analytics.event_partitions import partitions_ensure
from analytics.models import Event
from campaigns.models import Campaign, Variant
from generation.briefs import BriefSegment
from tests import factories

CAMPAIGNS, PRODUCTS, SEGMENTS, DAYS = 10, 5, 4, 28
CREATIVES = CAMPAIGNS * PRODUCTS * SEGMENTS
DEVICES = ("mobile", "desktop", "tablet")
DEVICE_WEIGHTS = (60, 35, 5)
VIEWABLE_RATE, CLICK_RATE, ORDER_RATE, ROBOT_RATE = 0.6, 0.03, 0.04, 0.02
EVENTS_A_DECISION = 1 + VIEWABLE_RATE + CLICK_RATE + CLICK_RATE * ORDER_RATE
CHUNK = 20_000


@dataclass(frozen=True)
class Shown:
    """What an event of a decision says it showed."""

    campaign_id: UUID
    variant_id: UUID
    creative_id: UUID
    placement_id: UUID
    segment_id: UUID


@dataclass(frozen=True)
class Shop:
    """The advertiser with who looks at its pages, and what it may show."""

    advertiser: Advertiser
    person: User
    shown: list[Shown]


def period() -> tuple[datetime, datetime]:
    """The whole days that the events lie in; the last one is yesterday (UTC)."""
    end = datetime.combine(timezone.now().astimezone(UTC).date(), time.min, UTC)
    return end - timedelta(days=DAYS), end


def shop_make() -> Shop:
    """Campaigns, variants and approved creatives, with their pictures."""
    advertiser = factories.make_advertiser(f"bulk-{uuid7().hex[-12:]}")
    person = factories.make_member(advertiser, Membership.Role.ADMIN, advertiser.slug)
    places = [factories.make_placement(advertiser, f"place-{n}", 300, 250) for n in range(2)]
    segments = [factories.make_segment(advertiser) for _ in range(SEGMENTS)]
    shown = []
    for _ in range(CAMPAIGNS):
        goods = [factories.make_product(advertiser) for _ in range(PRODUCTS)]
        campaign = factories.make_campaign(
            advertiser, products=goods, segments=segments, placements=places, status=Campaign.Status.LIVE
        )
        for number, (item, segment) in enumerate(pairs(goods, segments)):
            people = BriefSegment(slug=segment.slug, name=segment.name, interests=())
            job = factories.make_render_job(advertiser, product=item, segment=people)
            creative = factories.make_creative(job, status="approved")
            variant = Variant.objects.create(
                advertiser=advertiser, campaign=campaign, product=item, segment=segment, job=job
            )
            place = places[number % len(places)]
            shown.append(Shown(campaign.pk, variant.pk, creative.pk, place.pk, segment.pk))
    return Shop(advertiser, person, shown)


def events_load(shop: Shop, count: int) -> int:
    """About ``count`` events, evenly over the period's hours, which are dirty then; the number loaded."""
    start, end = period()
    partitions_ensure(today=end.date(), first=start.date())  # as they were made day by day
    hours = [start + timedelta(hours=n) for n in range(int((end - start) / timedelta(hours=1)))]
    decisions = count / EVENTS_A_DECISION / len(hours)
    rng, loaded, rows = random.Random(1), 0, []
    for number, hour in enumerate(hours):
        wanted = round((number + 1) * decisions) - round(number * decisions)
        rows += sorted(_hour(shop, hour, wanted, rng, count // 12 + 1), key=lambda row: row["occurred_at"])
        if len(rows) >= CHUNK or hour is hours[-1]:
            _insert(rows)
            loaded += len(rows)
            rows = []
    with transaction.atomic():
        hours_mark(hours={(shop.advertiser.pk, hour) for hour in hours})
    return loaded


def _hour(shop: Shop, hour: datetime, decisions: int, rng: random.Random, shoppers: int) -> Iterator[dict]:
    for _ in range(decisions):
        at = hour + timedelta(seconds=rng.random() * 3590)
        shown, decision = rng.choice(shop.shown), uuid7(at)
        common = {
            **vars(shown),
            "advertiser_id": shop.advertiser.pk,
            "decision_id": decision,
            "propensity": 0.5,
            "shopper_pseudonym": f"{rng.randrange(shoppers):064x}" if rng.random() < 0.7 else "",
            "device": rng.choices(DEVICES, DEVICE_WEIGHTS)[0],
        }
        if rng.random() < ROBOT_RATE:
            common |= {"validity": "invalid", "invalid_reason": "ua_bot"}
        yield _row(common, "impression", at, f"{decision}:impression")
        if rng.random() < VIEWABLE_RATE:
            yield _row(common, "viewable", at + timedelta(seconds=1), f"{decision}:viewable")
        if rng.random() >= CLICK_RATE:
            continue
        yield _row(common, "click", at + timedelta(seconds=3), f"{decision}:click")
        if rng.random() < ORDER_RATE:
            order = {name: common[name] for name in ("advertiser_id", "shopper_pseudonym", "device")}
            order |= {"order_id": decision.hex, "value_cents": rng.randrange(500, 20_000), "currency": "EUR"}
            yield _row(order, "conversion", at + timedelta(seconds=9), f"order-{decision}")


def _row(values: dict[str, Any], kind: str, at: datetime, event_id: str) -> dict[str, Any]:
    return {
        **_DEFAULTS, **values,
        "id": uuid7(at), "kind": kind, "event_id": event_id,
        "occurred_at": at, "received_at": at, "created_at": at,
    }  # fmt: skip


_FIELDS = Event._meta.concrete_fields
_DEFAULTS: dict[str, Any] = {
    field.column: None if field.null else field.get_default() for field in _FIELDS if field.column != "id"
} | {"validity": "valid", "kind": ""}


def _insert(rows: list[dict[str, Any]]) -> None:
    names = [field.column for field in _FIELDS]
    table = f"{Event._meta.db_table} ({', '.join(names)})"
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row([row[name] for name in names])
            return
        prepare = [field.get_db_prep_value for field in _FIELDS]
        cursor.executemany(
            f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(names))})",  # noqa: S608
            [[p(row[n], connection) for p, n in zip(prepare, names, strict=True)] for row in rows],
        )
