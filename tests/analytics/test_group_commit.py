"""Requests share transactions, and each is answered for its own part after the commit."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from analytics import rollups, services
from analytics.group_commit import GroupCommit
from analytics.models import DailyRollup, Event
from tests import factories
from tests.analytics.test_rollups import NOON, incoming


def in_threads(count, work):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def test_who_waits_while_another_writes_shares_the_next_transaction(tmp_path):
    groups, may_go, started = [], threading.Event(), threading.Event()

    def write(items):
        groups.append(list(items))
        started.set()
        may_go.wait(10)
        return [item * 2 for item in items]

    group = GroupCommit(write, lock_file=tmp_path / "lock")
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(group.submit, 0)
        started.wait(10)
        rest = [pool.submit(group.submit, n) for n in range(1, 8)]
        while len(group._queue) < 7:  # all of them wait
            pass
        may_go.set()
        assert first.result(10) == 0
        assert [future.result(10) for future in rest] == [2 * n for n in range(1, 8)]
    assert [len(g) for g in groups] == [1, 7]


def test_one_item_that_cannot_be_written_fails_alone():
    def write(items):
        if 3 in items:
            raise ValueError("three")
        return items

    def attempt(number):
        try:
            return group.submit(number)
        except ValueError as error:
            return str(error)

    group = GroupCommit(write, lock_file=None)
    assert in_threads(6, attempt) == [0, 1, 2, "three", 4, 5]


@pytest.mark.django_db(transaction=True)
def test_eight_clients_that_resend_everything_at_once_add_nothing():
    shop = factories.make_advertiser()
    decisions = [incoming(shop, "impression", NOON, shopper_pseudonym="") for _ in range(60)]
    orders = [incoming(shop, "conversion", NOON, shopper_pseudonym="") for _ in range(20)]
    events = decisions + orders

    def send(number):
        mixed = events[:]
        random.Random(number).shuffle(mixed)
        try:
            results = [
                services.events_record(events=mixed[i : i + 9], received_at=NOON)
                for i in range(0, len(mixed), 9)
            ]
        finally:
            connections.close_all()
        return sum(r.accepted for r in results), sum(r.duplicates for r in results)

    answers = in_threads(8, send)
    assert sum(accepted for accepted, _ in answers) == len(events) == Event.objects.count()
    assert all(accepted + duplicates == len(events) for accepted, duplicates in answers)
    rollups.rollups_refresh()
    counted = DailyRollup.objects.values_list("impressions", "conversions")
    assert tuple(map(sum, zip(*counted, strict=True))) == (60, 20)
