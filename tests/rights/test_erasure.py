"""Erasure: nothing is found afterwards, the sums stay, and a restored backup does not bring it back."""

from __future__ import annotations

import io
import os
import resource
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from analytics import rollups
from analytics.models import DailyRollup, DirtyHour, Event, ExperimentShopper, HourlyReach
from campaigns.models import CappedShopper, ServingVersion
from profiles.models import Behaviour, ConsentRecord, InterestProfile, SegmentMembership, Shopper, ShopperKey
from profiles.pseudonyms import id_stored, pseudonym_of
from rights.erasure import erasures_settle, shopper_erase
from rights.models import Erasure
from rights.replay import Replayed, erasures_replay
from rights.tombstones import Tombstone, subject_of, tombstone_list, tombstone_write
from tests import factories
from tests.rights.cast import KEY, agree, dump, events_make, everywhere, like

LATER = timedelta(seconds=25)
NOBODY = Replayed(0, 0)


@pytest.fixture
def campaign(shop):
    return factories.make_campaign(shop)


def erase(shop, key=KEY, now=None):
    return shopper_erase(
        advertiser=shop, shopper_key=key, origin=Erasure.Origin.API, now=now or timezone.now()
    )


def sums():
    """What the roll-ups say, rebuilt from scratch."""
    DirtyHour.objects.all().delete()
    rollups.rollups_rebuild()
    left_out = ("id", "created_at", "computed_at")
    names = [field.attname for field in DailyRollup._meta.fields if field.attname not in left_out]
    reach = [bytes(row.sketch) != b"" for row in HourlyReach.objects.all()]
    return sorted(map(str, DailyRollup.objects.values_list(*names))), len(reach)


def experiment_sums():
    return list(
        ExperimentShopper.objects.values_list("arm", "is_mixed", "first_at", "last_at", "days", "before")
    )


def test_nothing_is_found_afterwards_and_the_sums_are_what_they_were(shop, campaign):
    """More than one batch of events; ``benchmarks/erasure.py`` times 10,000 of them."""
    name = everywhere(shop, campaign, events=1_200)
    before, counted = sums(), experiment_sums()
    assert name in dump()
    assert ExperimentShopper.objects.filter(shopper_pseudonym=name).exists()
    erasure = erase(shop)
    assert erasure.counts["events_unlinked"] == 1_200
    erasures_settle(now=timezone.now() + LATER)
    found = dump()
    assert KEY not in found
    assert name not in found
    assert sums() == before
    assert experiment_sums() == counted
    assert Event.objects.values("shopper_pseudonym").distinct().count() == 1
    for model in (Shopper, ShopperKey, Behaviour, InterestProfile, SegmentMembership, CappedShopper):
        assert not model.objects.exists()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="dumps SQLite's own pages")
@pytest.mark.django_db(transaction=True)
def test_not_even_the_database_file_holds_the_name_after_a_vacuum(tmp_path):
    shop = factories.make_advertiser("shop")
    name = everywhere(shop, factories.make_campaign(shop), events=50)
    erase(shop)
    erasures_settle(now=timezone.now() + LATER)
    connection.ensure_connection()
    copy = sqlite3.connect(tmp_path / "copy.sqlite3")
    connection.connection.backup(copy)
    statements = "\n".join(copy.iterdump())
    assert "profiles_consentrecord" in statements
    assert KEY not in statements
    assert name not in statements


def test_the_ledger_keeps_its_lines_without_the_shopper(shop, campaign):
    everywhere(shop, campaign)
    erasure = erase(shop)
    row = ConsentRecord.objects.get()
    assert (row.shopper, row.tombstone) == (None, erasure.subject)
    assert erasure.subject == subject_of(shop.pk, pseudonym_of(shop.pk, KEY))


def test_erasing_again_or_a_stranger_is_noted_and_changes_nothing_else(shop, campaign):
    everywhere(shop, campaign)
    erase(shop)
    assert erase(shop).counts == {}
    assert erase(shop, "nobody").counts == {}
    assert len(list(tombstone_list())) == 3


def test_an_event_that_was_under_way_is_caught_by_the_second_pass(shop, campaign):
    name = everywhere(shop, campaign)
    erasure = erase(shop)
    Event.objects.filter(pk=Event.objects.first().pk).update(shopper_pseudonym=name, event_id=f"{KEY}:late")
    assert erasures_settle(now=timezone.now()) == 0  # too early
    assert erasures_settle(now=timezone.now() + LATER) == 1
    assert not Event.objects.filter(shopper_pseudonym=name).exists()
    assert KEY not in dump(), "the second pass knows no key, so it replaces the id whatever it holds"
    assert Event.objects.values("shopper_pseudonym").distinct().count() == 1
    erasure.refresh_from_db()
    assert (erasure.pseudonyms, erasure.stand_in) == ([], "")
    assert erasures_settle(now=timezone.now() + LATER) == 0


def test_an_erasure_needs_no_buffer_and_one_that_fails_holds_up_no_other(shop, campaign, settings):
    settings.EVENTS_BUFFER_URL = "redis://127.0.0.1:1/0"  # nobody answers there
    name = everywhere(shop, campaign)
    broken = erase(shop, "nobody")
    Erasure.objects.filter(pk=broken.pk).update(pseudonyms=5)
    erase(shop)
    assert erasures_settle(now=timezone.now() + LATER) == 1
    assert name not in dump()
    assert Erasure.objects.get(settled_at=None) == broken
    Erasure.objects.filter(pk=broken.pk).update(pseudonyms=["x"])
    assert erasures_settle(now=timezone.now() + LATER) == 1, "it is tried again"


def test_who_comes_back_before_the_second_pass_keeps_what_is_new(shop, campaign):
    everywhere(shop, campaign)
    erase(shop, now=timezone.now() - timedelta(seconds=30))
    agree(shop)
    events_make(shop, 3)
    erasures_settle(now=timezone.now() + LATER)
    assert Event.objects.filter(shopper_pseudonym=pseudonym_of(shop.pk, KEY)).count() == 3


def test_a_killed_erasure_is_finished_by_the_second_pass(shop, campaign, monkeypatch):
    name = everywhere(shop, campaign)

    def killed(**kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rights.erasure.events_unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(shop)
    assert not Shopper.objects.exists()
    assert Event.objects.filter(shopper_pseudonym=name).exists()
    erasures_settle(now=timezone.now() + LATER)
    assert name not in dump()


def test_an_erasure_that_lost_the_database_at_once_is_finished_too(shop, campaign, monkeypatch):
    name = everywhere(shop, campaign)

    def lost(**kwargs):
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr("rights.erasure.shoppers_forget", lost)
        with pytest.raises(OperationalError):
            erase(shop)
    assert erasures_settle(now=timezone.now() + LATER) == 1
    assert not Shopper.objects.exists()
    assert not ShopperKey.objects.exists()
    assert name not in dump()
    counts = Erasure.objects.get().counts
    assert (counts["shopper"], counts["consents_reduced"], counts["events_unlinked"]) == (1, 1, 20)


def test_who_objects_right_after_their_erasure_has_objected(shop, campaign):
    everywhere(shop, campaign)
    erase(shop)
    agree(shop, personalisation=False, objection=True)
    erasures_settle(now=timezone.now() + LATER)
    assert Shopper.objects.get().has_objected
    assert ConsentRecord.objects.get(shopper__isnull=False).objection


def test_a_senders_event_id_that_holds_the_key_loses_it_in_whatever_case(shop):
    agree(shop, "zoë-unmistakable")
    events_make(shop, 2, "zoë-unmistakable")
    kept, named = Event.objects.order_by("pk")
    Event.objects.filter(pk=named.pk).update(event_id="ZOË-UNMISTAKABLE:1")
    erase(shop, "zoë-unmistakable")
    assert "unmistakable" not in dump().lower()
    assert Event.objects.get(pk=kept.pk).event_id == kept.event_id


def test_digests_of_ids_that_named_the_shopper_go_too_and_the_sums_stay(shop, campaign, api):
    everywhere(shop, campaign)

    def order():
        body = {"order_id": KEY, "currency": "EUR", "shopper": KEY}
        for path, value in (("conversions", 500), ("refunds", 100)):
            body |= {"event_id": f"{path} of {KEY}", "value_cents": value}
            yield api.post(f"/api/v1/{path}", body, headers={"Idempotency-Key": f"{path}-1"})

    assert [answer.status_code for answer in order()] == [201, 201]
    before = sums()
    digests = [id_stored(shop.pk, text, KEY) for text in (KEY, f"conversions of {KEY}", f"refunds of {KEY}")]
    assert Event.objects.filter(order_id=digests[0]).count() == 2
    erase(shop)
    found = dump()
    assert not [digest for digest in digests if digest in found]
    assert sums() == before
    assert Event.objects.filter(order_id__startswith="erased:").count() == 2
    for again in order():
        assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true"), "it stays done"
        assert {again.json()["event_id"], again.json()["order_id"]} == {"erased"}
    assert sums() == before


def test_an_order_keeps_the_shops_number_and_counts_once_when_it_is_sent_again(shop, api):
    agree(shop)
    order = {"event_id": f"order of {KEY}", "order_id": "O7", "currency": "EUR", "value_cents": 500}
    for is_erased in (False, True):
        assert api.post("/api/v1/conversions", order | {"shopper": KEY}).status_code == 201
        assert Event.objects.filter(order_id="O7", validity="valid").count() == 1
        if not is_erased:
            erase(shop)
            assert id_stored(shop.pk, order["event_id"], KEY) not in dump()


def test_serving_processes_are_told_to_drop_the_caps(shop, campaign):
    everywhere(shop, campaign)
    before = ServingVersion.objects.filter(advertiser=shop).values_list("delivery_number", flat=True).first()
    erase(shop)
    assert ServingVersion.objects.get(advertiser=shop).delivery_number == (before or 0) + 1


def test_nothing_of_another_advertiser_is_touched(shop, other_shop, campaign):
    everywhere(shop, campaign)
    agree(other_shop)
    like(other_shop)
    erase(shop)
    assert Shopper.objects.get().advertiser == other_shop
    assert Behaviour.objects.filter(advertiser=other_shop).count() == 1


# --- the log
def test_a_line_that_was_broken_off_takes_no_other_with_it(shop, settings):
    first, second, third = (f"{letter}@shop" for letter in "abc")
    erase(shop, first)
    path = Path(settings.RIGHTS_TOMBSTONE_LOG)
    whole = path.stat().st_size
    erase(shop, second)
    os.truncate(path, path.stat().st_size - 70)  # a power cut
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 30, hard))  # the disk is nearly full
    try:
        with pytest.raises(OSError, match="File too large"):
            tombstone_write(Tombstone(timezone.now(), shop.pk, ("f" * 64,)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size > whole
    erase(shop, third)
    assert [stone.subjects for stone in tombstone_list()] == [
        (subject_of(shop.pk, pseudonym_of(shop.pk, key)),) for key in (first, third)
    ]


# --- a restore
def test_a_replay_erases_again_whom_a_backup_still_knew(shop, campaign):
    erase(shop)  # the log outlives the database, which is then that of before
    name = everywhere(shop, campaign)
    old = timezone.now() - timedelta(hours=2)
    for model in (Shopper, CappedShopper):
        model.objects.update(created_at=old)
    Event.objects.update(received_at=old)
    Erasure.objects.all().delete()
    out = io.StringIO()
    call_command("replay_erasures", stdout=out)
    assert out.getvalue() == "1 shopper(s) erased again.\n"
    erasures_settle(now=timezone.now() + LATER)
    assert name not in dump()
    assert erasures_replay(now=timezone.now()) == NOBODY


def test_a_replay_knows_whom_a_backup_from_before_a_rotation_brings_back(shop, campaign, settings):
    old_key = settings.PROFILES_PSEUDONYM_KEY
    settings.PROFILES_PSEUDONYM_KEYS = {"2": "new"}  # rotated, and the old version destroyed
    erase(shop)
    settings.PROFILES_PSEUDONYM_KEYS = {"1": old_key}  # the database is that of before
    name = everywhere(shop, campaign)
    old = timezone.now() - timedelta(hours=2)
    for model in (Shopper, CappedShopper, ExperimentShopper):
        model.objects.update(created_at=old)
    Event.objects.update(received_at=old)
    Erasure.objects.all().delete()

    settings.PROFILES_PSEUDONYM_KEYS = {"2": "new"}
    errors = io.StringIO()
    call_command("replay_erasures", stdout=io.StringIO(), stderr=errors)
    assert "1 shopper(s) were tried under one name only" in errors.getvalue()

    settings.PROFILES_PSEUDONYM_KEYS = {"2": "new", "1": old_key}
    assert erasures_replay(now=timezone.now()) == Replayed(erased=1, without_key=0)
    erasures_settle(now=timezone.now() + LATER)
    assert name not in dump()
    assert erasures_replay(now=timezone.now()) == NOBODY


def test_a_replay_finds_a_shopper_of_whom_only_events_are_left(shop):
    agree(shop)
    events_make(shop, 3)
    Shopper.objects.all().delete()
    Event.objects.update(received_at=timezone.now() - timedelta(hours=1))
    erase_log_only = erase(shop)
    Event.objects.update(shopper_pseudonym=pseudonym_of(shop.pk, KEY))
    assert erasures_replay(now=timezone.now()).erased == 1
    assert not Event.objects.filter(shopper_pseudonym=pseudonym_of(shop.pk, KEY)).exists()
    assert Erasure.objects.exclude(pk=erase_log_only.pk).get().origin == "replay"


def test_a_replay_spares_who_came_back_and_every_other_shop(shop, other_shop):
    erase(shop, now=timezone.now() - timedelta(hours=1))
    agree(shop)
    agree(other_shop)
    assert erasures_replay(now=timezone.now()) == NOBODY
    assert Shopper.objects.count() == 2


def test_the_log_holds_hashes_and_survives_a_broken_line(shop, settings):
    erase(shop)
    with open(settings.RIGHTS_TOMBSTONE_LOG, "a") as file:
        file.write('{"at": "2026-\n[]\nnull\n')
    (tombstone,) = tombstone_list()
    assert tombstone.subjects == (subject_of(shop.pk, pseudonym_of(shop.pk, KEY)),)
    content = Path(settings.RIGHTS_TOMBSTONE_LOG).read_text()
    assert KEY not in content
    assert pseudonym_of(shop.pk, KEY) not in content
