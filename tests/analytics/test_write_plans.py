"""No write and no rebuild reads all events of an advertiser: its time must not grow with their number.

SQLite chooses its plans without statistics here, so they are those of a table of any size.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics import delivery, rollups
from campaigns.models import Campaign
from tests import factories
from tests.analytics.test_events import order_of, post
from tests.analytics.test_rollups import incoming, record
from tests.analytics.tokens import decision_payload, event_of

pytestmark = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="plans of a small table mean nothing there"
)
READ = re.compile(r"^\s*(SELECT|UPDATE|DELETE)\b.*\banalytics_event\b", re.DOTALL)
# An index bound by the advertiser alone, or none.
WHOLE = re.compile(r"SCAN analytics_event|USING (?:COVERING )?INDEX \S+ \(advertiser_id=\?\)")


def whole_reads(captured):
    found = []
    for query in captured:
        sql = query["sql"]
        if not READ.match(sql):
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = [row[3] for row in cursor.fetchall()]
        found += [(sql[:400], step) for step in plan if WHOLE.search(step)]
    return found


def test_the_check_would_see_one(db):
    with CaptureQueriesContext(connection) as captured, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM analytics_event WHERE advertiser_id = 'x' AND kind = 'click'")
        cursor.execute("SELECT count(*) FROM analytics_event WHERE kind = 'click'")
    assert len(whole_reads(captured)) == 2


def test_storing_events_reads_none_but_those_in_question(shop):
    secret = factories.make_key(shop)
    payloads = [decision_payload(shop) for _ in range(30)]
    refund = {"event_id": "r", "kind": "refund", "order_id": "O1", "value_cents": 100, "currency": "EUR"}
    with CaptureQueriesContext(connection) as captured:
        for number in range(2):  # the second time under other ids: repeats
            events = [event_of(payload, event_id=f"{number}-{n}") for n, payload in enumerate(payloads)]
            orders = [order_of(n, event_id=f"order-{number}-{n}") for n in range(30)]
            assert post([*events, *orders, {**refund, "event_id": f"r{number}"}], secret).json()["accepted"]
        assert post(events, secret).json()["duplicates"] == 30
    assert sum(bool(READ.match(query["sql"])) for query in captured) >= 5
    assert not whole_reads(captured)


def test_a_rebuild_and_the_counts_of_caps_read_an_hour_or_a_shopper(shop):
    now = timezone.now()
    campaign = factories.make_campaign(shop, status=Campaign.Status.LIVE, cap_daily=3)
    record(
        *(
            incoming(shop, kind, now - timedelta(minutes=5), campaign_id=campaign.pk)
            for kind in ("impression", "click")
        ),
        incoming(shop, "conversion", now - timedelta(minutes=1)),
    )
    with CaptureQueriesContext(connection) as captured:
        rollups.rollups_refresh()
        delivery.delivery_refresh()
    assert sum(bool(READ.match(query["sql"])) for query in captured) >= 8
    assert not whole_reads(captured)
