"""Many values in one statement: nothing that is in a text changes it, and what is there already stays out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from adplatform.lib.ids import uuid7
from adplatform.lib.many_values import ROWS_A_STATEMENT, insert_new
from analytics.models import DirtyHour, Event
from profiles.models import Shopper
from tests.analytics.test_rollups import NOON, incoming, record

TEXTS = [
    "", "plain", 'a"b', '""', "back\\slash", "\\", "a,b", "{", "}", "NULL", "null", " ", "%s", "%", "'", "é",
    "𝄞", "[1]", "\t", "\n", '","', '\\"',
]  # fmt: skip


@pytest.mark.django_db
def test_any_of_finds_what_in_finds_whatever_the_texts_hold(shop):
    Shopper.objects.bulk_create(Shopper(advertiser=shop, pseudonym=text) for text in TEXTS)
    for asked in (TEXTS, TEXTS[::3], ['a"b'], ["absent"], []):
        found = set(Shopper.objects.filter(pseudonym__any_of=asked).values_list("pseudonym", flat=True))
        assert found == set(asked) - {"absent"}


@pytest.mark.django_db
def test_an_events_texts_are_stored_as_they_came(shop):
    shown = [text for text in TEXTS if text.strip()]
    record(*(incoming(shop, "impression", NOON, event_id=text, arm=text) for text in shown))
    assert set(Event.objects.values_list("event_id", "arm")) == {(text, text) for text in shown}


@pytest.mark.django_db
def test_of_rows_that_are_there_only_the_others_are_inserted_and_named(shop):
    names = ("id", "created_at", "advertiser_id", "hour")
    count = ROWS_A_STATEMENT + 7  # more than a statement takes
    keys, moment = [uuid7() for _ in range(count)], datetime(2026, 11, 25, 12, tzinfo=UTC)
    columns = [keys, [moment] * count, [shop.pk] * count, [moment + timedelta(hours=n) for n in range(count)]]
    with transaction.atomic():
        assert insert_new(DirtyHour, names, [column[:-3] for column in columns]) is None
        assert insert_new(DirtyHour, names, columns) == {key.hex for key in keys[-3:]}
        assert insert_new(DirtyHour, names, columns) == set()
    assert set(DirtyHour.objects.values_list("pk", "hour")) == set(zip(keys, columns[3], strict=True))


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="plans of a small table mean nothing there")
def test_any_of_goes_by_the_index(shop):
    plan = Shopper.objects.filter(advertiser=shop, pseudonym__any_of=["a", "b"]).explain()
    assert "(advertiser_id=? AND pseudonym=?)" in plan
