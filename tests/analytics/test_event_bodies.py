"""What arrives at the events' door that no page of ours would send."""

from __future__ import annotations

import json

import pytest

from analytics.models import Event
from tests.analytics.posting import post
from tests.analytics.tokens import decision_payload, event_of

BODIES = [
    b"", b"null", b"[]", b"5", b'"x"', b"{", b"{}", b'{"events":null}', b'{"events":{}}',
    b'{"events":[null]}', b'{"events":[1,[],"x",{}]}', b"\xff\xfe{}", '{"events":[]}'.encode("utf-16"),
    b'\xef\xbb\xbf{"events":[]}',
    b'{"events":[{"event_id":"\\ud800","kind":"click"}]}', b'{"events":[{"event_id":"\\u0000"}]}',
    b'{"events":[{"value_cents":NaN}]}', b'{"events":[{"value_cents":Infinity}]}',
    b'{"events":[{"value_cents":1e400}]}', b'{"events":[{"value_cents":' + b"9" * 5000 + b"}]}",
    b'{"events":[' + b"[" * 30000 + b"]" * 30000 + b"]}",
    b'{"events":[{"a":' + b"[" * 900 + b"]" * 900 + b"}]}",
    b'{"events":' + b'{"a":' * 10000 + b"1" + b"}" * 10000 + b"}", b'{"events":[],"sent_at":5}',
    b'{"events":[],"sent_at":"never"}', b'{"events":[],"sent_at":"0001-01-01T00:00:00+14:00"}',
    b'{"events":[{"occurred_at":"9999-12-31T23:59:59-14:00","kind":"conversion","event_id":"x"}]}',
    b'{"events":[{"event_id":"a","event_id":"b"}]}',
    b'{"events":[{"kind":"impression","token":"a:b:c","event_id":"x"}]}',
    b'{"events":[{"kind":"impression","token":"\xc3\x28","event_id":"x"}]}',
    '{"events":[{"kind":"impression","token":"é:ü:ß","event_id":"x"}]}'.encode(), b"\x00" * 100,
]  # fmt: skip


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/json; charset=bogus"]
)
def test_no_body_makes_the_server_fail(shop, secret, content_type):
    for body in BODIES:
        for key in ("", secret):
            response = post(body, key, content_type=content_type)
            assert response.status_code in (202, 400 if body else 415), (body, response.content)
            if response.status_code == 400:
                assert response.json()["code"] == "bad_json"
    assert Event.objects.count() == 0


def test_a_lone_surrogate_or_nan_costs_its_item_and_not_the_batch(shop, secret):
    good = json.dumps(event_of(decision_payload(shop)))
    surrogate = '{"event_id":"\\ud800","kind":"click"}'
    not_a_number = '{"event_id":"n","kind":"conversion","value_cents":NaN}'
    answer = post(f'{{"events":[{surrogate},{not_a_number},{good}]}}'.encode(), secret).json()
    assert answer["accepted"] == 1
    assert [item["code"] for item in answer["rejected"]] == ["bad_event_id", "bad_value"]


HOSTILE_ITEMS = {
    "nested": b'{"event_id":' + b"[" * 20000 + b"]" * 20000 + b"}",
    "nested in what is ignored": b'{"a\\"]":' + b'{"a":' * 3000 + b'"}"' + b"}" * 3000 + b"}",
    "surrogate": b'{"event_id":"\\ud800","kind":"click"}',
    "NUL": b'{"event_id":"\\u0000","kind":"click"}',
    "no UTF-8": b'{"event_id":"\xc3\x28","kind":"click"}',
    "NaN": b'{"event_id":"x","kind":"conversion","value_cents":NaN}',
    "beyond a double": b'{"event_id":"x","kind":"conversion","value_cents":1e400}',
    "5,000 digits": b'{"event_id":"x","kind":"conversion","value_cents":' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("name", HOSTILE_ITEMS)
def test_a_hostile_item_costs_itself_and_its_neighbours_nothing(shop, secret, name):
    goods = [json.dumps(event_of(decision_payload(shop))).encode() for _ in range(2)]
    body = b'{"events":[' + b",".join([goods[0], HOSTILE_ITEMS[name], goods[1]]) + b"]}"
    for content_type in ("application/json", "text/plain;charset=UTF-8"):
        answer = post(body, secret, content_type=content_type)
        assert answer.status_code == 202, answer.content
        assert [item["index"] for item in answer.json()["rejected"]] == [1]
    assert Event.objects.count() == 2


def test_a_single_event_needs_no_batch(shop):
    assert post(json.dumps(event_of(decision_payload(shop))).encode()).json()["accepted"] == 1


def test_limits_hold(shop, secret):
    padding = {"x": "y" * 70_000}
    assert post([padding]).status_code == 413
    assert post([padding], secret).status_code == 202
    assert post([{"x": "y" * 1_100_000}], secret).status_code == 413
    assert post([{}] * 501, secret).json()["code"] == "too_many_items"
    exact = json.dumps({"events": [], "x": ""})
    exact = json.dumps({"events": [], "x": "y" * (64 * 1024 - len(exact))})
    assert len(exact) == 64 * 1024
    assert post(exact.encode()).status_code == 202
