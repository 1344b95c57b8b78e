"""Every place that shows a figure of a group of shoppers withholds that of a small one."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from itertools import combinations

import numpy as np
import pytest
from django.core import mail
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from analytics import small_groups
from analytics.models import ReportSchedule, SavedView
from analytics.report_mail import mail_make
from analytics.small_groups import SmallGroups, small_groups_get
from analytics.stats.suppression import suppress_parts
from tests.analytics.test_matrix import shown_to as shown_to
from tests.analytics.test_matrix import world as world
from tests.analytics.test_reports import API, PAGE

EVENTS_PAGE, EVENTS_API = "/performance/events/", "/api/v1/reports/events"
SMALL = "Picture 3"  # readers and lamps: 20 shoppers


@pytest.fixture
def small(world):
    """The small group's ids, as filters that lead to it."""
    from campaigns.models import Variant

    variant = Variant.objects.get(product__title="Lamp", segment__name="Readers")
    creative = variant.job.creatives.get()
    return {
        "creative": {"creative": str(creative.pk)},
        "segment and product": {"segment": str(variant.segment_id), "product": str(variant.product_id)},
        "its neighbour": {"segment": str(world.segment.pk), "product": str(variant.product_id)},
        "all but it": {"creative": [str(pk) for pk in others(variant, creative)]},
    }


def others(variant, creative):
    from generation.models import Creative

    return (
        Creative.objects.filter(advertiser=variant.advertiser)
        .exclude(pk=creative.pk)
        .values_list("pk", flat=True)
    )


FORMS = ("csv", "xlsx", "parquet")
WAYS = ("creative", "segment and product", "its neighbour", "all but it")


@pytest.mark.parametrize("way", WAYS)
def test_a_report_of_a_small_group_is_withheld_on_the_page_and_over_the_api(api, alice_client, small, way):
    report = api.get(API, small[way]).json()
    assert "shoppers" in report["withheld"]
    assert (report["totals"]["impressions"], report["leaders"], report["series"]) == (0, [], [])
    assert report["matrix"]["rows"] == []
    page = alice_client.get(PAGE, small[way]).content.decode()
    assert "Too few shoppers to show this" in page
    assert "report-tiles" not in page


@pytest.mark.parametrize("way", WAYS)
def test_the_rows_behind_it_are_withheld_too(api, alice_client, small, way):
    asked = {"of": "impressions", **small[way]}
    answer = api.get(EVENTS_API, asked).json()
    assert answer["withheld"]
    assert (answer["count"], answer["results"]) == (0, [])
    page = alice_client.get(EVENTS_PAGE, asked).content.decode()
    assert "Too few shoppers to show this" in page
    assert "event-table" not in page


@pytest.mark.parametrize("table", ["figures", "days", "creatives", "segments", "funnel", "traffic"])
def test_every_table_of_a_withheld_report_says_why_and_nothing_else(alice_client, small, table):
    for way in WAYS:
        text = alice_client.get("/performance/export.csv", {"table": table, **small[way]}).content.decode(
            "utf-8-sig"
        )
        header, row = csv.reader(io.StringIO(text))
        assert header == ["withheld"]
        assert "shoppers" in row[0]
    for form in FORMS:
        assert (
            alice_client.get(f"/performance/export.{form}", {"table": table, **small[way]}).status_code == 200
        )


@pytest.mark.parametrize("form", FORMS)
def test_the_export_of_its_rows_is_withheld(alice_client, small, form):
    answer = alice_client.get(
        f"/performance/events/export.{form}", {"of": "impressions", **small["creative"]}
    )
    assert answer.status_code == 200
    if form == "csv":
        assert answer.content.decode("utf-8-sig").splitlines()[0] == "withheld"


def test_a_mailed_report_of_a_small_group_says_why(world, small, alice):
    view = SavedView.objects.create(
        advertiser=world.advertiser,
        user=alice,
        name="Lamps",
        parameters=f"creative={small['creative']['creative']}",
    )
    schedule = ReportSchedule.objects.create(
        advertiser=world.advertiser, view=view, user=alice, frequency="daily", changed_at=timezone.now()
    )
    message = mail_make(
        schedule, timezone.now().date() + timedelta(days=1), now=timezone.now() + timedelta(days=1)
    )
    for text in (message.body, message.alternatives[0][0]):
        assert "so they are withheld" in text
        assert "Impressions" not in text
    assert mail.outbox == []


def test_the_leaderboard_leaves_small_creatives_out_and_says_so(api, alice_client, world):
    report = api.get(API).json()
    assert SMALL not in [leader["headline"] for leader in report["leaders"]]
    assert "cannot be shown one by one" in " ".join(report["notes"])
    assert report["totals"]["impressions"] == 80 + 70 + 60 + 20 + 40
    rows = alice_client.get("/performance/export.csv", {"table": "creatives"}).content.decode()
    assert SMALL not in rows


def test_rows_of_everybody_do_not_say_which_were_the_small_groups(api, alice_client, world, small):
    found = api.get(EVENTS_API, {"of": "impressions"}).json()
    masked = [row for row in found["results"] if row["is_masked"]]
    assert masked
    assert all(row["creative_id"] is row["segment_id"] is row["variant_id"] is None for row in masked)
    assert small["creative"]["creative"] not in str(found)
    for address in (EVENTS_PAGE, "/performance/events/export.csv"):
        text = alice_client.get(address, {"of": "impressions"}).content.decode()
        assert "withheld" in text
        assert SMALL not in text


def test_figures_of_single_creatives_need_filters_that_shoppers_are_counted_by(api, world):
    report = api.get(API, {"device": "mobile"}).json()
    assert report["leaders"] == []
    assert "not counted by placement and device" in report["notes"][0]
    asked = {"device": "mobile", "segment": str(world.segment.pk)}
    assert "not counted by placement and device" in api.get(API, asked).json()["withheld"]
    assert api.get(EVENTS_API, asked).json()["withheld"]


def test_a_large_segment_is_shown_but_not_by_the_hour(api, world):
    asked = {"segment": str(world.segment.pk)}
    report = api.get(API, asked).json()
    assert report["withheld"] == ""
    assert report["totals"]["impressions"] == 80 + 70 + 40
    hour = timezone.now().strftime("%Y-%m-%dT%H")
    assert api.get(EVENTS_API, {"of": "clicks", "hour": hour, **asked}).json()["withheld"]
    assert api.get(EVENTS_API, {"of": "impressions", "hour": hour}).json()["withheld"] == ""


def test_a_creatives_own_page_withholds_a_small_one(alice_client, small):
    page = alice_client.get(f"/performance/creatives/{small['creative']['creative']}").content.decode()
    assert "withheld" in page
    assert "<dl" not in page


def test_fatigue_what_if_and_learning_name_a_small_creative_without_figures(world, small):
    from analytics.fatigue_report import fatigue_compute
    from analytics.what_if_report import what_if_compute

    now = timezone.now() + timedelta(minutes=1)
    lines = fatigue_compute(world.campaign, {}, now)["lines"]
    mine = next(line for line in lines if line["creative_id"] == small["creative"]["creative"])
    assert (mine["state"], mine["impressions"], mine["late_rate"]) == ("unknown", None, None)
    only = [line for line in what_if_compute(world.campaign, {}, now)["lines"] if line["policy"] == "only"]
    for line in only:
        if "Lamp” for Readers" in line["label"]:
            assert (line["refusal"], line["decisions"]) == ("few_shoppers", None)


@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.tuples(*[st.sampled_from([0, 3, 49, 50, 90, 400])] * 2), min_size=1
    ),
    st.integers(1, 4),
)
def test_a_dimensions_small_value_is_not_the_total_less_the_others(parts, limit):
    shown = sorted(parts, key=lambda name: -sum(parts[name]))[:limit]
    hidden = suppress_parts(parts, shown, 50)
    small = {name for name in parts if any(0 < n < 50 for n in parts[name])}
    assert small & set(shown) <= hidden
    unseen = [name for name in parts if (name not in shown or name in hidden) and sum(parts[name])]
    if small and len(unseen) < len([name for name in parts if sum(parts[name])]):
        assert len(unseen) > 1
        # An arm's total less its shown parts is no small group either.
        assert not [arm for arm in (0, 1) if 0 < sum(parts[name][arm] for name in unseen) < 50]
    assert not hidden if not small else True


ATOMS = [(f"v{n}", f"c{n}") for n in range(6)]


@given(
    st.sets(st.sampled_from(ATOMS)),
    st.lists(st.sets(st.sampled_from(ATOMS), min_size=1), max_size=3),
)
def test_what_is_shown_adds_up_what_is_shown_anyway(hidden, totals):
    groups = SmallGroups(50, frozenset(hidden), tuple(frozenset(total) for total in totals))
    known = [{atom} for atom in ATOMS if atom not in hidden] + [set(total) for total in totals]
    basis = np.array([[float(atom in one) for atom in ATOMS] for one in known] or [[0.0] * len(ATOMS)])
    rank = np.linalg.matrix_rank(basis)
    for size in range(1, len(ATOMS) + 1):
        for asked in combinations(ATOMS, size):
            if groups.shows(asked):
                more = np.vstack([basis, [float(atom in asked) for atom in ATOMS]])
                assert np.linalg.matrix_rank(more) == rank


def test_nothing_is_hidden_where_every_group_is_large(world, settings):
    settings.REPORTS_MIN_SHOPPERS = 15
    day = timezone.now().date()
    found = small_groups_get(advertiser_id=world.advertiser.pk, start=day, end=day)
    assert found.hidden == frozenset()
    assert small_groups.atoms_of([]) == set()


def test_small_sizes_of_a_large_picture_are_hidden_in_pairs_and_their_product_is_shown(api, world):
    lines = api.get(API, {"across": "product"}).json()["matrix"]
    assert lines["rows"]
    atoms = {("v", n): shoppers for n, shoppers in enumerate((20, 70, 90))}
    table = small_groups._Table.__new__(small_groups._Table)
    table.minimum, table.shoppers = 50, atoms
    assert table._hide_within(set(atoms)) == {("v", 0), ("v", 1)}
    table.shoppers = {("v", 0): 20, ("v", 1): 40, ("v", 2): 90}
    assert table._hide_within(set(atoms)) == {("v", 0), ("v", 1)}
