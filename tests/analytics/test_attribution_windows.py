"""A campaign's own windows through services, API and page: orders so far are counted anew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adplatform.lib.errors import DomainError, NotFound
from analytics import rollups
from analytics.attribution_windows import windows_reset, windows_set
from analytics.models import AttributionWindows, DailyRollup, DirtyHour
from tests import factories
from tests.analytics.test_rollups import DAY, NOON, incoming, record, totals

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(shop):
    return factories.make_campaign(shop, name="Sofas")


@pytest.fixture
def counted(shop, campaign):
    """A click ten days before an order, counted under the default of seven days."""
    record(
        incoming(shop, "click", NOON - timedelta(days=10), campaign_id=campaign.pk),
        incoming(shop, "conversion"),
    )
    rollups.rollups_refresh()
    assert totals(shop).unattributed_conversions == 1


def test_longer_windows_claim_earlier_orders_and_the_default_gives_them_back(shop, campaign, counted):
    windows_set(advertiser=shop, campaign_id=campaign.pk, click_days=30, view_days=0)
    assert DirtyHour.objects.count() == 1, "the order's hour alone"
    rollups.rollups_refresh()
    assert totals(shop).unattributed_conversions == 0
    assert DailyRollup.objects.get(day=DAY, campaign_id=campaign.pk).conversions == 1
    windows_reset(advertiser=shop, campaign_id=campaign.pk)
    rollups.rollups_refresh()
    assert totals(shop).unattributed_conversions == 1


def test_an_hour_that_is_under_way_is_counted_once_more(shop, campaign, monkeypatch):
    compute = rollups.hour_compute

    def changed_meanwhile(*, start, **hour):
        found = compute(start=start, **hour)
        if start == NOON and not AttributionWindows.objects.exists():
            windows_set(advertiser=shop, campaign_id=campaign.pk, click_days=30, view_days=0)
        return found

    monkeypatch.setattr(rollups, "hour_compute", changed_meanwhile)
    record(
        incoming(shop, "click", NOON - timedelta(days=10), campaign_id=campaign.pk),
        incoming(shop, "conversion"),
    )
    rollups.rollups_refresh()
    rollups.rollups_refresh()
    assert totals(shop).unattributed_conversions == 0
    assert not DirtyHour.objects.exists()


def test_a_late_click_reaches_as_far_as_the_longest_window(shop, campaign):
    windows_set(advertiser=shop, campaign_id=campaign.pk, click_days=30, view_days=0)
    record(incoming(shop, "conversion"))
    rollups.rollups_refresh()
    record(incoming(shop, "click", NOON - timedelta(days=20), campaign_id=campaign.pk), received_at=NOON)
    rollups.rollups_refresh()
    assert totals(shop).unattributed_conversions == 0


def test_another_shop_s_windows_change_nothing_here(shop, other_shop, campaign, counted):
    theirs = factories.make_campaign(other_shop)
    windows_set(advertiser=other_shop, campaign_id=theirs.pk, click_days=90, view_days=90)
    rollups.rollups_refresh()
    assert totals(shop).unattributed_conversions == 1
    with pytest.raises(NotFound):
        windows_set(advertiser=shop, campaign_id=theirs.pk, click_days=1, view_days=1)


@pytest.mark.parametrize(("click", "view"), [(0, 1), (91, 1), (7, -1), (7, 91)])
def test_days_out_of_range_are_refused(shop, campaign, click, view):
    with pytest.raises(DomainError, match="1 to 90"):
        windows_set(advertiser=shop, campaign_id=campaign.pk, click_days=click, view_days=view)
    assert not AttributionWindows.objects.exists()


def test_the_api_reads_sets_and_resets(shop, campaign, client):
    headers = {"Authorization": f"Bearer {factories.make_key(shop)}"}
    url = f"/api/v1/campaigns/{campaign.pk}/attribution"
    assert client.get(url, headers=headers).json() == {"click_days": 7, "view_days": 1, "is_own": False}
    own = {"click_days": 14, "view_days": 0}
    answer = client.put(url, own, content_type="application/json", headers=headers)
    assert answer.json() == own | {"is_own": True}
    wrong = client.put(url, {"click_days": "NaN"}, content_type="application/json", headers=headers)
    assert wrong.status_code == 400
    assert client.delete(url, headers=headers).status_code == 204
    assert client.delete(url, headers=headers).status_code == 404


def test_the_page_sets_and_resets(alice_client, shop, campaign):
    form = {"campaign": campaign.pk, "click_days": "14", "view_days": "0"}
    page = alice_client.post("/attribution/", form, follow=True).content.decode()
    assert "counted anew" in page
    assert "never" in page
    for wrong in ({"campaign": "x"}, {"click_days": ""}, {"view_days": "500"}):
        assert alice_client.post("/attribution/", form | wrong).status_code == 200
    page = alice_client.post(f"/attribution/{campaign.pk}/reset/", follow=True).content.decode()
    assert "All campaigns use the default" in page
