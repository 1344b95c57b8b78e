"""Devices, hours, budgets, pace, caps, house creatives: each with its reason, form and API field."""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from adplatform.lib.errors import DomainError
from campaigns.delivery_services import Capped, Counts, counted_campaign_list, delivery_write
from campaigns.models import Campaign, CampaignDelivery, CappedShopper, WeightRecord
from campaigns.services import campaign_update
from campaigns.serving.engine import decide, explain, match_of
from campaigns.serving.limits import (
    Delivered,
    Delivery,
    Limits,
    day_share,
    hours_of,
    refusals,
    serving_weekday,
)
from campaigns.serving.loading import snapshot_load, version_read
from campaigns.serving.reasons import Reason
from campaigns.serving.store import SnapshotStore
from tests import factories
from tests.campaigns.serving_cast import (
    NOW,
    candidate_of,
    context_of,
    make_live,
    make_variant,
    snapshot_of,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
ID = uuid.UUID(int=500)
HIKERS = uuid.UUID(int=71)
TODAY = NOW.astimezone(SHANGHAI).date()  # NOW is Monday 12:00 UTC, 20:00 in Shanghai


def reason_of(limits, delivered=None, **context):
    delivery = Delivery(SHANGHAI, {ID: delivered} if delivered else {})
    return refusals([limits], context_of(**context), delivery).get(limits)


@pytest.mark.parametrize(
    ("first", "last", "day", "hour", "weekday"),
    [
        (22, 6, 28, 2, 4),  # Saturday 2:00 is the end of Friday's night
        (22, 6, 27, 22, 4),
        (22, 6, 27, 2, 3),
        (None, None, 28, 2, 5),
        (0, 6, 28, 2, 5),
    ],
)
def test_the_hours_after_midnight_are_those_of_the_day_before(first, last, day, hour, weekday):
    local = datetime(2026, 11, day, hour, tzinfo=SHANGHAI)
    assert serving_weekday(hours_of(first, last), local) == weekday


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"devices": frozenset({"mobile"})}, Reason.DEVICE_MISMATCH),
        ({"devices": frozenset({"mobile", "desktop"})}, None),
        ({"weekdays": frozenset({1, 2, 3, 4, 5, 6})}, Reason.OUTSIDE_HOURS),
        ({"weekdays": frozenset({0})}, None),
        ({"hours": hours_of(9, 20)}, Reason.OUTSIDE_HOURS),
        ({"hours": hours_of(9, 21)}, None),
        ({"hours": hours_of(22, 6)}, Reason.OUTSIDE_HOURS),
        ({"hours": hours_of(20, 6)}, None),
        ({"budget_cents": 3000}, Reason.BUDGET_SPENT),
        ({"budget_cents": 3001}, None),
        ({"daily_budget_cents": 1000}, Reason.DAILY_BUDGET_SPENT),
        ({"daily_budget_cents": 1001}, None),
        ({"daily_budget_cents": 1100, "is_paced": True}, Reason.PACED),  # 20 of 24 hours are over
        ({"daily_budget_cents": 1200, "is_paced": True}, None),
        ({"cap_daily": 2}, Reason.DAILY_CAP),
    ],
)
def test_each_limit_refuses_by_its_own_reason_in_the_advertisers_time_zone(limits, reason):
    delivered = Delivered(
        impressions=15_000,
        day=TODAY,
        day_impressions=5_000,
        capped={"p": (NOW + timedelta(hours=4), Reason.DAILY_CAP)},
    )
    limits = Limits(ID, impression_cents=0.2, **limits)
    assert reason_of(limits, delivered, device="desktop", pseudonym="p") is reason


def test_clicks_cost_what_a_click_costs_and_a_new_day_starts_at_nothing():
    limits = Limits(ID, click_cents=50, daily_budget_cents=500)
    spent = Delivered(clicks=10, day=TODAY, day_clicks=10)
    assert reason_of(limits, spent) is Reason.DAILY_BUDGET_SPENT
    assert reason_of(limits, spent, now=NOW + timedelta(hours=3, minutes=59)) is Reason.DAILY_BUDGET_SPENT
    assert reason_of(limits, spent, now=NOW + timedelta(hours=4)) is None


def test_a_cap_ends_at_its_moment_and_concerns_nobody_else():
    limits = Limits(ID, cap_daily=2)
    delivered = Delivered(capped={"p": (NOW, Reason.WEEKLY_CAP)})
    assert reason_of(limits, delivered, pseudonym="p", now=NOW - timedelta(seconds=1)) is Reason.WEEKLY_CAP
    assert reason_of(limits, delivered, pseudonym="p") is None
    assert reason_of(limits, delivered, pseudonym="", now=NOW - timedelta(seconds=1)) is None


def test_a_campaign_that_nobody_has_counted_yet_may_serve():
    assert reason_of(Limits(ID, impression_cents=1, budget_cents=1, cap_daily=2), pseudonym="p") is None


@pytest.mark.parametrize(
    ("limits", "pseudonym", "is_refused"),
    [
        ({"budget_cents": 10**9}, "", True),
        ({"daily_budget_cents": 10**9}, "", True),
        ({"cap_daily": 2}, "p", True),
        ({"cap_daily": 2}, "", False),  # whom no cap can hold
    ],
)
def test_counts_that_are_too_old_hold_no_limit(limits, pseudonym, is_refused):
    limits, delivered = Limits(ID, impression_cents=1, **limits), Delivered(good_until=NOW)
    just_before = {"pseudonym": pseudonym, "now": NOW - timedelta(microseconds=1)}
    assert reason_of(limits, delivered, **just_before) is None
    assert reason_of(limits, delivered, pseudonym=pseudonym) is (Reason.COUNT_LATE if is_refused else None)


def test_what_old_counts_refuse_keeps_its_own_reason():
    limits = Limits(ID, impression_cents=1, budget_cents=5, cap_daily=2)
    assert reason_of(limits, Delivered(impressions=5, good_until=NOW)) is Reason.BUDGET_SPENT
    capped = {"p": (NOW + timedelta(hours=1), Reason.DAILY_CAP)}
    assert reason_of(limits, Delivered(capped=capped, good_until=NOW), pseudonym="p") is Reason.DAILY_CAP
    assert reason_of(limits, Delivered(capped=capped, good_until=NOW), pseudonym="q") is Reason.COUNT_LATE


@given(
    st.one_of(st.none(), st.integers(0, 23)),
    st.integers(1, 24),
    st.integers(0, 86_399),
)
def test_the_share_of_a_day_grows_from_nothing_to_all_of_it(first, last, second):
    hours = hours_of(first, last if first is not None and last != first else None)
    local = datetime(2026, 11, 23, tzinfo=SHANGHAI) + timedelta(seconds=second)
    share = day_share(hours, local)
    assert 0 <= share <= 1
    assert day_share(hours, local.replace(hour=0, minute=0, second=0)) == 0
    assert share <= day_share(hours, local.replace(hour=23, minute=59, second=59))


# --- the engine
def test_house_creatives_show_only_where_nothing_else_may_be_shown():
    house, generic = candidate_of(1, is_house=True), candidate_of(2, ends_at=NOW + timedelta(hours=1))
    snapshot = snapshot_of(house, generic)
    context = context_of(segment_ids=(HIKERS,))
    first = decide(context, snapshot, random.Random(1)).slots[0]
    assert (first.candidate, match_of(first.candidate)) == (generic, "generic")
    reasons = {line.candidate.variant_id: line.reason for line in explain(context, first, snapshot)}
    assert reasons[house.variant_id] is Reason.HOUSE_NOT_NEEDED
    later = decide(context_of(now=NOW + timedelta(hours=2)), snapshot, random.Random(1)).slots[0]
    assert (later.candidate, match_of(later.candidate), later.propensity) == (house, "house", 1)


def test_a_spent_campaign_gives_way_to_the_next_link_of_the_chain():
    spent = Limits(ID, budget_cents=0)
    segment = candidate_of(1, segment_id=HIKERS, limits=spent)
    generic = candidate_of(2, campaign_id=uuid.UUID(int=501))
    context = context_of(segment_ids=(HIKERS,))
    snapshot = snapshot_of(segment, generic)
    answer = decide(context, snapshot, random.Random(1)).slots[0]
    assert answer.candidate == generic
    reasons = {line.candidate.variant_id: line.reason for line in explain(context, answer, snapshot)}
    assert reasons == {generic.variant_id: None, segment.variant_id: Reason.BUDGET_SPENT}
    alone = decide(context, snapshot_of(segment), random.Random(1)).slots[0]
    assert alone.reason is Reason.BUDGET_SPENT


# --- counts, from the rows to the snapshot
@pytest.fixture
def live(shop):
    shop.time_zone = "Asia/Shanghai"
    shop.save()
    campaign, placement = make_live(shop, rate_cents=200, budget_cents=1000, cap_daily=3)
    make_variant(campaign, placement)
    return campaign


def write(shop, campaign, impressions, *capped, at=None):
    now = at or timezone.now()
    day = now.astimezone(SHANGHAI).date()
    count = Counts(campaign.pk, day, impressions=impressions, day_impressions=impressions)
    lines = [
        Capped(campaign.pk, pseudonym, CappedShopper.Period.DAY, now + timedelta(hours=1))
        for pseudonym in capped
    ]
    return delivery_write(advertiser_id=shop.pk, counts=[count], capped=lines, counted_at=now)


def test_counts_reach_a_snapshot_without_reloading_the_rest(shop, live, django_assert_num_queries):
    now = 100.0
    store = SnapshotStore(clock=lambda: now)
    before = store.get(shop.pk)
    assert write(shop, live, 5001, "p")
    now += 2
    with django_assert_num_queries(4):  # the version, the zone, who is capped, the counts
        after = store.get(shop.pk)
    assert after.slots is before.slots
    context = context_of(advertiser_id=shop.pk, now=timezone.now(), pseudonym="p")
    reason = next(iter(refusals(after.limited, context, after.delivery).values()))
    assert reason is Reason.BUDGET_SPENT
    campaign_update(advertiser=shop, campaign_id=live.pk, budget_cents=None)
    raised = snapshot_load(shop.pk)
    assert next(iter(refusals(raised.limited, context, raised.delivery).values())) is Reason.DAILY_CAP


def test_writing_the_same_counts_again_moves_nothing(shop, live):
    assert write(shop, live, 10)
    version = version_read(shop.pk)
    assert not write(shop, live, 10)
    assert version_read(shop.pk) == version
    assert write(shop, live, 11)
    assert version_read(shop.pk).edits == version.edits
    assert version_read(shop.pk).delivery == version.delivery + 1


def test_a_changed_cap_is_counted_anew(shop, live):
    write(shop, live, 10, "p")
    campaign_update(advertiser=shop, campaign_id=live.pk, name="Renamed")
    assert CappedShopper.objects.count() == 1
    campaign_update(advertiser=shop, campaign_id=live.pk, cap_daily=5)
    assert not CappedShopper.objects.exists()
    assert [campaign.counted_at for campaign in counted_campaign_list()] == [None]


def test_counts_of_another_advertisers_campaign_are_not_written(shop, other_shop, live):
    count = Counts(live.pk, TODAY, impressions=7)
    assert not delivery_write(
        advertiser_id=other_shop.pk, counts=[count], capped=[], counted_at=timezone.now()
    )
    assert not CampaignDelivery.objects.exists()


# --- what may be set
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"devices": ["phone"]}, "devices"),
        ({"devices": ["mobile", "mobile"]}, "devices"),
        ({"devices": "mobile"}, "devices"),
        ({"weekdays": [7]}, "weekdays"),
        ({"weekdays": [True]}, "weekdays"),
        ({"weekdays": [[]]}, "weekdays"),
        ({"hour_from": 9}, "hour_until"),
        ({"hour_from": 24, "hour_until": 3}, "hour_from"),
        ({"hour_from": 9, "hour_until": 25}, "hour_until"),
        ({"hour_from": 9, "hour_until": 9}, "hour_until"),
        ({"cap_daily": 0}, "cap_daily"),
        ({"cap_daily": 5, "cap_weekly": 3}, "cap_weekly"),
        ({"budget_cents": 100}, "rate_cents"),
        ({"rate_cents": 0}, "rate_cents"),
        ({"rate_unit": "day"}, "rate_unit"),
        ({"rate_cents": 5, "budget_cents": 100, "daily_budget_cents": 101}, "daily_budget_cents"),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(shop, changes, field):
    campaign = factories.make_campaign(shop)
    with pytest.raises(DomainError) as refusal:
        campaign_update(advertiser=shop, campaign_id=campaign.pk, **changes)
    assert set(refusal.value.errors) == {field}
    campaign.refresh_from_db()
    assert campaign.rate_cents is None


def test_a_house_campaign_has_no_segments(shop):
    segment = factories.make_segment(shop, "hikers")
    campaign = factories.make_campaign(shop, segments=[segment])
    with pytest.raises(DomainError) as refusal:
        campaign_update(advertiser=shop, campaign_id=campaign.pk, is_house=True)
    assert set(refusal.value.errors) == {"is_house"}
    changed = campaign_update(advertiser=shop, campaign_id=campaign.pk, is_house=True, segments=[])
    assert changed.is_house


def test_the_form_takes_money_in_whole_units_and_shows_it_so_again(alice_client, shop, live):
    url = reverse("campaign-settings", args=[live.pk])
    fields = {
        "name": "Spring", "style": "studio", "language": "en", "priority": 5,
        "placements": [live.placements.get().pk], "weekdays": ["0", "4"], "devices": ["mobile"],
        "hour_from": "9", "hour_until": "18", "cap_daily": "3", "cap_weekly": "", "rate_unit": "cpm",
        "rate": "2.50", "budget": "1000", "daily_budget": "50.5", "is_paced": "on",
    }  # fmt: skip
    assert alice_client.post(url, fields).status_code == 302
    live.refresh_from_db()
    assert (live.rate_cents, live.budget_cents, live.daily_budget_cents) == (250, 100_000, 5050)
    assert (live.weekdays, live.devices, live.hour_from, live.hour_until) == ([0, 4], ["mobile"], 9, 18)
    assert (live.cap_daily, live.cap_weekly, live.is_paced, live.is_house) == (3, None, True, False)
    page = alice_client.get(url).content.decode()
    assert 'name="daily_budget" value="50.50"' in page
    write(shop, live, 4000)
    detail = alice_client.get(reverse("campaign-detail", args=[live.pk])).content.decode()
    assert "10.00 EUR spent of 1,000.00 EUR" in detail
    assert "Mon, Fri, 09:00–18:00 (Asia/Shanghai)" in detail
    wrong = alice_client.post(url, {**fields, "rate": ""}).content.decode()
    assert "A budget needs a rate" in wrong


def test_the_api_reads_and_writes_limits(shop, live, client):
    headers = {"Authorization": f"Bearer {factories.make_key(shop)}"}
    url = f"/api/v1/campaigns/{live.pk}"
    answer = client.patch(
        url, {"devices": ["tablet"], "cap_weekly": 9}, content_type="application/json", headers=headers
    )
    assert answer.status_code == 200, answer.content
    assert (answer.json()["devices"], answer.json()["cap_weekly"]) == (["tablet"], 9)
    for wrong in ({"devices": ["watch"]}, {"hour_from": 3}, {"budget_cents": -1}, {"weekdays": [9]}):
        refused = client.patch(url, wrong, content_type="application/json", headers=headers)
        assert refused.status_code == 400, wrong


def test_an_admin_chooses_the_time_zone_of_days_and_hours(mallory_client, other_shop):
    url = reverse("advertiser-clock")
    mallory_client.post(url, {"time_zone": "Europe/Berlin"})
    other_shop.refresh_from_db()
    assert other_shop.time_zone == "Europe/Berlin"
    mallory_client.post(url, {"time_zone": "Mars/Olympus"})
    other_shop.refresh_from_db()
    assert other_shop.time_zone == "Europe/Berlin"


def test_dates_are_asked_before_limits():
    spent = Limits(ID, budget_cents=0)
    over = candidate_of(1, ends_at=NOW, limits=spent)
    assert decide(context_of(), snapshot_of(over), random.Random(1)).slots[0].reason is Reason.ENDED


def test_a_campaign_without_limits_costs_nothing(shop):
    campaign, placement = make_live(shop)
    make_variant(campaign, placement)
    assert snapshot_load(shop.pk).limited == ()
    assert Campaign.objects.get().is_paced  # only a day's budget makes it count


def test_weights_come_from_above_all_or_none_and_reach_serving(shop, api, other_api):
    campaign, placement = make_live(shop)
    one, two = (make_variant(campaign, placement) for _ in range(2))
    stranger = make_variant(*make_live(shop, "side"))
    url, version = f"/api/v1/campaigns/{campaign.pk}/weights", version_read(shop.pk)
    lines = [{"variant": str(one.pk), "weight": 0.25}, {"variant": str(two.pk), "weight": 0}]
    assert api.patch(url, {"weights": lines, "comment": "Tea is over."}).json() == {"changed": 2}
    assert api.patch(url, {"weights": lines}).json() == {"changed": 0}
    assert version_read(shop.pk).edits != version.edits
    for wrong in (
        [{"variant": str(stranger.pk), "weight": 1}, {"variant": str(one.pk), "weight": 9}],
        [{"variant": str(one.pk), "weight": -1}],
        [{"variant": str(one.pk), "weight": "NaN"}],
    ):
        assert api.patch(url, {"weights": wrong}).status_code == 400
    assert other_api.patch(url, {"weights": []}).status_code == 404
    record = WeightRecord.objects.get()  # what changed nothing or was refused leaves none
    assert record.old == {str(one.pk): 1, str(two.pk): 1}
    assert record.new == {str(one.pk): 0.25, str(two.pk): 0}
    assert (record.setting, record.comment, record.user) == ("weights", "Tea is over.", None)
    assert sorted(campaign.variants.values_list("weight", flat=True)) == [0, 0.25]
