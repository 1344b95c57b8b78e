"""API keys: hashed, scoped, replaced, revoked, throttled."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import failed_keys
from accounts.models import ApiKey, Membership
from accounts.services import api_key_create, api_key_revoke, api_key_rotate
from accounts.throttling import ApiKeyThrottle
from adplatform.lib.errors import DomainError, NotFound
from campaigns.serving import keys as hot_keys
from campaigns.serving.background import ServingThread
from tests import factories


@pytest.fixture(autouse=True)
def nobody_known():
    hot_keys.callers_forget()
    failed_keys.forget()
    yield
    hot_keys.callers_forget()
    failed_keys.forget()


def client_of(text: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


def decide(text: str) -> int:
    return client_of(text).post("/api/v1/decisions", {"placements": ["top"]}).status_code


def test_the_text_of_a_key_is_stored_nowhere_and_shown_once(shop):
    admin = Client()
    admin.force_login(factories.make_member(shop, Membership.Role.ADMIN))
    page = admin.post("/keys/", {"name": "site", "kind": "publishable"}).content.decode()
    text = page.split('id="new-key">')[1].split("<")[0]
    assert text.startswith("pk_")
    assert decide(text) == 200
    dump = str([list(model.objects.values()) for model in (ApiKey, Membership)])
    assert text not in dump
    assert text not in admin.get("/keys/").content.decode()


def test_a_key_in_the_address_is_no_key(shop):
    text = factories.make_key(shop)
    assert APIClient().get(f"/api/v1/segments?api_key={text}&key={text}").status_code == 401


def test_a_key_may_be_given_less_than_its_kind_allows(shop):
    _, text = api_key_create(advertiser=shop, name="reports", kind="secret", scopes=["read"])
    reader = client_of(text)
    assert reader.get("/api/v1/segments").status_code == 200
    refused = reader.post("/api/v1/campaigns", {"name": "x", "style": "soft_3d"})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert decide(text) == 403
    with pytest.raises(DomainError) as error:
        api_key_create(advertiser=shop, name="page", kind="publishable", scopes=["write"])
    assert error.value.code == "scope_unknown"


def test_a_revoked_key_is_refused_at_once_and_only_its_owner_revokes_it(shop):
    key, text = api_key_create(advertiser=shop, name="server", kind=ApiKey.Kind.SECRET)
    with pytest.raises(NotFound):
        api_key_revoke(advertiser=factories.make_advertiser(), key_id=str(key.pk))
    assert client_of(text).get("/api/v1/segments").status_code == 200
    api_key_revoke(advertiser=shop, key_id=str(key.pk))
    assert client_of(text).get("/api/v1/segments").status_code == 401


def test_a_replaced_key_works_through_its_grace_and_not_after(shop):
    key, text = api_key_create(advertiser=shop, name="server", kind="secret", scopes=["read"])
    new, new_text = api_key_rotate(advertiser=shop, key_id=str(key.pk), grace=timedelta(hours=1))
    assert (new.name, new.kind, new.scopes) == (key.name, key.kind, ["read"])
    for both in (text, new_text):
        assert client_of(both).get("/api/v1/segments").status_code == 200
    with pytest.raises(DomainError) as error:
        api_key_rotate(advertiser=shop, key_id=str(key.pk), grace=timedelta(0))
    assert error.value.code == "key_ended"
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert client_of(text).get("/api/v1/segments").status_code == 401
        assert client_of(new_text).get("/api/v1/segments").status_code == 200


def test_the_page_replaces_a_key(shop):
    key, _ = api_key_create(advertiser=shop, name="server", kind="secret")
    admin = Client()
    admin.force_login(factories.make_member(shop, Membership.Role.ADMIN))
    page = admin.post(f"/keys/{key.pk}/rotate/", {"hours": "24"}).content.decode()
    assert 'id="new-key">sk_' in page
    assert "replaced, works until" in page
    assert "At most 30 days" in admin.post(f"/keys/{key.pk}/rotate/", {"hours": "9999"}).content.decode()


def test_last_use_is_noted_and_costs_one_write_a_minute(shop, django_assert_num_queries):
    text = factories.make_key(shop)
    client = client_of(text)
    client.get("/api/v1/interests")
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    with django_assert_num_queries(1):  # the key itself
        client.get("/api/v1/interests")
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        client.get("/api/v1/interests")
    assert ApiKey.objects.get().last_used_at > first


def test_a_process_whose_thread_stands_still_refuses_a_revoked_key_within_a_second(shop, monkeypatch):
    key, text = api_key_create(advertiser=shop, name="page", kind="publishable")
    now = [time.monotonic()]
    monkeypatch.setattr(hot_keys.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(hot_keys, "patience", 1.8)
    assert decide(text) == 200
    api_key_revoke(advertiser=shop, key_id=str(key.pk))
    assert hot_keys.FRESH_SECONDS * hot_keys.patience < 1.0
    now[0] += 1.0
    assert decide(text) == 401


@pytest.mark.django_db(transaction=True)
def test_the_thread_drops_a_revoked_key(shop, settings):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory shares one cache between threads, which locks instead of waiting")
    settings.SERVING_THREAD, settings.SERVING_SNAPSHOT_SECONDS = True, 0.05
    key, text = api_key_create(advertiser=shop, name="page", kind="publishable")
    thread, dropped = ServingThread(), threading.Event()
    patience = hot_keys.patience
    try:
        thread.start()
        assert decide(text) == 200
        api_key_revoke(advertiser=shop, key_id=str(key.pk))
        for _ in range(200):
            if not hot_keys._callers:
                dropped.set()
                break
            time.sleep(0.05)
        assert dropped.is_set()
    finally:
        thread.stop()
        thread._thread.join()
        hot_keys.patience = patience


# --- one shop's flood


def test_a_flood_of_decisions_is_the_flooding_advertisers_own_trouble(
    shop, other_shop, settings, monkeypatch
):
    settings.SERVING_KEY_RATE = 10.0
    now = [1000.0]
    monkeypatch.setattr(hot_keys.time, "monotonic", lambda: now[0])
    mine, others = factories.make_key(shop, "publishable"), factories.make_key(other_shop, "publishable")
    answers = [decide(mine) for _ in range(30)]
    assert answers.count(200) in (10, 11)
    assert answers[-1] == 429
    refused = client_of(mine).post("/api/v1/decisions", {"placements": ["top"]})
    assert (refused.json()["code"], refused["Retry-After"]) == ("throttled", "1")
    assert [decide(others) for _ in range(5)] == [200] * 5
    events = client_of(mine).post("/api/v1/events", {"events": []})
    assert (events.status_code, events["Retry-After"]) == (429, "1")
    assert decide(factories.make_key(shop, "publishable")) == 429, "another key is no way around it"
    now[0] += 0.11
    assert decide(mine) == 200, "a turn comes back"


def test_however_a_key_is_spaced_it_is_one_key(shop, other_shop, settings, monkeypatch):
    settings.SERVING_KEY_RATE = 10.0
    now = [1000.0]
    monkeypatch.setattr(hot_keys.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(hot_keys, "CAPACITY", 5)
    mine, others = factories.make_key(shop, "publishable"), factories.make_key(other_shop, "publishable")
    assert (decide(others), decide(mine)) == (200, 200)
    with CaptureQueriesContext(connection) as queries:
        answers = [decide(" " * number + mine) for number in range(1, 30)]
        assert decide(others) == 200
    assert not [query for query in queries if "apikey" in query["sql"]], "known, the neighbour's too"
    assert answers.count(200) in (9, 10)
    now[0] += hot_keys.FRESH_SECONDS * hot_keys.patience  # five turns came back
    with CaptureQueriesContext(connection) as queries:
        answers = [decide(mine) for number in range(30)]
        assert 200 not in answers[10:]
    assert len([query for query in queries if "apikey" in query["sql"]]) == 1, "without a turn: no query"


def test_where_too_many_keys_are_in_use_the_first_is_forgotten_and_no_share(shop, settings, monkeypatch):
    settings.SERVING_KEY_RATE = 2.0
    now = [1000.0]
    monkeypatch.setattr(hot_keys.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(hot_keys, "CAPACITY", 2)
    first, *others = (factories.make_key(shop, "publishable") for _ in range(4))
    assert [decide(first) for _ in range(4)] == [200, 200, 200, 429]
    assert [decide(text) for text in others] == [429, 429, 429]
    assert len(hot_keys._callers) == 2
    assert decide(first) == 429, "it comes back by a query, and finds its share as used as it was"


def test_wrong_keys_of_one_address_cost_no_query_beyond_a_few_a_second(shop, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(failed_keys.time, "monotonic", lambda: now[0])
    good, unseen = factories.make_key(shop), factories.make_key(shop)
    interests = "/api/v1/interests"
    assert client_of(good).get(interests).status_code == 200
    answers = [client_of(f"sk_wrong{number}").get(interests) for number in range(40)]
    assert [answer.status_code for answer in answers].count(401) in (20, 21)
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (429, "throttled")
    assert answers[-1]["Retry-After"] == "1"
    with CaptureQueriesContext(connection) as queries:
        assert client_of("sk_wrong").get(interests).status_code == 429
        assert decide("pk_wrong") == 429, "the hot path asks about keys in the same way"
    assert not [query for query in queries if "apikey" in query["sql"]]
    assert client_of(good).get(interests).status_code == 200, "a neighbour's good key goes on"
    elsewhere = client_of(unseen)
    assert elsewhere.get(interests).status_code == 429
    assert elsewhere.get(interests, REMOTE_ADDR="203.0.113.9").status_code == 200
    now[0] += 1.0
    assert elsewhere.get(interests).status_code == 200, "a turn comes back"


def test_a_flood_of_the_management_api_is_the_flooding_keys_own_trouble(shop, other_shop, monkeypatch):
    monkeypatch.setattr(ApiKeyThrottle, "THROTTLE_RATES", {"api_key": "5/min"})
    mine, spare = client_of(factories.make_key(shop)), client_of(factories.make_key(other_shop))
    answers = [mine.get("/api/v1/interests") for _ in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert answers[-1].json()["code"] == "throttled"
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    assert spare.get("/api/v1/interests").status_code == 200
