from __future__ import annotations

from datetime import date

from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from adplatform.lib.ids import uuid7
from analytics.periods import KEYS, SUMS, Days
from campaigns.models import Campaign
from campaigns.selectors import CampaignRate, campaign_rates_get
from tests import factories
from tests.analytics.test_reports import API, PAGE, World

DAY, NEXT, LATER = date(2026, 11, 10), date(2026, 11, 11), date(2026, 11, 12)
BY_CLICK, BY_VIEW, FREE = (uuid7() for _ in range(3))
RATES = {BY_CLICK: CampaignRate(0.0, 25), BY_VIEW: CampaignRate(0.5, 0.0)}


def line(day, campaign_id, currency="EUR", **sums):
    """A row as the roll-ups give it."""
    return (day, campaign_id, currency, *(sums.get(name, 0) for name in SUMS))


def period(*lines, start=DAY, end=NEXT, rates=RATES):
    return Days(lines, currency="EUR", rates=rates).period(start, end)


def test_clicks_and_impressions_cost_what_their_campaign_says_and_the_rest_has_no_price():
    spend = period(
        line(DAY, BY_CLICK, impressions=900, clicks=4, conversions=1, revenue_cents=4000),
        line(DAY, BY_VIEW, impressions=100),
        line(NEXT, BY_VIEW, impressions=31, clicks=2),
        line(NEXT, FREE, impressions=7, clicks=7, revenue_cents=99_000),
        line(NEXT, None, conversions=3),
    ).spend
    assert spend.day_cents == [150, 16]
    assert spend.cost_cents == 166  # 165.5
    assert (spend.revenue_cents, spend.clicks, spend.conversions) == (4000, 6, 1)
    assert spend.unpriced_impressions == 7
    assert spend.order_cents == 166


def test_without_a_priced_campaign_there_is_no_spend_rather_than_a_free_one():
    assert period().spend is None
    assert period(line(DAY, FREE, impressions=5)).spend is None
    nothing = period(line(DAY, BY_CLICK, impressions=5), end=DAY).spend
    assert (nothing.cost_cents, nothing.return_rate, nothing.click_cents, nothing.order_cents) == (
        0,
        None,
        None,
        None,
    )


def test_foreign_money_and_orders_that_nothing_led_to_stand_beside_the_sums():
    found = period(
        line(DAY, FREE, "", impressions=9, simulated=1),
        line(DAY, FREE, conversions=1, revenue_cents=500, refunds=1, refunded_cents=20),
        line(NEXT, FREE, "USD", conversions=2, revenue_cents=700, refunded_cents=30),
        line(NEXT, FREE, "CHF", conversions=1, revenue_cents=80),
        line(NEXT, None, conversions=4, revenue_cents=900, refunds=2, refunded_cents=60),
        line(NEXT, None, "USD", conversions=1, revenue_cents=10),
        line(LATER, FREE, "USD", conversions=1, revenue_cents=5),
    )
    totals = found.totals
    assert (totals.conversions, totals.revenue_cents) == (4, 500)
    assert (totals.unattributed_conversions, totals.unattributed_revenue_cents) == (5, 900)
    assert (totals.refunds, totals.refunded_cents) == (3, 20)
    assert totals.other_revenue == {"CHF": 80, "USD": 700}
    assert totals.has_simulated
    assert [(p.day, p.conversions, p.revenue_cents) for p in found.series] == [(DAY, 1, 500), (NEXT, 3, 0)]
    assert not period(line(NEXT, FREE, clicks=1)).totals.has_simulated


def test_a_period_has_all_its_days_and_a_frame_holds_several_periods():
    days = Days([line(NEXT, FREE, clicks=3), line(LATER, FREE, clicks=5)], currency="EUR")
    assert [point.clicks for point in days.period(DAY, NEXT).series] == [0, 3]
    assert [point.clicks for point in days.period(LATER, LATER).series] == [5]
    assert days.period(DAY, DAY).totals.is_empty
    assert days.campaigns(DAY, NEXT)[FREE].clicks == 3
    assert days.campaigns(DAY, DAY) == {}


def test_sums_are_exact_far_beyond_what_a_shop_takes():
    huge = 2**52
    found = period(line(DAY, FREE, revenue_cents=huge), line(NEXT, FREE, revenue_cents=1)).totals
    assert found.revenue_cents == huge + 1


ROWS = st.builds(
    line,
    st.sampled_from([DAY, NEXT]),
    st.sampled_from([BY_CLICK, BY_VIEW, FREE, None]),
    st.sampled_from(["", "EUR"]),
    impressions=st.integers(0, 999),
    clicks=st.integers(0, 99),
    revenue_cents=st.integers(0, 9999),
)


@given(st.lists(ROWS))
def test_the_days_add_up_to_the_campaigns_and_to_the_rows(rows):
    days = Days(rows, currency="EUR", rates=RATES)
    found, campaigns = days.period(DAY, NEXT), days.campaigns(DAY, NEXT)
    assert [point.day for point in found.series] == [DAY, NEXT]
    for name in ("impressions", "clicks", "revenue_cents"):
        place = len(KEYS) + SUMS.index(name)
        led = sum(row[place] for row in rows if row[1] is not None)
        whole = led if name == "revenue_cents" else sum(row[place] for row in rows)
        assert sum(getattr(point, name) for point in found.series) == whole == getattr(found.totals, name)
        assert sum(getattr(counts, name) for counts in campaigns.values()) == led


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
