"""Snapshots: built in few queries, swapped when anything moved, served on for a while without a database."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import OperationalError

from adplatform.lib.errors import DomainError
from campaigns.models import Campaign, Product
from campaigns.serving.loading import Version, snapshot_load, version_read
from campaigns.serving.reasons import Reason
from campaigns.serving.store import SnapshotStore
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
        id="00000000-0000-7000-8000-000000000001",
        advertiser=shop,
        creative=creative,
        from_status="approved",
        to_status="withdrawn",
        sha256=creative.sha256,
    )
    assert late.pk is not None
    assert version_read(shop.pk) != before


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
