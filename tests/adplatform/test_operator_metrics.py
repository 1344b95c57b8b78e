"""What /metrics says of refusals, the buffer, webhooks, e-mails, erasures and backups."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from accounts import refusals
from accounts.metrics import account_metrics_get
from accounts.models import LastRun, RefusedCount, WebhookDelivery, WebhookEndpoint
from analytics.metrics import counting_metrics_get
from analytics.models import ReportSending
from campaigns.metrics import picture_metrics_get
from campaigns.models import RemotePicture
from rights.metrics import erasure_metrics_get
from rights.models import Erasure
from tests import factories
from tests.analytics.posting import order_of, post
from tests.analytics.test_event_buffer import _answers, buffer  # noqa: F401  a fixture
from tests.analytics.tokens import decision_payload, event_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_counted():
    refusals._counts.clear()


def refused() -> dict[tuple[str, str], int]:
    refusals.refusals_flush()
    return account_metrics_get(now=timezone.now()).refused


def test_what_events_and_decisions_refuse_is_counted_by_code(shop, client):
    old = (timezone.now() - timedelta(days=40)).isoformat()
    shop_server = factories.make_key(shop)
    late = post([order_of(occurred_at=old)], key=shop_server).json()
    assert late["rejected"] == [{"index": 0, "code": "too_old"}]
    events = [
        event_of(decision_payload(shop)) | {"token": "forged"},
        order_of(),
        {"event_id": ""},
        event_of(decision_payload(shop)),
    ]
    assert post(events).json()["accepted"] == 1
    assert post("{").status_code == 400
    assert post([], key="sk_nobody").status_code == 401
    assert post("x" * 70_000).status_code == 413
    assert client.post("/api/v1/decisions", "{}", "application/json").status_code == 401
    found = refused()
    assert found == {
        ("events", code): 1
        for code in ("too_old", "token_invalid", "key_required", "bad_event_id", "bad_json", "too_large",
                     "api_key_invalid")
    } | {("decisions", "not_authenticated"): 1}  # fmt: skip
    assert post("{").status_code == 400
    assert refused()["events", "bad_json"] == 2, "rows are added to"


def test_refusals_that_cannot_be_stored_are_stored_later(monkeypatch):
    def gone(**fields):
        raise DatabaseError("away")

    refusals.refused_count("events", ["bad_json", "bad_json"])
    with monkeypatch.context() as patch:
        patch.setattr(RefusedCount.objects, "get_or_create", gone)
        refusals.refusals_flush()
    assert refused() == {("events", "bad_json"): 2}


@pytest.mark.skipif(not _answers(), reason="needs Redis on 127.0.0.1:6379")
def test_what_waits_in_the_buffer_is_late_and_what_was_put_aside_is_told(shop, buffer):  # noqa: F811
    assert post([event_of(decision_payload(shop))]).status_code == 202
    later = timezone.now() + timedelta(minutes=10)
    read = counting_metrics_get(now=later)
    assert 590 < read.lag_seconds < 660, "no drain: nothing is marked, and yet it waits"
    assert read.buffer_batches == {"waiting": 1, "refused": 0}
    (entry,) = buffer.take("one", limit=10, wait_ms=10)
    buffer.refuse(*entry)
    read = counting_metrics_get(now=later)
    assert (read.lag_seconds, read.buffer_batches) == (0.0, {"waiting": 0, "refused": 1})


def test_webhooks_that_wait_or_were_given_up(shop):
    now = timezone.now()
    endpoint = WebhookEndpoint.objects.create(advertiser=shop, url="https://shop.example/hook")
    for status, due in (("pending", -90), ("pending", 600), ("failed", -900), ("delivered", -900)):
        WebhookDelivery.objects.create(
            advertiser=shop, endpoint=endpoint, kind="creative.approved", body="{}", status=status,
            available_at=now + timedelta(seconds=due),
        )  # fmt: skip
    read = account_metrics_get(now=now)
    assert read.webhooks == {"pending": 2, "delivered": 1, "failed": 1}
    assert read.webhook_oldest_due_seconds == 90, "what is to be tried again later does not wait yet"
    WebhookEndpoint.objects.update(disabled_at=now)
    assert account_metrics_get(now=now).webhook_oldest_due_seconds == 0, "nobody is to send it"


def test_e_mails_that_the_mail_server_refused_within_a_day(shop, alice):
    now = timezone.now()
    for hours, status in ((1, "failed"), (30, "failed"), (2, "sent")):
        ReportSending.objects.create(
            advertiser=shop, user=alice, view_name="v", day=now.date(), status=status,
            tried_at=now - timedelta(hours=hours),
        )  # fmt: skip
    assert counting_metrics_get(now=now).mails == {"sending": 0, "sent": 1, "failed": 1}


def test_erasures_that_have_not_settled(shop):
    now = timezone.now()
    assert erasure_metrics_get(now=now).oldest_seconds == 0
    for _ in range(2):
        Erasure.objects.create(advertiser=shop, subject="a" * 64, origin="api", until_at=now)
    Erasure.objects.create(advertiser=shop, subject="b" * 64, origin="api", until_at=now, settled_at=now)
    Erasure.objects.update(created_at=now - timedelta(seconds=75))
    read = erasure_metrics_get(now=now)
    assert (read.unsettled, read.oldest_seconds) == (2, 75)


def test_the_age_of_the_last_backup_and_none_without_one():
    now = timezone.now()
    assert account_metrics_get(now=now).backup_age_seconds is None
    LastRun.objects.create(name="backup", ran_at=now - timedelta(hours=3))
    assert account_metrics_get(now=now).backup_age_seconds == 3 * 3600


def test_pictures_that_wait_to_be_fetched(shop):
    now = timezone.now()
    for number, (status, due) in enumerate(
        (("waiting", -90), ("waiting", 600), ("refused", None), ("fetched", 900))
    ):
        RemotePicture.objects.create(
            advertiser=shop, product=factories.make_product(shop, f"P{number}"), url="https://x.example/a",
            host="x.example", status=status,
            available_at=None if due is None else now + timedelta(seconds=due),
        )  # fmt: skip
    read = picture_metrics_get(now=now)
    assert read.pictures == {"waiting": 2, "fetched": 1, "refused": 1}
    assert read.oldest_due_seconds == 90
