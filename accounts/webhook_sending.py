"""Sends what waits in the outbox. At least once: a receiver tells repeats by ``webhook-id``."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import requests
import structlog
from django.conf import settings
from django.db.models import F
from django.utils import timezone
from requests_hardened.ip_filter import InvalidIPAddress

from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.webhook_signing import headers_make
from adplatform.lib.outgoing import TooLong, session_make, time_limit

log = structlog.get_logger(__name__)

# Of the Standard Webhooks recommendation: ten attempts over about three days.
DELAYS = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip
LEASE = timedelta(minutes=2)  # longer than an attempt can take
TIMEOUT_SECONDS = (5, 10)  # to connect, between two pieces of the answer
ATTEMPT_SECONDS = 10.0  # the whole of it: a receiver may send one byte at a time for ever
DISABLE_AFTER = 50  # failed attempts in a row, over all of an endpoint's messages
BUDGET_SECONDS = 10.0  # of one call, beside the last attempt: the worker has figures to count as well
ADVERTISER_SECONDS = 5.0  # of one call, in the same way
GONE = 410  # the receiver's own word for "never again"


@dataclass(frozen=True)
class Answer:
    """What came back; ``error`` says why nothing did."""

    status: int | None
    error: str = ""
    ms: int = 0

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def webhooks_send(*, now: datetime | None = None) -> int:
    """Send what is due; the number of attempts.

    An endpoint that fails has its next turn in a later call, and so has an advertiser whose receivers took
    their share of this one's time.
    """
    deadline = time.monotonic() + BUDGET_SECONDS
    failing: set[UUID] = set()
    seconds: dict[UUID, float] = defaultdict(float)
    attempts = 0
    while time.monotonic() < deadline:
        at = now or timezone.now()
        delivery = (
            WebhookDelivery.objects.select_related("endpoint")
            .filter(
                status=WebhookDelivery.Status.PENDING,
                available_at__lte=at,
                endpoint__disabled_at__isnull=True,
            )
            .exclude(endpoint_id__in=failing)
            .exclude(advertiser_id__in=[pk for pk, spent in seconds.items() if spent >= ADVERTISER_SECONDS])
            .order_by("available_at")
            .first()
        )
        if delivery is None:
            break
        if not _claim(delivery, at):
            continue
        attempts += 1
        start, answer = time.monotonic(), Answer(None, "interrupted")
        try:
            answer = post(delivery, at)
        finally:  # whatever ends the task: it was an attempt, and the next is a while off
            _settle(delivery, answer, at)
        seconds[delivery.advertiser_id] += time.monotonic() - start
        if not answer.is_good:
            failing.add(delivery.endpoint_id)
    return attempts


def _claim(delivery: WebhookDelivery, now: datetime) -> bool:
    """Guarded by the time it was due: of two workers one gets it."""
    due, delivery.available_at = delivery.available_at, now + LEASE
    claimed = WebhookDelivery.objects.filter(
        pk=delivery.pk, status=WebhookDelivery.Status.PENDING, available_at=due
    ).update(available_at=delivery.available_at, attempts=F("attempts") + 1, attempted_at=now)
    delivery.attempts += 1
    return bool(claimed)


def post(delivery: WebhookDelivery, now: datetime) -> Answer:
    """One attempt. Redirects are not followed, private addresses are refused after the name is resolved,
    and nothing of the answer but its status is read."""
    endpoint = delivery.endpoint
    keys = [endpoint.secret]
    if endpoint.previous_until is not None and now < endpoint.previous_until:
        keys.append(endpoint.previous_secret)
    headers = headers_make(
        keys, message_id=f"msg_{delivery.pk.hex}", timestamp=int(now.timestamp()), body=delivery.body
    )
    session = session_make(
        user_agent="adplatform-webhooks/1",
        timeout_seconds=TIMEOUT_SECONDS,
        allow_loopback=settings.WEBHOOKS_ALLOW_LOOPBACK,
    )
    start = time.monotonic()
    try:
        with time_limit(ATTEMPT_SECONDS), session:
            response = session.post(
                endpoint.url,
                data=delivery.body.encode(),
                headers={**headers, "Content-Type": "application/json"},
                stream=True,
            )
            response.close()
    except InvalidIPAddress:
        return Answer(None, "address_forbidden")
    except (requests.Timeout, TooLong):
        return Answer(None, "timed_out", _ms_since(start))
    except requests.exceptions.SSLError:
        return Answer(None, "tls_failed", _ms_since(start))
    except (requests.RequestException, ValueError, OSError):
        return Answer(None, "connection_failed", _ms_since(start))
    return Answer(response.status_code, "", _ms_since(start))


def _ms_since(start: float) -> int:
    return round((time.monotonic() - start) * 1000)


def _settle(delivery: WebhookDelivery, answer: Answer, now: datetime) -> None:
    """Write down what became of an attempt, unless somebody asked for a new beginning meanwhile."""
    changes: dict[str, Any] = {"answer_ms": answer.ms, "answer_status": answer.status, "error": answer.error}
    if answer.is_good:
        changes["status"] = WebhookDelivery.Status.DELIVERED
    elif delivery.attempts > len(DELAYS):
        changes["status"] = WebhookDelivery.Status.FAILED
    else:
        changes["available_at"] = now + DELAYS[delivery.attempts - 1]
    WebhookDelivery.objects.filter(pk=delivery.pk, available_at=delivery.available_at).update(**changes)
    endpoint = WebhookEndpoint.objects.filter(pk=delivery.endpoint_id)
    if answer.is_good:
        endpoint.exclude(failures=0).update(failures=0)
        return
    endpoint.update(failures=F("failures") + 1)
    failed_often = endpoint.filter(failures__gte=DISABLE_AFTER, disabled_at=None)
    reason = "gone" if answer.status == GONE else "failed_often"
    found = endpoint.filter(disabled_at=None) if answer.status == GONE else failed_often
    if found.update(disabled_at=now, disabled_reason=reason):
        log.warning("webhook_disabled", endpoint=str(delivery.endpoint_id), reason=reason)
