"""The demo's experiments begin and end on their days, and only where there is something to compare."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from adplatform.demo import shop as demo_shop
from adplatform.demo.experiment import AGAIN, FIRST, PICTURES, DemoExperiments, demo_learning_ensure
from adplatform.demo.visits import Taste, worn_factor
from campaigns.challenger_services import challengers_request
from campaigns.models import Experiment
from campaigns.weight_services import learning_configure
from tests import factories
from tests.analytics.experiment_cast import make_storefront

pytestmark = pytest.mark.django_db


def campaign_named(shop, number, code):
    campaign, segment = make_storefront(shop, code)
    campaign.name = demo_shop.CAMPAIGNS[number]["name"]
    campaign.products.set([variant.product for variant in campaign.variants.all()])
    campaign.save()
    return campaign, segment


def test_each_experiment_begins_and_ends_on_its_day_and_once(shop):
    now = timezone.now()
    days = DemoExperiments(shop, now=now, days=21)
    assert days.morning(days.began_at) == []  # no such campaign
    campaign_named(shop, 0, "hero")
    second, segment = campaign_named(shop, 1, "side")
    variant = second.variants.get(segment=segment)
    (asked,) = challengers_request(advertiser=shop, campaign_id=second.pk, variant_ids=[variant.pk])
    factories.make_creative(asked.challenger_job, status="approved")
    lines = []
    for number in range(22):
        lines += days.morning(days.began_at + timedelta(days=number))
    assert len(lines) == 3, lines
    found = {row.name: row for row in Experiment.objects.all()}
    first, again, pictures = (found[name] for name in (FIRST, AGAIN, PICTURES))
    assert (first.status, first.stopped_at) == ("stopped", days.mended_at)
    assert (again.status, again.started_at) == ("running", days.mended_at)
    assert (pictures.status, pictures.started_at) == ("running", days.pictures_at)
    assert again.planned_end_at > now


def test_the_demo_learns_and_splits_in_its_second_campaign_unless_somebody_chose(shop):
    now = timezone.now()
    assert demo_learning_ensure(shop, now=now) is None  # no such campaign
    campaign, _ = campaign_named(shop, 1, "hero")
    assert demo_learning_ensure(shop, now=now).learns
    campaign.refresh_from_db()
    assert (campaign.learns, campaign.dividend_rate) == (True, 0.3)
    learning_configure(advertiser=shop, campaign_id=campaign.pk, now=now, learns=False)
    assert demo_learning_ensure(shop, now=now) is None


def test_what_the_crowd_likes_is_what_was_planted():
    now = timezone.now()
    taste = Taste(
        own_products={"play": {"Headphones"}},
        own_creatives={"play": {"own"}},
        worn_creatives={"worn"},
        began_at=now,
        lost_until=now,
        lost_products={"Headphones"},
    )
    plain = taste.click_rate("play", "other", "A boot", now, 0)
    assert taste.click_rate("play", "other", "Headphones", now, 0) == pytest.approx(2.5 * plain)
    assert taste.click_rate("play", "own", "Headphones", now, 0) == pytest.approx(2.5 * 1.65 * plain)
    assert taste.click_rate("play", "other", "A boot", now, 3) < plain
    old = now + timedelta(days=20)
    assert taste.click_rate("play", "worn", "A boot", old, 0) == pytest.approx(plain / 5)
    assert [worn_factor(days) for days in (0, 7, 7.5, 9, 30)] == [1, 1, 0.6, 0.2, 0.2]
    before = now - timedelta(seconds=1)
    assert taste.is_lost("mobile", "generic", "Headphones", before)
    for seen in (
        ("desktop", "generic", "Headphones", before),
        ("mobile", "segment", "Headphones", before),
        ("mobile", "generic", "A boot", before),
        ("mobile", "generic", "Headphones", now),
    ):
        assert not taste.is_lost(*seen)
