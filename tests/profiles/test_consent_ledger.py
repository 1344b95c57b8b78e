"""The ledger: written once, in the ORM and in the database, and heard by the next request."""

from __future__ import annotations

import json
import threading

import pytest
from django.core.cache import cache
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey
from accounts.throttling import ApiKeyThrottle
from adplatform.lib.append_only import AppendOnlyError
from campaigns.serving import store
from profiles import services
from profiles.models import Behaviour, ConsentRecord, InterestProfile, Shopper, ShopperKey
from profiles.pseudonyms import pseudonym_of
from profiles.selectors import audience_get
from profiles.snapshots import Audience, BehaviourInput
from tests import factories

ALL = ["ads_profile", "ads_selection", "measurement", "storage"]


def agree(shop, **fields):
    values = {"personalisation": True, "text_version": "1", "source": "test"} | fields
    return services.consent_record(advertiser=shop, shopper_key="ann", **values)


def like(shop, event_id="1"):
    item = BehaviourInput(event_id, "ann", "interest", timezone.now(), text="hiking boots")
    return services.behaviours_record(advertiser=shop, items=[item], now=timezone.now())


def audience(shop, **fields):
    return audience_get(advertiser_id=shop.pk, shopper_key="ann", **fields)


# --- append-only
@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.save(),
        lambda row: row.delete(),
        lambda row: ConsentRecord.objects.update(text_version="2"),
        lambda row: ConsentRecord.objects.filter(pk=row.pk).delete(),
        lambda row: ConsentRecord.objects.bulk_update([row], ["source"]),
    ],
    ids=["save", "delete", "update", "filter-delete", "bulk-update"],
)
def test_the_orm_changes_no_line(shop, change):
    row = agree(shop)
    with pytest.raises(AppendOnlyError):
        change(row)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE profiles_consentrecord SET personalisation = NOT personalisation",
        "UPDATE profiles_consentrecord SET text_version = 'other'",
        "UPDATE profiles_consentrecord SET shopper_id = NULL, text_version = 'other'",
        "UPDATE profiles_consentrecord SET tombstone = 'x'",
        "DELETE FROM profiles_consentrecord",
    ],
)
def test_the_database_changes_no_line(shop, statement):
    agree(shop)
    before = list(ConsentRecord.objects.values())
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert list(ConsentRecord.objects.values()) == before


def test_erasure_takes_the_shopper_off_and_only_then_may_a_line_go(shop):
    row = agree(shop)
    assert ConsentRecord.objects.purge() == 0
    assert ConsentRecord.objects.filter(pk=row.pk).reduce(tombstone="t" * 64) == 1
    row.refresh_from_db()
    assert (row.shopper_id, row.tombstone, row.text_version, row.purposes) == (None, "t" * 64, "1", ALL)
    assert ConsentRecord.objects.purge() == 1


# --- purposes
def test_a_purpose_that_is_missing_closes_its_use_and_no_other(shop):
    agree(shop, personalisation=None, purposes={"storage", "ads_profile", "ads_selection"})
    assert audience(shop) == Audience("", (), True, why_pseudonym=pseudonym_of(shop.pk, "ann"))
    agree(shop, personalisation=None, purposes={"storage", "measurement"})
    assert audience(shop).pseudonym == pseudonym_of(shop.pk, "ann")
    assert not audience(shop).personalisation_allowed
    assert like(shop).rejected[0].code == "no_consent"
    agree(shop, personalisation=None, purposes={"ads_profile", "ads_selection", "measurement"})
    assert audience(shop) == Audience("")


def test_an_objection_stands_whatever_is_agreed_to_until_it_is_taken_back(shop):
    agree(shop)
    like(shop)
    agree(shop, objection=True)
    assert not InterestProfile.objects.exists()
    assert not Behaviour.objects.exists()
    agree(shop)
    assert audience(shop) == Audience("")
    assert like(shop, "2").rejected[0].code == "objection"
    agree(shop, objection=False)
    assert audience(shop).personalisation_allowed
    assert [r.objection for r in ConsentRecord.objects.order_by("id")] == [None, True, None, False]


def test_a_minor_is_never_profiled_whatever_they_agree_to(shop):
    agree(shop)
    like(shop)
    agree(shop, is_minor=True)
    assert not InterestProfile.objects.exists()
    assert not Behaviour.objects.exists()
    assert like(shop, "2").rejected[0].code == "minor"
    assert audience(shop) == Audience("")
    agree(shop)  # consent says nothing of age, so the flag stands
    assert Shopper.objects.get().is_minor
    assert not audience(shop).personalisation_allowed


def test_global_privacy_control_beside_the_answer_grants_nothing(shop, api):
    body = {"shopper": "ann", "personalisation": True, "text_version": "1"}
    answer = api.post("/api/v1/consents", body, headers={"Sec-GPC": "1"})
    assert answer.status_code == 201
    assert (answer.json()["was_opted_out"], answer.json()["purposes"]) == (True, [])
    assert not audience(shop).personalisation_allowed


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "invalid"),
        ({"personalisation": True, "purposes": ["storage"]}, "invalid"),
        ({"purposes": ["everything"]}, "invalid"),
        ({"purposes": ["storage"], "text_version": None}, "invalid"),
        ({"tc_string": "CPX"}, "tcf_off"),
    ],
)
def test_an_unclear_answer_is_refused_and_grants_nothing(shop, api, fields, code):
    body = {"shopper": "ann", "text_version": "1"} | fields
    answer = api.post("/api/v1/consents", {name: value for name, value in body.items() if value is not None})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not ConsentRecord.objects.exists()


# --- a withdrawal is heard by the next request
@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_is_effective_in_the_next_decision_of_a_warm_process(settings):
    settings.PROFILES_SEGMENT_MIN_SHOPPERS = 1
    shop = factories.make_advertiser("shop")
    key = factories.make_key(shop, ApiKey.Kind.PUBLISHABLE)
    factories.make_placement(shop, "hero")
    agree(shop)
    like(shop)
    services.segment_create(
        advertiser=shop, name="Hikers", rule={"any": [{"interest": "outdoor_hiking", "min_weight": 0.1}]}
    )
    store.snapshots.clear()
    client = Client(headers={"Authorization": f"Bearer {key}"})

    def decide():
        body = json.dumps({"placements": ["hero"], "shopper": "ann"})
        assert client.post("/api/v1/decisions", body, content_type="application/json").status_code == 200
        return audience(shop)

    assert decide().segment_ids
    for _ in range(3):  # nothing in the process remembers an answer, so there is nothing to wait for
        body = json.dumps({"shopper": "ann", "personalisation": False, "text_version": "1"})
        assert client.post("/api/v1/consents", body, content_type="application/json").status_code == 201
        assert decide() == Audience("")
        agree(shop)
        like(shop, str(Behaviour.objects.count() + 10))
        assert decide().segment_ids


# --- two answers at once
@pytest.mark.django_db(transaction=True)
def test_an_objection_made_during_another_answer_stands(shop, monkeypatch):
    """The answer holds the shopper's row when the objection comes, so the objection is the last word."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite lets one transaction write at a time")
    agree(shop)
    shopper = Shopper.objects.get()
    objected = threading.Event()

    def object_meanwhile():
        try:
            services.objection_record(
                advertiser_id=shop.pk, pseudonym=shopper.pseudonym, text_version="why-1", source="why page"
            )
            objected.set()
        finally:
            connection.close()

    thread = threading.Thread(target=object_meanwhile)
    saved = ConsentRecord.save

    def save(row, *args, **kwargs):
        if row.source == "slow page":  # between what the answer read and what it writes
            thread.start()
            objected.wait(1)
        saved(row, *args, **kwargs)

    monkeypatch.setattr(ConsentRecord, "save", save)
    agree(shop, source="slow page")
    thread.join(10)
    shopper.refresh_from_db()
    assert objected.is_set()
    assert (shopper.has_objected, shopper.personalisation_allowed) == (True, False)
    assert not audience(shop).personalisation_allowed


# --- what a page's public key, which anybody can copy, may say
@pytest.fixture
def page(shop):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {factories.make_key(shop, ApiKey.Kind.PUBLISHABLE)}")

    def say(**fields):
        answer = client.post("/api/v1/consents", {"shopper": "ann", "text_version": "1"} | fields)
        return (answer.status_code, answer.json().get("code"))

    return say


RECORDED, UNPROVEN = (201, None), (403, "consent_unproven")


def test_a_page_records_a_first_consent_its_withdrawal_and_a_change_of_mind(shop, page):
    for is_allowed in (True, False, True):
        assert page(personalisation=is_allowed) == RECORDED
        assert audience(shop).personalisation_allowed is is_allowed
    assert page(personalisation=True, objection=False, is_minor=False) == RECORDED, "there is nothing to lift"


@pytest.mark.parametrize(
    ("held", "lift"),
    [
        ({"objection": True}, {"objection": False}),
        ({"is_minor": True}, {"is_minor": False}),
        ({"personalisation": False}, {}),
    ],
    ids=["objection", "minor", "withdrawal"],
)
def test_a_page_lifts_no_word_that_protects_and_the_shops_server_does(shop, page, api, held, lift):
    agree(shop, **held)
    lines = ConsentRecord.objects.count()
    assert page(personalisation=True, **lift) == UNPROVEN
    assert audience(shop) == Audience("")
    assert ConsentRecord.objects.count() == lines, "what is refused leaves no line"
    body = {"shopper": "ann", "text_version": "2", "personalisation": True, **lift}
    assert api.post("/api/v1/consents", body).status_code == 201
    assert audience(shop).personalisation_allowed
    assert page(personalisation=False) == RECORDED
    assert page(personalisation=True) == RECORDED, "as much as the secret key's newest answer agreed to"


def test_a_page_grants_no_more_than_the_newest_answer_of_a_secret_key(shop, page):
    agree(shop, personalisation=None, purposes={"storage", "measurement"})
    assert page(personalisation=True) == UNPROVEN
    assert page(purposes=["storage", "measurement"]) == RECORDED
    assert page(purposes=["storage"]) == RECORDED
    assert audience(shop) == Audience("")


def test_a_no_from_a_page_counts_whatever_else_it_says(shop, page):
    agree(shop, objection=True)
    assert page(personalisation=False, objection=False, is_minor=False) == RECORDED
    assert page(personalisation=True, objection=True, is_minor=True) == RECORDED
    shopper = Shopper.objects.get()
    assert (shopper.has_objected, shopper.is_minor) == (True, True)
    assert page(personalisation=True, objection=True, is_minor=False) == RECORDED
    assert Shopper.objects.get().is_minor
    assert audience(shop) == Audience("")


@pytest.mark.parametrize("field", ["text_version", "source"])
def test_no_line_of_the_ledger_names_who_answered(shop, api, field):
    body = {"shopper": "user-42", "personalisation": True, "text_version": "1", "source": "account"}
    for text in ("ann@example.com", "ann%40example.com", "+49 170 5550123", "User-42", "page:user-42 2"):
        answer = api.post("/api/v1/consents", body | {field: text})
        assert (answer.status_code, answer.json()["code"]) == (400, f"{field}_names_person"), text
    assert not Shopper.objects.exists()
    for key, text in (("11", "2026-11"), ("user-4", "user-42"), ("202611", "20261126")):
        answer = api.post("/api/v1/consents", body | {"shopper": key, field: text})
        assert answer.status_code == 201, "a number that happens to stand in a version keeps nobody out"


# --- the throttle
@pytest.fixture
def three_a_minute(monkeypatch):
    monkeypatch.setattr(ApiKeyThrottle, "THROTTLE_RATES", {"api_key": "3/min", "consents": "3/min"})
    cache.clear()
    yield
    cache.clear()


def test_one_shoppers_flood_leaves_the_others_their_turn(shop, three_a_minute):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {factories.make_key(shop, ApiKey.Kind.PUBLISHABLE)}")

    def post(path, body, address):
        return client.post(f"/api/v1/{path}", body, REMOTE_ADDR=address).status_code

    yes = {"shopper": "ann", "text_version": "1", "personalisation": True}
    liked = {"shopper": "ann", "behaviours": [{"event_id": "1", "kind": "interest", "text": "hiking"}]}
    assert [post("consents", yes, "203.0.113.1") for _ in range(4)] == [201, 201, 201, 429]
    assert post("consents", yes, "203.0.113.2") == 201
    assert [post("behaviours", liked, "203.0.113.1") for _ in range(4)] == [202, 202, 202, 429]
    assert post("behaviours", liked, "203.0.113.2") == 202


@pytest.mark.parametrize(
    "no",
    [
        {"personalisation": False},
        {"purposes": []},
        {"personalisation": True, "objection": True},
        {"personalisation": True, "is_minor": True},
    ],
    ids=["withdrawal", "no-purpose", "objection", "minor"],
)
def test_the_throttle_refuses_no_word_that_takes_something_away(shop, page, api, three_a_minute, no):
    assert [page(personalisation=True)[0] for _ in range(4)] == [201, 201, 201, 429]
    for _ in range(3):
        api.post("/api/v1/consents", {"shopper": "bob", "text_version": "1", "personalisation": True})
    assert page(**no) == RECORDED
    assert api.post("/api/v1/consents", {"shopper": "ann", "text_version": "1", **no}).status_code == 201
    assert audience(shop) == Audience("")
    assert page(personalisation=True)[0] == page(personalisation="?")[0] == 429


def test_beyond_the_throttle_a_page_makes_no_rows_without_end(shop, page, three_a_minute):
    agree(shop)
    assert [page(shopper=f"x{n}", personalisation=False)[0] for n in range(5)] == [201, 201, 201, 429, 429]
    known = Shopper.objects.count(), ShopperKey.objects.count()
    # Each takes something away once; saying it again, or in turns with another, changes nothing any more.
    every_no = [{"purposes": []}, {"purposes": ALL, "objection": True}, {"purposes": ALL, "is_minor": True}]
    said = [page(**no)[0] for _ in range(5) for no in every_no]
    assert said == [201] * 4 + [429] * 11
    assert page(shopper="nobody", objection=True)[0] == page(shopper=" ", objection=True)[0] == 429
    assert (Shopper.objects.count(), ShopperKey.objects.count()) == known
    shopper = Shopper.objects.get(pseudonym=pseudonym_of(shop.pk, "ann"))
    assert (shopper.personalisation_allowed, shopper.has_objected, shopper.is_minor) == (False, True, True)
