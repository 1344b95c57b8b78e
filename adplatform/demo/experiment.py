"""What the demo shop finds out: an experiment in one campaign, learning and the standing split in the other.

The visits that are played afterwards click a segment's own picture more often
(``visits.OWN_SEGMENT_FACTOR``), so there is a difference to find.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.models import Advertiser
from adplatform.demo import shop
from campaigns.experiment_services import ArmPlan, experiment_create, experiment_start
from campaigns.models import Campaign, Experiment
from campaigns.weight_services import learning_configure

PLANNED_SHOPPERS = 2_000
HOLDOUT_RATE, DIVIDEND_RATE = 0.2, 0.3  # large, because the demo's shoppers are few


def demo_experiment_ensure(advertiser: Advertiser, *, now: datetime, days: int) -> Experiment | None:
    """Running since ``days`` ago, for as long again; None where there is one or nothing to compare."""
    campaign = Campaign.objects.filter(advertiser=advertiser, name=shop.CAMPAIGNS[0]["name"]).first()
    if campaign is None or Experiment.objects.filter(advertiser=advertiser).exists():
        return None
    experiment = experiment_create(
        advertiser=advertiser,
        campaign_id=campaign.pk,
        name="Own picture against generic",
        hypothesis="Hikers and players click a picture made for them more often than one made for everybody.",
        arms=[ArmPlan("generic"), ArmPlan("own_segment")],
        min_effect_rate=0.3,
        planned_shoppers=PLANNED_SHOPPERS,
        planned_days=2 * days,
    )
    return experiment_start(
        advertiser=advertiser, experiment_id=experiment.pk, now=now - timedelta(days=days)
    )


def demo_learning_ensure(advertiser: Advertiser, *, now: datetime) -> Campaign | None:
    """Learning and the standing split are on; None without the campaign, or where somebody set them."""
    campaign = Campaign.objects.filter(advertiser=advertiser, name=shop.CAMPAIGNS[1]["name"]).first()
    if campaign is None or campaign.learns or campaign.dividend_rate:
        return None
    return learning_configure(
        advertiser=advertiser,
        campaign_id=campaign.pk,
        now=now,
        learns=True,
        holdout_rate=HOLDOUT_RATE,
        dividend_rate=DIVIDEND_RATE,
    )
