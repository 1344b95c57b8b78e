"""POST /api/v1/decisions through HTTP."""

from __future__ import annotations

import itertools
import json
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from accounts.services import api_key_revoke
from adplatform.lib.tokens import TokenError, token_read
from campaigns.models import Campaign, Placement
from campaigns.serving import keys
from campaigns.serving.store import snapshots
from campaigns.serving_version import serving_version_bump
from profiles.pseudonyms import pseudonym_of
from tests import factories
from tests.campaigns.decision_cast import URL, ask, first, make_shopper
from tests.campaigns.serving_cast import creative_in, make_live, make_variant


# --- what it answers
def test_a_filled_placement_carries_everything_the_storefront_needs(live, pk, shop):
    campaign, placement = live
    variant = make_variant(campaign, placement)
    creative = creative_in(variant)
    answer = first(ask(pk))
    assert answer["filled"] is True
    assert answer["creative"] == {
        "id": str(creative.pk),
        "image_url": f"http://testserver/m/{creative.pk}/{creative.sha256[:16]}.png",
        "width": 300,
        "height": 250,
        "alt": "A creative",
        "headline": "Made for you",
    }
    assert answer["label"] == "Ad"
    assert answer["propensity"] == 1
    assert answer["match"] == "generic"
    assert answer["click_url"].startswith("http://testserver/c/")


def test_a_chinese_campaigns_label_is_chinese(shop, pk):
    campaign, placement = make_live(shop, language=Campaign.Language.CHINESE)
    make_variant(campaign, placement)
    assert first(ask(pk))["label"] == "广告"


def test_the_two_tokens_say_the_same_and_serve_one_purpose_each(live, pk, shop):
    campaign, placement = live
    variant = make_variant(campaign, placement)
    answer = first(ask(pk))
    day = timedelta(days=1)
    payload = token_read(answer["impression_token"], purpose="impression", max_age=day)
    assert payload == {
        "d": answer["decision_id"],
        "a": str(shop.pk),
        "c": str(campaign.pk),
        "v": str(variant.pk),
        "cr": answer["creative"]["id"],
        "p": str(placement.pk),
        "pr": 1.0,
    }
    click_token = answer["click_url"].rpartition("/c/")[2]
    assert token_read(click_token, purpose="click", max_age=day) == payload
    with pytest.raises(TokenError):
        token_read(click_token, purpose="impression", max_age=day)


def test_several_placements_are_answered_in_order_and_without_repeats(live, pk, shop):
    campaign, placement = live
    side = factories.make_placement(shop, "side")
    campaign.placements.add(side)
    for _ in range(2):
        make_variant(campaign, placement)
    answers = ask(pk, "hero", "nowhere", "side", "side").json()["decisions"]
    assert [answer["placement"] for answer in answers] == ["hero", "nowhere", "side", "side"]
    assert [answer.get("reason") for answer in answers] == [
        None,
        "unknown_placement",
        None,
        "already_on_page",
    ]
    assert answers[0]["creative"]["id"] != answers[2]["creative"]["id"]


def test_what_the_page_shows_already_may_be_named(live, pk):
    campaign, placement = live
    creatives = [creative_in(make_variant(campaign, placement)) for _ in range(2)]
    shown = [str(creatives[0].pk)]
    assert first(ask(pk, context={"shown": shown}))["creative"]["id"] == str(creatives[1].pk)


def test_unapproved_creatives_are_never_the_answer(live, pk):
    campaign, placement = live
    for status in ("in_review", "rejected", "withdrawn"):
        make_variant(campaign, placement, status=status)
    answer = first(ask(pk))
    assert (answer["filled"], answer["reason"]) == (False, "creative_not_approved")
    assert "impression_token" not in answer


def test_a_pause_is_obeyed_by_the_api(live, pk, shop, settings):
    settings.SERVING_SNAPSHOT_SECONDS = 0
    campaign, placement = live
    make_variant(campaign, placement)
    assert first(ask(pk))["filled"]
    Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.PAUSED)
    serving_version_bump(shop.pk)
    assert first(ask(pk))["reason"] == "campaign_not_live"


# --- shoppers
@pytest.fixture
def hikers(shop, settings):
    settings.PROFILES_SEGMENT_MIN_SHOPPERS = 1
    return factories.make_segment(shop, "hikers", ("outdoor_hiking",), size=500)


def test_a_consenting_shopper_sees_their_segments_creative(live, pk, shop, hikers):
    campaign, placement = live
    make_variant(campaign, placement)
    mine = make_variant(campaign, placement, segment=hikers)
    make_shopper(shop, segments=[hikers], is_simulated=True)
    answer = first(ask(pk, shopper="anna"))
    assert answer["match"] == "segment"
    payload = token_read(answer["impression_token"], purpose="impression", max_age=timedelta(days=1))
    assert payload["v"] == str(mine.pk)
    assert payload["s"] == str(hikers.pk)
    assert payload["u"] == pseudonym_of(shop.pk, "anna")
    assert payload["sim"] is True


def test_without_consent_the_creative_is_generic_and_the_token_names_nobody(live, pk, shop, hikers):
    campaign, placement = live
    generic = make_variant(campaign, placement)
    make_variant(campaign, placement, segment=hikers)
    make_shopper(shop, segments=[hikers], personalisation_allowed=False)
    for shopper in ("anna", "a stranger", "", None):
        payload = token_read(
            first(ask(pk, shopper=shopper))["impression_token"], purpose="impression", max_age=timedelta(1)
        )
        assert payload["v"] == str(generic.pk)
        assert not {"s", "u"} & set(payload)


def test_a_browsers_global_privacy_control_is_obeyed(live, pk, shop, hikers):
    campaign, placement = live
    make_variant(campaign, placement)
    make_variant(campaign, placement, segment=hikers)
    make_shopper(shop, segments=[hikers])
    response = Client().post(
        URL,
        {"placements": ["hero"], "shopper": "anna"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {pk}", "Sec-GPC": "1"},
    )
    assert first(response)["match"] == "generic"


def test_a_reload_shows_a_known_shopper_the_same_creative(live, pk, shop):
    campaign, placement = live
    for _ in range(6):
        make_variant(campaign, placement)
    make_shopper(shop)
    assert len({first(ask(pk, shopper="anna"))["creative"]["id"] for _ in range(8)}) == 1


# --- what it costs
def test_a_warm_decision_asks_the_database_nothing(live, pk, settings, django_assert_num_queries):
    settings.SERVING_SNAPSHOT_SECONDS, keys_fresh = 60.0, keys.FRESH_SECONDS
    keys.FRESH_SECONDS = 60.0
    try:
        campaign, placement = live
        make_variant(campaign, placement)
        ask(pk)
        with django_assert_num_queries(0):
            assert first(ask(pk))["filled"]
    finally:
        keys.FRESH_SECONDS = keys_fresh


def test_after_minutes_of_silence_a_decision_still_asks_the_database_nothing(
    live, pk, monkeypatch, django_assert_num_queries
):
    campaign, placement = live
    make_variant(campaign, placement)
    now = [1000.0]
    monkeypatch.setattr(keys.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(snapshots, "_clock", lambda: now[0])
    snapshots.clear()
    assert first(ask(pk))["filled"]
    used_at = ApiKey.objects.get().last_used_at
    now[0] += 11  # no longer in use
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        for _ in range(150):  # as the serving thread does
            now[0] += 0.5
            keys.callers_refresh()
            snapshots.refresh()
    assert ApiKey.objects.get().last_used_at == used_at  # nobody used it meanwhile
    with django_assert_num_queries(0):
        assert first(ask(pk))["filled"]


def test_a_warm_decision_for_a_shopper_asks_at_most_twice(
    live, pk, shop, settings, hikers, django_assert_max_num_queries
):
    settings.SERVING_SNAPSHOT_SECONDS, keys_fresh = 60.0, keys.FRESH_SECONDS
    keys.FRESH_SECONDS = 60.0
    try:
        campaign, placement = live
        make_variant(campaign, placement, segment=hikers)
        make_shopper(shop, segments=[hikers])
        ask(pk, shopper="anna")
        with django_assert_max_num_queries(2):
            assert first(ask(pk, shopper="anna"))["filled"]
    finally:
        keys.FRESH_SECONDS = keys_fresh


# --- keys
def test_no_key_a_wrong_key_and_a_key_without_the_scope_are_told_apart(shop, pk):
    ApiKey.objects.filter(kind=ApiKey.Kind.PUBLISHABLE).update(scopes=["track"])
    found = [ask(key) for key in ("", "pk_nonsense", pk)]
    assert [response.status_code for response in found] == [401, 401, 403]
    assert [response.json()["code"] for response in found] == [
        "not_authenticated",
        "api_key_invalid",
        "scope_missing",
    ]
    assert found[0]["WWW-Authenticate"] == "Bearer"
    assert found[0]["Content-Type"] == "application/problem+json"


def test_a_revoked_key_is_refused_within_a_second(live, pk, shop, monkeypatch):
    now = itertools.count(100.0, 1.01)
    monkeypatch.setattr(keys.time, "monotonic", lambda: next(now))
    assert ask(pk).status_code == 200
    api_key_revoke(advertiser=shop, key_id=str(ApiKey.objects.get(kind=ApiKey.Kind.PUBLISHABLE).pk))
    assert ask(pk).status_code == 401


def test_another_advertisers_key_sees_none_of_the_placements(live, shop, other_shop):
    campaign, placement = live
    creative = creative_in(make_variant(campaign, placement))
    theirs = factories.make_key(other_shop)
    assert first(ask(theirs))["reason"] == "unknown_placement"
    explained = first(ask(theirs, query="?explain=1"))
    assert str(creative.pk) not in json.dumps(explained)


def test_only_a_secret_key_may_ask_why(live, pk, sk):
    campaign, placement = live
    make_variant(campaign, placement)
    make_variant(campaign, placement, status="in_review")
    assert ask(pk, query="?explain=1").json()["code"] == "explain_needs_secret_key"
    candidates = first(ask(sk, query="?explain=1"))["candidates"]
    assert [line["reason"] for line in candidates] == [None, "creative_not_approved"]
    assert candidates[0]["propensity"] == 1
    assert candidates[1]["number"] == 505


# --- bad input
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"\xff\xfe", "bad_json"),
        (b'{"placements": ["a"], "x": NaN}', "bad_json"),
        (b'{"placements": ["\\ud800"]}', "bad_json"),
        (b'{"placements": ["a"], "x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", "bad_json"),
        (b"null", "invalid"),
        (b"[]", "invalid"),
        (b"{}", "invalid"),
        (b'{"placements": []}', "invalid"),
        (b'{"placements": "hero"}', "invalid"),
        (b'{"placements": [1]}', "invalid"),
        (b'{"placements": [""]}', "invalid"),
        (b'{"placements": ["' + b"a" * 61 + b'"]}', "invalid"),
        (json.dumps({"placements": ["a"] * 21}).encode(), "invalid"),
        (b'{"placements": ["a"], "shopper": 7}', "invalid"),
        (json.dumps({"placements": ["a"], "shopper": "s" * 201}).encode(), "invalid"),
        (b'{"placements": ["a"], "context": {"device": "toaster"}}', "invalid"),
        (b'{"placements": ["a"], "context": {"shown": ["x"]}}', "invalid"),
        (b'{"placements": ["a"], "y": "' + b"a" * 70_000 + b'"}', "too_large"),
    ],
)
def test_bad_bodies_are_refused_with_a_code(pk, body, code):
    response = ask(pk, body=body)
    assert response.json()["code"] == code
    assert response.status_code == (413 if code == "too_large" else 400)


@pytest.mark.parametrize("shopper", ["\x00", "💚", "a'b\"--", "s" * 200])
def test_odd_shopper_keys_are_just_unknown_shoppers(live, pk, shopper):
    campaign, placement = live
    make_variant(campaign, placement)
    assert first(ask(pk, shopper=shopper))["match"] == "generic"


def test_only_post_is_answered(pk):
    response = Client().get(URL, headers={"Authorization": f"Bearer {pk}"})
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")


def test_any_shops_page_may_ask_from_its_own_origin_and_no_cookie_is_set(live, pk):
    preflight = Client().options(
        URL,
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight["Access-Control-Allow-Origin"] == "*"
    assert "authorization" in preflight["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in preflight
    response = ask(pk)
    assert not response.cookies
    assert response["Cache-Control"] == "no-store"
    elsewhere = Client().get("/healthz", headers={"Origin": "https://shop.example"})
    assert "Access-Control-Allow-Origin" not in elsewhere


def test_an_inactive_placement_says_so(live, pk, shop):
    Placement.objects.filter(advertiser=shop).update(is_active=False)
    assert first(ask(pk))["reason"] == "placement_inactive"


def test_a_simulation_may_set_its_own_clock_and_nobody_else(live, sk, pk, shop):
    make_shopper(shop, "sim", is_simulated=True)
    make_shopper(shop, "anna")
    yesterday = timezone.now() - timedelta(days=1)
    clock = {"simulated_at": yesterday.isoformat()}

    simulated = first(ask(sk, "hero", shopper="sim", context=clock))
    assert uuid.UUID(simulated["decision_id"]).int >> 80 == int(yesterday.timestamp() * 1000)

    for key, shopper, at in [
        (pk, "sim", yesterday),
        (sk, "anna", yesterday),
        (sk, "sim", timezone.now() - timedelta(days=31)),
        (sk, "sim", timezone.now() + timedelta(hours=1)),
    ]:
        answer = ask(key, "hero", shopper=shopper, context={"simulated_at": at.isoformat()})
        assert (answer.status_code, answer.json()["code"]) == (400, "simulated_at_refused")


# --- other forms
def test_the_answer_in_the_terms_of_openrtb_native(live, pk):
    campaign, placement = live
    creative = creative_in(make_variant(campaign, placement))
    answer = ask(pk, "hero", "hero", "nowhere", query="?format=openrtb-native")
    shown, twice, unknown = answer.json()["decisions"]
    native = shown["native"]
    assert native["ver"] == "1.2"
    image, title, sponsored = native["assets"]
    assert image["img"] == {
        "type": 3,
        "url": f"http://testserver/m/{creative.pk}/{creative.sha256[:16]}.png",
        "w": 300,
        "h": 250,
    }
    assert (title["title"]["text"], sponsored["data"]) == ("Made for you", {"type": 1, "value": "Ad"})
    assert native["link"]["url"].startswith("http://testserver/c/")
    assert native["privacy"].startswith("http://testserver/why/")
    assert token_read(native["ext"]["impression_token"], purpose="impression", max_age=timedelta(days=1))
    assert native["ext"]["events_url"] == "http://testserver/api/v1/events"
    pixel = f"http://testserver/i/{native['ext']['impression_token']}"
    assert native["eventtrackers"] == [
        {"event": 1, "method": 1, "url": f"{pixel}?k=impression"},
        {"event": 2, "method": 1, "url": f"{pixel}?k=viewable"},
    ]
    assert (twice["nbr"], twice["reason"]) == (512, "already_on_page")
    assert (unknown["nbr"], unknown["reason"]) == (2, "unknown_placement")
    refused = ask(pk, query="?format=xml")
    assert (refused.status_code, refused.json()["code"]) == (400, "format_unknown")
