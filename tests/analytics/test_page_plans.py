"""No page reads the events: its time must not grow with their number."""

from __future__ import annotations

import re

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership
from analytics import rollups
from tests import factories
from tests.analytics.test_rollups import incoming, record
from tests.routes import FIXED, TENANT_ROUTES, rows_make

EVENTS = re.compile(r"\banalytics_event\b")
PAGES = [route for route in TENANT_ROUTES if not route.is_api]


def explained(sql: str, parameters: object) -> str:
    prefix = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{prefix} {sql}", parameters)
        return str(cursor.fetchall())


def test_the_check_would_see_a_read_of_the_events(shop):
    assert EVENTS.search(explained("SELECT count(*) FROM analytics_event WHERE kind = %s", ["click"]))


def test_no_pages_plan_touches_the_events(shop, alice):
    rows = rows_make(shop, alice, "Zebrafish") | FIXED
    record(incoming(shop), incoming(shop, "click"))
    rollups.rollups_refresh()
    client = Client()
    client.force_login(factories.make_member(shop, Membership.Role.ADMIN))
    asked = {"days": "28", "metric": "click_rate", "campaign": rows["campaign_id"], "effect": "10"}
    touching, seen = [], 0
    for route in PAGES:
        with CaptureQueriesContext(connection) as captured:
            client.get(route.url(rows), asked)
        seen += len(captured)
        touching += [(route.name, q["sql"][:300]) for q in captured if EVENTS.search(q["sql"])]
    assert seen > 100
    assert not touching
