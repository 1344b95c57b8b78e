from __future__ import annotations

from uuid import UUID

import pytest

from accounts.addresses import network_of
from analytics.sources import SourceWatch


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def watch(settings, clock):
    settings.EVENTS_SOURCE_MINUTE, settings.CLICKS_SOURCE_MINUTE = 5, 3
    return SourceWatch(clock=lambda: clock[0])


def judge(watch, address="192.0.2.1", *, click=False, decision=1, creative=1):
    source = watch.source_of(address=address, user_agent="Mozilla/5.0")
    return watch.judge(source, is_click=click, decision_id=UUID(int=decision), creative_id=UUID(int=creative))


def test_a_source_that_sends_too_much_is_not_counted_for_the_rest_of_the_minute(watch, clock):
    assert [judge(watch) for _ in range(7)] == [""] * 5 + ["rate"] * 2
    assert judge(watch, "192.0.2.2") == ""  # its neighbour is
    clock[0] = 60.0
    assert judge(watch) == ""


def test_without_a_key_an_address_or_a_customers_network_has_one_share(watch, clock):
    def may_send(address, number=20):
        return watch.may_send(address=network_of(address), number=number)

    assert [may_send("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert [may_send(f"2001:db8::{n}") for n in range(3)] == [True, True, False]
    assert may_send("2001:db8:0:1::1"), "the next customer"
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("") == ""
    assert not may_send("192.0.2.1", 0), "an empty batch is a request as well"
    clock[0] = 60.0
    assert may_send("192.0.2.1")


def test_clicks_have_a_lower_limit(watch):
    assert [judge(watch, click=True, decision=n, creative=n) for n in range(4)] == ["", "", "", "rate"]


def test_the_same_creative_clicked_twice_in_seconds_counts_once(watch, clock):
    assert judge(watch, click=True, decision=1) == ""
    assert judge(watch, click=True, decision=1) == ""  # sent again, not clicked again
    assert judge(watch, click=True, decision=2) == "click_again"
    clock[0] = 60.0
    assert judge(watch, click=True, decision=3) == ""
    assert judge(watch, click=True, decision=4, creative=2) == ""  # another creative


def test_zero_switches_a_limit_off(watch, settings):
    settings.EVENTS_SOURCE_MINUTE = settings.CLICKS_SOURCE_MINUTE = 0
    assert {judge(watch, click=True, decision=n, creative=n) for n in range(100)} == {""}
