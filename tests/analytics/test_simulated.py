"""Made-up visits decide nothing in a real shop, and everything in a demo shop."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Advertiser
from analytics.baselines import baseline_refresh
from analytics.delivery import delivery_refresh
from analytics.dividend_report import dividend_compute
from analytics.experiment_reading import Split, names_read
from analytics.fatigue_report import fatigue_compute
from analytics.learning import counts_get, prior_get
from analytics.learning_report import learning_compute
from analytics.models import Event
from analytics.rollups import rollups_rebuild
from analytics.what_if_report import what_if_compute
from campaigns.models import Campaign, CampaignDelivery
from campaigns.weight_services import allocation_write, learning_configure
from tests.analytics import learning_cast as cast

pytestmark = pytest.mark.django_db
ARMS = ("generic", "own_segment", "other_segment")


@pytest.fixture
def world(shop):
    """A campaign with a budget that learns and has a split; every visit is made up."""
    campaign, placement, segment, variants = cast.make_campaign(
        shop, 2, budget_cents=1_000_000, rate_cents=500, rate_unit=Campaign.RateUnit.THOUSAND_IMPRESSIONS
    )
    now = timezone.now()
    learning_configure(advertiser=shop, campaign_id=campaign.pk, now=now, learns=True, holdout_rate=0.3)
    allocation_write(
        advertiser=shop, campaign_id=campaign.pk, placement_id=placement.pk, segment_id=segment.pk,
        shares={variant.pk: 0.5 for variant in variants}, reason="learned", evidence=[],
        now=now - timedelta(days=12),
    )  # fmt: skip
    cast.make_split(campaign, 60, dict.fromkeys(ARMS, 0.1), order_rates=dict.fromkeys(ARMS, 0.1))
    cast.make_draws(campaign, placement, variants, [0.1, 0.3], count=300, holdout=0.3)
    Event.objects.filter(advertiser=shop).update(is_simulated=True)
    rollups_rebuild(advertiser_id=shop.pk)
    return campaign


def told_of(campaign: Campaign) -> dict[str, int]:
    """How many visits each reader of events counts."""
    campaign, now = Campaign.objects.select_related("advertiser").get(pk=campaign.pk), timezone.now()
    delivery_refresh()
    arms = Split(campaign.pk, campaign.advertiser, ARMS)
    learned = learning_compute(campaign, {}, now)
    baseline = baseline_refresh(campaign=campaign, now=now)
    return {
        "budget": CampaignDelivery.objects.get(campaign=campaign).impressions,
        "learning": sum(shown for shown, _ in counts_get(campaign=campaign, now=now).values()),
        "belief": int(prior_get(advertiser=campaign.advertiser, now=now).base_rate > 0.1),
        "worth": learned["learned"]["impressions"] + learned["holdout"]["impressions"],
        "what if": what_if_compute(campaign, {}, now)["decisions"],
        "dividend": dividend_compute(campaign, {}, now)["shoppers"],
        "month": dividend_compute(campaign, {}, now)["monthly_shoppers"],
        "split": len(names_read(arms, start=now - timedelta(days=30), end=now)),
        "fatigue": sum(line["impressions"] or 0 for line in fatigue_compute(campaign, {}, now)["lines"]),
        "baseline": baseline.content["click_rate"]["n"],
    }


def test_made_up_visits_decide_nothing_but_in_a_demo_shop(world):
    assert set(told_of(world).values()) == {0}
    Advertiser.objects.update(counts_simulated=True)
    demo = told_of(world)
    assert min(demo.values()) > 0, demo
    Advertiser.objects.update(counts_simulated=False)
    Event.objects.update(is_simulated=False)
    rollups_rebuild(advertiser_id=world.advertiser_id)
    assert told_of(world) == demo
