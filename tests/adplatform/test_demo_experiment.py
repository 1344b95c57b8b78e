"""The demo's experiment runs once, and only where there is something to compare."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from adplatform.demo import shop as demo_shop
from adplatform.demo.experiment import demo_experiment_ensure, demo_learning_ensure
from campaigns.weight_services import learning_configure
from tests.analytics.experiment_cast import make_storefront

pytestmark = pytest.mark.django_db


def test_the_demo_has_one_running_experiment(shop):
    now = timezone.now()
    assert demo_experiment_ensure(shop, now=now, days=14) is None  # no such campaign
    campaign, _ = make_storefront(shop)
    campaign.name = demo_shop.CAMPAIGNS[0]["name"]
    campaign.save()
    experiment = demo_experiment_ensure(shop, now=now, days=14)
    assert experiment.status == "running"
    assert experiment.started_at == now - timedelta(days=14)
    assert experiment.planned_end_at == now + timedelta(days=14)
    assert demo_experiment_ensure(shop, now=now, days=14) is None  # once


def test_the_demo_learns_and_splits_in_its_second_campaign_unless_somebody_chose(shop):
    now = timezone.now()
    assert demo_learning_ensure(shop, now=now) is None  # no such campaign
    campaign, _ = make_storefront(shop)
    campaign.name = demo_shop.CAMPAIGNS[1]["name"]
    campaign.save()
    assert demo_learning_ensure(shop, now=now).learns
    campaign.refresh_from_db()
    assert (campaign.learns, campaign.dividend_rate) == (True, 0.3)
    learning_configure(advertiser=shop, campaign_id=campaign.pk, now=now, learns=False)
    assert demo_learning_ensure(shop, now=now) is None
