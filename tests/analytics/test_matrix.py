from __future__ import annotations

import re

import pytest
from django.utils import timezone

from adplatform.lib.ids import uuid7
from analytics import matrix, rollups
from analytics.models import DailyCreativeReach
from analytics.services import events_record
from campaigns.models import Variant
from profiles.models import Shopper
from tests import factories
from tests.analytics.test_reports import API, PAGE, World, make_creative


def shown_to(world, variant, creative, segment, shoppers, prefix):
    """One impression each, and a click of every tenth."""
    now = timezone.now()
    events = []
    Shopper.objects.bulk_create(
        Shopper(advertiser=world.advertiser, pseudonym=f"{prefix}{n}", measurement_allowed=True)
        for n in range(shoppers)
    )
    for n in range(shoppers):
        decision = uuid7()
        for kind in ("impression", *(["click"] if n % 10 == 0 else [])):
            event = world.event(kind, now, decision_id=decision)
            ids = {"variant_id": variant.pk, "creative_id": creative.pk, "segment_id": segment.pk}
            event = type(event)(**{**vars_of(event), **ids, "shopper_pseudonym": f"{prefix}{n}"})
            events.append(event)
    events_record(events=events, received_at=now)


def vars_of(event):
    return {name: getattr(event, name) for name in event.__struct_fields__}


@pytest.fixture
def world(shop, settings):
    """Hikers and readers, boots and lamps: 80, 70, 60 and 20 shoppers."""
    settings.REPORTS_MIN_SHOPPERS = 50
    world = World(shop)
    readers = factories.make_segment(shop, "readers", name="Readers")
    lamp = factories.make_product(shop, "L1", title="Lamp")
    cells = [
        (world.segment, world.product, 80), (world.segment, lamp, 70),
        (readers, world.product, 60), (readers, lamp, 20),
    ]  # fmt: skip
    for number, (segment, product, shoppers) in enumerate(cells):
        creative = make_creative(shop, f"Picture {number}") if number else world.creative
        variant = world.variant
        if number:
            variant = Variant.objects.create(
                advertiser=shop, campaign=world.campaign, product=product, segment=segment, job=creative.job
            )
        shown_to(world, variant, creative, segment, shoppers, f"{number}-")
    rollups.rollups_refresh()
    return world


BY_PRODUCT = {"across": "product"}


def cells_of(matrix):
    return {
        (segment, row["name"]): cell
        for row, cells in zip(matrix["rows"], matrix["cells"], strict=True)
        for segment, cell in zip(matrix["segments"], cells, strict=True)
    }


def test_a_small_group_is_hidden_and_cannot_be_had_by_subtraction(api, alice_client, world, settings):
    found = api.get(API, BY_PRODUCT).json()["matrix"]
    cells = cells_of(found)
    assert cells["Readers", "Lamp"] == {"impressions": 0, "clicks": 0, "shrunk": None, "is_hidden": True}
    # With the totals beside it one more cell of its row and of its column have to go, and the corner.
    assert [cell["is_hidden"] for cell in cells.values()] == [True] * 4
    assert not any(total["is_hidden"] for total in found["segment_totals"] + found["row_totals"])
    page = alice_client.get(PAGE, BY_PRODUCT).content.decode()
    assert "Cells with fewer than 50 shoppers are hidden" in page

    settings.REPORTS_MIN_SHOPPERS = 10
    cells = cells_of(api.get(API, BY_PRODUCT).json()["matrix"])
    assert cells["Readers", "Lamp"]["impressions"] == 20
    assert not any(cell["is_hidden"] for cell in cells.values())


def test_creatives_are_found_by_name_and_come_a_page_at_a_time(
    api, alice_client, world, monkeypatch, settings
):
    settings.REPORTS_MIN_SHOPPERS = 1
    monkeypatch.setattr(matrix, "ROWS", 2)
    first = api.get(API).json()["matrix"]
    assert [row["name"] for row in first["rows"]] == ["Warm boots 300x250", "Picture 1 300x250"]
    assert (first["count"], first["page"], first["pages"]) == (4, 1, 2)
    second = api.get(API, {"matrix_page": 2}).json()["matrix"]
    assert [row["name"] for row in second["rows"]] == ["Picture 2 300x250", "Picture 3 300x250"]
    assert second["segment_totals"] == first["segment_totals"]  # of all, not of the page
    found = api.get(API, {"find": "PICTURE 3"}).json()["matrix"]
    assert [row["name"] for row in found["rows"]] == ["Picture 3 300x250"]
    page = alice_client.get(PAGE, {"find": "no such"}).content.decode()
    assert "has “no such” in its name" in page
    assert api.get(API, {"matrix_page": 99}).json()["matrix"]["page"] == 2
    assert api.get(API, {"matrix_page": "x"}).status_code == 400


def test_a_cell_leads_to_the_events_behind_it(api, alice_client, world, settings):
    settings.REPORTS_MIN_SHOPPERS = 1
    cells = cells_of(api.get(API).json()["matrix"])
    page = alice_client.get(PAGE).content.decode()
    links = re.findall(r'href="(/performance/events/\?[^"]*segment=[^"]*)"', page)
    counts = set()
    for link in links:
        found = alice_client.get(link.replace("&amp;", "&"))
        counts.add(found.context["page_obj"].paginator.count)
    assert {cell["impressions"] for cell in cells.values() if cell["impressions"]} <= counts


def test_shoppers_of_several_days_are_counted_once(world, api, settings):
    settings.REPORTS_MIN_SHOPPERS = 30
    row = DailyCreativeReach.objects.get(shoppers=20)
    earlier = {"day": row.day - timezone.timedelta(days=1), "pk": uuid7()}
    for name, value in earlier.items():
        setattr(row, name, value)
    row.save(force_insert=True)  # the same twenty came the day before
    assert cells_of(api.get(API, BY_PRODUCT).json()["matrix"])["Readers", "Lamp"]["is_hidden"]


def test_the_columns_may_be_styles_sizes_or_templates(api, alice_client, world):
    for across, column in (("style", "Soft 3D"), ("size", "300x250"), ("template", "scene@1")):
        found = api.get(API, {"across": across}).json()["matrix"]
        assert [row["name"] for row in found["rows"]] == [column]
        assert alice_client.get(PAGE, {"across": across}).status_code == 200


def test_filters_that_shoppers_are_not_counted_by_show_no_table(api, alice_client, world):
    found = api.get(API, {"device": "mobile"}).json()["matrix"]
    assert found["is_uncounted"]
    assert found["cells"] == []
    assert (
        "a small group could not be hidden" in alice_client.get(PAGE, {"device": "mobile"}).content.decode()
    )


def test_counting_twice_changes_nothing(world, shop):
    before = sorted(DailyCreativeReach.objects.values_list("creative_id", "shoppers"))
    rollups.rollups_rebuild(advertiser_id=shop.pk)
    assert sorted(DailyCreativeReach.objects.values_list("creative_id", "shoppers")) == before
    assert {80 + 1, 70, 60, 20} == {shoppers for _, shoppers in before}  # and ann
