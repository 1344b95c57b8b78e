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

EVENTS = re.compile(r"\banalytics_event(_\w+)?\b")  # or one of its partitions
DASHBOARD = {
    "overview",
    "performance",
    "performance-export",
    "performance-export-xlsx",
    "performance-export-parquet",
    "api-performance-report",
    "creative-serves",
    "placement-funnels",
    "placement-list",
    "campaign-list",
    "campaign-detail",
    "experiment-list",
    "experiment-detail",
}


def explained(sql: str, parameters: object) -> str:
    prefix = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{prefix} {sql}", parameters)
        return str(cursor.fetchall())


def test_the_check_would_see_a_read_of_the_events(shop):
    assert EVENTS.search(explained("SELECT count(*) FROM analytics_event WHERE kind = %s", ["click"]))


ASKED = (
    {},
    {"days": "1"},  # the hours as well
    {"days": "28", "metric": "click_rate", "effect": "10", "sort": "revenue", "table": "days"},
    {"days": "7", "device": "mobile", "segment": "generic", "simulated": "no", "compare": "none"},
)


def test_no_pages_plan_touches_the_events(shop, alice):
    rows = rows_make(shop, alice, "Zebrafish") | FIXED
    record(incoming(shop), incoming(shop, "click"), incoming(shop, invalid_reason="ua_bot"))
    rollups.rollups_refresh()
    client = Client()
    client.force_login(factories.make_member(shop, Membership.Role.ADMIN))
    touching, shown = [], set()
    for route in TENANT_ROUTES:
        for asked in ASKED:
            with CaptureQueriesContext(connection) as captured:
                answer = client.get(route.url(rows), {**asked, "campaign": rows["campaign_id"]})
            if answer.status_code == 200:
                shown.add(route.name)
            touching += [(route.name, q["sql"][:300]) for q in captured if EVENTS.search(q["sql"])]
    assert len(shown) > 60, sorted(shown)
    assert not DASHBOARD - shown
    assert not touching
