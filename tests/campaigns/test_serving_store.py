"""Snapshots: built in few queries, swapped when anything moved, served on for a while without a database."""

from __future__ import annotations

import re
import threading
import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from adplatform.lib.errors import DomainError
from adplatform.lib.ids import uuid7
from campaigns.models import Campaign, Product
from campaigns.serving.loading import Version, snapshot_load, version_read
from campaigns.serving.reasons import Reason
from campaigns.serving.store import IDLE_MAX, IDLE_SECONDS, IN_USE_SECONDS, SnapshotStore, kept_fresh
from campaigns.serving_version import serving_version_bump
from generation.models import Creative, ReviewRecord
from tests import factories
from tests.campaigns.serving_cast import creative_in, make_live, make_variant


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ready(snapshot, code="hero"):
    return list(snapshot.slots[code].candidates)


def review(creative, to_status):
    """What generation.review leaves behind."""
    Creative.objects.filter(pk=creative.pk).update(
        status=to_status, approved_sha256=creative.sha256 if to_status == "approved" else ""
    )
    ReviewRecord.objects.create(
        advertiser=creative.advertiser,
        creative=creative,
        from_status=creative.status,
        to_status=to_status,
        sha256=creative.sha256,
    )


def test_a_snapshot_holds_only_approved_creatives_of_live_campaigns(shop):
    campaign, placement = make_live(shop)
    shown = make_variant(campaign, placement)
    waiting = make_variant(campaign, placement, status="in_review")
    paused = factories.make_campaign(shop, status=Campaign.Status.PAUSED, placements=[placement])
    resting = make_variant(paused, placement)
    slot = snapshot_load(shop.pk).slots["hero"]
    assert [c.variant_id for c in ready(snapshot_load(shop.pk))] == [shown.pk]
    assert {(c.variant_id, reason) for c, reason in slot.refused} == {
        (waiting.pk, Reason.CREATIVE_NOT_APPROVED),
        (resting.pk, Reason.CAMPAIGN_NOT_LIVE),
    }


def test_stock_and_price_keep_a_creative_back(shop):
    campaign, placement = make_live(shop)
    for fields in ({"availability": Product.Availability.OUT_OF_STOCK}, {"is_active": False}):
        make_variant(campaign, placement, product=factories.make_product(shop, **fields))
    drawn = {"product": {"price_cents": 7990, "sale_price_cents": None, "currency": "EUR"}}
    make_variant(campaign, placement, product=factories.make_product(shop), brief=drawn)  # now 89.90
    drawn = {"product": {"price_cents": 8990, "sale_price_cents": None, "currency": "EUR"}}
    fine = make_variant(campaign, placement, product=factories.make_product(shop), brief=drawn)
    snapshot = snapshot_load(shop.pk)
    assert [c.variant_id for c in ready(snapshot)] == [fine.pk]
    assert {reason for _, reason in snapshot.slots["hero"].refused} == {
        Reason.OUT_OF_STOCK,
        Reason.PRODUCT_INACTIVE,
        Reason.PRICE_CHANGED,
    }


def test_a_snapshot_costs_six_queries_however_much_there_is(shop, django_assert_num_queries):
    campaign, placement = make_live(shop)
    for _ in range(5):
        make_variant(campaign, placement)
    with django_assert_num_queries(6):
        snapshot_load(shop.pk)
    with django_assert_num_queries(1):
        version_read(shop.pk)


def test_another_advertisers_rows_are_not_in_the_snapshot(shop, other_shop):
    campaign, placement = make_live(other_shop)
    make_variant(campaign, placement)
    snapshot = snapshot_load(shop.pk)
    assert not snapshot.slots
    assert not snapshot.creatives


def test_a_pause_takes_effect_within_the_bound_and_not_a_query_earlier(
    shop, settings, django_assert_num_queries
):
    settings.SERVING_SNAPSHOT_SECONDS = 1.0
    campaign, placement = make_live(shop)
    make_variant(campaign, placement)
    clock = Clock()
    store = SnapshotStore(clock=clock)
    assert ready(store.get(shop.pk))
    Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.PAUSED)
    serving_version_bump(shop.pk)
    clock.now += 0.99
    with django_assert_num_queries(0):
        assert ready(store.get(shop.pk))
    clock.now += 0.02
    assert not ready(store.get(shop.pk))


def test_an_unchanged_version_costs_one_query_and_keeps_the_object(shop, django_assert_num_queries):
    store = SnapshotStore(clock=(clock := Clock()))
    first = store.get(shop.pk)
    clock.now += 2
    with django_assert_num_queries(1):
        assert store.get(shop.pk) is first


def test_approval_and_withdrawal_move_the_version(shop):
    campaign, placement = make_live(shop)
    creative = creative_in(make_variant(campaign, placement, status="in_review"))
    store = SnapshotStore(clock=(clock := Clock()))
    assert not ready(store.get(shop.pk))
    for status, is_shown in (("approved", True), ("withdrawn", False)):
        review(creative, status)
        clock.now += 2
        assert bool(ready(store.get(shop.pk))) is is_shown


def test_a_review_with_an_older_id_than_the_newest_still_moves_the_version(shop):
    campaign, placement = make_live(shop)
    creative = creative_in(make_variant(campaign, placement))
    review(creative, "approved")
    before = version_read(shop.pk)
    late = ReviewRecord.objects.create(
        id=uuid7(timezone.now() - timedelta(minutes=5)),  # made before, committed after
        advertiser=shop,
        creative=creative,
        from_status="approved",
        to_status="withdrawn",
        sha256=creative.sha256,
    )
    assert late.pk is not None
    assert version_read(shop.pk) != before


def test_the_version_costs_one_index_entry_however_long_the_trail_is(shop):
    campaign, placement = make_live(shop)
    creative = creative_in(make_variant(campaign, placement))
    long_ago = timezone.now() - timedelta(days=3)
    advertisers = [shop, *(factories.make_advertiser(f"other-{number}") for number in range(30))]
    ReviewRecord.objects.bulk_create(
        ReviewRecord(
            id=uuid7(long_ago + timedelta(seconds=number)),
            advertiser=advertisers[number // 100],  # the shop's are the oldest
            creative=creative,
            from_status="in_review",
            to_status="approved",
            sha256=creative.sha256,
        )
        for number in range(3100)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as captured:
        version_read(shop.pk)
    (query,) = captured.captured_queries
    is_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        explain = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " if is_postgres else "EXPLAIN QUERY PLAN "
        cursor.execute(explain + query["sql"])
        plan = [str(row[0] if is_postgres else row[-1]) for row in cursor.fetchall()]
    assert any("review_newest" in line for line in plan), plan
    assert not any("Seq Scan on generation_reviewrecord" in line or line.startswith("SCAN") for line in plan)
    assert not any("TEMP B-TREE FOR ORDER" in line or "Sort" in line for line in plan), plan
    if is_postgres:
        of_trail = [line for line in plan if "on generation_reviewrecord" in line]
        assert len(of_trail) == 2, plan  # the newest, and the number of the last minutes
        assert all(re.search(r"rows=[01](\.00)? ", line) for line in of_trail), plan
        assert "Index Only Scan Backward using review_newest" in " ".join(of_trail), plan


def test_a_silent_shop_is_kept_fresh_for_a_while_and_only_so_many_of_them(shop, django_assert_num_queries):
    campaign, placement = make_live(shop)
    make_variant(campaign, placement)
    store = SnapshotStore(clock=(clock := Clock()))
    store.get(shop.pk)
    for _ in range(95):  # over the full rebuild, too
        clock.now += 1
        store.refresh()
    Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.PAUSED)
    serving_version_bump(shop.pk)
    clock.now += 0.95
    store.refresh()
    with django_assert_num_queries(0):
        assert not ready(store.get(shop.pk))
    clock.now += IDLE_SECONDS + 1
    with django_assert_num_queries(0):
        store.refresh()


@given(st.dictionaries(st.integers(), st.floats(0, 2000), max_size=300))
def test_what_is_in_use_is_kept_fresh_and_of_the_quiet_the_last_used(used_at):
    now = 2000.0
    kept = kept_fresh(used_at, now)
    in_use = {key for key, at in used_at.items() if now - at <= IN_USE_SECONDS}
    assert in_use <= set(kept)
    assert len(kept) <= max(IDLE_MAX, len(in_use))
    assert all(now - used_at[key] <= IDLE_SECONDS for key in kept)
    left = [at for key, at in used_at.items() if key not in set(kept) and now - at <= IDLE_SECONDS]
    assert not left or len(kept) >= IDLE_MAX
    assert not left or max(left) <= min(used_at[key] for key in kept)


def test_a_forgotten_bump_is_healed_by_the_full_rebuild(shop):
    campaign, placement = make_live(shop)
    make_variant(campaign, placement)
    store = SnapshotStore(clock=(clock := Clock()))
    assert ready(store.get(shop.pk))
    Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.PAUSED)
    clock.now += 61
    assert not ready(store.get(shop.pk))


def test_without_a_database_the_old_snapshot_serves_on_and_then_nothing_does(shop, settings):
    settings.SERVING_SNAPSHOT_SECONDS, settings.SERVING_STALE_SECONDS = 1.0, 60.0
    is_down = False

    def version(advertiser_id):
        if is_down:
            raise OperationalError("database is gone")
        return version_read(advertiser_id)

    store = SnapshotStore(version=version, clock=(clock := Clock()))
    first = store.get(shop.pk)
    is_down = True
    clock.now += 59
    assert store.get(shop.pk) is first
    clock.now += 2
    with pytest.raises(DomainError) as refusal:
        store.get(shop.pk)
    assert (refusal.value.code, refusal.value.status) == ("snapshot_unavailable", 503)
    is_down = False
    clock.now += 1.1
    assert store.get(shop.pk) == first  # rebuilt, because it is older than a minute


def test_a_first_request_without_a_database_is_refused(shop):
    def load(advertiser_id):
        raise OperationalError("database is gone")

    with pytest.raises(DomainError):
        SnapshotStore(load=load).get(shop.pk)


def test_while_one_thread_rebuilds_the_others_serve_on(shop):
    entered, go_on = threading.Event(), threading.Event()
    number = 0

    def version(advertiser_id):
        nonlocal number
        number += 1
        if number == 2:
            entered.set()
            go_on.wait(10)
        return Version((number,))

    snapshot = snapshot_load(shop.pk)
    store = SnapshotStore(version=version, load=lambda advertiser_id: snapshot, clock=(clock := Clock()))
    store.get(shop.pk)
    clock.now += 5
    rebuilding = threading.Thread(target=store.get, args=[shop.pk])
    rebuilding.start()
    assert entered.wait(10)
    started = time.monotonic()
    assert store.get(shop.pk) is snapshot
    assert time.monotonic() - started < 1
    go_on.set()
    rebuilding.join(10)
    assert number == 2


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("is_down", [True, False])
def test_who_has_nothing_to_serve_waits_for_the_one_that_asks(shop, settings, is_known, is_down):
    settings.SERVING_STALE_SECONDS = 60.0
    snapshot = snapshot_load(shop.pk)
    clock = Clock()
    is_asked, go_on = threading.Event(), threading.Event()
    asked, answers = [], []

    def version(advertiser_id):
        asked.append(advertiser_id)
        if len(asked) > is_known:
            is_asked.set()
            go_on.wait(10)
            clock.now += 1
            if is_down:
                raise OperationalError("database is gone")
        return Version((len(asked),))

    def ask():
        try:
            answers.append(store.get(shop.pk))
        except DomainError as refusal:
            answers.append(refusal.code)

    store = SnapshotStore(version=version, load=lambda advertiser_id: snapshot, clock=clock)
    if is_known:
        ask()
        answers.clear()
        clock.now += 3600  # of silence
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert is_asked.wait(10)
    time.sleep(0.2)  # the others are at the lock, too
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert answers == ["snapshot_unavailable" if is_down else snapshot] * 4
    assert len(asked) == is_known + 1
    if is_down and is_known:  # nobody waits for a database that is known to be away
        clock.now += 2
        with store._locks[shop.pk]:
            ask()
        assert answers[-1] == "snapshot_unavailable"
