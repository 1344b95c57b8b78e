from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, date, timedelta
from urllib.parse import parse_qs

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from adplatform.lib.files import content_store
from adplatform.lib.ids import uuid7
from analytics import rollups
from analytics.exports import cell_safe
from analytics.models import DirtyHour
from analytics.report_query import COMPARISONS, DEVICES, PARAMETERS, PERIODS, SORTS, query_parse
from analytics.services import events_record
from analytics.tracking import IncomingEvent
from campaigns.models import Campaign, Placement, Variant
from generation.models import Creative
from profiles.models import Shopper
from tests import factories

PAGE, EXPORT, API = "/performance/", "/performance/export.csv", "/api/v1/reports/performance"
TODAY = date(2026, 11, 23)


def make_creative(advertiser, headline="Warm boots", status=Creative.Status.APPROVED):
    job = factories.make_render_job(advertiser)
    picture = factories.png_bytes(factories.product_cutout())
    file, digest = content_store(picture, folder="creatives", extension="png")
    return Creative.objects.create(
        advertiser=advertiser, job=job, width=300, height=250, file=file, sha256=digest,
        byte_count=len(picture), approved_sha256=digest, alt_text="Boots", headline=headline, status=status,
    )  # fmt: skip


class World:
    """One campaign with one creative that was shown 40 times, seen 30, clicked 4, and sold once."""

    def __init__(self, advertiser, simulated=False, headline="Warm boots", name="Autumn"):
        self.advertiser = advertiser
        self.campaign = Campaign.objects.create(
            advertiser=advertiser, name=name, style="soft_3d", status=Campaign.Status.LIVE
        )
        self.segment = factories.make_segment(advertiser, "hikers", name="Hikers")
        self.placement = factories.make_placement(advertiser, "home")
        self.product = factories.make_product(advertiser, title="Boot one")
        self.creative = make_creative(advertiser, headline)
        self.variant = Variant.objects.create(
            advertiser=advertiser, campaign=self.campaign, product=self.product, segment=self.segment,
            job=self.creative.job,
        )  # fmt: skip
        Shopper.objects.create(
            advertiser=advertiser, pseudonym="ann", personalisation_allowed=True, measurement_allowed=True
        )
        now = timezone.now()
        events = []
        for n in range(40):
            decision = uuid7()
            kinds = ["impression", *(["viewable"] if n < 30 else []), *(["click"] if n < 4 else [])]
            events += [self.event(kind, now, decision_id=decision, is_simulated=simulated) for kind in kinds]
        events.append(self.event("impression", now, decision_id=uuid7(), invalid_reason="ua_bot"))
        events.append(
            IncomingEvent(
                advertiser_id=advertiser.pk, event_id="o", kind="conversion", occurred_at=now, order_id="1",
                value_cents=4990, currency="EUR", shopper_pseudonym="ann", is_simulated=simulated,
            )
        )  # fmt: skip
        events_record(events=events, received_at=now)
        rollups.rollups_refresh()

    def event(self, kind, at, **fields):
        return IncomingEvent(
            advertiser_id=self.advertiser.pk, event_id=str(uuid7()), kind=kind, occurred_at=at,
            campaign_id=self.campaign.pk, variant_id=self.variant.pk, creative_id=self.creative.pk,
            placement_id=self.placement.pk, segment_id=self.segment.pk, device="mobile",
            shopper_pseudonym="ann", **fields,
        )  # fmt: skip


@pytest.fixture
def world(shop):
    return World(shop)


def test_the_page_shows_the_figures_the_api_gives(alice_client, api, world):
    page = alice_client.get(PAGE).content.decode()
    report = api.get(API).json()
    assert (report["totals"]["impressions"], report["totals"]["clicks"]) == (40, 4)
    assert report["totals"]["revenue_cents"] == 4990
    assert report["totals"]["click_rate"]["value"] == 0.1
    for text in ("Warm boots", "Boot one", "Hikers", "Autumn", "10.00 %", "49.90 EUR", "robot"):
        assert text in page
    assert report["leaders"][0]["line"]["creative_id"] == str(world.creative.pk)
    assert [stage["count"] for stage in report["funnel"]] == [40, 30, 4, 1]
    assert report["traffic"][0] == {
        "kind": "Impression", "raw": 41, "counted": 40, "reasons": [{"reason": "ua_bot", "events": 1}],
    }  # fmt: skip
    assert sum(point["impressions"] for point in report["series"]) == 40


def test_the_charts_are_data_and_no_script_runs_inline(alice_client, world):
    page = alice_client.get(PAGE, {"across": "product"})
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page.content.decode(), re.S)
    for attributes, body in scripts:
        assert body.strip() == "" or 'type="application/json"' in attributes
    names = set(re.findall(r'data-chart="#([\w-]+)"', page.content.decode()))
    figures = {
        re.search(r'id="([\w-]+)"', a)[1]: json.loads(b) for a, b in scripts if "application/json" in a
    }
    assert (
        names
        == set(figures)
        == {"chart-volume", "chart-rate", "chart-orders", "chart-money", "chart-leaders", "chart-matrix"}
    )
    assert page.content.decode().count("<details>") >= 4


def test_simulated_traffic_is_always_said(alice_client, shop):
    World(shop, simulated=True)
    for url in (PAGE, "/"):
        assert "Simulated traffic.</strong>" in alice_client.get(url).content.decode()
    assert "Simulated traffic.</strong>" not in alice_client.get(f"{PAGE}?simulated=no").content.decode()


def test_real_traffic_has_no_banner(alice_client, world):
    assert "Simulated traffic.</strong>" not in alice_client.get(PAGE).content.decode()


def test_filters_are_kept_in_the_url_and_obeyed(alice_client, api, world):
    for name, value in (
        ("campaign", world.campaign.pk), ("segment", world.segment.pk), ("placement", world.placement.pk),
        ("device", "mobile"), ("simulated", "no"), ("product", world.product.pk),
        ("style", world.creative.job.brief["style"]), ("template", world.creative.job.prompt_template),
    ):  # fmt: skip
        assert api.get(API, {name: value}).json()["totals"]["impressions"] == 40
        page = alice_client.get(PAGE, {name: value}).content.decode()
        assert re.search(rf'value="{value}" (checked|selected)', page), name
    for name, value in (
        ("campaign", uuid7()), ("segment", "generic"), ("placement", uuid7()), ("device", "tablet"),
        ("simulated", "yes"), ("product", uuid7()), ("style", "none_such"), ("template", "scene@99"),
    ):  # fmt: skip
        assert api.get(API, {name: value}).json()["totals"]["impressions"] == 0
        assert "Nothing happened in this period" in alice_client.get(PAGE, {name: value}).content.decode()


def test_a_wrong_parameter_is_a_sentence_and_never_a_failure(alice_client, api, world):
    for query in (
        {"start": "soon"}, {"start": "2026-12-01", "end": "2026-11-01"}, {"start": "2001-01-01"},
        {"days": "-1"}, {"days": "9" * 400}, {"days": "²"}, {"campaign": "x"}, {"segment": "%_"},
        {"device": "fridge"}, {"sort": "luck"}, {"simulated": "maybe"}, {"compare": "everything"},
        {"end": "9999-12-31"}, {"start": "0001-01-01"}, {"period": "fortnight"}, {"product": "x"},
        {"device": ["mobile", "fridge"]}, {"style": "x" * 41},
        {"campaign": [str(uuid7()) for _ in range(99)]},
    ):  # fmt: skip
        answer = api.get(API, query)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), query
        assert set(answer.json()["errors"]) <= {*query, "start"}
        assert alice_client.get(PAGE, query).status_code == 200
        assert alice_client.get(EXPORT, query).status_code == 200


def test_nobody_sees_another_shops_figures(mallory_client, other_api, world):
    ids = {"campaign": world.campaign.pk, "segment": world.segment.pk, "placement": world.placement.pk}
    random_ids = {name: uuid7() for name in ids}
    for client, url in (
        (mallory_client, PAGE),
        (mallory_client, EXPORT),
        (other_api, API),
        (mallory_client, "/"),
    ):
        plain = client.get(url)
        text = plain.content.decode()
        for secret in ("Warm boots", "Boot one", "Hikers", "Autumn", "4990", "49.90"):
            assert secret not in text
    answers = [other_api.get(API, given).json() for given in (ids, random_ids)]
    for answer in answers:
        answer.pop("freshness")
    assert answers[0] == answers[1]


def test_a_stranger_is_sent_to_the_login_and_a_wrong_key_is_refused(client, db):
    assert client.get(PAGE)["Location"].startswith("/login/")
    assert client.get("/")["Location"].startswith("/login/")
    assert client.get(EXPORT)["Location"].startswith("/login/")
    assert client.get(API).status_code == 401


def test_a_publishable_key_reads_no_report(shop):
    from rest_framework.test import APIClient

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {factories.make_key(shop, 'publishable')}")
    assert client.get(API).status_code == 403


FORMULAS = [
    '=HYPERLINK("https://evil.test")', "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", " =1",
    "\u200b=1", "＋1",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_the_export_is_a_formula(text):
    assert cell_safe(text) == "'" + text
    assert cell_safe(-12.5) == -12.5
    assert cell_safe("Boots = good") == "Boots = good"


def test_the_export_gives_back_what_was_written(alice_client, shop):
    World(shop, headline="=1+1", name="-2+3")
    response = alice_client.get(EXPORT, {"table": "creatives"})
    assert response["Content-Type"].startswith("text/csv")
    assert response["Content-Disposition"].startswith("attachment")
    row = next(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert (row["headline"], row["campaign"], row["impressions"]) == ("'=1+1", "'-2+3", "40")
    assert row["simulated_included"] == "no"
    days = list(
        csv.DictReader(io.StringIO(alice_client.get(EXPORT, {"table": "days"}).content.decode("utf-8-sig")))
    )
    assert len(days) == 28
    assert sum(int(day["impressions"]) for day in days) == 40


def test_hostile_names_are_shown_and_not_run(alice_client, shop):
    World(shop, headline='"></script><script>alert(1)</script>', name="<img src=x onerror=alert(1)>")
    page = alice_client.get(PAGE).content.decode()
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page


def test_the_page_of_an_empty_shop_says_what_to_do(alice_client):
    page = alice_client.get(PAGE).content.decode()
    assert "Nothing was counted yet" in page
    assert "data-chart" not in page
    assert "nan" not in page.lower().split()


def test_the_figures_of_a_deleted_creative_stay(alice_client, world):
    Creative.objects.all().delete()
    Variant.objects.all().delete()
    Placement.objects.all().delete()
    page = alice_client.get(PAGE).content.decode()
    assert "Deleted creative" in page
    assert "Deleted product" in page


def test_stale_figures_are_said_to_be_stale(alice_client, world):
    DirtyHour.objects.create(advertiser=world.advertiser, hour=timezone.now())
    DirtyHour.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert "Figures are behind" in alice_client.get(PAGE).content.decode()
    assert "figures are behind" in alice_client.get("/").content.decode()


def test_the_page_never_reads_the_events(alice_client, world, django_assert_max_num_queries):
    with django_assert_max_num_queries(36) as captured:
        alice_client.get(PAGE)
    assert not any("analytics_event" in query["sql"] for query in captured.captured_queries)


def test_a_new_person_is_led_through_the_steps(alice_client):
    page = alice_client.get("/").content.decode()
    assert "The way to the first creative" in page
    assert 'aria-current="step"' in page
    assert (
        page.index("Import the catalogue")
        < page.index("Review the creatives")
        < page.index("Connect the storefront")
    )


def test_the_overview_names_what_needs_a_person(alice_client, shop, world):
    make_creative(shop, status=Creative.Status.IN_REVIEW)
    Campaign.objects.create(advertiser=shop, name="Silent one", style="soft_3d", status=Campaign.Status.LIVE)
    job = factories.make_render_job(shop)
    type(job).objects.filter(pk=job.pk).update(status="dead", finished_at=timezone.now())
    page = alice_client.get("/").content.decode()
    assert "1 creative waits for review" in page
    assert "“Silent one” is live without an approved creative" in page
    assert "1 render job failed" in page
    assert "<polyline" in page
    assert "The way to the first creative" not in page


def test_the_period_before_has_the_same_length():
    query, problems = query_parse({"start": "2026-11-10", "end": "2026-11-16"}, today=TODAY)
    assert not problems
    assert query.comparison == (date(2026, 11, 3), date(2026, 11, 9))
    assert query_parse(query.parameters(), today=TODAY)[0] == query
    assert query_parse({"compare": "none"}, today=TODAY)[0].comparison is None


def test_last_year_has_the_same_weekdays():
    query, _ = query_parse({"start": "2026-11-10", "end": "2026-11-16", "compare": "year"}, today=TODAY)
    assert query.comparison == (date(2025, 11, 11), date(2025, 11, 17))
    assert query.comparison[0].weekday() == query.start.weekday()


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ({}, date(2026, 10, 27), TODAY),
        ({"period": "7d"}, date(2026, 11, 17), TODAY),
        ({"days": "45"}, date(2026, 10, 10), TODAY),
        ({"period": "1d"}, TODAY, TODAY),
        ({"period": "yesterday"}, date(2026, 11, 22), date(2026, 11, 22)),
        ({"period": "month"}, date(2026, 11, 1), TODAY),
        ({"period": "last_month"}, date(2026, 10, 1), date(2026, 10, 31)),
        ({"period": "year"}, date(2026, 1, 1), TODAY),
        ({"period": "7d", "start": "2026-01-01", "end": "2026-01-02"}, date(2026, 11, 17), TODAY),
        (
            {"period": "custom", "start": "2026-01-01", "end": "2026-01-02"},
            date(2026, 1, 1),
            date(2026, 1, 2),
        ),
    ],
)
def test_a_relative_period_stays_relative_in_the_url(asked, start, end):
    query, problems = query_parse(asked, today=TODAY)
    assert (problems, query.start, query.end) == ({}, start, end)
    later, _ = query_parse(query.parameters(), today=TODAY + timedelta(days=400))
    assert (later.end == end) is (query.period == "custom")


IDS = [uuid7() for _ in range(4)]
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "period": st.sampled_from([*PERIODS, "3d", "700d"]),
        "compare": st.sampled_from(COMPARISONS),
        "campaign": st.lists(st.sampled_from([str(pk) for pk in IDS]), max_size=3),
        "segment": st.lists(st.sampled_from(["generic", *(str(pk) for pk in IDS)]), max_size=3),
        "product": st.lists(st.sampled_from([str(pk) for pk in IDS]), max_size=3),
        "device": st.lists(st.sampled_from(DEVICES), max_size=4),
        "style": st.lists(
            st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=9)
        ),
        "template": st.lists(st.sampled_from(["scene@1", "text@1"])),
        "simulated": st.sampled_from(["all", "yes", "no"]),
        "sort": st.sampled_from(SORTS),
    },
)


@given(GIVEN)
def test_a_url_asks_for_the_same_again(asked):
    query, problems = query_parse(asked, today=TODAY)
    assert not problems
    assert query_parse(parse_qs(query.urlencode()), today=TODAY)[0] == query
    for name, values in query.parameters().items():
        for value in values if name in PARAMETERS else ():
            left, _ = query_parse(parse_qs(query.urlencode_without(name, value)), today=TODAY)
            assert str(value) not in left.parameters().get(name, [])


def test_days_are_utc_days():
    from analytics.windows import today

    assert today() == timezone.now().astimezone(UTC).date()
