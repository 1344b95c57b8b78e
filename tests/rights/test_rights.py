"""Export, retention, rotation: over HTTP, by command, on the page."""

from __future__ import annotations

import io
import json
import sys
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from analytics.models import Event, ExperimentShopper
from campaigns.models import CappedShopper, DecisionCount, Experiment, FilledDecisionCount
from profiles.models import Behaviour, ConsentRecord, InterestProfile, Shopper, ShopperKey
from profiles.pseudonyms import pseudonym_of, shopper_key_open
from profiles.selectors import audience_get
from rights.export import LEGEND
from rights.models import Erasure, RetentionRun
from rights.retention import DataClass, data_class_list, retention_run
from tests import factories
from tests.rights.cast import KEY, agree, events_make, everywhere, like


@pytest.fixture
def campaign(shop):
    return factories.make_campaign(shop)


# --- export
SIZES = {"consents": 1, "behaviours": 1, "segments": 1, "events": 20, "experiments": 1, "caps": 1}


def test_the_export_holds_everything_with_a_legend(shop, campaign, api):
    name = everywhere(shop, campaign)
    answer = api.post("/api/v1/shopper-exports", {"shopper": KEY})
    assert answer.status_code == 200
    found = answer.json()
    assert (
        set(found["legend"]) == set(LEGEND) == set(found) - {"format", "exported_at", "advertiser", "legend"}
    )
    assert (found["shopper"]["shop_key"], found["shopper"]["pseudonym"]) == (KEY, name)
    sizes = {part: len(found[part]) for part in SIZES}
    assert sizes == SIZES
    assert found["interests"][0]["id"] == "outdoor_hiking"
    assert found["behaviours"][0]["text"] == "hiking boots"


def test_every_table_that_names_a_shopper_is_exported_or_said_to_be_derived():
    """A new table that points at a shopper has to be thought of here, in the export and in the erasure."""
    names = {
        field.related_model.__name__
        for field in Shopper._meta.get_fields()
        if field.is_relation and field.auto_created
    }
    assert names == {"ShopperKey", "ConsentRecord", "Behaviour", "InterestProfile", "SegmentMembership"}


def test_an_unknown_shopper_has_no_export(api):
    answer = api.post("/api/v1/shopper-exports", {"shopper": "nobody"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_erasure_over_the_api(shop, campaign, api):
    everywhere(shop, campaign)
    answer = api.post("/api/v1/shopper-erasures", {"shopper": KEY})
    assert answer.status_code == 200
    assert answer.json()["counts"]["events_unlinked"] == 20
    assert not Shopper.objects.exists()


def test_the_operator_reads_the_key_from_standard_input(shop, campaign, monkeypatch):
    everywhere(shop, campaign)
    monkeypatch.setattr(sys, "stdin", io.StringIO(KEY + "\n"))
    out = io.StringIO()
    call_command("shopper_rights", "export", advertiser="shop", stdout=out)
    assert json.loads(out.getvalue())["shopper"]["shop_key"] == KEY
    monkeypatch.setattr(sys, "stdin", io.StringIO(KEY + "\n"))
    call_command("shopper_rights", "erase", advertiser="shop", stdout=out)
    assert Erasure.objects.get().origin == "command"
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    with pytest.raises(CommandError):
        call_command("shopper_rights", "export", advertiser="shop", stdout=out)


# --- the page
def test_the_page_exports_and_erases(shop, campaign, alice_client):
    everywhere(shop, campaign)
    answer = alice_client.post("/privacy/export", {"shopper": KEY})
    assert answer["Content-Disposition"] == 'attachment; filename="shopper-export.json"'
    assert json.loads(answer.content)["shopper"]["shop_key"] == KEY
    page = alice_client.post("/privacy/erase", {"shopper": KEY}, follow=True).content.decode()
    assert "Erased:" in page
    assert "20 events unlinked" in page
    page = alice_client.post("/privacy/export", {"shopper": KEY}, follow=True).content.decode()
    assert "No shopper with this key is known here." in page
    assert KEY not in page


def test_a_reviewer_sees_the_figures_and_no_forms(shop, campaign, rita_client):
    everywhere(shop, campaign)
    page = rita_client.get("/privacy/").content.decode()
    assert "Behaviours" in page
    assert 'action="/privacy/erase"' not in page
    assert rita_client.post("/privacy/erase", {"shopper": KEY}).status_code == 403
    assert Shopper.objects.exists()


# --- retention
def age(model, days, **fields):
    names = fields.get("names") or ["created_at"]
    model.objects.update(**{name: timezone.now() - timedelta(days=days) for name in names})


def test_each_class_goes_when_its_time_has_come_and_not_a_day_before(shop):
    agree(shop)
    like(shop)
    events_make(shop, 5)
    DecisionCount.objects.create(
        advertiser=shop, hour_at=timezone.now(), placement_id=shop.pk, outcome="none", decisions=3
    )
    FilledDecisionCount.objects.create(
        advertiser=shop, day=timezone.now(), placement_id=shop.pk, variant_id=shop.pk, creative_id=shop.pk,
        campaign_id=shop.pk, decisions=3,
    )  # fmt: skip

    def run(days):
        age(Behaviour, days, names=["occurred_at"])
        age(DecisionCount, days, names=["hour_at"])
        age(FilledDecisionCount, days, names=["day"])
        age(Event, days, names=["occurred_at"])
        return retention_run(now=timezone.now())

    assert set(run(179).values()) == {0}
    found = run(181)
    assert (found["behaviours"], found["event_links"]) == (1, 0)
    assert Shopper.objects.get().stale_since is not None  # the profile is computed anew
    found = run(396)
    assert (found["event_links"], found["decision_counts"]) == (5, 2)
    assert Event.objects.filter(shopper_pseudonym="").count() == 5
    assert set(run(396).values()) == {0}
    row = RetentionRun.objects.get(name="event_links")
    assert (row.removed, row.removed_total, row.is_complete) == (5, 5, True)


def test_an_idle_shopper_without_consent_goes_but_not_who_objected(shop):
    for key, fields in (
        ("idle", {"personalisation": False}),
        ("agreed", {}),
        ("objected", {"personalisation": False, "objection": True}),
        ("minor", {"is_minor": True}),
    ):
        agree(shop, key, **fields)
    age(Shopper, 400)
    assert retention_run(now=timezone.now())["idle_shoppers"] == 0  # answered today
    assert retention_run(now=timezone.now() + timedelta(days=400))["idle_shoppers"] == 1
    left = set(Shopper.objects.values_list("pseudonym", flat=True))
    assert left == {pseudonym_of(shop.pk, key) for key in ("agreed", "objected", "minor")}


def test_who_agreed_once_and_was_not_seen_again_goes_in_the_end(shop, settings, monkeypatch):
    monkeypatch.setattr("rights.retention.BATCH", 1)
    settings.RETENTION_EVENT_LINK_DAYS = 0
    for key in ("measured", "seen", "gone", "objected", "minor", "answered"):
        agree(shop, key, objection=key == "objected", is_minor=key == "minor")
    end = timezone.now() + timedelta(days=1095)  # of what came until here
    like(shop, "seen")
    agree(shop, "answered")
    events_make(shop, 1, "measured")
    Event.objects.update(occurred_at=timezone.now())
    assert retention_run(now=end - timedelta(days=1))["inactive_shoppers"] == 0
    assert retention_run(now=end)["inactive_shoppers"] == 1
    names = {key: pseudonym_of(shop.pk, key) for key in ("measured", "seen", "objected", "minor", "answered")}
    assert set(Shopper.objects.values_list("pseudonym", flat=True)) == set(names.values())
    assert ShopperKey.objects.count() == len(names)
    assert ConsentRecord.objects.filter(shopper=None, tombstone="").count() == 1
    assert Shopper.objects.get(pseudonym=names["measured"]).last_seen_at == Event.objects.get().occurred_at
    assert retention_run(now=end)["inactive_shoppers"] == 0
    settings.RETENTION_INACTIVE_SHOPPER_DAYS = 0
    assert "inactive_shoppers" not in retention_run(now=end + timedelta(days=9999))


def test_superseded_consent_goes_after_its_time_and_the_newest_stays(shop, settings):
    settings.RETENTION_INACTIVE_SHOPPER_DAYS = 0
    agree(shop)
    agree(shop, personalisation=False)
    agree(shop)
    later = timezone.now() + timedelta(days=1100)
    assert retention_run(now=later)["consents"] == 2
    assert ConsentRecord.objects.get().personalisation is True
    assert retention_run(now=later)["consents"] == 0


def test_a_class_that_fails_leaves_the_others_alone(shop, monkeypatch):
    agree(shop)
    like(shop)
    classes = (DataClass("broken", "Broken", "", 1, lambda before: 1 // 0), *data_class_list())
    monkeypatch.setattr("rights.retention.data_class_list", lambda: classes)
    found = retention_run(now=timezone.now() + timedelta(days=181))
    assert "broken" not in found
    assert found["behaviours"] == 1


def test_a_class_that_is_kept_for_ever_is_left_alone(shop, settings):
    settings.RETENTION_BEHAVIOUR_DAYS = settings.RETENTION_INACTIVE_SHOPPER_DAYS = 0
    agree(shop)
    like(shop)
    assert "behaviours" not in retention_run(now=timezone.now() + timedelta(days=9999))
    assert Behaviour.objects.exists()


# --- pseudonyms
def test_a_rotation_moves_everything_and_then_the_old_key_may_go(shop, campaign, settings):
    old = everywhere(shop, campaign)
    Experiment.objects.update(status="decided")
    settings.PROFILES_PSEUDONYM_KEYS = {"2": "new", "1": settings.PROFILES_PSEUDONYM_KEY}
    assert audience_get(advertiser_id=shop.pk, shopper_key=KEY).pseudonym == old  # still found meanwhile
    out = io.StringIO()
    call_command("pseudonyms_rotate", stdout=out)
    assert out.getvalue() == "1 shopper(s) moved.\n"
    settings.PROFILES_PSEUDONYM_KEYS = {"2": "new"}
    new = pseudonym_of(shop.pk, KEY)
    assert new != old
    assert audience_get(advertiser_id=shop.pk, shopper_key=KEY).pseudonym == new
    for model in (Event, ExperimentShopper):
        assert set(model.objects.values_list("shopper_pseudonym", flat=True)) == {new}
    assert InterestProfile.objects.get().shopper.pseudonym == new
    assert not CappedShopper.objects.exists()
    assert shopper_key_open(shop.pk, ShopperKey.objects.get().sealed) == KEY
    call_command("pseudonyms_rotate", stdout=out)
    assert out.getvalue().endswith("0 shopper(s) moved.\n")


def test_a_rotation_that_would_draw_a_running_experiment_anew_is_refused(shop, campaign, settings):
    everywhere(shop, campaign)
    type(campaign).objects.filter(pk=campaign.pk).update(learns=True, dividend_rate=0.1, status="live")
    Experiment.objects.update(status="running")
    old = Shopper.objects.get().pseudonym
    settings.PROFILES_PSEUDONYM_KEYS = {"2": "new", "1": settings.PROFILES_PSEUDONYM_KEY}
    with pytest.raises(CommandError, match=r"1 experiment\(s\), 1 standing split\(s\), 1 learning"):
        call_command("pseudonyms_rotate")
    assert Shopper.objects.get().pseudonym == old
    call_command("pseudonyms_rotate", "--redraw", stdout=io.StringIO())
    assert Shopper.objects.get().pseudonym != old
    call_command("pseudonyms_rotate", stdout=io.StringIO())  # nobody is left to move


def test_an_order_of_a_shopper_whom_a_rotation_has_not_moved_yet_is_theirs(shop, api, settings):
    agree(shop)
    old = pseudonym_of(shop.pk, KEY)
    settings.PROFILES_PSEUDONYM_KEYS = {"2": "new", "1": settings.PROFILES_PSEUDONYM_KEY}

    def order(number):
        body = {"event_id": f"e{number}", "order_id": f"o{number}", "value_cents": 100, "currency": "EUR"}
        assert api.post("/api/v1/conversions", {**body, "shopper": KEY}).status_code == 201
        return Event.objects.get(event_id=f"e{number}").shopper_pseudonym

    assert order(1) == old
    call_command("pseudonyms_rotate", stdout=io.StringIO())
    assert order(2) == pseudonym_of(shop.pk, KEY) != old
    agree(shop, personalisation=False)
    assert order(3) == ""


def test_a_rotation_without_the_old_key_says_so_and_moves_nothing(shop, settings):
    agree(shop)
    settings.PROFILES_PSEUDONYM_KEYS = {"2": "new"}
    with pytest.raises(CommandError, match="sealed under a version"):
        call_command("pseudonyms_rotate")
    assert ShopperKey.objects.get().key_version == "1"


def test_the_shops_key_is_sealed_and_opened_only_for_its_own_shop(shop, other_shop):
    agree(shop)
    sealed = ShopperKey.objects.get().sealed
    assert KEY not in sealed
    assert shopper_key_open(shop.pk, sealed) == KEY
    with pytest.raises(ValueError, match="no key"):
        shopper_key_open(other_shop.pk, sealed)


def test_a_profile_is_looked_up_by_a_key_in_the_body_and_the_old_address_says_what_took_its_place(
    shop, api, other_api, rita_client
):
    agree(shop)
    like(shop)
    old = api.get(f"/api/v1/shoppers/{KEY}")
    new = api.post("/api/v1/shopper-lookups", {"shopper": KEY}, format="json")
    assert (old.status_code, new.status_code) == (200, 200)
    assert old.json() == new.json()
    assert old["Deprecation"].startswith("@")
    assert old["Link"] == '</api/v1/shopper-lookups>; rel="successor-version"'
    assert "Deprecation" not in new
    assert {old["Cache-Control"], new["Cache-Control"]} == {"no-store"}
    unknown = api.post("/api/v1/shopper-lookups", {"shopper": "nobody"}, format="json")
    foreign = other_api.post("/api/v1/shopper-lookups", {"shopper": KEY}, format="json")
    assert (unknown.status_code, foreign.status_code) == (404, 404)
    assert unknown.content == foreign.content
    person = rita_client.post("/api/v1/shopper-lookups", {"shopper": KEY}, content_type="application/json")
    assert person.status_code == 200, "reading is for every role"
    gone = api.delete(f"/api/v1/shoppers/{KEY}")
    assert gone["Link"] == '</api/v1/shopper-erasures>; rel="successor-version"'
    document = api.get("/api/v1/schema?format=json").json()["paths"]
    assert document["/api/v1/shoppers/{shopper_key}"]["get"]["deprecated"]
    assert document["/api/v1/shoppers/{shopper_key}"]["delete"]["deprecated"]
