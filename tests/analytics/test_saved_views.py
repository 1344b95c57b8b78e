"""Saved views and their e-mails, against a real SMTP server on this machine."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from smtplib import SMTPServerDisconnected

import pytest
from aiosmtpd.controller import Controller
from django.core import mail
from django.urls import reverse

from accounts.models import Membership
from analytics.models import ReportSchedule, ReportSending, SavedView
from analytics.report_mail import due_day, reports_send, unsubscribe_token
from analytics.saved_views import saved_view_change, saved_view_list, schedule_set
from tests import factories
from tests.analytics.test_reports import World

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
LIST, CREATE = "/performance/views/", "/performance/views/create/"


@pytest.fixture
def view(shop, alice):
    return SavedView.objects.create(
        advertiser=shop, user=alice, name="Phones", parameters="period=7d&device=mobile"
    )


@pytest.fixture
def schedule(shop, alice, view):
    alice.email = "alice@shop.example"
    alice.save()
    return ReportSchedule.objects.create(
        advertiser=shop, view=view, user=alice, frequency="daily", changed_at=MONDAY - timedelta(days=9)
    )


def test_a_view_is_saved_opened_renamed_shared_and_deleted(alice_client, shop, alice):
    World(shop)
    given = {"name": "  Phones   only ", "parameters": "period=7d&device=mobile&campaign=x&csrf=1"}
    answer = alice_client.post(CREATE, given)
    view = SavedView.objects.get()
    assert (view.name, view.parameters, view.is_shared) == ("Phones only", "period=7d&device=mobile", False)
    assert answer["Location"] == "/performance/?period=7d&device=mobile"
    page = alice_client.get("/performance/").content.decode()
    assert 'href="?period=7d&amp;device=mobile">Phones only' in page

    url = f"{LIST}{view.pk}/"
    alice_client.post(url, {"do": "rename", "name": "手机"})
    alice_client.post(url, {"do": "share"})
    bob = factories.make_member(shop, Membership.Role.REPORTER)
    assert [v.name for v in saved_view_list(advertiser_id=shop.pk, user=bob)] == ["手机"]
    assert "手机" in alice_client.get(LIST).content.decode()
    alice_client.post(url, {"do": "delete"})
    assert not SavedView.objects.exists()


def test_another_person_neither_sees_what_is_not_shared_nor_changes_what_is(client, shop, view):
    bob = factories.make_member(shop, Membership.Role.MANAGER)
    client.force_login(bob)
    assert view.name not in client.get(LIST).content.decode()
    assert client.post(f"{LIST}{view.pk}/", {"do": "send", "frequency": "daily"}).status_code == 404
    SavedView.objects.update(is_shared=True)
    for do in ("rename", "share", "hide", "delete", "nonsense"):
        assert client.post(f"{LIST}{view.pk}/", {"do": do, "name": "Mine"}).status_code == 404, do
    assert SavedView.objects.get().name == view.name


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\u202eb"])
def test_a_bad_name_is_a_sentence(alice_client, name):
    page = alice_client.post(CREATE, {"name": name}, follow=True).content.decode()
    assert "A name of at most 80 characters." in page
    assert not SavedView.objects.exists()


def test_without_an_address_no_e_mail_can_be_asked_for(alice_client, view):
    page = alice_client.post(f"{LIST}{view.pk}/", {"do": "send", "frequency": "daily"}, follow=True)
    assert "no e-mail address" in page.content.decode()
    assert not ReportSchedule.objects.exists()


def test_the_message_holds_the_figures_of_the_report_and_two_links(shop, schedule, settings):
    settings.PUBLIC_URL = "https://ads.example.com/"
    World(shop)
    later = datetime.now(UTC) + timedelta(days=1)
    assert reports_send(now=later.replace(hour=9)) == 1
    message = mail.outbox[0]
    html = message.alternatives[0].content
    for text in (message.body, html):
        assert "Impressions" in text
        assert "49.90 EUR" in text
        assert "Warm boots" in text
        assert "https://ads.example.com/performance/?period=7d&" in text
        assert "nan" not in text.lower().split()
    assert message.to == ["alice@shop.example"]
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_day_is_due_once_at_seven_of_the_shops_morning(shop, schedule):
    shop.time_zone = "Asia/Shanghai"
    shop.save()
    schedule.refresh_from_db()
    assert due_day(schedule, datetime(2026, 11, 22, 22, 59, tzinfo=UTC)) is None
    assert due_day(schedule, datetime(2026, 11, 22, 23, 1, tzinfo=UTC)).isoformat() == "2026-11-23"
    schedule.frequency = "weekly"
    assert due_day(schedule, MONDAY + timedelta(days=2)).isoformat() == "2026-11-23"
    schedule.changed_at = MONDAY + timedelta(days=1)  # asked for on Tuesday: not last Monday's
    assert due_day(schedule, MONDAY + timedelta(days=2)) is None


def test_a_restarted_worker_sends_nothing_twice(schedule):
    assert [
        reports_send(now=MONDAY),
        reports_send(now=MONDAY),
        reports_send(now=MONDAY + timedelta(hours=5)),
    ] == [1, 0, 0]
    assert reports_send(now=MONDAY + timedelta(days=1)) == 1
    assert len(mail.outbox) == 2
    # Killed between the row and the answer of the mail server: unknown, so never again.
    ReportSending.objects.update(status="sending")
    assert reports_send(now=MONDAY + timedelta(days=1, hours=1)) == 0


def test_a_mail_servers_refusal_is_tried_three_times_and_logged(schedule, monkeypatch):
    def refuse(self, messages):
        raise SMTPServerDisconnected("gone")

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    for _ in range(5):
        assert reports_send(now=MONDAY) == 0
    sending = ReportSending.objects.get()
    assert (sending.status, sending.attempts, sending.error_code) == ("failed", 3, "smtp_server_disconnected")
    monkeypatch.undo()
    ReportSending.objects.update(attempts=1)
    assert reports_send(now=MONDAY) == 1


def test_who_may_not_read_the_view_any_more_gets_nothing(schedule, shop, alice):
    bob = factories.make_member(shop, Membership.Role.REPORTER)
    bob.email = "bob@shop.example"
    bob.save()
    saved_view_change(advertiser_id=shop.pk, user=alice, view_id=schedule.view_id, is_shared=True)
    schedule_set(advertiser_id=shop.pk, user=bob, view_id=schedule.view_id, frequency="daily")
    ReportSchedule.objects.update(changed_at=MONDAY - timedelta(days=1))
    Membership.objects.filter(user=alice).delete()
    assert reports_send(now=MONDAY) == 1
    assert mail.outbox[0].to == ["bob@shop.example"]
    saved_view_change(advertiser_id=shop.pk, user=alice, view_id=schedule.view_id, is_shared=False)
    assert [s.user_id for s in ReportSchedule.objects.all()] == [alice.pk]


def test_the_link_asks_first_and_then_stops_that_e_mail_alone(client, schedule):
    url = reverse("report-unsubscribe", args=[unsubscribe_token(schedule)])
    assert "Stop this e-mail?" in client.get(url).content.decode()
    assert ReportSchedule.objects.exists()
    assert "Stopped" in client.post(url, {"List-Unsubscribe": "One-Click"}).content.decode()
    assert not ReportSchedule.objects.exists()
    assert client.post(url).status_code == 200  # again is harmless
    assert client.get(url.replace("unsubscribe/", "unsubscribe/x")).status_code == 404


class Inbox:
    def __init__(self):
        self.messages = []

    async def handle_DATA(self, server, session, envelope):
        self.messages.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


def test_a_real_mail_server_receives_it_once(shop, schedule, settings):
    World(shop, name="双11 秋季")
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=8279)
    server.start()
    try:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 8279
        assert [reports_send(now=MONDAY + timedelta(days=2)) for _ in range(3)] == [1, 0, 0]
    finally:
        server.stop()
    [(recipients, message)] = inbox.messages
    assert recipients == ["alice@shop.example"]
    assert message.get_content_type() == "multipart/alternative"
    link = re.search(r"http://\S+/unsubscribe/\S+", message.get_body(("plain",)).get_content())
    assert link
