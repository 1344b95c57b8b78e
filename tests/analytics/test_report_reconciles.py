"""The page, the API, the files and SQL over the raw events say the same, whatever the filters."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.analytics.test_counted_events import world  # noqa: F401  (a fixture)
from tests.analytics.test_reports import API, PAGE

EVENTS_API = "/api/v1/reports/events"
COLUMNS = {
    "campaign": "campaign_id",
    "segment": "segment_id",
    "placement": "placement_id",
    "creative": "creative_id",
}


def raw_counts(shop, filters):
    """Counted impressions, viewable ones and clicks by plain SQL."""
    is_sqlite = connection.vendor == "sqlite"
    where, values = ["advertiser_id = %s", "validity = 'valid'"], [shop.pk.hex if is_sqlite else shop.pk]
    for name, chosen in filters.items():
        column = COLUMNS.get(name, name)
        marks = ", ".join(["%s"] * len(chosen))
        where.append(f"{column} IN ({marks})")
        values += [v.replace("-", "") if is_sqlite and name in COLUMNS else v for v in chosen]
    sql = f"SELECT kind, COUNT(*) FROM analytics_event WHERE {' AND '.join(where)} GROUP BY kind"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return dict(cursor.fetchall())


@pytest.fixture
def choices(world):  # noqa: F811
    nobody = "0190a1b2-0000-7000-8000-000000000000"
    ids = {"campaign": world.campaign.pk, "segment": world.segment.pk, "placement": world.placement.pk,
           "creative": world.creative.pk}  # fmt: skip
    return {name: [str(pk), nobody] for name, pk in ids.items()} | {"device": ["mobile", "desktop", "tablet"]}


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_number_is_what_sql_counts_in_the_raw_events(data, choices, shop, api, alice_client):
    filters = {
        name: chosen
        for name, values in choices.items()
        if (chosen := data.draw(st.lists(st.sampled_from(values), max_size=2, unique=True), label=name))
    }
    totals = api.get(API, filters).json()["totals"]
    raw = raw_counts(shop, filters)
    assert totals["impressions"] == raw.get("impression", 0)
    assert totals["viewables"] == raw.get("viewable", 0)
    assert totals["clicks"] == raw.get("click", 0)
    rows = api.get(EVENTS_API, filters | {"of": "clicks"}).json()
    assert (rows["count"], len(rows["results"]), rows["is_reconciled"]) == (
        totals["clicks"],
        totals["clicks"],
        True,
    )
    shown = alice_client.get(PAGE, filters).context["report"].totals
    assert (shown.impressions, shown.clicks, shown.revenue_cents) == (
        totals["impressions"], totals["clicks"], totals["revenue_cents"],
    )  # fmt: skip


def test_wrong_parameters_of_the_rows_are_sentences(api, shop):
    for query in ({"of": "money"}, {"page": "x"}, {"device": "fridge"}, {"page": "-1"}):
        answer = api.get(EVENTS_API, query)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), query
    assert api.get(EVENTS_API, {"page": "99999"}).json()["results"] == []
