"""Writes of profiles, and what decisions read of them."""

from __future__ import annotations

import dataclasses
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from adplatform.lib.errors import DomainError, NotFound
from profiles import services, tasks
from profiles.models import (
    Behaviour,
    ConsentRecord,
    InterestProfile,
    Segment,
    SegmentMembership,
    Shopper,
    ShopperKey,
)
from profiles.pseudonyms import pseudonym_of, pseudonyms_of
from profiles.selectors import audience_get, profile_get
from profiles.snapshots import Audience
from tests.profiles.profile_cast import HIKERS, agree, did, hikers, record, weights

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_segments_count(settings):
    settings.PROFILES_SEGMENT_MIN_SHOPPERS = 2


# --- behaviours


def test_a_stated_interest_in_chinese_becomes_a_profile_at_once(shop):
    agree(shop, "ann")
    assert record(shop, did("1", kind="interest", text="徒步登山")).accepted == 1
    assert weights(shop) == {"outdoor_hiking": 0.5}


def test_a_product_is_known_by_its_title_and_category(shop):
    agree(shop, "ann")
    record(
        shop, did("1", kind="cart", text="No. 7", category="Apparel & Accessories > dress", product_id="P7")
    )
    assert next(iter(weights(shop))) == "fashion_dresses"
    assert Behaviour.objects.get().product_external_id == "P7"


def test_without_consent_nothing_is_written_not_even_the_shopper(shop):
    result = record(shop, did("1", "nobody"))
    assert [(r.index, r.code) for r in result.rejected] == [(0, "no_consent")]
    assert not Shopper.objects.exists()
    assert not Behaviour.objects.exists()


def test_a_minor_is_never_profiled_whatever_they_agreed_to(shop):
    agree(shop, "kim", is_minor=True)
    assert [r.code for r in record(shop, did("1", "kim")).rejected] == ["minor"]
    assert not InterestProfile.objects.exists()


def test_an_objection_in_the_request_outweighs_a_stored_consent(shop):
    agree(shop, "ann")
    assert [r.code for r in record(shop, did("1"), opted_out=True).rejected] == ["opted_out"]
    assert not Behaviour.objects.exists()


def test_a_withdrawal_while_a_batch_is_read_wins(shop, monkeypatch):
    agree(shop, "ann")
    agree(shop, "bob")
    read = services._behaviour

    def withdraw_meanwhile(*args):
        agree(shop, "ann", personalisation=False)
        return read(*args)

    monkeypatch.setattr(services, "_behaviour", withdraw_meanwhile)
    result = record(shop, did("1"), did("2", "bob"))
    assert (result.accepted, result.duplicates) == (1, 0)
    assert [(r.index, r.code) for r in result.rejected] == [(0, "no_consent")]
    assert not Behaviour.objects.filter(shopper__pseudonym=pseudonym_of(shop.pk, "ann")).exists()


def test_sending_twice_stores_once_and_the_counts_add_up(shop):
    agree(shop, "ann")
    first = record(shop, did("1"), did("2"), did("1"), did("3", "nobody"))
    again = record(shop, did("1"), did("2"), did("4"))
    assert (first.accepted, first.duplicates, len(first.rejected)) == (2, 1, 1)
    assert (again.accepted, again.duplicates, len(again.rejected)) == (1, 2, 0)
    assert Behaviour.objects.count() == 3


def test_the_order_of_arrival_does_not_change_the_profile(shop, other_shop):
    now = timezone.now()
    items = [
        did(str(n), kind=kind, text=text, at=now - timedelta(days=n))
        for n, (kind, text) in enumerate(
            [("view", "tent"), ("search", "coffee"), ("cart", "猫粮"), ("interest", "yoga")]
        )
    ]
    for advertiser, sequence in ((shop, items), (other_shop, items[::-1])):
        agree(advertiser, "ann")
        for item in sequence:
            services.behaviours_record(advertiser=advertiser, items=[item], now=now)
    assert weights(shop) == weights(other_shop)


def test_sensitive_text_is_neither_mapped_nor_kept(shop):
    agree(shop, "ann")
    assert record(shop, did("1", kind="search", text="diabetes socks")).accepted == 1
    behaviour = Behaviour.objects.get()
    assert (behaviour.text, behaviour.interests) == ("", {})
    assert weights(shop) == {}


def test_a_large_batch_leaves_profiles_to_the_task(shop, monkeypatch):
    monkeypatch.setattr(services, "REBUILD_AT_ONCE", 1)
    for key in ("ann", "bob"):
        agree(shop, key)
    record(shop, did("1", "ann"), did("2", "bob"))
    assert Shopper.objects.filter(stale_since=None).count() == 0
    assert weights(shop) == {}
    tasks.segments_refresh()
    assert Shopper.objects.filter(stale_since=None).count() == 2
    assert "outdoor_hiking" in weights(shop)


def test_one_shops_event_ids_do_not_collide_with_anothers(shop, other_shop):
    for advertiser in (shop, other_shop):
        agree(advertiser, "ann")
        assert record(advertiser, did("1")).accepted == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_copies_of_a_batch_are_counted_once(shop):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory shares one cache between threads, which locks instead of waiting")
    agree(shop, "ann")
    results, items = [], [did(str(n)) for n in range(40)]

    def send():
        try:
            results.append(record(shop, *items))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(r.accepted for r in results) == Behaviour.objects.count() == 40
    assert sum(r.duplicates for r in results) == 120


# --- consent


def test_a_withdrawal_forgets_everything_but_the_ledger(shop):
    agree(shop, "ann")
    record(shop, did("1", kind="interest"))
    services.segment_create(advertiser=shop, name="Hikers", rule=HIKERS)
    agree(shop, "ann", personalisation=False)
    assert not audience_get(advertiser_id=shop.pk, shopper_key="ann").personalisation_allowed
    assert not Behaviour.objects.exists()
    assert not InterestProfile.objects.exists()
    assert not SegmentMembership.objects.exists()
    assert Segment.objects.get().size == 0
    assert list(ConsentRecord.objects.order_by("created_at").values_list("personalisation", flat=True)) == [
        True,
        False,
    ]


def test_erasure_leaves_nothing_and_may_be_repeated(shop):
    agree(shop, "ann")
    record(shop, did("1"))
    names = pseudonyms_of(shop.pk, "ann")
    forgotten = services.shoppers_forget(advertiser_id=shop.pk, pseudonyms=names, tombstone="t")
    assert (forgotten["behaviour"], forgotten["consents_reduced"]) == (1, 1)
    again = services.shoppers_forget(advertiser_id=shop.pk, pseudonyms=names, tombstone="t")
    assert not any(again.values())
    for model in (Shopper, Behaviour, InterestProfile):
        assert not model.objects.exists()
    assert ConsentRecord.objects.get().shopper is None


def test_the_shops_own_key_is_stored_nowhere(shop):
    agree(shop, "ann@example.com")
    record(shop, did("1", "ann@example.com"))
    for model in (Shopper, ShopperKey, Behaviour, ConsentRecord, InterestProfile):
        assert "ann@example.com" not in str(list(model.objects.values()))


def test_an_empty_key_is_refused(shop):
    with pytest.raises(DomainError) as refused:
        agree(shop, "  ")
    assert refused.value.code == "shopper_invalid"


# --- audience


def test_a_decision_reads_the_strongest_segment_first_in_one_query(shop, django_assert_num_queries):
    for key in ("ann", "bob"):
        agree(shop, key)
        record(shop, did(f"{key}1", key, kind="interest"), did(f"{key}2", key, kind="cart", text="coffee"))
    weak = services.segment_create(
        advertiser=shop, name="Coffee", rule={"any": [{"interest": "food_coffee", "min_weight": 0.1}]}
    )
    strong = services.segment_create(advertiser=shop, name="Hikers", rule=HIKERS)
    with django_assert_num_queries(1):
        audience = audience_get(advertiser_id=shop.pk, shopper_key="ann")
    name = pseudonym_of(shop.pk, "ann")
    because = (("outdoor_hiking",), ("food_coffee",))
    assert audience == Audience(name, (strong.pk, weak.pk), True, False, because, name)


def test_small_and_switched_off_segments_are_left_out(shop):
    hikers(shop, "ann")
    segment = services.segment_create(advertiser=shop, name="Hikers", rule=HIKERS)
    assert audience_get(advertiser_id=shop.pk, shopper_key="ann").segment_ids == ()
    hikers(shop, "bob")
    assert audience_get(advertiser_id=shop.pk, shopper_key="ann").segment_ids == (segment.pk,)
    services.segment_update(advertiser=shop, segment_id=segment.pk, is_active=False)
    assert audience_get(advertiser_id=shop.pk, shopper_key="ann").segment_ids == ()


@pytest.mark.parametrize("key", ["", "unknown"])
def test_an_unknown_shopper_has_no_name_and_no_segments(shop, key):
    assert audience_get(advertiser_id=shop.pk, shopper_key=key) == Audience("")


def test_an_objection_is_heard_by_the_decision(shop):
    hikers(shop, "ann", "bob")
    services.segment_create(advertiser=shop, name="Hikers", rule=HIKERS)
    assert audience_get(advertiser_id=shop.pk, shopper_key="ann", opted_out=True) == Audience("")


def test_another_shop_sees_nothing_of_the_same_key(shop, other_shop):
    hikers(shop, "ann", "bob")
    assert audience_get(advertiser_id=other_shop.pk, shopper_key="ann") == Audience("")
    with pytest.raises(NotFound):
        profile_get(advertiser_id=other_shop.pk, shopper_key="ann")


# --- clicks


def test_a_click_is_an_interest_once(shop):
    agree(shop, "ann")
    click = {
        "advertiser_id": shop.pk,
        "pseudonym": pseudonym_of(shop.pk, "ann"),
        "interests": ["food_tea", "gone"],
        "event_id": "d:click",
        "occurred_at": timezone.now(),
    }
    assert services.click_record(**click)
    assert not services.click_record(**click)
    tasks.segments_refresh()
    assert set(weights(shop)) == {"food_tea"}


def test_a_click_without_consent_or_name_leaves_nothing(shop):
    services.shopper_ensure(advertiser=shop, shopper_key="ann")
    for pseudonym in ("", "unknown", pseudonym_of(shop.pk, "ann")):
        assert not services.click_record(
            advertiser_id=shop.pk,
            pseudonym=pseudonym,
            interests=["food_tea"],
            event_id="e",
            occurred_at=timezone.now(),
        )
    assert not Behaviour.objects.exists()


def test_snapshots_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Audience("x").pseudonym = "y"
