"""A new price in the feed: the old picture stops at once, the new one is asked for, and nothing is lost."""

from __future__ import annotations

import pytest
from django.utils import timezone

from campaigns.models import Campaign, Product, Variant
from campaigns.price_services import prices_refresh
from campaigns.serving.loading import snapshot_load
from campaigns.serving.reasons import Reason
from campaigns.variant_services import campaign_generate
from generation.models import Creative, RenderJob
from tests import factories
from tests.campaigns.catalog_cast import PICTURES, feed, line, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(shop) -> Campaign:
    """Live, with an approved generic creative of each of two products at 89.90 EUR."""
    run(shop, feed(line(), line("A2")), PICTURES)
    placement = factories.make_placement(shop)
    campaign = factories.make_campaign(shop, products=Product.objects.all(), placements=[placement])
    campaign_generate(advertiser=shop, campaign_id=campaign.pk, now=timezone.now())
    for variant in campaign.variants.all():
        factories.make_creative(variant.job, status="approved")
    Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.LIVE)
    return campaign


def variant_of(external_id: str) -> Variant:
    return Variant.objects.select_related("job").get(product__external_id=external_id)


def reasons(campaign) -> dict[str, Reason | None]:
    """By product: why its picture may not be shown, None when it may."""
    (slot,) = snapshot_load(campaign.advertiser_id).slots.values()
    shown = list(slot.candidates)
    return dict.fromkeys(candidate.product_external_id for candidate in shown) | {
        candidate.product_external_id: reason for candidate, reason in slot.refused
    }


def test_an_import_asks_for_the_picture_with_the_new_price_and_only_for_that(shop, campaign):
    old, other = variant_of("A1").job, variant_of("A2").job
    run(shop, feed(line(price="79.90 EUR"), line("A2")))
    job = variant_of("A1").job
    assert job != old
    assert job.status == RenderJob.Status.QUEUED
    assert job.brief["product"]["price_cents"] == 7990
    assert variant_of("A2").job == other
    assert reasons(campaign) == {"A1": Reason.NO_CREATIVE_OF_SIZE, "A2": None}


@pytest.mark.parametrize("change", [{"price": "89.90 USD"}, {"price": "90.00 EUR"}])
def test_the_old_price_is_off_the_air_even_where_nothing_can_be_rendered(shop, campaign, change):
    Product.objects.filter(external_id="A2").update(cutout="")  # the campaign's plan is refused now
    old = variant_of("A1").job
    run(shop, feed(line(**change), line("A2")))
    assert variant_of("A1").job == old
    assert reasons(campaign)["A1"] == Reason.PRICE_CHANGED


def test_when_the_sale_ends_the_approved_picture_comes_back_without_a_render(shop, campaign):
    old = variant_of("A1").job
    run(shop, feed(line(price="79.90 EUR"), line("A2")))
    waiting = variant_of("A1").job
    run(shop, feed(line(), line("A2")))
    assert variant_of("A1").job == old
    assert Creative.objects.get(job=old).status == "approved"
    assert reasons(campaign)["A1"] is None
    waiting.refresh_from_db()
    assert waiting.status == RenderJob.Status.CANCELLED  # nobody wants that price any more


def test_asking_twice_asks_once_and_ended_campaigns_and_other_shops_rest(shop, other_shop, campaign):
    Product.objects.filter(external_id="A1").update(price_cents=100)
    assert prices_refresh(advertiser=other_shop) == 0
    Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.ENDED)
    assert prices_refresh(advertiser=shop) == 0
    Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.PAUSED)
    assert prices_refresh(advertiser=shop) == 1
    assert prices_refresh(advertiser=shop) == 0
