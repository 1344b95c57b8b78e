"""While nobody counts, a campaign with a budget or a cap serves on for minutes and then waits."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, CampaignDelivery
from campaigns.services import campaign_update
from campaigns.serving.counters import counters
from campaigns.serving.limits import refusals
from campaigns.serving.loading import snapshot_load
from campaigns.serving.reasons import Reason
from campaigns.serving.store import snapshots
from campaigns.serving_version import serving_version_bump
from tests import factories
from tests.campaigns.serving_cast import context_of, make_live, make_variant
from tests.campaigns.test_serving_limits import write


@pytest.fixture
def live(shop):
    campaign, placement = make_live(shop, rate_cents=200, budget_cents=1000)
    make_variant(campaign, placement)
    return campaign


def late(shop, now):
    """Whether the campaign is refused at that moment because nobody counts."""
    context = context_of(advertiser_id=shop.pk, now=now)
    snapshot = snapshot_load(shop.pk)
    return Reason.COUNT_LATE in refusals(snapshot.limited, context, snapshot.delivery).values()


def test_a_launch_a_resumption_and_a_changed_cap_have_time_to_be_counted(shop, live):
    launched = live.updated_at
    minutes = timedelta(minutes=1)
    assert not late(shop, launched + 4.9 * minutes)
    assert late(shop, launched + 5 * minutes)  # the worker never came
    write(shop, live, 3, at=launched + 4 * minutes)
    assert not late(shop, launched + 8.9 * minutes)
    assert late(shop, launched + 9 * minutes)
    resumed = launched + 60 * minutes  # only live campaigns are counted
    Campaign.objects.filter(pk=live.pk).update(updated_at=resumed)
    assert not late(shop, resumed + 4.9 * minutes)
    assert late(shop, resumed + 5 * minutes)
    campaign_update(advertiser=shop, campaign_id=live.pk, cap_daily=5)
    live.refresh_from_db()
    assert not CampaignDelivery.objects.exists()
    assert not late(shop, live.updated_at + 4.9 * minutes)
    assert late(shop, live.updated_at + 5 * minutes)


def test_how_old_counts_may_be_is_a_setting_and_zero_is_any_age(shop, live, settings):
    write(shop, live, 3)
    settings.SERVING_COUNT_MINUTES = 60
    assert not late(shop, timezone.now() + timedelta(minutes=59))
    assert late(shop, timezone.now() + timedelta(minutes=61))
    settings.SERVING_COUNT_MINUTES = 0
    assert not late(shop, timezone.now() + timedelta(days=9))


def test_while_nobody_counts_the_chain_goes_on_and_every_page_names_the_reason(
    shop, live, client, alice_client
):
    long_ago = timezone.now() - timedelta(minutes=6)
    write(shop, live, 3, at=long_ago)
    Campaign.objects.filter(pk=live.pk).update(updated_at=long_ago)
    headers = {"Authorization": f"Bearer {factories.make_key(shop)}"}

    def ask():
        answer = client.post(
            "/api/v1/decisions?explain=1", {"placements": ["hero"]}, "application/json", headers=headers
        )
        return answer.json()["decisions"][0]

    found = ask()
    assert (found["filled"], found["reason"]) == (False, "count_late")
    assert [(line["reason"], line["number"]) for line in found["candidates"]] == [("count_late", 524)]
    assert ("none", "count_late") in {(key.outcome, key.reason) for key in counters.take()}
    page = reverse("serving-diagnosis")
    assert "count_late" in alice_client.get(page).content.decode()
    tomorrow = timezone.now().astimezone(ZoneInfo(shop.time_zone)) + timedelta(days=1)
    ahead = alice_client.get(page, {"moment": f"{tomorrow:%Y-%m-%dT%H:%M}"}).content.decode()
    assert "count_late" not in ahead  # it will have been counted by then
    placement = live.placements.get()
    house = factories.make_campaign(shop, status="live", placements=[placement], is_house=True)
    make_variant(house, placement)
    serving_version_bump(shop.pk)
    snapshots.clear()
    assert ask()["match"] == "house"
