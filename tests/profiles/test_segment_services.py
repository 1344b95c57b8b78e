"""Segments: made, filled, followed."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from adplatform.lib.errors import NotFound
from profiles import rebuilding, services
from profiles.models import (
    InterestProfile,
    Segment,
    SegmentMembership,
)
from profiles.pseudonyms import pseudonyms_of
from profiles.selectors import rule_size
from tests.profiles.profile_cast import HIKERS, agree, did, hikers, record, weights

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_segments_count(settings):
    settings.PROFILES_SEGMENT_MIN_SHOPPERS = 2


def test_a_segment_is_filled_when_it_is_made_and_follows_the_shoppers(shop):
    hikers(shop, "ann", "bob")
    segment = services.segment_create(advertiser=shop, name="Hikers", rule=HIKERS)
    assert (segment.size, segment.interests) == (2, ["outdoor_hiking"])
    hikers(shop, "cid")
    services.shoppers_forget(advertiser_id=shop.pk, pseudonyms=pseudonyms_of(shop.pk, "ann"), tombstone="t")
    segment.refresh_from_db()
    assert segment.size == SegmentMembership.objects.filter(segment=segment).count() == 2


@pytest.mark.django_db(transaction=True)
def test_who_withdraws_while_a_segment_is_filled_is_in_none_afterwards(shop, monkeypatch):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite lets one transaction write at a time")
    hikers(shop, "ann", "bob")
    withdrawn = threading.Event()

    def withdraw():
        try:
            agree(shop, "ann", personalisation=False)
            withdrawn.set()
        finally:
            connection.close()

    thread = threading.Thread(target=withdraw)
    write = rebuilding.memberships_write

    def slow(**given):  # between what the filling read and what it writes
        thread.start()
        withdrawn.wait(1)
        return write(**given)

    monkeypatch.setattr(rebuilding, "memberships_write", slow)
    segment = services.segment_create(advertiser=shop, name="Hikers", rule=HIKERS)
    thread.join(10)
    assert withdrawn.is_set()
    assert SegmentMembership.objects.get(segment=segment).shopper.personalisation_allowed


def test_the_preview_says_what_the_segment_will_hold(shop):
    hikers(shop, "ann", "bob")
    agree(shop, "cid")
    record(shop, did("c", "cid", text="coffee"))
    size = rule_size(advertiser_id=shop.pk, rule=HIKERS)
    assert (size.size, size.of, size.is_large_enough) == (2, 3, True)


def test_a_changed_rule_changes_the_members(shop):
    hikers(shop, "ann")
    segment = services.segment_create(advertiser=shop, name="Hikers", rule=HIKERS)
    tea = {"any": [{"interest": "food_tea", "min_weight": 0.2}]}
    changed = services.segment_update(advertiser=shop, segment_id=segment.pk, rule=tea)
    assert (changed.size, changed.interests) == (0, ["food_tea"])


def test_two_segments_of_one_name_get_two_slugs_and_chinese_names_a_plain_one(shop):
    slugs = [
        services.segment_create(advertiser=shop, name=n, rule=HIKERS).slug
        for n in ("Hikers", "Hikers", "徒步")
    ]
    assert slugs == ["hikers", "hikers-2", "segment"]


def test_a_segment_of_another_shop_does_not_exist(shop, other_shop):
    segment = services.segment_create(advertiser=shop, name="Hikers", rule=HIKERS)
    with pytest.raises(NotFound):
        services.segment_update(advertiser=other_shop, segment_id=segment.pk, name="Mine")
    with pytest.raises(NotFound):
        services.segment_delete(advertiser=other_shop, segment_id=segment.pk)


def test_favourites_make_segments_by_themselves_once(shop):
    hikers(shop, "ann", "bob")
    now = timezone.now()
    assert services.segments_refresh(advertiser=shop, now=now).created == 1
    assert services.segments_refresh(advertiser=shop, now=now).created == 0
    found = Segment.objects.get(slug="top-outdoor-hiking")
    assert (found.kind, found.size, found.interests) == ("top_interest", 2, ["outdoor_hiking"])


def test_a_group_becomes_a_segment_when_it_holds_more_than_one_child(shop):
    hikers(shop, "ann", "bob")
    agree(shop, "cid")
    record(shop, did("c", "cid", kind="interest", text="fishing rod"))
    services.segments_refresh(advertiser=shop, now=timezone.now())
    sizes = dict(Segment.objects.values_list("slug", "size"))
    assert sizes == {"top-outdoor": 3, "top-outdoor-hiking": 2}


def test_refreshing_twice_changes_nothing(shop):
    hikers(shop, "ann", "bob")
    services.segment_create(advertiser=shop, name="Hikers", rule=HIKERS)
    now = timezone.now()
    services.segments_refresh(advertiser=shop, now=now)
    before = [list(m.objects.order_by("pk").values()) for m in (InterestProfile, Segment, SegmentMembership)]
    services.segments_refresh(advertiser=shop, now=now)
    assert before == [
        list(m.objects.order_by("pk").values()) for m in (InterestProfile, Segment, SegmentMembership)
    ]


def test_an_idle_shopper_fades_out_of_a_segment(shop):
    hikers(shop, "ann", "bob")
    segment = services.segment_create(advertiser=shop, name="Hikers", rule=HIKERS)
    services.segments_refresh(advertiser=shop, now=timezone.now() + timedelta(days=40))
    segment.refresh_from_db()
    assert segment.size == 0
    assert 0 < weights(shop)["outdoor_hiking"] < 0.2
