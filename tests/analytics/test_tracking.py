from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from adplatform.lib.ids import uuid7
from analytics.tracking import (
    ClockFlag,
    TooOld,
    agent_reason,
    decision_time,
    device_of,
    time_correct,
    traffic_reason,
)
from tests.analytics.tokens import CHROME, PHONE

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        ("", "ua_empty"),
        ("   ", "ua_empty"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "ua_bot"),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/142.0.0.0 Safari/537.36", "ua_bot"),
        ("Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2; +https://openai.com/gptbot)", "ua_bot"),
        ("curl/8.5.0", "ua_bot"),
        ("python-requests/2.32", "ua_bot"),
        ("Go-http-client/1.1", "ua_bot"),
        ("node-fetch/1.0", "ua_bot"),
        ("Mozilla/5.0 (Unknown; Linux) PhantomJS/2.1.1", "ua_bot"),
        ("okhttp/4.12", "ua_bot"),
        ("Java/17.0.2", "ua_bot"),
        ("MyShopApp/3.1", "ua_nonbrowser"),
        (CHROME, ""),
        (PHONE, ""),
        ("Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0", ""),
        (
            "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
            "",
        ),
        ("Opera/9.80 (Android; Opera Mini/36.2; U; en) Presto/2.12.423 Version/12.16", ""),
    ],
)
def test_programs_are_told_from_people(agent, reason):
    assert agent_reason(agent) == reason


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("", ""),
        (CHROME, "desktop"),
        (PHONE, "mobile"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/142.0 Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (Linux; Android 13; SM-X200) Chrome/142.0 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "tablet"),
        ("Something/1.0", "other"),
    ],
)
def test_a_device_is_read_from_the_user_agent(agent, device):
    assert device_of(agent) == device


def test_what_is_fetched_ahead_of_time_is_not_seen():
    assert traffic_reason(method="GET", user_agent=CHROME, purposes=("prefetch;prerender",)) == "prefetch"
    assert traffic_reason(method="GET", user_agent=CHROME, purposes=("", "", "prefetch")) == "prefetch"
    assert traffic_reason(method="HEAD", user_agent=CHROME) == "head"
    assert traffic_reason(method="GET", user_agent=CHROME) == ""


def correct(occurred_at, sent_at=None, not_before=None):
    return time_correct(
        occurred_at=occurred_at, sent_at=sent_at, received_at=NOW, not_before=not_before, max_age=MONTH
    )


def test_a_clock_three_hours_ahead_is_set_right():
    true = NOW - timedelta(minutes=10)
    wrong = timedelta(hours=3)
    assert correct(true + wrong, NOW + wrong) == (true, ClockFlag.SHIFTED)


def test_without_sent_at_the_future_becomes_the_arrival():
    assert correct(NOW + timedelta(hours=48)) == (NOW, ClockFlag.FUTURE)
    assert correct(NOW + timedelta(minutes=1)) == (NOW, ClockFlag.NONE)


def test_no_event_happens_before_its_decision():
    decided = NOW - timedelta(hours=1)
    assert correct(NOW - timedelta(days=2), not_before=decided) == (decided, ClockFlag.EARLY)


def test_what_is_too_old_is_refused_and_a_late_event_keeps_its_time():
    assert correct(NOW - timedelta(days=3)) == (NOW - timedelta(days=3), ClockFlag.NONE)
    with pytest.raises(TooOld):
        correct(NOW - timedelta(days=31))


@pytest.mark.parametrize("year", [1, 9999])
def test_years_at_the_edge_of_the_calendar_do_not_overflow(year):
    time = datetime(year, 1, 1, tzinfo=UTC)
    for sent_at in (None, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), NOW):
        try:
            assert correct(time, sent_at)[0] <= NOW
        except TooOld:
            assert year == 1


def test_a_time_ordered_id_tells_when_the_decision_was_made():
    assert abs(decision_time(uuid7()) - datetime.now(UTC)) < timedelta(seconds=2)
    assert decision_time(uuid.uuid4()) is None
