"""The leaf library: ids, tokens, files, media links, problems."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from adplatform.lib.files import content_read, content_store
from adplatform.lib.ids import uuid7
from adplatform.lib.media import media_url
from adplatform.lib.tokens import TokenError, token_read, token_sign

WEEK = timedelta(days=7)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2080, 1, 1), timezones=st.just(UTC)))
def test_ids_are_version_7_and_carry_their_time(at):
    value = uuid7(at)
    assert (value.version, value.variant) == (7, "specified in RFC 4122")
    assert value.int >> 80 == int(at.timestamp() * 1000)
    assert uuid7(at) != value
    assert uuid7(at + timedelta(seconds=1)) > value


def test_a_token_serves_one_purpose_until_it_expires():
    token = token_sign({"a": 1}, purpose="click")
    assert token_read(token, purpose="click", max_age=WEEK) == {"a": 1}
    for wrong, purpose in [(token, "impression"), (token[:-1], "click"), ("", "click"), ("a:b:c", "click")]:
        with pytest.raises(TokenError, match="token_invalid"):
            token_read(wrong, purpose=purpose, max_age=WEEK)
    with pytest.raises(TokenError, match="token_expired"):
        token_read(token, purpose="click", max_age=timedelta(seconds=-1))


def test_a_token_outlives_a_change_of_key(settings):
    token = token_sign({"a": 1}, purpose="click")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [settings.SECRET_KEY]
    assert token_read(token, purpose="click", max_age=WEEK) == {"a": 1}
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(TokenError):
        token_read(token, purpose="click", max_age=WEEK)


def test_equal_bytes_are_one_file_and_no_temporary_file_stays(settings):
    first, digest = content_store(b"picture", folder="pictures", extension="png")
    second, _ = content_store(b"picture", folder="pictures", extension="png")
    assert first == second == f"pictures/{digest[:2]}/{digest}.png"
    assert content_read(first) == b"picture"
    assert [path.name for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()] == [f"{digest}.png"]


def test_a_media_link_opens_its_file_for_a_day_and_no_other(client):
    name, _ = content_store(b"picture", folder="pictures", extension="png")
    other, _ = content_store(b"secret", folder="pictures", extension="png")
    with time_machine.travel("2026-11-23 12:00Z") as clock:
        link = media_url(name)
        assert b"".join(client.get(link)) == b"picture"
        assert client.get(link.replace(name, other)).status_code == 404
        assert client.get(link.partition("?")[0]).status_code == 404
        clock.move_to("2026-11-24 23:00Z")
        assert client.get(link).status_code == 200
        clock.move_to("2026-11-25 00:01Z")
        assert client.get(link).status_code == 404


@pytest.mark.django_db
def test_every_page_of_the_sidebar_opens(alice_client, shop):
    from adplatform.navigation import NAVIGATION

    admin_only = {"api-key-list", "member-list", "webhook-list"}
    for group in NAVIGATION:
        for entry in group.entries:
            expected = 403 if entry.url_name in admin_only else 200
            assert alice_client.get(entry.url, follow=True).status_code == expected, entry.label


@pytest.mark.django_db
def test_unknown_addresses_answer_in_the_callers_form(client, api):
    assert client.get("/nothing/").status_code == 404
    problem = api.get("/api/v1/nothing")
    assert (problem.status_code, problem.json()["code"]) == (404, "not_found")
    assert api.get("/api/v1/campaigns", {"page": "x"}).json()["code"] == "not_found"


def test_tokens_are_byte_for_byte_what_djangos_signing_makes(settings, monkeypatch):
    from django.core import signing

    from adplatform.lib.tokens import tokens_sign

    monkeypatch.setattr("time.time", lambda: 1_795_000_000.5)
    payload = {"d": "01a2", "s": None, "pr": 0.25, "sim": False, "u": "é"}
    for secret in ("first" * 10, "second" * 10):
        settings.SECRET_KEY = secret
        made = tokens_sign(
            json.dumps(payload, separators=(",", ":")).encode(), purposes=("impression", "click")
        )
        assert made == [
            signing.dumps(payload, salt=f"adplatform.{purpose}.v1") for purpose in ("impression", "click")
        ]
