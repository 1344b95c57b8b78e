"""Webhooks: told once for certain, signed so that others' libraries verify it, never to the inside."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import hmac
import json
import os
import signal
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest.mock import patch

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.utils import timezone

from accounts import webhook_sending, webhooks
from accounts.models import Membership, WebhookDelivery, WebhookEndpoint
from accounts.webhook_signing import headers_make, signature_make
from adplatform.lib.errors import DomainError
from generation.review import creative_approve
from tests import factories

KINDS = ["creative.approved"]
NOW = timezone.now()


class Receiver(HTTPServer):
    """The shop's server: keeps what arrives and answers as told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[dict[str, str], str]] = []
        self.answer = 200
        self.packed = b""  # the answer's body, gzipped
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.answer)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(self.server.packed)))
        self.end_headers()
        with contextlib.suppress(OSError):  # the sender had enough
            self.wfile.write(self.server.packed)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def endpoint(shop, receiver, settings) -> WebhookEndpoint:
    settings.WEBHOOKS_ALLOW_LOOPBACK = True
    return webhooks.webhook_endpoint_create(advertiser=shop, url=receiver.url, kinds=KINDS)[0]


def emit(shop, kind="creative.approved"):
    return webhooks.webhook_emit(advertiser_id=shop.pk, kind=kind, data={"n": 1})


def test_the_signature_is_that_of_the_standard():
    """The example of the Standard Webhooks specification."""
    assert (
        signature_make(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp=1614265330,
            body='{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_message_arrives_signed_and_once(shop, endpoint, receiver):
    assert emit(shop) == 1
    assert emit(shop, "experiment.decided") == 0  # it did not ask for that
    assert webhook_sending.webhooks_send() == 1
    assert webhook_sending.webhooks_send() == 0
    ((headers, body),) = receiver.got
    assert json.loads(body)["type"] == "creative.approved"
    key = base64.b64decode(endpoint.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.attempts, delivery.answer_status) == ("delivered", 1, 200)


def test_what_is_undone_tells_nobody(shop, endpoint):
    with transaction.atomic():
        emit(shop)
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()


def test_an_approval_is_told(shop, endpoint, rita):
    creative = factories.make_creative(factories.make_render_job(shop))
    creative_approve(advertiser=shop, creative_id=creative.pk, reviewer=rita)
    told = json.loads(WebhookDelivery.objects.get().body)
    assert told["data"]["creative_id"] == str(creative.pk)
    assert told["data"]["sha256"] == creative.sha256


def test_a_failure_is_tried_again_later_and_given_up_in_the_end(shop, endpoint, receiver):
    receiver.answer = 500
    emit(shop)
    now = NOW
    waits = []
    while WebhookDelivery.objects.get().status == "pending":
        now = max(now, WebhookDelivery.objects.get().available_at)
        assert webhook_sending.webhooks_send(now=now) == 1
        waits.append(WebhookDelivery.objects.get().available_at - now)
    assert waits[:-1] == list(webhook_sending.DELAYS)
    assert len(receiver.got) == 10
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1  # the receiver can tell
    webhooks.webhook_redeliver(advertiser=shop, delivery_id=WebhookDelivery.objects.get().pk)
    receiver.answer = 204
    webhook_sending.webhooks_send()
    assert WebhookDelivery.objects.get().status == "delivered"
    assert WebhookEndpoint.objects.get().failures == 0


def test_a_redirect_is_not_followed_and_no_failing_endpoint_holds_up_another(shop, endpoint, receiver):
    receiver.answer = 302
    dead, _ = webhooks.webhook_endpoint_create(advertiser=shop, url="http://127.0.0.1:9/x", kinds=KINDS)
    emit(shop)
    emit(shop)
    assert webhook_sending.webhooks_send() == 2  # one attempt each
    assert len(receiver.got) == 1
    answers = {d.endpoint_id: (d.answer_status, d.error) for d in WebhookDelivery.objects.filter(attempts=1)}
    assert answers == {endpoint.pk: (302, ""), dead.pk: (None, "connection_failed")}


def test_the_body_of_a_redirect_is_not_unpacked(shop, endpoint, receiver):
    receiver.answer, receiver.packed = 302, gzip.compress(bytes(10**8))
    emit(shop)
    tracemalloc.start()
    try:
        assert webhook_sending.webhooks_send() == 1
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()
    assert WebhookDelivery.objects.get().answer_status == 302


def drip(receiver: socket.socket) -> None:
    """Answers every request with a header that never ends, a byte at a time."""
    while True:
        try:
            connection, _ = receiver.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
            while True:
                time.sleep(0.05)
                connection.sendall(b"a")
        except OSError:
            if receiver.fileno() < 0:
                return


@pytest.fixture
def dripping() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        threading.Thread(target=drip, args=(receiver,), daemon=True).start()
        yield f"http://127.0.0.1:{receiver.getsockname()[1]}/"
        receiver.shutdown(socket.SHUT_RDWR)


def test_an_attempt_ends_however_slowly_the_answer_comes(shop, endpoint, dripping, monkeypatch):
    monkeypatch.setattr(webhook_sending, "ATTEMPT_SECONDS", 0.5)
    endpoint, _ = webhooks.webhook_endpoint_create(advertiser=shop, url=dripping, kinds=KINDS)
    webhooks.webhook_test(advertiser=shop, endpoint_id=endpoint.pk)
    start = time.monotonic()
    assert webhook_sending.webhooks_send() == 1
    assert time.monotonic() - start < 3
    delivery = WebhookDelivery.objects.get()
    assert (delivery.error, delivery.attempts, delivery.status) == ("timed_out", 1, "pending")
    assert delivery.available_at > timezone.now()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_task_that_is_ended_in_an_attempt_still_counts_it(shop, endpoint, dripping):
    endpoint, _ = webhooks.webhook_endpoint_create(advertiser=shop, url=dripping, kinds=KINDS)
    webhooks.webhook_test(advertiser=shop, endpoint_id=endpoint.pk)

    def soft_limit(*_):
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGUSR1, soft_limit)  # as Celery's pool does
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(SoftTimeLimitExceeded):
            webhook_sending.webhooks_send()
    finally:
        timer.cancel()
        signal.signal(signal.SIGUSR1, before)
    delivery = WebhookDelivery.objects.select_related("endpoint").get()
    assert (delivery.error, delivery.endpoint.failures) == ("interrupted", 1)
    assert delivery.available_at == delivery.attempted_at + webhook_sending.DELAYS[0]


def test_one_advertisers_slow_receivers_leave_time_for_anothers(
    shop, other_shop, endpoint, receiver, dripping, monkeypatch
):
    monkeypatch.setattr(webhook_sending, "ATTEMPT_SECONDS", 0.5)
    monkeypatch.setattr(webhook_sending, "ADVERTISER_SECONDS", 0.4)
    monkeypatch.setattr(webhook_sending, "BUDGET_SECONDS", 1.0)
    for _ in range(5):
        slow, _ = webhooks.webhook_endpoint_create(advertiser=other_shop, url=dripping, kinds=KINDS)
        webhooks.webhook_test(advertiser=other_shop, endpoint_id=slow.pk)
    emit(shop)
    assert webhook_sending.webhooks_send() == 2
    assert len(receiver.got) == 1


def test_gone_and_too_many_failures_switch_an_endpoint_off(shop, endpoint, receiver):
    receiver.answer = 410
    emit(shop)
    webhook_sending.webhooks_send()
    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "gone"
    assert emit(shop) == 0
    webhooks.webhook_endpoint_enable(advertiser=shop, endpoint_id=endpoint.pk)
    WebhookEndpoint.objects.update(failures=webhook_sending.DISABLE_AFTER - 1)
    receiver.answer = 500
    emit(shop)
    webhook_sending.webhooks_send()
    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "failed_often"


def test_of_two_workers_one_sends(shop, endpoint):
    emit(shop)
    first, second = (WebhookDelivery.objects.select_related("endpoint").get() for _ in range(2))
    assert webhook_sending._claim(first, NOW)
    assert not webhook_sending._claim(second, NOW)


def test_both_secrets_sign_for_a_day_after_a_rotation(shop, endpoint, receiver):
    _, new = webhooks.webhook_secret_rotate(advertiser=shop, endpoint_id=endpoint.pk)
    emit(shop)
    webhook_sending.webhooks_send()
    ((headers, body),) = receiver.got
    expected = headers_make(
        [new, endpoint.secret],
        message_id=headers["webhook-id"],
        timestamp=int(headers["webhook-timestamp"]),
        body=body,
    )
    assert headers["webhook-signature"] == expected["webhook-signature"]
    emit(shop)
    webhook_sending.webhooks_send(now=timezone.now() + timedelta(hours=25))
    assert " " not in receiver.got[1][0]["webhook-signature"]


INSIDE = [
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://[::1]/",
    "https://[::ffff:127.0.0.1]/", "https://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/x",
    "https://100.64.0.1/", "https://0.0.0.0/", "https://224.0.0.1/", "https://localhost/", "https://db.internal/",
    "https://redis/",
]  # fmt: skip
NO_ADDRESS = [
    "", "shop.example", "http://shop.example/", "ftp://shop.example/", "https://", "https://a@shop.example/",
    "https://shop.example:port/", "https://shop.example/ x", "https://shop.example/\x00",
    "javascript:alert(1)", "https://[::1", "https://shop.example/" + "x" * 500,
]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE + NO_ADDRESS)
def test_no_webhook_goes_to_the_inside_or_nowhere(shop, url):
    with pytest.raises(DomainError) as refused:
        webhooks.webhook_endpoint_create(advertiser=shop, url=url, kinds=KINDS)
    assert refused.value.code == ("url_invalid" if url in NO_ADDRESS else "address_forbidden")


@pytest.mark.parametrize("resolved", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "64:ff9b::7f00:1"])
def test_a_public_name_that_resolves_to_the_inside_is_not_connected_to(shop, receiver, resolved):
    webhooks.webhook_endpoint_create(advertiser=shop, url="https://rebound.example/", kinds=KINDS)
    emit(shop)
    family = 10 if ":" in resolved else 2
    answer = [(family, 1, 6, "", (resolved, receiver.server_port, *((0, 0) if family == 10 else ())))]
    with patch("socket.getaddrinfo", return_value=answer):
        webhook_sending.webhooks_send()
    assert WebhookDelivery.objects.get().error == "address_forbidden"
    assert not receiver.got


def test_the_pages_show_a_secret_once_and_the_log(shop, client, receiver, settings):
    settings.WEBHOOKS_ALLOW_LOOPBACK = True
    client.force_login(factories.make_member(shop, Membership.Role.ADMIN))
    page = client.post("/webhooks/", {"url": receiver.url, "kinds": KINDS}).content.decode()
    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.secret in page
    assert endpoint.secret not in client.get("/webhooks/").content.decode()
    detail = f"/webhooks/{endpoint.pk}/"
    client.post(f"{detail}change/", {"action": "test"})
    webhook_sending.webhooks_send()
    assert "Delivered" in client.get(detail).content.decode()
    assert json.loads(receiver.got[0][1])["type"] == "webhook.test"
    rotated = client.post(detail).content.decode()
    endpoint.refresh_from_db()
    assert endpoint.secret in rotated
    client.post(f"/webhooks/deliveries/{WebhookDelivery.objects.get().pk}/redeliver/")
    webhook_sending.webhooks_send()
    assert len(receiver.got) == 2
    client.post(f"{detail}change/", {"action": "delete"})
    assert not WebhookDelivery.objects.exists()
    assert "at least one thing" in client.post("/webhooks/", {"url": receiver.url}).content.decode()


def test_old_deliveries_go_and_waiting_ones_stay(shop, endpoint):
    emit(shop)
    emit(shop)
    WebhookDelivery.objects.update(created_at=NOW - timedelta(days=31))
    done = WebhookDelivery.objects.first()
    WebhookDelivery.objects.filter(pk=done.pk).update(status="delivered")
    assert webhooks.webhook_deliveries_purge() == 1
    assert WebhookDelivery.objects.get().status == "pending"
    webhooks.webhook_endpoint_disable(advertiser=shop, endpoint_id=endpoint.pk)
    assert webhooks.webhook_deliveries_purge() == 1
