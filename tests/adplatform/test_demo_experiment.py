"""The demo's experiment runs once, and only where there is something to compare."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from adplatform.demo import shop as demo_shop
from adplatform.demo.experiment import demo_experiment_ensure
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
