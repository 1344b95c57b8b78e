"""Frequency caps before the events are counted: what a process itself has just shown to whom."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from analytics.models import Event
from campaigns.models import CappedShopper
from campaigns.serving.engine import decide, explain
from campaigns.serving.limits import Delivery, Limits, refusals
from campaigns.serving.reasons import Reason
from campaigns.serving.shows import PENDING, SHOWS_MAX, RecentShows
from tests.analytics.tokens import CHROME
from tests.campaigns.decision_cast import ask, first, make_shopper
from tests.campaigns.serving_cast import NOW, candidate_of, context_of, make_live, make_variant, snapshot_of

ID, OTHER = uuid.UUID(int=500), uuid.UUID(int=501)


def an_id():
    return uuid.uuid4()


# --- what is remembered
def test_a_decision_counts_while_its_impression_may_come_and_then_only_if_it_came():
    shows, seen, unseen = RecentShows(), an_id(), an_id()
    for decision_id in (seen, unseen):
        shows.decided(pseudonym="p", campaign_id=ID, decision_id=decision_id, at=NOW)
    for _ in range(2):  # sent twice
        shows.seen(pseudonym="p", campaign_id=ID, decision_id=seen, at=NOW + timedelta(seconds=1))
    assert len(shows.of("p", NOW + timedelta(seconds=2))[ID]) == 2
    assert shows.of("p", NOW + PENDING) == {ID: (NOW + timedelta(seconds=1),)}
    late = NOW + timedelta(minutes=5)  # below the fold, and then it was scrolled to
    shows.seen(pseudonym="p", campaign_id=ID, decision_id=unseen, at=late)
    assert len(shows.of("p", late)[ID]) == 2
    assert shows.of("q", NOW) == {}


def test_the_memory_is_bounded_by_who_was_shown_nothing_for_longest():
    shows = RecentShows(capacity=2)
    for who in ("a", "b", "a", "c"):
        shows.seen(pseudonym=who, campaign_id=ID, decision_id=an_id(), at=NOW)
    assert [len(shows.of(who, NOW).get(ID, ())) for who in "abc"] == [2, 0, 1]
    for _ in range(SHOWS_MAX + 5):
        shows.seen(pseudonym="c", campaign_id=ID, decision_id=an_id(), at=NOW)
    assert len(shows.of("c", NOW)[ID]) == SHOWS_MAX


# --- the rule
@pytest.mark.parametrize(
    ("caps", "ages_hours", "expected"),
    [
        ({"cap_daily": 2}, (0, 1), Reason.DAILY_CAP),
        ({"cap_daily": 2}, (0,), None),
        ({"cap_daily": 2}, (0, 21), None),  # yesterday in Shanghai, today in UTC
        ({"cap_weekly": 3}, (0, 21, 40), Reason.WEEKLY_CAP),
        ({"cap_weekly": 3}, (0, 21, 80), None),  # last week there
        ({"cap_daily": 1, "cap_weekly": 1}, (0,), Reason.WEEKLY_CAP),
    ],
)
def test_days_and_weeks_are_the_advertisers(caps, ages_hours, expected):
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)  # Wednesday 20:00 in Shanghai
    shown = tuple(now - timedelta(hours=hours) for hours in ages_hours)
    context = context_of(now=now, pseudonym="p", shows={ID: shown})
    found = refusals([Limits(ID, **caps)], context, Delivery(ZoneInfo("Asia/Shanghai")))
    assert list(found.values()) == ([expected] if expected else [])
    foreign = context_of(now=now, pseudonym="p", shows={OTHER: shown})
    assert not refusals([Limits(ID, **caps)], foreign, Delivery())


def test_a_cap_holds_among_the_placements_of_one_page():
    limits = Limits(ID, cap_daily=2)
    capped = [candidate_of(n, limits=limits) for n in range(1, 6)]
    other = candidate_of(9, campaign_id=OTHER, priority=9)
    snapshot = snapshot_of(*capped, other)
    context = context_of("hero", "side", "hero", "side", pseudonym="p")
    decision = decide(context, snapshot, random.Random(1))
    campaigns = [answer.candidate.campaign_id if answer.candidate else None for answer in decision.slots]
    assert campaigns == [ID, ID, OTHER, None]
    third = {line.candidate.variant_id: line.reason for line in explain(context, decision.slots[2], snapshot)}
    assert third[other.variant_id] is None
    assert {third[candidate.variant_id] for candidate in capped} == {Reason.DAILY_CAP}
    nobody = decide(context_of("hero", "side", "hero"), snapshot, random.Random(1))
    assert {answer.candidate.campaign_id for answer in nobody.slots} == {ID}, "a cap needs somebody to count"


# --- through the API, with nobody who counts
@pytest.fixture
def capped(shop):
    campaign, placement = make_live(shop, cap_daily=2)
    for _ in range(3):
        make_variant(campaign, placement)
    make_shopper(shop, "anna")
    make_shopper(shop, "bert")
    return campaign


def see(answer):
    event = {
        "event_id": f"{answer['decision_id']}:impression",
        "kind": "impression",
        "token": answer["impression_token"],
    }
    sent = Client(headers={"User-Agent": CHROME}).post(
        "/api/v1/events", {"events": [event, event]}, content_type="application/json"
    )
    assert sent.status_code == 202


@pytest.mark.parametrize("way", ["events", "pixel", "nothing"])
def test_five_pages_in_five_seconds_show_a_campaign_of_cap_two_twice(capped, pk, shop, way):
    shown = []
    for _ in range(5):
        answer = first(ask(pk, shopper="anna"))
        shown.append(answer["filled"])
        if answer["filled"] and way == "events":
            see(answer)
        elif answer["filled"] and way == "pixel":
            Client(headers={"User-Agent": CHROME}).get(f"/i/{answer['impression_token']}")
    assert shown == [True, True, False, False, False]
    assert answer["reason"] == "daily_cap"
    assert not CappedShopper.objects.exists(), "nothing has been counted yet"
    assert Event.objects.count() == (0 if way == "nothing" else 2)
    assert first(ask(pk, shopper="bert"))["filled"]
    assert first(ask(pk))["filled"], "who is not known is not counted"


def test_what_was_never_seen_uses_up_no_cap(capped, pk, monkeypatch):
    for _ in range(2):
        assert first(ask(pk, shopper="anna"))["filled"]
    assert not first(ask(pk, shopper="anna"))["filled"]
    monkeypatch.setattr("campaigns.serving.shows.PENDING", timedelta(0))
    assert first(ask(pk, shopper="anna"))["filled"]


def test_a_capped_decision_asks_no_more_of_the_database_than_any_other(capped, pk, django_assert_num_queries):
    ask(pk, shopper="anna")
    with django_assert_num_queries(1):  # consent and segments
        ask(pk, shopper="anna")
    with django_assert_num_queries(0):
        ask(pk)


def test_an_uncapped_campaign_is_not_remembered(live, pk, shop):
    from campaigns.serving.shows import recent_shows

    recent_shows.clear()
    make_variant(*live)
    make_shopper(shop, "anna")
    for _ in range(3):
        see(first(ask(pk, shopper="anna")))
    assert not recent_shows._shoppers
