"""The API of profiles through HTTP."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.models import ApiKey
from profiles.models import Behaviour, Segment, Shopper
from tests import factories

pytestmark = pytest.mark.django_db

RULE = {"any": [{"interest": "outdoor_hiking", "min_weight": 0.2}]}


@pytest.fixture
def page_api(shop):
    """The storefront page, with a publishable key."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {factories.make_key(shop, ApiKey.Kind.PUBLISHABLE)}")
    return client


def agree(api, key="ann", personalisation=True, **fields):
    body = {"shopper": key, "personalisation": personalisation, "text_version": "1", **fields}
    return api.post("/api/v1/consents", body)


def send(api, *items, **body):
    return api.post("/api/v1/behaviours", {"behaviours": list(items), **body})


def item(event_id="e1", **fields):
    return {"event_id": event_id, "shopper": "ann", "kind": "interest", "text": "徒步 hiking", **fields}


def test_consent_then_behaviour_then_profile(api, page_api):
    assert agree(page_api).status_code == 201
    answer = send(page_api, item())
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "rejected": []})
    profile = api.get("/api/v1/shoppers/ann").json()
    assert profile["interests"] == [
        {
            "id": "outdoor_hiking",
            "label_en": "Hiking and mountains",
            "label_zh": "徒步登山",
            "iab_id": "",
            "weight": 0.5,
        }
    ]
    assert profile["personalisation_allowed"] is True


def test_one_key_may_stand_for_the_whole_batch(page_api):
    agree(page_api)
    answer = send(page_api, {"event_id": "1", "kind": "search", "text": "帐篷"}, shopper="ann")
    assert answer.json()["accepted"] == 1


def test_bad_items_refuse_themselves_and_not_their_neighbours(page_api):
    agree(page_api)
    future = (timezone.now() + timedelta(days=1)).isoformat()
    bad = [
        (None, "malformed"),
        ("text", "malformed"),
        ([[[[]]]], "malformed"),
        (item(event_id=""), "event_id_invalid"),
        (item(event_id=7), "event_id_invalid"),
        (item(event_id="x" * 65), "event_id_invalid"),
        (item(event_id="a\x00b"), "event_id_invalid"),
        (item(shopper=""), "shopper_invalid"),
        (item(shopper=["ann"]), "shopper_invalid"),
        (item(shopper="x" * 201), "shopper_invalid"),
        (item(kind="click"), "kind_invalid"),
        (item(kind={}), "kind_invalid"),
        (item(text="x" * 501), "text_invalid"),
        (item(text="\ud800"), "text_invalid"),
        (item(text="\x00"), "text_invalid"),
        (item(text=" "), "text_invalid"),
        (item(product_id=1), "product_id_invalid"),
        (item(occurred_at="yesterday"), "occurred_at_invalid"),
        (item(occurred_at=1700000000), "occurred_at_invalid"),
        (item(occurred_at="2026-01-01T00:00:00"), "occurred_at_invalid"),
        (item(occurred_at="0001-01-01T00:00:00+14:00"), "occurred_at_invalid"),
        (item(occurred_at=future), "occurred_at_in_future"),
        (item(occurred_at="2001-01-01T00:00:00Z"), "occurred_at_too_old"),
        (item(shopper="nobody"), "no_consent"),
    ]
    body = json.dumps({"behaviours": [value for value, _ in bad] + [item("good")]})
    answer = page_api.post("/api/v1/behaviours", body, content_type="application/json")
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert answer.json()["rejected"] == [{"index": n, "code": code} for n, (_, code) in enumerate(bad)]
    assert Behaviour.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, "batch_malformed"),
        ("{", 400, "parse_error"),
        ("[]", 400, "batch_malformed"),
        ("null", 400, "batch_malformed"),
        ('{"behaviours": []}', 400, "batch_malformed"),
        ('{"behaviours": {}}', 400, "batch_malformed"),
        ('{"behaviours": [NaN]}', 400, "parse_error"),
        ('{"behaviours": [' + "9" * 5000 + "]}", 400, "parse_error"),
        ("[" * 200_000, 400, "parse_error"),
        (b"\xff\xfe", 400, "parse_error"),
        (json.dumps({"behaviours": [{}] * 501}), 413, "batch_too_large"),
        (json.dumps({"behaviours": ["x" * 3_000_000]}), 413, "body_too_large"),
    ],
)
def test_bad_bodies_are_refused_with_a_code(page_api, body, status, code):
    answer = page_api.post("/api/v1/behaviours", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_largest_batch_is_taken_whole_and_counted(page_api):
    agree(page_api)
    answer = send(page_api, *[item(f"e{n}", kind="view", text="tent") for n in range(500)])
    assert answer.json() == {"accepted": 500, "duplicates": 0, "rejected": []}
    answer = send(page_api, *[item(f"e{n}", kind="view", text="tent") for n in range(250, 750)])
    assert answer.json() == {"accepted": 250, "duplicates": 250, "rejected": []}


def test_global_privacy_control_is_an_objection(page_api):
    agree(page_api)
    answer = page_api.post("/api/v1/behaviours", {"behaviours": [item()]}, headers={"Sec-GPC": "1"})
    assert answer.json()["rejected"] == [{"index": 0, "code": "opted_out"}]


def test_withdrawal_is_heard_by_the_next_request(api, page_api):
    agree(page_api)
    send(page_api, item())
    assert agree(page_api, personalisation=False).json()["personalisation"] is False
    assert send(page_api, item("e2")).json()["rejected"] == [{"index": 0, "code": "no_consent"}]
    assert api.get("/api/v1/shoppers/ann").json()["interests"] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"shopper": ""},
        {"shopper": "x" * 201},
        {"shopper": "\x00"},
        {"personalisation": "maybe"},
        {"personalisation": None},
        {"text_version": ""},
        {"source": "x" * 41},
        {"is_minor": 7},
    ],
)
def test_a_malformed_consent_is_no_consent(page_api, fields):
    body = {"shopper": "ann", "personalisation": True, "text_version": "1", **fields}
    assert page_api.post("/api/v1/consents", body).status_code == 400
    assert not Shopper.objects.exists()


def test_a_shopper_is_erased_by_the_shops_own_key(api, page_api):
    agree(page_api, "ann@example.com")
    send(page_api, item(shopper="ann@example.com"))
    assert api.delete("/api/v1/shoppers/ann@example.com").status_code == 204
    assert api.get("/api/v1/shoppers/ann@example.com").status_code == 404
    assert not Behaviour.objects.exists()
    assert api.delete("/api/v1/shoppers/ann@example.com").status_code == 204


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/v1/interests"),
        ("post", "/api/v1/interests/map"),
        ("get", "/api/v1/shoppers/ann"),
        ("delete", "/api/v1/shoppers/ann"),
        ("get", "/api/v1/segments"),
        ("post", "/api/v1/segments"),
        ("post", "/api/v1/segments/preview"),
    ],
)
def test_a_publishable_key_can_neither_read_nor_write_records(page_api, method, path):
    agree(page_api)
    assert getattr(page_api, method)(path).status_code == 403
    assert APIClient().generic(method.upper(), path).status_code == 401


def test_another_shop_finds_no_one(api, other_api, page_api):
    agree(page_api)
    created = api.post("/api/v1/segments", {"name": "Hikers", "rule": RULE}).json()
    random = "01890000-0000-7000-8000-000000000000"
    for segment_id in (created["id"], random):
        path = f"/api/v1/segments/{segment_id}"
        assert other_api.get(path).status_code == 404
        assert other_api.patch(path, {"name": "Mine"}).status_code == 404
        assert other_api.delete(path).status_code == 404
    assert other_api.get("/api/v1/shoppers/ann").json() == other_api.get("/api/v1/shoppers/eve").json()
    assert other_api.delete("/api/v1/shoppers/ann").status_code == 204
    assert Shopper.objects.count() == 1
    assert other_api.get("/api/v1/segments").json()["count"] == 0


# --- interests


def test_the_taxonomy_is_given_in_two_languages(api):
    body = api.get("/api/v1/interests").json()
    hiking = next(i for i in body["interests"] if i["id"] == "outdoor_camping")
    assert hiking == {
        "id": "outdoor_camping",
        "parent": "outdoor",
        "iab_id": "725",
        "label_en": "Camping",
        "label_zh": "露营",
    }


def test_text_is_mapped_with_the_words_that_matched(api):
    body = api.post("/api/v1/interests/map", {"text": "想买露营帐篷 and a coffe grinder"}).json()
    assert {i["id"] for i in body["interests"]} == {"outdoor_camping", "food_coffee"}
    assert {m["word"]: m["certain"] for m in body["matches"]}["露营"] is True
    assert {m["word"]: m["certain"] for m in body["matches"]}["coffe"] is False


def test_sensitive_text_is_said_to_be_and_maps_to_nothing(api):
    body = api.post("/api/v1/interests/map", {"text": "糖尿病零食"}).json()
    assert body == {"interests": [], "matches": [], "is_sensitive": True}


@pytest.mark.parametrize("text", ["", "x" * 501, "\x00", None, 7.5e300, ["a"], {"a": 1}])
def test_odd_text_is_never_an_error_of_ours(api, text):
    assert api.post("/api/v1/interests/map", {"text": text}).status_code in {200, 400}


# --- segments


def test_a_segment_lives_through_the_api(api, page_api):
    agree(page_api)
    send(page_api, item())
    created = api.post("/api/v1/segments", {"name": "Hikers 徒步", "rule": RULE})
    assert created.status_code == 201
    body = created.json()
    assert (body["size"], body["kind"], body["interests"], body["is_large_enough"]) == (
        1,
        "rule",
        ["outdoor_hiking"],
        False,
    )
    path = f"/api/v1/segments/{body['id']}"
    assert api.get(path).json() == body
    assert api.patch(path, {"is_active": False}).json()["is_active"] is False
    assert api.patch(path, {"size": 9999, "advertiser": "x", "kind": "top_interest"}).json()["size"] == 1
    assert api.get("/api/v1/segments?search=hik&kind=rule").json()["count"] == 1
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_rule_is_refused_with_a_code_and_its_place(api):
    answer = api.post("/api/v1/segments", {"name": "x", "rule": {"any": [{"interest": "religion"}]}})
    assert answer.status_code == 400
    assert answer.json()["code"] == "interest_sensitive"
    assert list(answer.json()["errors"]) == ["any[0]"]


@pytest.mark.parametrize("rule", [None, 1, "x", [], {"any": {"any": {}}}, {"any": [[[[]]]]}, {"\ud800": 1}])
def test_odd_rules_are_never_an_error_of_ours(api, rule):
    body = json.dumps({"name": "x", "rule": rule})
    for path in ("/api/v1/segments", "/api/v1/segments/preview"):
        assert api.post(path, body, content_type="application/json").status_code == 400


def test_the_preview_stores_nothing(api, page_api, settings):
    settings.PROFILES_SEGMENT_MIN_SHOPPERS = 1
    agree(page_api)
    send(page_api, item())
    body = api.post("/api/v1/segments/preview", {"rule": RULE}).json()
    assert body == {"size": 1, "of": 1, "minimum": 1, "is_large_enough": True, "is_estimate": False}
    assert not Segment.objects.exists()


def test_a_segment_a_campaign_is_aimed_at_stays(api, shop):
    segment = factories.make_segment(shop, interests=("food_tea",))
    segment.campaigns.create(advertiser=shop, name="Tea", style="studio")
    answer = api.delete(f"/api/v1/segments/{segment.pk}")
    assert (answer.status_code, answer.json()["code"]) == (409, "segment_in_use")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "event_id",
    "shopper",
    "kind",
    "text",
    "category",
    "product_id",
    "occurred_at",
    "behaviours",
    "rule",
    "any",
]
bodies = st.dictionaries(
    st.sampled_from(FIELDS),
    json_values | st.lists(st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=7), max_size=4),
    max_size=5,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies)
def test_no_body_makes_a_server_error(api, body):
    text = json.dumps(body)
    for path in ("behaviours", "consents", "interests/map", "segments", "segments/preview"):
        answer = api.post(f"/api/v1/{path}", text, content_type="application/json")
        assert answer.status_code < 500
        assert answer.status_code < 300 or answer.json()["code"]
