"""Counts for budgets and caps, from events to the decision that they change."""

from __future__ import annotations

import importlib
import json
import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.apps import apps
from django.utils import timezone

from accounts.models import WebhookDelivery, WebhookEndpoint
from analytics import delivery, tasks
from analytics.models import DirtyHour
from analytics.rollups import rollups_refresh
from campaigns.delivery_services import Counts
from campaigns.models import CampaignDelivery, CappedShopper
from campaigns.serving.context import ServeContext
from campaigns.serving.engine import decide
from campaigns.serving.loading import snapshot_load
from campaigns.serving.reasons import Reason
from campaigns.serving.store import SnapshotStore
from tests.analytics.test_rollups import incoming, record
from tests.campaigns.serving_cast import make_live, make_variant

# Monday 00:30 in Shanghai, still Sunday 16:30 in UTC.
NOW = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)


@pytest.fixture
def campaign(shop, monkeypatch):
    # Ids are made at the wall clock; these events are of another day.
    monkeypatch.setattr("analytics.delivery.uuid7", lambda at: "00000000-0000-7000-8000-000000000000")
    shop.time_zone = "Asia/Shanghai"
    shop.save()
    campaign, placement = make_live(shop)
    make_variant(campaign, placement)
    return campaign


def delivery_refresh(now):
    rollups_refresh()
    return delivery.delivery_refresh(now=now)


def limit(campaign, **fields):
    for name, value in fields.items():
        setattr(campaign, name, value)
    campaign.save()


def see(shop, campaign, count=1, *, at=NOW, who="ann", kind="impression", **fields):
    events = [
        incoming(shop, kind, at, campaign_id=campaign.pk, shopper_pseudonym=who, **fields)
        for _ in range(count)
    ]
    record(*events)


def reason_for(shop, now=NOW, who="ann"):
    context = ServeContext(shop.pk, ("hero",), now, pseudonym=who)
    return decide(context, snapshot_load(shop.pk), random.Random(1)).slots[0].reason


def test_only_valid_events_of_the_local_day_are_todays(shop, campaign):
    limit(campaign, rate_cents=1000, daily_budget_cents=10_000, budget_cents=10_000)
    see(shop, campaign, 4, at=NOW - timedelta(hours=1))  # yesterday in Shanghai, today in UTC
    see(shop, campaign, 2)
    see(shop, campaign, 3, kind="click")
    see(shop, campaign, 5, invalid_reason="bot")
    assert delivery_refresh(now=NOW) == 1
    row = CampaignDelivery.objects.get()
    assert (row.impressions, row.day_impressions, row.clicks, row.day_clicks) == (6, 2, 3, 3)
    assert str(row.day) == "2026-11-23"
    assert delivery_refresh(now=NOW) == 0


def test_a_spent_budget_stops_the_campaign(shop, campaign):
    limit(campaign, rate_cents=1000, budget_cents=2)
    see(shop, campaign, 2)
    delivery_refresh(now=NOW)
    assert reason_for(shop) is Reason.BUDGET_SPENT


def test_a_spent_budget_is_told_once(shop, campaign):
    limit(campaign, rate_cents=1000, budget_cents=2)
    WebhookEndpoint.objects.create(
        advertiser=shop, url="https://shop.example/", kinds=["budget.spent"], secret="whsec_"
    )
    for told in (0, 1, 1):  # one impression, two, three
        see(shop, campaign)
        delivery_refresh(now=NOW)
        assert WebhookDelivery.objects.count() == told
    assert json.loads(WebhookDelivery.objects.get().body)["data"]["spent_cents"] == 2


def budgets_told(shop, campaign, delivered):
    """The budgets told as spent after each count of impressions; the shop's endpoint is made first."""
    WebhookEndpoint.objects.get_or_create(
        advertiser=shop, url="https://shop.example/", kinds=["budget.spent"], secret="whsec_"
    )
    for counted_at, impressions in delivered:
        counts = [Counts(campaign.pk, counted_at.date(), impressions=impressions)]
        delivery.delivery_write(advertiser_id=shop.pk, counts=counts, capped=[], counted_at=counted_at)
    bodies = WebhookDelivery.objects.order_by("pk").values_list("body", flat=True)
    return [json.loads(body)["data"]["budget_cents"] for body in bodies]


def test_a_budget_lowered_below_what_was_spent_is_told(shop, campaign):
    limit(campaign, rate_cents=1000, budget_cents=100)
    assert budgets_told(shop, campaign, [(NOW, 50)]) == []
    limit(campaign, budget_cents=50)
    assert budgets_told(shop, campaign, [(NOW, 50), (NOW, 50)]) == [50]
    limit(campaign, budget_cents=60)
    assert budgets_told(shop, campaign, [(NOW, 59), (NOW, 60), (NOW, 61)]) == [50, 60]


def test_an_older_count_that_comes_late_changes_and_tells_nothing(shop, campaign):
    limit(campaign, rate_cents=1000, budget_cents=2)
    late = NOW - timedelta(seconds=10)
    assert budgets_told(shop, campaign, [(NOW, 2), (late, 1), (NOW, 2)]) == [2]
    assert budgets_told(shop, campaign, [(late, 1)]) == [2]
    assert CampaignDelivery.objects.get().impressions == 2


def test_a_count_of_a_clock_that_was_fast_does_not_stand(shop, campaign):
    limit(campaign, rate_cents=1000, budget_cents=2)
    now = timezone.now()
    assert budgets_told(shop, campaign, [(now + timedelta(hours=1), 1), (now, 2)]) == [2]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"rate_cents": 1000, "budget_cents": 50}, 50),
        ({"rate_cents": 1000, "budget_cents": 51}, None),
        ({"rate_cents": 10, "budget_cents": 30, "rate_unit": "cpc"}, 30),
        ({"rate_cents": 10, "budget_cents": 31, "rate_unit": "cpc"}, None),
        ({"cap_daily": 1}, None),
    ],
)
def test_what_the_release_before_told_is_not_told_again(shop, campaign, fields, told):
    limit(campaign, **fields)
    delivered = {"impressions": 50, "clicks": 3, "day": NOW.date(), "counted_at": NOW}
    CampaignDelivery.objects.create(advertiser=shop, campaign=campaign, **delivered)
    importlib.import_module("campaigns.migrations.0011_budget_told").spent_are_told(apps, None)
    assert CampaignDelivery.objects.get().told_budget_cents == told


def test_a_shopper_at_the_cap_sees_something_else_until_midnight_where_the_shop_is(shop, campaign, settings):
    settings.SERVING_COUNT_MINUTES = 0  # hours and days pass here without a count
    limit(campaign, cap_daily=2)
    see(shop, campaign, 1, at=NOW - timedelta(hours=1))  # of yesterday
    see(shop, campaign, 1)
    delivery_refresh(now=NOW)
    assert reason_for(shop) is None
    see(shop, campaign, 1)
    see(shop, campaign, 1, who="bob")
    delivery_refresh(now=NOW)
    assert reason_for(shop) is Reason.DAILY_CAP
    assert reason_for(shop, who="bob") is None
    assert reason_for(shop, now=datetime(2026, 11, 23, 15, 59, tzinfo=UTC)) is Reason.DAILY_CAP
    assert reason_for(shop, now=datetime(2026, 11, 23, 16, 0, tzinfo=UTC)) is None


def test_a_weekly_cap_counts_from_monday_and_outlasts_the_day(shop, campaign, settings):
    settings.SERVING_COUNT_MINUTES = 0  # hours and days pass here without a count
    limit(campaign, cap_daily=5, cap_weekly=2)
    see(shop, campaign, 9, at=NOW - timedelta(hours=1), who="sunday")
    see(shop, campaign, 2)
    delivery_refresh(now=NOW)
    assert reason_for(shop, who="sunday") is None
    assert reason_for(shop, now=NOW + timedelta(days=6)) is Reason.WEEKLY_CAP
    assert reason_for(shop, now=NOW + timedelta(days=7)) is None


def test_only_those_who_saw_it_since_the_last_count_are_counted(shop, campaign, monkeypatch):
    limit(campaign, cap_daily=1)
    see(shop, campaign)
    delivery_refresh(now=NOW)
    monkeypatch.setattr("analytics.delivery.uuid7", lambda at: "ffffffff-0000-7000-8000-000000000000")
    see(shop, campaign, who="bob")
    delivery_refresh(now=NOW)
    assert set(CappedShopper.objects.values_list("shopper_pseudonym", flat=True)) == {"ann"}


def test_what_waits_to_be_counted_keeps_the_counts_from_looking_fresh(shop, campaign):
    limit(campaign, rate_cents=1000, budget_cents=1000)
    see(shop, campaign)
    waiting = DirtyHour.objects.get().created_at
    later = waiting + timedelta(minutes=4)
    delivery.delivery_refresh(now=later)  # of an hour that nobody rebuilt
    assert CampaignDelivery.objects.get().counted_at == waiting
    assert reason_for(shop, now=waiting + timedelta(minutes=5, seconds=-1)) is None
    assert reason_for(shop, now=waiting + timedelta(minutes=5)) is Reason.COUNT_LATE
    delivery_refresh(now=later)
    assert CampaignDelivery.objects.get().counted_at == later
    assert reason_for(shop, now=waiting + timedelta(minutes=5)) is None
    assert reason_for(shop, now=later + timedelta(minutes=5)) is Reason.COUNT_LATE


def test_counts_are_taken_whatever_becomes_of_the_sums_and_of_another_advertiser(
    shop, other_shop, campaign, monkeypatch
):
    limit(campaign, budget_cents=500)
    others, _ = make_live(other_shop)
    limit(others, budget_cents=500)
    write = delivery.delivery_write

    def fails_for_the_first(*, advertiser_id, **counts):
        if advertiser_id == min(shop.pk, other_shop.pk):
            raise ValueError("an advertiser whose counts cannot be taken")
        return write(advertiser_id=advertiser_id, **counts)

    def fails(**_):
        raise ArithmeticError("no roll-up at all")

    monkeypatch.setattr(delivery, "delivery_write", fails_for_the_first)
    monkeypatch.setattr("analytics.rollups.rollups_refresh", fails)
    with pytest.raises(ArithmeticError):
        tasks.rollups_refresh()
    assert CampaignDelivery.objects.get().advertiser_id == max(shop.pk, other_shop.pk)


def test_a_quiet_campaign_serves_as_long_as_it_is_counted(shop, campaign):
    limit(campaign, rate_cents=1000, budget_cents=1000)
    clock = 0.0
    store = SnapshotStore(clock=lambda: clock)
    start = timezone.now()
    for seconds in range(0, 900, 10):
        clock, now = float(seconds), start + timedelta(seconds=seconds)
        delivery_refresh(now=now)
        context = ServeContext(shop.pk, ("hero",), now + timedelta(seconds=9))
        assert decide(context, store.get(shop.pk), random.Random(1)).slots[0].is_filled
    dead = context.now + timedelta(minutes=5)
    assert (
        decide(msgspec.structs.replace(context, now=dead), store.get(shop.pk), random.Random(1))
        .slots[0]
        .reason
        == "count_late"
    )


def test_campaigns_without_limits_and_of_others_are_left_alone(shop, other_shop, campaign):
    other, _ = make_live(other_shop, cap_daily=1)
    see(shop, campaign)
    delivery_refresh(now=NOW)
    assert [row.campaign_id for row in CampaignDelivery.objects.all()] == [other.pk]
    assert not CappedShopper.objects.exists()
