"""Server-to-server orders with an Idempotency-Key."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.utils import timezone

from accounts.idempotency import idempotent_requests_purge
from accounts.models import IdempotentRequest
from analytics.models import Event

ORDER = {"event_id": "e1", "order_id": "o1", "value_cents": 4990, "currency": "EUR"}


def send(api, body=None, key="k1", path="conversions"):
    headers = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
    return api.post(f"/api/v1/{path}", ORDER if body is None else body, **headers)


def test_the_same_request_is_answered_as_before_and_done_once(api):
    first = send(api)
    assert (first.status_code, first.json()["is_new"], first.json()["is_counted"]) == (201, True, True)
    again = send(api)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Event.objects.count() == 1


def test_another_request_under_the_same_key_is_refused(api, other_api):
    send(api)
    refused = send(api, {**ORDER, "value_cents": 1})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    reordered = send(api, dict(reversed(ORDER.items())))
    assert reordered.headers["Idempotent-Replayed"] == "true"  # the same in another order
    assert send(other_api).status_code == 201  # another shop's key of the same text
    assert Event.objects.count() == 2


def test_one_in_flight_is_a_conflict_until_its_lock_expires(api):
    send(api)
    IdempotentRequest.objects.update(
        status=None, answer=None, locked_until=timezone.now() + timedelta(seconds=30)
    )
    busy = send(api)
    assert (busy.status_code, busy.json()["code"]) == (409, "idempotency_in_flight")
    assert busy.headers["Retry-After"] == "2"
    IdempotentRequest.objects.update(locked_until=timezone.now())  # its process died with it
    assert send(api).json()["is_new"] is False  # done again, and the event id still counts once
    assert IdempotentRequest.objects.get().status == 200


def test_who_lost_the_lock_leaves_nothing_behind(api):
    from analytics import services

    record = services.events_record

    def slow(**batch):
        IdempotentRequest.objects.update(locked_until=timezone.now() + timedelta(minutes=9))  # another has it
        return record(**batch)

    with patch("analytics.services.events_record", side_effect=slow):
        assert send(api).status_code == 409
    assert not Event.objects.exists()


def test_a_refused_request_may_be_corrected_under_its_key(api):
    wrong = send(api, {**ORDER, "order_id": "\u202e", "occurred_at": "yesterday"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "bad_time")
    assert not IdempotentRequest.objects.exists()
    assert send(api).status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, "ключ".encode().decode("latin-1")])
def test_a_key_is_short_ascii(api, key):
    assert send(api, key=key).json()["code"] == "idempotency_key_invalid"


def test_a_key_is_forgotten_after_a_day(api):
    send(api)
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert send(api, {**ORDER, "event_id": "e2", "order_id": "o2"}).status_code == 201
    assert idempotent_requests_purge() == 0
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert idempotent_requests_purge() == 1


def test_without_a_key_the_event_id_alone_keeps_it_once_and_the_answer_says_why(api):
    assert [send(api, key="").status_code for _ in range(2)] == [201, 200]
    repeat = send(api, {**ORDER, "event_id": "e2"}, key="").json()
    assert (repeat["is_new"], repeat["is_counted"], repeat["invalid_reason"]) == (True, False, "order_repeat")
    back = send(api, {**ORDER, "event_id": "r1", "value_cents": 990}, key="r", path="refunds")
    assert (back.status_code, Event.objects.get(event_id="r1").kind) == (201, "refund")


def test_a_refund_under_its_orders_event_id_is_refused_and_not_swallowed(api):
    send(api)
    back = {**ORDER, "value_cents": 990}
    refused = send(api, back, key="r", path="refunds")
    assert (refused.status_code, refused.json()["code"]) == (409, "event_id_taken")
    assert "conversion" in refused.json()["detail"]
    assert send(api, {**back, "event_id": "r1"}, key="r", path="refunds").status_code == 201
    assert send(api, {**ORDER, "event_id": "r1"}, key="").json()["code"] == "event_id_taken"


PERSONAL = (
    "ann@example.com",
    "order-ann%40example.com-1",
    "+49 170 1234567",
    "cn-13812345678",
    "xAnn-Key-9x",
)


@pytest.mark.parametrize("sent", PERSONAL)
def test_an_id_that_names_a_person_is_stored_as_its_digest_and_counts_once(api, other_api, sent):
    body = {**ORDER, "event_id": sent, "order_id": sent, "shopper": "ann-key-9"}
    first = send(api, body, key="a").json()
    assert first["event_id"].startswith("digest:")
    assert len(first["event_id"]) <= 64
    assert first["event_id"] == first["order_id"]
    again = send(api, body, key="b").json()
    assert (again["is_new"], again["event_id"]) == (False, first["event_id"])
    assert sent not in str(list(Event.objects.values()))
    refund = {**body, "event_id": "r1", "value_cents": 90}
    assert send(api, refund, key="c", path="refunds").json()["order_id"] == first["order_id"]
    elsewhere = send(other_api, body).json()
    assert elsewhere["event_id"] != first["event_id"], "two shops' digests cannot be joined"


def test_a_digest_outlives_the_rotation_of_the_pseudonyms_key(api, settings):
    body = {**ORDER, "event_id": "ann@example.com"}
    assert send(api, body, key="a").json()["is_new"]
    settings.PROFILES_PSEUDONYM_KEYS = {"2": "new", "1": settings.PROFILES_PSEUDONYM_KEY}
    assert not send(api, body, key="b").json()["is_new"]


NUMBERS = ("1001", "20261125-000123", "01a21462-f2e0-7d86-857d-26bfe5b13074:impression", "10004711223", "B+1")


@pytest.mark.parametrize("sent", [*NUMBERS, "001234567890", "9813812345678"])
def test_an_order_number_stays_as_it_was_sent(api, sent):
    answer = send(api, {**ORDER, "event_id": sent, "order_id": sent, "shopper": "ann"}).json()
    assert (answer["event_id"], answer["order_id"]) == (sent, sent)


def test_in_a_batch_too(api):
    events = [{**ORDER, "kind": "conversion", "event_id": sent, "order_id": sent} for sent in PERSONAL[:4]]
    for _ in range(2):
        assert not api.post("/api/v1/events", {"events": events}).json()["rejected"]
    assert {event.event_id[:7] for event in Event.objects.all()} == {"digest:"}
    assert Event.objects.count() == 4
