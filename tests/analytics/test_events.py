"""POST /api/v1/events: what counts, once, and for whom."""

from __future__ import annotations

import random
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone

from accounts import refusals
from analytics.models import DirtyHour, Event
from analytics.sources import SourceWatch
from campaigns.serving.keys import callers_forget
from profiles.models import Behaviour, Shopper
from profiles.pseudonyms import pseudonym_of
from tests import factories
from tests.analytics.posting import URL, order_of, post
from tests.analytics.tokens import CHROME, PHONE, decision_payload, event_of, token_of


def test_a_beacon_without_a_key_is_counted_on_its_tokens_word(shop):
    payload = decision_payload(shop, u="p" * 64, sim=True)
    response = post(
        [event_of(payload), event_of(payload, "viewable")], content_type="text/plain;charset=UTF-8"
    )
    assert response.status_code == 202
    assert response.json() == {"accepted": 2, "duplicates": 0, "rejected": []}
    event = Event.objects.get(kind="impression")
    assert (event.advertiser, str(event.decision_id), event.validity) == (shop, payload["d"], "valid")
    assert (event.device, event.is_simulated, event.propensity) == ("desktop", True, 0.5)
    assert "Set-Cookie" not in response.headers
    assert DirtyHour.objects.filter(advertiser=shop).count() == 1


def test_a_resent_event_counts_once_for_ever(shop):
    event = event_of(decision_payload(shop))
    assert post([event]).json()["accepted"] == 1
    with patch("django.utils.timezone.now", return_value=timezone.now() + timedelta(days=5)):
        assert post([event]).json() == {"accepted": 0, "duplicates": 1, "rejected": []}
    assert Event.objects.count() == 1
    assert DirtyHour.objects.count() == 1  # nothing new, nothing dirty


def test_the_same_id_twice_in_one_batch_is_one_event(shop):
    event = event_of(decision_payload(shop))
    assert post([event, event, event]).json() == {"accepted": 1, "duplicates": 2, "rejected": []}


def test_two_clients_that_resend_in_any_order_leave_one_row_each(shop):
    rng = random.Random(3)
    payloads = [decision_payload(shop) for _ in range(40)]
    events = [event_of(p, kind) for p in payloads for kind in ("impression", "viewable", "click")]
    accepted = 0
    for _client in range(2):
        rng.shuffle(events)
        for start in range(0, len(events), 17):
            resent = events[start : start + 17] + rng.sample(events, 5)
            accepted += post(resent).json()["accepted"]
    assert accepted == Event.objects.count() == 120
    assert Event.objects.filter(validity="valid").count() == 120


def test_a_decision_is_counted_once_a_kind_however_it_is_replayed(shop):
    payload = decision_payload(shop)
    answers = [post([event_of(payload, event_id=f"replay-{n}")]).json() for n in range(5)]
    assert [answer["accepted"] for answer in answers] == [1] * 5  # kept ...
    assert Event.objects.filter(validity="valid").count() == 1  # ... but counted once
    assert set(Event.objects.filter(validity="invalid").values_list("invalid_reason", flat=True)) == {
        "repeat"
    }
    assert post([event_of(payload, event_id="replay-3")]).json()["duplicates"] == 1


def test_of_repeats_ten_rows_are_kept_and_of_the_rest_a_number(shop):
    refusals._counts.clear()
    payload, other = decision_payload(shop), decision_payload(shop)
    for start in range(0, 120, 40):
        events = [event_of(payload, event_id=f"again-{start + n}") for n in range(40)]
        answer = post([*events, event_of(other, event_id=f"other-{start}")])
        assert answer.status_code == 202
        assert answer.json()["rejected"] == []
    mine = Event.objects.filter(decision_id=payload["d"])
    assert (mine.count(), mine.filter(validity="valid").count()) == (11, 1)
    assert Event.objects.filter(decision_id=other["d"]).count() == 3
    assert refusals._counts["events", "too_many_repeats"] == 120 - 11
    assert post([event_of(payload, "viewable")]).json()["accepted"] == 1, "another kind is no repeat"


def test_what_did_not_count_keeps_no_genuine_event_out(shop):
    payload = decision_payload(shop)
    robots = [event_of(payload, event_id=f"robot-{n}") for n in range(30)]
    assert post(robots, agent="curl/8").json()["accepted"] == 10
    assert post([event_of(payload, event_id="person")]).json()["accepted"] == 1
    assert Event.objects.get(validity="valid").event_id == "person"


def test_an_address_without_a_key_has_its_share_of_a_minute(shop, secret, settings, monkeypatch):
    settings.EVENTS_SOURCE_MINUTE = 1
    monkeypatch.setattr("analytics.events_api.watch", SourceWatch())
    events = [event_of(decision_payload(shop)) for _ in range(11)]
    assert post(events[:9]).status_code == 202
    refused = post(events[9:], agent=PHONE)
    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert refused["Retry-After"] == "60"
    assert post(events[9:], secret).status_code == 202, "whoever has a key has a share of their own"


def test_one_bad_item_does_not_sink_the_batch(shop, secret):
    good = [event_of(decision_payload(shop)) for _ in range(97)]
    bad = [{"event_id": "x"}, event_of(decision_payload(shop), event_id=""), "text"]
    batch = good[:7] + bad + good[7:]
    answer = post(batch, secret).json()
    assert answer["accepted"] == 97
    assert answer["rejected"] == [
        {"index": 7, "code": "bad_kind"},
        {"index": 8, "code": "bad_event_id"},
        {"index": 9, "code": "bad_item"},
    ]
    assert post(batch, secret).json() == {**answer, "accepted": 0, "duplicates": 97}


def test_every_refusal_has_its_code(shop, other_shop, secret):
    payload = decision_payload(shop)
    token = token_of(payload)
    cases = [
        (event_of(payload, token=token[:-1] + ("A" if token[-1] != "A" else "B")), "token_invalid"),
        (event_of(payload, token=""), "token_invalid"),
        (event_of(payload, token=5), "token_invalid"),
        (event_of(payload, token=token_of(payload, "click")), "token_invalid"),  # made for another purpose
        (event_of(payload, "click", token=token), "token_invalid"),
        (event_of(decision_payload(other_shop)), "token_invalid"),  # another advertiser's, with our key
        (event_of(payload, token=token_of({"d": "no"})), "token_invalid"),
        (event_of(payload, kind="view"), "bad_kind"),
        (event_of(payload, event_id="a\u0000b"), "bad_event_id"),
        (event_of(payload, event_id="x" * 65), "bad_event_id"),
        (event_of(payload, event_id=7), "bad_event_id"),
        (event_of(payload, occurred_at="yesterday"), "bad_time"),
        (event_of(payload, occurred_at="2026-11-23T10:00:00"), "bad_time"),  # whose time?
        (event_of(payload, occurred_at=17), "bad_time"),
        (order_of(order_id=""), "bad_order_id"),
        (order_of(order_id="\u0000"), "bad_order_id"),
        (order_of(value_cents=-1), "bad_value"),
        (order_of(value_cents=10.5), "bad_value"),
        (order_of(value_cents=True), "bad_value"),
        (order_of(value_cents=10**30), "bad_value"),
        (order_of(value_cents=None), "bad_value"),
        (order_of(currency="euro"), "bad_currency"),
        (order_of(shopper="\u0007"), "bad_shopper"),
        (order_of(occurred_at=(timezone.now() - timedelta(days=40)).isoformat()), "too_old"),
    ]
    answer = post([event for event, _ in cases], secret).json()
    assert answer["rejected"] == [{"index": n, "code": code} for n, (_, code) in enumerate(cases)]
    assert Event.objects.count() == 0


def test_no_flipped_byte_of_a_token_is_accepted(shop):
    payload = decision_payload(shop)
    token = token_of(payload)
    forged = [token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in range(len(token))]
    for start in range(0, len(forged), 50):
        post(
            [event_of(payload, token=t, event_id=f"f{start}-{n}") for n, t in enumerate(forged[start:][:50])]
        )
    assert Event.objects.count() == 0


def test_an_expired_token_never_counts(shop, settings):
    event = event_of(decision_payload(shop))
    with patch("time.time", return_value=timezone.now().timestamp() + 8 * 86400):
        answer = post([event]).json()
    assert answer["rejected"] == [{"index": 0, "code": "token_expired"}]


def test_a_token_outlives_a_rotated_secret_key(shop, settings):
    event = event_of(decision_payload(shop))
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new key"
    assert post([event]).json()["accepted"] == 1


def test_an_order_is_one_conversion_and_its_first_amount_stands(shop, secret, other_shop):
    post([order_of(1)], secret)
    for n in range(3):
        post([order_of(1, event_id=f"again-{n}", value_cents=1)], secret)
    valid = Event.objects.get(advertiser=shop, validity="valid")
    assert valid.value_cents == 4990
    assert Event.objects.filter(invalid_reason="order_repeat").count() == 3
    callers_forget()
    assert post([order_of(1)], factories.make_key(other_shop)).json()["accepted"] == 1  # another shop's order


def test_a_page_may_not_report_orders_unless_the_installation_says_so(shop, settings):
    key = factories.make_key(shop, "publishable")
    refused = [{"index": 0, "code": "key_required"}]
    assert post([order_of()]).json()["rejected"] == refused
    assert post([order_of()], key).json()["rejected"] == refused
    settings.STOREFRONT_CONVERSIONS_FROM_PAGE = True
    assert post([order_of()], key).json()["accepted"] == 1
    assert post([order_of(2)]).json()["rejected"] == refused  # never without a key


def test_an_order_knows_its_shopper_only_with_consent_and_is_simulated_as_they_are(shop, secret):
    for key, allowed in (("yes", True), ("no", False)):
        Shopper.objects.create(
            advertiser=shop,
            pseudonym=pseudonym_of(shop.pk, key),
            measurement_allowed=allowed,
            is_simulated=True,
        )
    post([order_of(n, shopper=key) for n, key in enumerate(("yes", "no", "unknown"))], secret)
    rows = Event.objects.order_by("order_id").values_list("shopper_pseudonym", "is_simulated")
    assert list(rows) == [(pseudonym_of(shop.pk, "yes"), True), ("", True), ("", False)]


def test_robots_are_kept_with_a_reason_and_told_nothing(shop):
    for agent, reason in (("", "ua_empty"), ("curl/8", "ua_bot"), ("Shop/1", "ua_nonbrowser")):
        assert post([event_of(decision_payload(shop))], agent=agent).json()["accepted"] == 1
        assert Event.objects.filter(invalid_reason=reason, validity="invalid").count() == 1
    response = Client().post(
        URL,
        {"events": [event_of(decision_payload(shop))]},
        content_type="application/json",
        headers={"User-Agent": CHROME, "Sec-Purpose": "prefetch"},
    )
    assert response.json()["accepted"] == 1
    assert Event.objects.filter(invalid_reason="prefetch").count() == 1


def test_a_server_speaks_for_its_shoppers_browser(shop, secret):
    browser, robot = decision_payload(shop), decision_payload(shop)
    events = [event_of(browser, user_agent=CHROME), event_of(robot, user_agent="Googlebot/2.1")]
    assert post([*events, order_of()], secret, agent="python-requests/2").json()["accepted"] == 3
    assert Event.objects.get(decision_id=browser["d"]).validity == "valid"
    assert Event.objects.get(decision_id=robot["d"]).invalid_reason == "ua_bot"
    assert Event.objects.get(kind="conversion").validity == "valid"


def test_only_simulated_traffic_of_a_server_may_lie_before_its_decision(shop, secret):
    past = timezone.now() - timedelta(days=9)
    played, real = decision_payload(shop, sim=True), decision_payload(shop)
    post([event_of(p, occurred_at=past.isoformat()) for p in (played, real)], secret, agent=PHONE)
    assert Event.objects.get(decision_id=played["d"]).occurred_at == past
    moved = Event.objects.get(decision_id=real["d"])
    assert moved.occurred_at > timezone.now() - timedelta(minutes=1)
    assert (moved.clock_flag, moved.device) == ("early", "mobile")
    beacon = decision_payload(shop, sim=True)
    post([event_of(beacon, occurred_at=past.isoformat())])
    assert Event.objects.get(decision_id=beacon["d"]).clock_flag == "early"


def test_a_wrong_clock_is_set_right_and_a_late_event_lands_in_its_day(shop, secret):
    now = timezone.now()
    true, ahead = now - timedelta(days=3), timedelta(hours=3)
    late = order_of(1, occurred_at=(true + ahead).isoformat())
    post([late], secret, sent_at=(now + ahead).isoformat())
    event = Event.objects.get()
    assert abs(event.occurred_at - true) < timedelta(seconds=2)
    assert event.clock_flag == "shifted"
    assert DirtyHour.objects.get().hour.date() == true.date()


def test_a_click_feeds_the_shoppers_interests_once(shop):
    shopper = Shopper.objects.create(
        advertiser=shop,
        pseudonym=pseudonym_of(shop.pk, "s"),
        personalisation_allowed=True,
        measurement_allowed=True,
    )
    segment = factories.make_segment(shop, interests=("outdoor_hiking",))
    click = event_of(decision_payload(shop, u=shopper.pseudonym, s=segment.pk), "click")
    post([click])
    post([click])
    behaviour = Behaviour.objects.get(shopper=shopper)
    assert behaviour.kind == "click"
    assert list(behaviour.interests) == ["outdoor_hiking"]


def test_a_deleted_advertisers_token_is_refused(other_shop):
    event = event_of(decision_payload(other_shop))
    other_shop.delete()
    assert post([event]).json()["rejected"] == [{"index": 0, "code": "token_invalid"}]


def test_the_door_answers_in_problem_json(shop, secret):
    assert Client().get(URL).status_code == 405
    assert post(b"a=1", content_type="application/x-www-form-urlencoded").status_code == 415
    response = post([], "sk_wrong")
    assert (response.status_code, response.json()["code"]) == (401, "api_key_invalid")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert post([]).json() == {"accepted": 0, "duplicates": 0, "rejected": []}


def test_any_origin_may_call_and_no_cookie_is_wanted(shop):
    response = Client().post(
        URL, b"{}", content_type="text/plain", headers={"Origin": "https://shop.test", "User-Agent": CHROME}
    )
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    preflight = Client().options(
        URL,
        headers={
            "Origin": "https://shop.test",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight.status_code == 200
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in preflight.headers


def test_a_busy_database_is_503_and_nothing_is_half_stored(shop):
    from django.db import OperationalError

    with patch("analytics.services.events_insert", side_effect=OperationalError("database is locked")):
        response = post([event_of(decision_payload(shop))])
    assert response.status_code == 503
    assert response.headers["Retry-After"]


@pytest.mark.parametrize(
    ("change", "gpc", "is_joined"),
    [
        ({}, "", True),
        ({"measurement_allowed": False}, "", False),
        ({"has_objected": True}, "", False),
        ({"is_minor": True}, "", False),
        (None, "", False),
        ({}, "1", False),
    ],
    ids=["agreed", "withdrawn", "objected", "minor", "erased", "gpc"],
)
def test_a_token_older_than_a_withdrawal_counts_without_its_shopper(shop, change, gpc, is_joined):
    ann = Shopper.objects.create(
        advertiser=shop, pseudonym="a" * 64, personalisation_allowed=True, measurement_allowed=True
    )
    event = event_of(decision_payload(shop, u=ann.pseudonym))
    if change is None:
        ann.delete()
    elif change:
        Shopper.objects.update(**change)
    assert post([event], gpc=gpc).json()["accepted"] == 1
    assert Event.objects.get().shopper_pseudonym == (ann.pseudonym if is_joined else "")


@pytest.mark.parametrize("change", [{"measurement_allowed": False}, None], ids=["withdrawn", "erased"])
def test_an_event_without_its_shopper_keeps_no_id_of_the_sender_and_is_stored_once(shop, change):
    ann = Shopper.objects.create(
        advertiser=shop, pseudonym="a" * 64, personalisation_allowed=True, measurement_allowed=True
    )
    payload = decision_payload(shop, u=ann.pseudonym)
    early = event_of(payload, event_id="early-1")
    late = event_of(payload, "click", event_id="user42-1")
    made = event_of(payload, "viewable")
    assert post([early]).json()["accepted"] == 1
    if change is None:
        ann.delete()
    else:
        Shopper.objects.update(**change)
    answers = [post(events).json() for events in ([early, late, late, made], [made, late, early])]
    assert [(answer["accepted"], answer["duplicates"]) for answer in answers] == [(2, 2), (0, 3)]
    ids = dict(Event.objects.values_list("kind", "event_id"))
    assert (ids["impression"], ids["viewable"]) == ("early-1", made["event_id"])
    assert ids["click"].startswith("digest:")
