"""The second step of signing in: a code of an app or a backup code, asked after the password."""

from __future__ import annotations

import io
import re
from base64 import b32decode
from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import Membership
from tests import factories


@pytest.fixture
def clock():
    """A clock that only the test moves."""
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


def wait(clock, seconds: int = 60) -> None:
    clock.shift(timedelta(seconds=seconds))


def enrol(client: Client) -> tuple[bytes, list[str]]:
    """Turn two steps on as a person would: the secret from the page, backup codes from the answer."""
    page = client.get("/two-step/").content.decode()
    key = b32decode(re.search(r'id="two-step-secret">(\w+)<', page)[1])
    answer = client.post("/two-step/", {"code": f"{totp(key):06}"}).content.decode()
    return key, re.search(r'id="backup-codes">([\w\s]+)<', answer)[1].split()


def password(client: Client, username: str = "alice", **extra: str):
    return client.post("/login/", {"username": username, "password": "pw", **extra})


def code(client: Client, text: str):
    return client.post("/login/code/", {"code": text})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def wrong(key: bytes) -> str:
    return f"{(totp(key) + 500_000) % 1_000_000:06}"


@pytest.fixture
def enrolled(alice_client, clock) -> tuple[bytes, list[str]]:
    found = enrol(alice_client)
    wait(clock)
    return found


def test_signing_in_takes_the_password_and_then_the_code(enrolled, client) -> None:
    key, _ = enrolled
    assert password(client, next="/campaigns/")["Location"] == "/login/code/"
    assert not is_signed_in(client)
    assert client.get("/campaigns/")["Location"].startswith("/login/")
    assert client.get("/api/v1/campaigns").status_code in (401, 403)
    assert client.get("/login/code/").status_code == 200
    assert code(client, f"{totp(key):06}")["Location"] == "/campaigns/"
    assert client.get("/campaigns/").status_code == 200


def test_a_wrong_code_signs_nobody_in_and_the_next_has_to_wait(enrolled, client, clock) -> None:
    key, _ = enrolled
    password(client)
    for text in (wrong(key), "", "12345", "\ud7ff" * 300, "9" * 400):
        assert "wrong" in code(client, text).content.decode()
    assert "wrong" in code(client, f"{totp(key):06}").content.decode(), "within a second of a wrong one"
    assert not is_signed_in(client)
    wait(clock)
    assert code(client, f"{totp(key):06}").status_code == 302


def test_a_code_that_was_used_is_refused(alice_client, client, clock) -> None:
    key, _ = enrol(alice_client)
    password(client)
    assert code(client, f"{totp(key):06}").status_code == 200, "it turned the second step on"
    wait(clock)
    seen = f"{totp(key):06}"
    assert code(client, seen).status_code == 302
    other = Client()
    password(other)
    assert code(other, seen).status_code == 200
    assert not is_signed_in(other)


def test_a_code_may_come_in_groups_or_from_a_chinese_keyboard(enrolled, client) -> None:
    key, _ = enrolled
    password(client)
    digits = f"{totp(key):06}".translate({ord("0") + n: 0xFF10 + n for n in range(10)})
    assert code(client, f" {digits[:3]}\u3000{digits[3:]}").status_code == 302


def test_ten_backup_codes_are_shown_once_and_each_works_once(enrolled, alice_client, client, clock) -> None:
    _, codes = enrolled
    assert len(set(codes)) == 10
    assert codes[0] not in alice_client.get("/two-step/").content.decode()
    password(client)
    assert code(client, f"{codes[0][:4]}-{codes[0][4:]}".upper()).status_code == 302
    other = Client()
    password(other)
    assert code(other, codes[0]).status_code == 200
    assert not is_signed_in(other)
    wait(clock)
    assert code(other, codes[1]).status_code == 302
    assert "8 backup codes left" in other.get("/two-step/").content.decode()


def test_guessed_codes_lock_like_guessed_passwords_and_leave_no_code_behind(enrolled, client, clock) -> None:
    from axes.models import AccessAttempt

    key, _ = enrolled
    for _ in range(9):
        password(client)  # the right one: it does not wipe the slate
        assert code(client, "abcdefgh").status_code == 200
    assert "abcdefgh" not in str(list(AccessAttempt.objects.values()))
    locked = code(client, wrong(key))
    assert locked.status_code == 429
    assert "15 minutes" in locked.content.decode()
    wait(clock)
    assert code(client, f"{totp(key):06}").status_code == 429, "even the right code has to wait"
    assert not is_signed_in(client)
    assert password(client).status_code == 429
    wait(clock, 16 * 60)
    password(client)
    assert code(client, f"{totp(key):06}").status_code == 302


def test_the_second_step_cannot_be_reached_without_the_first_nor_long_after_it(
    enrolled, alice, client, clock
) -> None:
    key, codes = enrolled
    assert code(client, codes[0])["Location"] == "/login/"
    password(client)
    wait(clock, 11 * 60)
    assert code(client, f"{totp(key):06}")["Location"] == "/login/"
    password(client)
    alice.set_password("another")
    alice.save()
    assert code(client, f"{totp(key):06}")["Location"] == "/login/"
    assert not is_signed_in(client)


def test_turning_it_on_takes_a_code_and_turning_it_off_another(alice, alice_client, client, clock) -> None:
    alice_client.get("/two-step/")
    assert alice_client.post("/two-step/", {"code": "000"}).status_code == 200
    assert password(client).status_code == 302
    assert is_signed_in(client), "nothing is asked before it was confirmed"
    key, _ = enrol(alice_client)
    wait(clock)
    alice_client.post("/two-step/remove/", {"code": wrong(key)})
    assert TOTPDevice.objects.filter(user=alice).exists()
    wait(clock)
    alice_client.post("/two-step/remove/", {"code": f"{totp(key):06}"})
    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()
    other = Client()
    password(other)
    assert is_signed_in(other)


def test_the_secret_is_in_no_cache_and_the_page_keeps_the_policy(alice_client) -> None:
    page = alice_client.get("/two-step/")
    assert "no-store" in page["Cache-Control"]
    assert "<svg" in page.content.decode()
    assert "style=" not in page.content.decode()
    assert "unsafe" not in page["Content-Security-Policy"]


def test_the_admin_site_is_no_way_around(alice, enrolled, client) -> None:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    answer = client.post("/admin/login/", {"username": "alice", "password": "pw"})
    assert "two steps" in answer.content.decode()
    assert not is_signed_in(client)
    password(client)
    code(client, f"{totp(enrolled[0]):06}")
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/otp_totp/totpdevice/").status_code == 404, "it would show everybody's secret"


@pytest.fixture
def staff_client(alice, alice_client, shop) -> Client:
    """A manager who is also of the operator's staff, where the advertiser asks two steps."""
    alice.is_staff = alice.is_superuser = True
    alice.save()
    type(shop).objects.filter(pk=shop.pk).update(managers_use_two_steps=True)
    return alice_client


ADMIN_PAGES = ("/admin/", "/admin/accounts/user/", "/admin/accounts/apikey/add/", "/admin/jsi18n/")


def test_where_two_steps_are_asked_the_admin_site_waits_for_them(staff_client) -> None:
    for path in ADMIN_PAGES:
        assert staff_client.get(path)["Location"] == "/two-step/", path
        assert staff_client.post(path)["Location"] == "/two-step/", path
    enrol(staff_client)
    for path in ADMIN_PAGES:
        assert staff_client.get(path).status_code == 200, path


def test_signing_in_on_the_admin_site_with_the_password_alone_leads_to_the_second_step(
    staff_client, client
) -> None:
    assert client.post("/admin/login/", {"username": "alice", "password": "pw"}).status_code == 302
    assert client.get("/admin/")["Location"] == "/two-step/"
    assert client.post("/admin/logout/")["Location"] == "/login/"


def test_a_session_older_than_the_app_has_to_show_its_code(staff_client, client, clock) -> None:
    password(client)
    key, _ = enrol(staff_client)
    assert client.get("/admin/")["Location"] == "/two-step/"
    assert client.get("/campaigns/")["Location"] == "/two-step/"
    assert client.get("/api/v1/campaigns").json()["code"] == "two_step_required"
    assert client.get("/two-step/")["Location"] == "/login/code/", (
        "it is asked for a code, not shown the state"
    )
    wait(clock)
    assert code(client, f"{totp(key):06}")["Location"] == "/"
    for path in ("/admin/", "/campaigns/", "/api/v1/campaigns"):
        assert client.get(path).status_code == 200, path


def test_a_code_of_an_app_that_is_no_longer_there_counts_for_nothing(staff_client, alice, clock) -> None:
    enrol(staff_client)
    call_command("totp_reset", "alice", stdout=io.StringIO())
    assert staff_client.get("/admin/")["Location"] == "/two-step/"
    assert "Shop asks" in staff_client.get("/two-step/").content.decode()


def test_the_admin_site_shows_every_advertisers_rows_so_any_that_asks_counts(
    staff_client, alice, other_shop
) -> None:
    Membership.objects.create(advertiser=other_shop, user=alice, role=Membership.Role.MANAGER)
    staff_client.post("/advertiser/", {"advertiser": str(other_shop.pk)})
    assert staff_client.get("/campaigns/").status_code == 200
    assert staff_client.get("/admin/")["Location"] == "/two-step/"


def test_staff_of_no_advertiser_come_in_as_before(db) -> None:
    operator = factories.make_member(factories.make_advertiser("o"), Membership.Role.REPORTER, "operator")
    operator.is_staff = operator.is_superuser = True
    operator.save()
    client = Client()
    client.force_login(operator)
    assert client.get("/admin/").status_code == 200


@pytest.fixture
def boss_client(shop) -> Client:
    client = Client()
    client.force_login(factories.make_member(shop, Membership.Role.ADMIN, "boss"))
    return client


def test_where_two_steps_are_asked_a_manager_without_them_gets_nowhere_else(
    boss_client, alice_client, rita_client, api, mallory_client
) -> None:
    assert alice_client.get("/campaigns/").status_code == 200
    assert alice_client.post("/advertiser/two-step/", {"required": "yes"}).status_code == 403
    boss_client.post("/advertiser/two-step/", {"required": "yes"})
    for path in ("/", "/campaigns/", "/catalog/", "/performance/", "/privacy/"):
        assert alice_client.get(path)["Location"] == "/two-step/", path
    refused = alice_client.get("/api/v1/campaigns")
    assert (refused.status_code, refused.json()["code"]) == (403, "two_step_required")
    assert alice_client.post("/placements/", {"name": "Mine"})["Location"] == "/two-step/"
    assert boss_client.get("/people/")["Location"] == "/two-step/", "who asks it is asked as well"
    assert api.get("/api/v1/campaigns").status_code == 200
    assert rita_client.get("/campaigns/").status_code == 200
    assert mallory_client.get("/campaigns/").status_code == 200

    assert "Shop asks" in alice_client.get("/two-step/").content.decode()
    enrol(alice_client)
    assert alice_client.get("/campaigns/").status_code == 200
    enrol(boss_client)
    boss_client.post("/advertiser/two-step/", {"required": "no"})
    assert boss_client.get("/people/").context["advertiser"].managers_use_two_steps is False


def test_who_works_for_two_advertisers_can_change_to_the_one_that_asks_nothing(
    alice, alice_client, shop, other_shop
) -> None:
    Membership.objects.create(advertiser=other_shop, user=alice, role=Membership.Role.MANAGER)
    shop.managers_use_two_steps = True
    shop.save()
    assert alice_client.get("/campaigns/")["Location"] == "/two-step/"
    alice_client.post("/advertiser/", {"advertiser": str(other_shop.pk)})
    assert alice_client.get("/campaigns/").status_code == 200


def test_the_operator_resets_who_lost_everything(enrolled, client) -> None:
    out = io.StringIO()
    call_command("totp_reset", "alice", stdout=out)
    assert "alice signs in with the password alone" in out.getvalue()
    password(client)
    assert is_signed_in(client)
    for name in ("alice", "nobody"):
        with pytest.raises(CommandError):
            call_command("totp_reset", name)
