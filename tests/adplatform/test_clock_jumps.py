"""The server's own clock jumps by a day, and back: what is late, what is early, and what is done for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection

from accounts.models import ApiKey
from accounts.services import api_key_create, api_key_rotate
from adplatform.lib.tokens import TokenError, token_read, token_sign
from analytics.models import ReportSchedule, ReportSending, SavedView
from analytics.report_mail import reports_send
from campaigns.experiment_services import experiments_finish
from campaigns.models import Campaign
from generation import queue
from generation.models import RenderJob
from tests import factories
from tests.analytics.experiment_cast import make_running

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FORWARD = timedelta(hours=25)
pytestmark = pytest.mark.django_db


@contextmanager
def clock(at: timedelta = timedelta(0)) -> Iterator[datetime]:
    with time_machine.travel(NOW + at, tick=False):
        yield NOW + at


def test_a_keys_grace_follows_the_clock_and_nothing_of_it_is_lost(shop):
    with clock():
        old, text = api_key_create(advertiser=shop, name="old", kind="secret", scopes=["read"])
        new, _ = api_key_rotate(advertiser=shop, key_id=str(old.pk), grace=timedelta(hours=2))
        digest = ApiKey.digest_of(text)
        assert set(ApiKey.objects.live()) == {old, new}
    with clock(FORWARD):
        assert set(ApiKey.objects.live()) == {new}, "ended too early"
    with clock(-FORWARD):
        assert set(ApiKey.objects.live()) == {old, new}, "and is back with the clock"
    assert ApiKey.objects.get(pk=old.pk).digest == digest


def test_a_decisions_token_outlives_a_day_either_way(shop):
    week = timedelta(days=7)
    with clock():
        token = token_sign({"a": 1}, purpose="impression")
    for at in (FORWARD, -FORWARD, timedelta(days=6)):
        with clock(at):
            assert token_read(token, purpose="impression", max_age=week) == {"a": 1}
    with clock(timedelta(days=8)), pytest.raises(TokenError, match="token_expired"):
        token_read(token, purpose="impression", max_age=week)
    with clock():
        assert token_read(token, purpose="impression", max_age=week) == {"a": 1}, "no harm was kept"


def test_a_request_sent_again_is_done_once_unless_the_clock_says_that_its_day_is_over(api):
    def send() -> str:
        body = {"name": "Autumn", "style": "soft_3d"}
        answer = api.post("/api/v1/campaigns", body, format="json", HTTP_IDEMPOTENCY_KEY="k")
        assert answer.status_code == 201
        return answer.json()["id"]

    with clock():
        first = send()
    for at in (timedelta(hours=23), -FORWARD):
        with clock(at):
            assert send() == first
    with clock(FORWARD):
        assert send() != first, "as documented: the same request within 24 hours"
    assert Campaign.objects.count() == 2


def test_an_experiment_ends_at_its_planned_end_and_stays_ended(shop):
    with clock() as now:
        experiment = make_running(shop)
        experiment.planned_end_at = now + timedelta(hours=12)
        experiment.save()
        assert experiments_finish(now=now) == 0
    with clock(-FORWARD) as now:
        assert experiments_finish(now=now) == 0
    with clock(FORWARD) as now:
        assert experiments_finish(now=now) == 1
    experiment.refresh_from_db()
    assert experiment.stopped_at == experiment.planned_end_at, "not what the wrong clock said"
    with clock() as now:
        assert experiments_finish(now=now) == 0
    experiment.refresh_from_db()
    assert experiment.status == "stopped", "a jump past the planned end ends it for good"


def test_a_scheduled_report_is_sent_a_day_early_at_the_worst_and_never_twice(shop, alice):
    alice.email = "alice@shop.example"
    alice.save()
    view = SavedView.objects.create(advertiser=shop, user=alice, name="v", parameters="")
    with clock():
        ReportSchedule.objects.create(
            advertiser=shop, user=alice, view=view, frequency="daily", changed_at=NOW - timedelta(days=9)
        )
        assert reports_send() == 1
    for at, sent in ((FORWARD, 1), (-FORWARD, 1), (timedelta(0), 0), (FORWARD, 0)):
        with clock(at):
            assert reports_send() == sent
    days = ReportSending.objects.order_by("day").values_list("day", flat=True)
    assert list(days) == sorted({*days})
    assert len(mail.outbox) == 3


def test_a_jump_takes_a_lease_and_the_old_worker_changes_nothing_afterwards(shop):
    job = factories.make_render_job(shop)
    with clock() as now:
        RenderJob.objects.update(available_at=now)
        _, lease = queue.job_claim(worker="a", now=now)
    with clock(FORWARD) as ahead:
        if connection.vendor == "postgresql":
            assert abs(queue.clock() - datetime.now(UTC)) > timedelta(hours=1), "its own clock counts"
        assert queue.leases_expire(now=ahead, jitter=0.5) == 1
        _, second = queue.job_claim(worker="b", now=ahead)
    with clock() as now:
        assert not queue.lease_renew(lease=lease, now=now), "fenced"
        assert queue.leases_expire(now=now, jitter=0.5) == 0, "the second one's lease ends a day late"
        assert queue.lease_renew(lease=second, now=now), "or with its next heartbeat"
        assert RenderJob.objects.get(pk=job.pk).lease_expires_at < now + timedelta(minutes=5)
    with clock(timedelta(minutes=10)) as now:
        assert queue.leases_expire(now=now, jitter=0.5) == 1, "a worker lost then is found as ever"
