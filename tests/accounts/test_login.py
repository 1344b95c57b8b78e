"""Signing in: locked after ten wrong passwords, for that name from that address only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
import time_machine
from axes.models import AccessAttempt, AccessLog
from django.conf import settings as django_settings
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.addresses import client_address

HERE, THERE = "203.0.113.5", "203.0.113.6"


def attempt(client: Client, username: str, password: str, address: str = HERE):
    return client.post("/login/", {"username": username, "password": password}, REMOTE_ADDR=address)


def test_ten_wrong_passwords_lock_that_name_from_that_address_and_nobody_else(alice, rita, client) -> None:
    for _ in range(9):
        assert attempt(client, "alice", "wrong").status_code == 200
    locked = attempt(client, "alice", "wrong")
    assert locked.status_code == 429
    assert "15 minutes" in locked.content.decode()
    assert attempt(client, "alice", "pw").status_code == 429, "even the right password has to wait"
    assert attempt(client, "rita", "pw").status_code == 302
    assert attempt(Client(), "alice", "pw", THERE).status_code == 302


def test_the_lock_ends_after_a_quarter_of_an_hour(alice, client) -> None:
    for _ in range(10):
        attempt(client, "alice", "wrong")
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert attempt(client, "alice", "pw").status_code == 302


def fill(*, username: str, address: str, failures: int) -> None:
    AccessAttempt.objects.create(
        username=username, ip_address=address, user_agent="", failures_since_start=failures,
        attempt_time=timezone.now(),
    )  # fmt: skip


def test_an_address_that_tries_many_names_rests_and_no_other_does(alice, client) -> None:
    for number in range(33):
        fill(username=f"name{number}", address=HERE, failures=3)
    assert attempt(client, "one-more", "wrong").status_code == 429, "the hundredth"
    assert attempt(client, "alice", "pw").status_code == 429
    assert attempt(Client(), "alice", "pw", THERE).status_code == 302
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert attempt(client, "alice", "pw").status_code == 302


def test_a_name_that_is_tried_from_many_addresses_has_one_try_from_each_and_its_owner_gets_in(alice) -> None:
    for number in range(25):
        fill(username="alice", address=f"198.51.100.{number}", failures=2)
    assert attempt(Client(), "alice", "wrong", THERE).status_code == 429, "after the first, no tenth"
    assert attempt(Client(), "alice", "pw", THERE).status_code == 429
    assert attempt(Client(), "alice", "pw", HERE).status_code == 302


def test_the_admin_is_locked_the_same_way(alice, client) -> None:
    for _ in range(10):
        response = client.post("/admin/login/", {"username": "alice", "password": "wrong"})
    assert response.status_code == 429


def test_an_unknown_name_is_answered_like_a_wrong_password(alice, client) -> None:
    known = attempt(client, "alice", "wrong").context["form"].errors
    unknown = attempt(client, "nobody", "wrong").context["form"].errors
    assert known == unknown


def test_no_password_and_no_visit_is_written_down(alice, client) -> None:
    attempt(client, "alice", "hunter2-wrong")
    assert "hunter2" not in str(list(AccessAttempt.objects.values()))
    attempt(client, "alice", "pw")
    assert not AccessLog.objects.exists()
    assert not AccessAttempt.objects.exists(), "signing in wipes the slate"


@pytest.mark.parametrize(
    ("behind_proxy", "forwarded", "expected"),
    [
        (False, "10.0.0.1", "127.0.0.1"),
        (True, "", "127.0.0.1"),
        (True, "10.0.0.1", "10.0.0.1"),
        (True, "6.6.6.6, 10.0.0.1", "10.0.0.1"),
    ],
)
def test_only_the_proxys_own_word_about_the_address_counts(
    settings, behind_proxy, forwarded, expected
) -> None:
    settings.BEHIND_PROXY = behind_proxy
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert client_address(RequestFactory().get("/", headers=headers)) == expected


def test_a_form_without_its_token_is_refused(alice) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post("/placements/", {"name": "Mine"}).status_code == 403
    assert client.post("/api/v1/placements", {"name": "Mine"}, "application/json").status_code == 403


def test_the_admin_is_for_staff_only(alice_client) -> None:
    response = alice_client.get("/admin/campaigns/campaign/")
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


def test_the_session_is_kept_from_scripts_and_other_sites(alice, client) -> None:
    cookie = attempt(client, "alice", "pw").cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


# --- in production


def manage(tmp_path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "manage.py", *arguments],
        cwd=django_settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_production_passes_djangos_deployment_checks(tmp_path) -> None:
    done = manage(
        tmp_path,
        "check", "--deploy", "--fail-level", "WARNING",
        PRODUCTION="true", SECRET_KEY="correct-horse-battery-staple-0123456789-ABCDEFGHIJKLMNOP",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("environment", [{}, {"SECRET_KEY": ""}])
def test_production_does_not_start_without_a_secret_key(tmp_path, environment) -> None:
    done = manage(tmp_path, "check", PRODUCTION="true", **environment)
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr
    assert not (tmp_path / "secret_key").exists()


def test_the_log_of_production_holds_the_whole_traceback(tmp_path) -> None:
    code = "import logging\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.exception('broke')"
    done = manage(tmp_path, "shell", "-c", code, PRODUCTION="true", SECRET_KEY="x" * 60)
    line = json.loads(done.stderr.splitlines()[-1])
    assert line["event"] == "broke"
    assert "ZeroDivisionError: division by zero" in line["exception"]
