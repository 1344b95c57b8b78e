"""The Redis stream in front of the database; needs a Redis on 127.0.0.1."""

from __future__ import annotations

import os
from datetime import timedelta
from unittest.mock import patch

import msgspec
import pytest
import redis
from django.db import OperationalError, connection
from django.utils import timezone

from analytics import selectors
from analytics.models import Event
from analytics.tracking import EventBatch
from tests.analytics.test_events import post
from tests.analytics.tokens import decision_payload, event_of

URL = os.environ.get("SERVICES_REDIS_URL", "redis://127.0.0.1:6379/5")


def _answers() -> bool:
    try:
        return bool(redis.Redis.from_url(URL, socket_connect_timeout=0.5).ping())
    except redis.RedisError:
        return False


pytestmark = pytest.mark.skipif(not _answers(), reason="needs Redis on 127.0.0.1:6379")


@pytest.fixture
def buffer(settings):
    from analytics import event_buffer

    settings.EVENTS_BUFFER_URL = URL
    settings.EVENTS_BUFFER_BATCHES = 3
    for cached in (event_buffer._client, event_buffer._append_script):
        cached.cache_clear()
    name = f"test:{os.getpid()}:events"
    with patch.multiple(event_buffer, STREAM=name, REFUSED=f"{name}:refused"):
        event_buffer.group_make()
        yield event_buffer
        event_buffer._client().delete(name, f"{name}:refused")


def drain(consumer="one"):
    from analytics.event_drain import drain_once

    return drain_once(consumer=consumer, wait_ms=10)


def test_a_batch_waits_in_the_stream_and_is_stored_once(shop, buffer):
    events = [event_of(decision_payload(shop)) for _ in range(3)]
    assert post(events).json() == {"accepted": 3, "duplicates": 0, "rejected": []}
    assert post(events).json()["accepted"] == 3  # whether it is there already is seen later
    assert Event.objects.count() == 0
    assert selectors.freshness_get(advertiser_id=shop.pk).as_of < timezone.now()
    assert drain() == 3
    assert drain() == 0
    assert Event.objects.count() == 3
    assert buffer.oldest_get() is None


def test_beyond_its_bound_the_sender_is_told_to_come_back(shop, buffer):
    for _ in range(3):
        assert post([event_of(decision_payload(shop))]).status_code == 202
    refused = post([event_of(decision_payload(shop))])
    assert (refused.status_code, refused.json()["code"]) == (503, "buffer_full")
    assert refused.headers["Retry-After"]
    assert drain() == 3
    assert post([event_of(decision_payload(shop))]).status_code == 202


def test_a_drain_that_dies_before_its_acknowledgement_loses_and_doubles_nothing(shop, buffer):
    post([event_of(decision_payload(shop))])
    with patch.object(buffer, "done", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        drain("dying")
    assert Event.objects.count() == 1  # committed, not acknowledged
    assert drain("other") == 0  # not stale yet
    with patch.object(buffer, "STALE_MS", 0):
        drain("other")
    assert Event.objects.count() == 1
    assert buffer.oldest_get() is None


@pytest.mark.parametrize("is_alone", [False, True])
def test_a_stored_batch_is_not_put_aside_because_redis_is_away(shop, buffer, is_alone):
    post([event_of(decision_payload(shop), "click")])
    whole = ValueError("one of the batches") if is_alone else None  # so that each is stored by itself
    with (
        patch.object(buffer, "done", side_effect=[*filter(None, [whole]), redis.ConnectionError("away")]),
        patch("analytics.event_drain.click_interests_record") as interests,
        pytest.raises(redis.RedisError),
    ):
        drain()
    assert Event.objects.count() == 1
    assert len(interests.call_args_list[0].kwargs["clicks"]) == 1
    assert not buffer._client().xlen(buffer.REFUSED)
    with patch.object(buffer, "STALE_MS", 0):
        assert drain() == 0
    assert buffer.oldest_get() is None
    assert not buffer._client().xlen(buffer.REFUSED)


def test_without_its_database_a_drain_keeps_what_it_took(shop, buffer):
    post([event_of(decision_payload(shop))])
    with (
        patch("analytics.event_drain.batches_record", side_effect=OperationalError),
        pytest.raises(OperationalError),
    ):
        drain()
    assert drain() == 1


def test_a_batch_that_cannot_be_stored_is_put_aside_and_the_others_are(shop, buffer):
    post([event_of(decision_payload(shop))])
    buffer._client().xadd(buffer.STREAM, {buffer.FIELD: b"\xc1"})
    post([event_of(decision_payload(shop), event_id="poison")])
    from analytics.services import batches_record

    def store(batches):
        if any(event.event_id == "poison" for batch in batches for event in batch.events):
            raise ValueError("poison")
        return batches_record(batches)

    with patch("analytics.event_drain.batches_record", side_effect=store):
        assert drain() == 1
    assert buffer._client().xlen(buffer.REFUSED) == 2
    assert buffer.oldest_get() is None


def test_what_is_put_aside_names_no_shopper_because_no_erasure_looks_there(shop, buffer):
    post([event_of(decision_payload(shop))])
    ((entry_id, batch),) = buffer.take("one", limit=10, wait_ms=10)
    named = msgspec.structs.replace(
        batch.events[0], shopper_pseudonym="a" * 64, earlier_pseudonyms=("b" * 64,)
    )
    buffer.refuse(entry_id, EventBatch((named,), batch.received_at))
    ((_, fields),) = buffer._client().xrange(buffer.REFUSED)
    assert b"a" * 64 not in fields[buffer.FIELD]
    assert b"b" * 64 not in fields[buffer.FIELD]
    assert named.event_id.encode() in fields[buffer.FIELD], "the rest is there to be looked at"


def test_without_redis_events_go_straight_into_the_database(shop, settings, buffer):
    settings.EVENTS_BUFFER_URL = "redis://127.0.0.1:1/0"
    for cached in (buffer._client, buffer._append_script):
        cached.cache_clear()
    assert post([event_of(decision_payload(shop))]).json()["accepted"] == 1
    assert Event.objects.count() == 1
    settings.EVENTS_BUFFER_URL = URL
    for cached in (buffer._client, buffer._append_script):
        cached.cache_clear()


def test_the_buffered_time_is_that_of_the_arrival(shop, buffer):
    post([event_of(decision_payload(shop))])
    later = timezone.now() + timedelta(hours=2)
    with patch("analytics.services.timezone.now", return_value=later):
        drain()
    assert Event.objects.get().occurred_at < later - timedelta(hours=1)


def test_a_drain_says_at_every_turn_that_it_lives_with_or_without_its_database(shop, buffer, tmp_path):
    from analytics import event_drain

    alive, turns = tmp_path / "alive", iter([False, False, True])
    seen = []

    def turn(**_):
        seen.append(alive.exists())
        alive.unlink()
        raise OperationalError

    with (
        patch.object(event_drain, "drain_once", side_effect=turn),
        patch.object(event_drain, "PAUSE_SECONDS", 0),
    ):
        event_drain.drain(consumer="one", is_stopping=lambda: next(turns), alive_file=alive)
    assert seen == [True, True]


@pytest.mark.django_db
def test_the_hot_group_is_in_service_while_the_buffer_takes_events(client, settings, buffer):
    from adplatform import hot_settings
    from campaigns.serving.store import snapshots

    settings.MIDDLEWARE = hot_settings.MIDDLEWARE
    snapshots.clear()

    def refuse(*_):
        raise OperationalError("database is gone")

    def status():
        with connection.execute_wrapper(refuse):
            return client.get("/readyz").status_code

    assert status() == 200
    settings.EVENTS_BUFFER_URL = "redis://127.0.0.1:1/0"
    buffer._client.cache_clear()
    assert status() == 503
    settings.EVENTS_BUFFER_URL = URL
    buffer._client.cache_clear()
