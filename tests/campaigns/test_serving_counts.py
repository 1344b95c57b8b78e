"""Decisions counted in memory and stored by the hour, the thread that does it, the page that explains one."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey
from accounts.services import api_key_revoke
from adplatform.lib.ids import uuid7
from campaigns.decision_counts import decision_counts_add, placement_decisions_list
from campaigns.models import Campaign, DecisionCount, FilledDecisionCount, Variant
from campaigns.serving import background, keys
from campaigns.serving.counters import UNKNOWN_PLACEMENT_ID, DecisionCounters, DecisionKey, Shown, counters
from campaigns.serving.engine import Decision, SlotDecision
from campaigns.serving.store import IDLE_SECONDS, SnapshotStore
from campaigns.serving_version import serving_version_bump
from tests import factories
from tests.campaigns.serving_cast import (
    NOW,
    candidate_of,
    context_of,
    creative_in,
    make_live,
    make_variant,
    snapshot_of,
)

HOUR = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nothing_counted():
    counters.take()


def key_of(shop, placement, outcome="generic", reason="", hour=HOUR):
    return DecisionKey(shop.pk, int(hour.timestamp()) // 3600, placement.pk, outcome, reason, False)


# --- the counter
def test_many_threads_lose_no_count():
    found, answer = DecisionCounters(), SlotDecision("nowhere")
    decision = Decision(context_of("nowhere"), (answer, answer))
    taken = []

    def work():
        for _ in range(500):
            found.add(decision)
        taken.append(found.take())

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sum(counts.values()) for counts in [*taken, found.take()]) == 6000


def test_a_decision_is_counted_by_placement_outcome_and_reason_in_its_own_hour():
    import random

    from campaigns.serving.engine import decide

    found = DecisionCounters()
    house = candidate_of(1, is_house=True)
    found.add(decide(context_of("hero", "side", "x", "y"), snapshot_of(house), random.Random(1)))
    slots = snapshot_of(house).slots
    counts = {(key.placement_id, key.outcome, key.reason): n for key, n in found.take().items()}
    assert counts == {
        (slots["hero"].placement_id, "house", ""): 1,
        (slots["side"].placement_id, "none", "already_on_page"): 1,
        (UNKNOWN_PLACEMENT_ID, "none", "unknown_placement"): 2,
    }
    found.add(decide(context_of(now=NOW + timedelta(minutes=59)), snapshot_of(), random.Random(1)))
    assert next(iter(found.take())).hour_at == HOUR


def test_a_filled_one_also_by_what_it_showed(shop):
    import random

    from campaigns.serving.engine import decide

    found, one = DecisionCounters(), candidate_of(1)
    snapshot = snapshot_of(one)
    for _ in range(3):
        found.add(decide(context_of("hero", "nowhere"), snapshot, random.Random(1)))
    creative = next(iter(one.creatives.values()))
    shown = Shown(one.campaign_id, one.variant_id, creative.id, one.segment_id)
    assert {key.shown: number for key, number in found.take().items()} == {shown: 3, None: 3}


def test_what_was_shown_makes_up_all_that_was_filled(shop):
    """Planted at random: several processes, days, places and creatives; the two tables agree."""
    import random

    rng, places = random.Random(5), [uuid7() for _ in range(3)]
    shown = [Shown(uuid7(), uuid7(), uuid7(), rng.choice([None, uuid7()])) for _ in range(6)]
    expected: Counter = Counter()
    for _ in range(5):
        counts = Counter()
        for _ in range(60):
            hour = int(HOUR.timestamp()) // 3600 + rng.randrange(40)
            what = rng.choice([None, *shown])
            outcome = "none" if what is None else "segment" if what.segment_id else "generic"
            reason = "daily_cap" if what is None else ""
            key = DecisionKey(shop.pk, hour, rng.choice(places), outcome, reason, rng.random() < 0.2, what)
            counts[key] += rng.randrange(1, 9)
        decision_counts_add(counts=counts)
        for key, number in counts.items():
            if key.shown:
                expected[key.hour_at.date(), key.placement_id, *key.shown, key.is_simulated] += number
    rows = FilledDecisionCount.objects.values_list(
        "day", "placement_id", "campaign_id", "variant_id", "creative_id", "segment_id", "is_simulated",
        "decisions",
    )  # fmt: skip
    assert {row[:-1]: row[-1] for row in rows} == expected
    filled = DecisionCount.objects.exclude(outcome="none").aggregate(n=Sum("decisions"))["n"]
    assert filled == sum(expected.values())


# --- the rows
def test_counts_of_several_processes_add_up_and_fill_rate_is_their_quotient(shop, other_shop):
    hero, side = factories.make_placement(shop, "hero"), factories.make_placement(shop, "side")
    filled, capped = key_of(shop, hero), key_of(shop, hero, "none", "daily_cap")
    later = key_of(shop, side, "segment", hour=HOUR + timedelta(hours=1))
    foreign = key_of(other_shop, hero)
    for _ in range(2):
        decision_counts_add(counts={filled: 3, capped: 1, foreign: 50, later: 7})
    assert DecisionCount.objects.count() == 4
    rows = placement_decisions_list(advertiser_id=shop.pk, start=HOUR, end=HOUR + timedelta(hours=1))
    assert [(row.placement_id, row.decisions, row.filled, row.fill_rate) for row in rows] == [
        (hero.pk, 8, 6, 0.75)
    ]
    assert rows[0].reasons == {"daily_cap": 2}


def test_counts_of_a_deleted_advertiser_are_dropped_and_the_others_kept(shop, other_shop):
    placement = factories.make_placement(shop)
    gone = key_of(other_shop, placement)
    other_shop.delete()
    decision_counts_add(counts={gone: 1, key_of(shop, placement): 2})
    assert list(DecisionCount.objects.values_list("decisions", flat=True)) == [2]


def test_what_cannot_be_stored_is_stored_later(shop, client, monkeypatch):
    make_variant(*make_live(shop))
    key = factories.make_key(shop, ApiKey.Kind.PUBLISHABLE)
    for _ in range(3):
        answer = client.post(
            "/api/v1/decisions",
            {"placements": ["hero", "nowhere"]},
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}"},
        )
        assert answer.status_code == 200

    def gone(*, counts):
        raise OperationalError("database is gone")

    with monkeypatch.context() as patch:
        patch.setattr(background, "decision_counts_add", gone)
        background.counts_flush()
    assert not DecisionCount.objects.exists()
    background.counts_flush()
    background.counts_flush()
    found = dict(DecisionCount.objects.values_list("outcome", "decisions"))
    assert found == {"generic": 3, "none": 3}
    shown = FilledDecisionCount.objects.get()
    variant = Variant.objects.get()
    assert (shown.decisions, shown.variant_id, shown.campaign_id) == (3, variant.pk, variant.campaign_id)
    assert shown.creative_id == creative_in(variant).pk


# --- the thread's work
def test_a_warm_decision_asks_no_database_while_the_thread_does(shop, client, django_assert_num_queries):
    make_variant(*make_live(shop))
    key = factories.make_key(shop, ApiKey.Kind.PUBLISHABLE)

    def ask():
        return client.post(
            "/api/v1/decisions",
            {"placements": ["hero"]},
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}"},
        )

    ask()
    with django_assert_num_queries(0):
        assert ask().json()["decisions"][0]["filled"]
    keys.callers_refresh()
    api_key_revoke(advertiser=shop, key_id=ApiKey.objects.get().pk)
    with django_assert_num_queries(1):
        keys.callers_refresh()
    assert ask().status_code == 401


def test_the_thread_refreshes_what_is_in_use_and_lets_the_rest_sleep(shop, django_assert_num_queries):
    now = 100.0
    campaign, placement = make_live(shop)
    make_variant(campaign, placement)
    store = SnapshotStore(clock=lambda: now)
    store.patience = 1.8
    store.get(shop.pk)
    Campaign.objects.update(status=Campaign.Status.PAUSED)
    serving_version_bump(shop.pk)
    now += 1.0
    store.refresh()
    with django_assert_num_queries(0):
        assert not store.get(shop.pk).slots["hero"].by_segment
    now += 1.7
    with django_assert_num_queries(0):
        store.get(shop.pk)
    now += 11
    with django_assert_num_queries(1):  # quiet for a while: asked about beside the requests
        store.refresh()
    with django_assert_num_queries(0):
        store.get(shop.pk)
    now += IDLE_SECONDS + 1
    with django_assert_num_queries(0):
        store.refresh()


# --- the page
def page(client, **query):
    response = client.get(reverse("serving-diagnosis"), query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_runs_the_engine_for_a_made_up_shopper(alice_client, shop):
    hikers = factories.make_segment(shop, "hikers")
    campaign, placement = make_live(shop, cap_daily=1, devices=["mobile"])
    generic, segment = make_variant(campaign, placement), make_variant(campaign, placement, segment=hikers)
    waiting = make_variant(campaign, placement, status="in_review")
    text = page(alice_client, campaign=campaign.pk)
    assert "The campaign is for other devices than this one." in text
    assert "It is not shown here." in text
    text = page(alice_client, campaign=campaign.pk, placement=placement.pk, device="mobile")
    assert "It is what this shopper would see." in text
    assert "no one has approved it" in text
    asked = {"placement": placement.pk, "device": "mobile", "segments": hikers.pk}
    text = page(alice_client, creative=creative_in(generic).pk, **asked)
    assert "A variant that fits the shopper better was shown." in text
    assert "100.0%" in page(alice_client, creative=creative_in(segment).pk, **asked)
    assert "approved" in page(alice_client, creative=creative_in(waiting).pk, **asked)
    assert counters.take() == {}


def test_the_page_takes_a_moment_on_the_shops_clock(alice_client, shop):
    shop.time_zone = "Asia/Shanghai"
    shop.save()
    campaign, placement = make_live(shop, hour_from=9, hour_until=10)
    make_variant(campaign, placement)
    for hour, is_shown in ((8, False), (9, True), (10, False)):
        text = page(alice_client, placement=placement.pk, moment=f"2026-12-01T{hour:02}:30")
        assert ("does not run on this weekday" not in text) is is_shown


@pytest.mark.parametrize(
    "query",
    [
        {"campaign": "x"},
        {"creative": "0" * 32},
        {"placement": "x"},
        {"moment": "soon"},
        {"moment": "0001-01-01T00:00"},
        {"device": "fridge"},
    ],
)
def test_the_page_bears_any_query(alice_client, shop, query):
    factories.make_placement(shop)
    page(alice_client, **query)


def test_the_page_of_a_shop_without_placements_says_what_to_do(alice_client):
    assert "No placements yet" in page(alice_client)


def test_the_placements_page_shows_what_was_asked_for(alice_client, shop):
    placement = factories.make_placement(shop, "hero")
    hour = timezone.now()
    decision_counts_add(
        counts={
            key_of(shop, placement, hour=hour): 9,
            key_of(shop, placement, "none", "daily_cap", hour=hour): 3,
            key_of(shop, placement, hour=hour - timedelta(hours=25)): 100,
        }
    )
    text = alice_client.get(reverse("placement-list")).content.decode()
    assert ">12<" in text
    assert "75.0%" in text
    assert "daily_cap" in text
