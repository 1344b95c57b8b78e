"""Behind each number lie exactly as many rows: the page, the roll-ups and SQL over the raw events agree."""

from __future__ import annotations

import random
import re
from datetime import timedelta

import pytest
from django.core.paginator import Paginator
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from adplatform.lib.ids import uuid7
from analytics import rollups
from analytics.counted_events import KINDS, CountedEvents, Measure, shopper_short
from analytics.models import Event
from analytics.report_query import query_parse
from analytics.services import events_record
from analytics.tracking import IncomingEvent
from analytics.windows import today
from tests.analytics.test_reports import API, World

PAGE = "/performance/events/"


@pytest.fixture
def world(shop):
    """Three weeks of events of two creatives, devices and placements, some left out, some orders."""
    world = World(shop)
    rng = random.Random(5)
    now = timezone.now()
    events = []
    ids = [(world.creative.pk, world.placement.pk), (uuid7(), uuid7())]

    def moment():
        return now - timedelta(days=rng.randrange(20), minutes=rng.randrange(90))

    for _ in range(300):
        at = moment()
        decision = uuid7(at)
        creative, placement = rng.choice(ids)
        for kind in ("impression", "viewable", "click")[: rng.choice((1, 1, 2, 3))]:
            fields = vars_of(world.event(kind, at, decision_id=decision))
            fields |= {
                "creative_id": creative,
                "placement_id": placement,
                "device": rng.choice(("mobile", "desktop")),
            }
            if rng.random() < 0.1:
                fields["invalid_reason"] = "ua_bot"
            events.append(IncomingEvent(**fields))
    for n in range(25):
        at = moment()
        events.append(
            IncomingEvent(
                advertiser_id=shop.pk, event_id=f"order-{n}", kind="conversion", occurred_at=at,
                order_id=f"A{n}", value_cents=1000 + n, currency="EUR",
                shopper_pseudonym=rng.choice(("ann", "nobody")),
            )
        )  # fmt: skip
    events_record(events=events, received_at=now)
    rollups.rollups_refresh()
    return world


def vars_of(event):
    return {name: getattr(event, name) for name in event.__struct_fields__}


def asked(**parameters):
    return query_parse(parameters, today=today())[0]


def rows_of(shop, measure, **parameters):
    found = CountedEvents(advertiser_id=shop.pk, query=asked(**parameters), measure=measure)
    return found, [row for page in Paginator(found, 7) for row in page]


FILTERS = [
    {},
    {"device": "mobile"},
    {"period": "7d"},
    {"device": ["mobile", "tablet"], "period": "14d"},
    {"simulated": "no"},
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_behind_every_total_lie_as_many_rows_each_once(world, shop, api, filters):
    totals = api.get(API, filters).json()["totals"]
    for name in ("impressions", "viewables", "clicks", "conversions", "unattributed"):
        counted, rows = rows_of(shop, Measure(name), **filters)
        key = "unattributed_conversions" if name == "unattributed" else name
        assert len(counted) == len(rows) == totals[key], name
        assert len({row.event_id for row in rows}) == len(rows)
        assert counted.is_reconciled
        assert [row.occurred_at for row in rows] == sorted((r.occurred_at for r in rows), reverse=True)
    revenue = sum(row.value_cents for row in rows_of(shop, Measure("conversions"), **filters)[1])
    assert revenue == totals["revenue_cents"]


def test_the_rows_of_one_creative_and_placement_are_those_of_raw_sql(world, shop):
    for name in ("impressions", "clicks"):
        _, rows = rows_of(
            shop, Measure(name), creative=str(world.creative.pk), placement=str(world.placement.pk)
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT event_id FROM analytics_event WHERE kind = %s AND validity = 'valid'"
                " AND creative_id = %s AND placement_id = %s",
                [KINDS[name], *(pk.hex if connection.vendor == "sqlite" else pk for pk in
                                (world.creative.pk, world.placement.pk))],
            )  # fmt: skip
            assert {row.event_id for row in rows} == {event_id for (event_id,) in cursor.fetchall()}


def test_what_was_left_out_has_its_rows_too(world, shop, api):
    line = api.get(API).json()["traffic"][0]
    counted, rows = rows_of(shop, Measure("impressions", "ua_bot"))
    assert len(rows) == line["reasons"][0]["events"] == line["raw"] - line["counted"]
    assert counted.is_reconciled


def test_events_that_came_since_the_count_are_said(world, shop, alice_client):
    assert "they agree" in alice_client.get(PAGE, {"of": "clicks"}).content.decode()
    events_record(
        events=[world.event("click", timezone.now(), decision_id=uuid7())], received_at=timezone.now()
    )
    page = alice_client.get(PAGE, {"of": "clicks", "period": "1d"}).content.decode()
    assert "some came after the last count" in page


def test_a_page_reads_only_the_hours_its_rows_lie_in(world, shop):
    counted = CountedEvents(advertiser_id=shop.pk, query=asked(), measure=Measure("clicks"))
    with CaptureQueriesContext(connection) as captured:
        rows = counted[len(counted) - 3 :]
    reads = [query["sql"] for query in captured if "analytics_event" in query["sql"]]
    assert len(rows) == 3
    assert 1 <= len(reads) <= 6  # a number and a slice for each hour
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {reads[0]}")
            assert "event_by_time" in str(cursor.fetchall())


def test_no_pseudonym_is_shown_and_the_same_shopper_has_the_same_code(world, shop, other_shop, alice_client):
    Event.objects.filter(shopper_pseudonym="ann").update(shopper_pseudonym="ann-secret")
    page = alice_client.get(PAGE, {"of": "impressions"}).content.decode()
    assert "ann-secret" not in page
    assert len(set(re.findall(r"<code>([0-9a-f]{8})</code>", page))) == 1
    assert shopper_short(shop.pk, "ann") != shopper_short(other_shop.pk, "ann")


def test_every_number_of_the_report_leads_to_its_rows(world, alice_client):
    page = alice_client.get("/performance/", {"device": "mobile"}).content.decode()
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/performance/events/[^"]+)"', page)}
    assert len(links) > 20
    numbers = re.findall(r'figure-link" href="(/performance/events/[^"]+)"[^>]*>([\d,]+)</a>', page)
    for link, number in random.Random(1).sample(numbers, 15):
        behind = alice_client.get(link.replace("&amp;", "&"))
        assert behind.context["page_obj"].paginator.count == int(number.replace(",", "")), link


@pytest.mark.parametrize(
    "query", [{"of": "money"}, {"page": "x"}, {"page": "99999"}, {"reason": "x" * 99}, {"start": "soon"}]
)
def test_nonsense_shows_a_page(world, alice_client, query):
    assert alice_client.get(PAGE, query).status_code == 200


def test_another_shop_has_no_rows(world, mallory_client):
    page = mallory_client.get(
        PAGE, {"of": "impressions", "creative": str(world.creative.pk)}
    ).content.decode()
    assert "Nothing behind this number" in page
    assert "Warm boots" not in page
