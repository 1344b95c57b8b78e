from __future__ import annotations

from datetime import date

from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from adplatform.lib.ids import uuid7
from analytics.selectors import Counts
from analytics.spend import days_make, spend_make
from campaigns.models import Campaign
from campaigns.selectors import CampaignRate, campaign_rates_get
from tests import factories
from tests.analytics.test_reports import API, PAGE, World

DAY, NEXT = date(2026, 11, 10), date(2026, 11, 11)
BY_CLICK, BY_VIEW, FREE = (uuid7() for _ in range(3))
RATES = {BY_CLICK: CampaignRate(0.0, 25), BY_VIEW: CampaignRate(0.5, 0.0)}


def test_clicks_and_impressions_cost_what_their_campaign_says_and_the_rest_has_no_price():
    courses = {
        BY_CLICK: {DAY: Counts(impressions=900, clicks=4, conversions=1, revenue_cents=4000)},
        BY_VIEW: {DAY: Counts(impressions=100), NEXT: Counts(impressions=31, clicks=2)},
        FREE: {NEXT: Counts(impressions=7, clicks=7, revenue_cents=99_000)},
        None: {NEXT: Counts(conversions=3)},
    }
    spend = spend_make(courses, RATES, DAY, NEXT)
    assert spend.day_cents == [150, 16]
    assert spend.cost_cents == 166  # 165.5
    assert (spend.revenue_cents, spend.clicks, spend.conversions) == (4000, 6, 1)
    assert spend.unpriced_impressions == 7
    assert spend.order_cents == 166


def test_without_a_priced_campaign_there_is_no_spend_rather_than_a_free_one():
    assert spend_make({FREE: {DAY: Counts(impressions=5)}}, RATES, DAY, DAY) is None
    nothing = spend_make({BY_CLICK: {DAY: Counts(impressions=5)}}, RATES, DAY, DAY)
    assert (nothing.cost_cents, nothing.return_rate, nothing.click_cents, nothing.order_cents) == (
        0,
        None,
        None,
        None,
    )


COUNTS = st.builds(
    Counts, impressions=st.integers(0, 999), clicks=st.integers(0, 99), revenue_cents=st.integers(0, 9999)
)


@given(
    st.dictionaries(
        st.sampled_from([BY_CLICK, BY_VIEW, FREE, None]),
        st.dictionaries(st.sampled_from([DAY, NEXT]), COUNTS),
    )
)
def test_the_days_add_up_to_the_campaigns(courses):
    days = days_make(courses, DAY, NEXT)
    assert [day.day for day in days] == [DAY, NEXT]
    for name in ("impressions", "clicks", "revenue_cents"):
        found = sum(getattr(day, name) for course in courses.values() for day in course.values())
        assert sum(getattr(day, name) for day in days) == found


def test_the_page_and_the_api_show_what_the_traffic_cost(alice_client, api, shop):
    world = World(shop)
    page = alice_client.get(PAGE).content.decode()
    assert "Return on spend" not in page
    assert api.get(API).json()["spend"] is None
    Campaign.objects.filter(pk=world.campaign.pk).update(rate_cents=50, rate_unit="cpc")
    spend = api.get(API).json()["spend"]
    assert (spend["cost_cents"], spend["revenue_cents"], spend["return_rate"]) == (200, 4990, 24.95)
    assert sum(spend["day_cents"]) == 200
    page = alice_client.get(PAGE).content.decode()
    assert "2.00 EUR" in page
    assert "0.50 EUR a click" in page


def test_a_rate_belongs_to_its_advertiser(shop, other_shop):
    for advertiser in (shop, other_shop):
        factories.make_campaign(advertiser, name=f"Priced {timezone.now()}")
    Campaign.objects.update(rate_cents=1000, rate_unit="cpm")
    assert list(campaign_rates_get(advertiser_id=shop.pk).values()) == [CampaignRate(1.0, 0.0)]
