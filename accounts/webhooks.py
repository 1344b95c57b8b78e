"""Webhooks: who wants to be told what, and the outbox that every app writes to.

``webhook_emit`` belongs in the transaction of the change itself: then a change that is undone tells nobody,
and one that is committed is told for certain.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Advertiser, WebhookDelivery, WebhookEndpoint
from accounts.tasks import webhooks_send
from accounts.webhook_signing import secret_mint
from adplatform.lib.commit import queue_on_commit
from adplatform.lib.errors import DomainError, NotFound
from adplatform.lib.inside_names import is_inside_name, is_loopback_name

ENDPOINT_LIMIT = 20
URL_LENGTH = WebhookEndpoint._meta.get_field("url").max_length or 0
ROTATION = timedelta(hours=24)  # for so long the secret before signs too
KEPT = timedelta(days=30)
TEST_KIND = "webhook.test"
Kind = WebhookEndpoint.Kind


def webhook_emit(*, advertiser_id: UUID, kind: str, data: dict[str, Any]) -> int:
    """Tell every endpoint that asked for ``kind``; the number of messages. ``data`` holds JSON values."""
    endpoints = WebhookEndpoint.objects.filter(advertiser_id=advertiser_id, disabled_at=None)
    # Few rows; asking a JSON list for a member differs from database to database.
    return _enqueue([endpoint for endpoint in endpoints if kind in endpoint.kinds], kind, data)


def webhook_endpoint_create(
    *, advertiser: Advertiser, url: str, kinds: Sequence[str]
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint and its signing secret, which is shown once.

    Raises DomainError ``url_invalid``, ``address_forbidden``, ``kinds_missing``, ``too_many_endpoints``.
    """
    url = url.strip()
    _url_check(url)
    chosen = [kind for kind in Kind.values if kind in kinds]
    if not chosen:
        raise DomainError("kinds_missing", "Choose at least one thing to be told.")
    if WebhookEndpoint.objects.filter(advertiser=advertiser).count() >= ENDPOINT_LIMIT:
        raise DomainError("too_many_endpoints", f"At most {ENDPOINT_LIMIT} endpoints.", status=409)
    secret = secret_mint()
    endpoint = WebhookEndpoint.objects.create(advertiser=advertiser, url=url, kinds=chosen, secret=secret)
    return endpoint, secret


def webhook_secret_rotate(*, advertiser: Advertiser, endpoint_id: UUID) -> tuple[WebhookEndpoint, str]:
    """A new secret; the one before signs beside it for 24 hours. Raises NotFound."""
    endpoint = webhook_endpoint_get(advertiser=advertiser, endpoint_id=endpoint_id)
    endpoint.previous_secret, endpoint.secret = endpoint.secret, secret_mint()
    endpoint.previous_until = timezone.now() + ROTATION
    endpoint.save(update_fields=["previous_secret", "previous_until", "secret"])
    return endpoint, endpoint.secret


@transaction.atomic
def webhook_endpoint_enable(*, advertiser: Advertiser, endpoint_id: UUID) -> None:
    """Try again, with what waits. Raises NotFound."""
    endpoint = webhook_endpoint_get(advertiser=advertiser, endpoint_id=endpoint_id)
    endpoint.disabled_at, endpoint.disabled_reason, endpoint.failures = None, "", 0
    endpoint.save(update_fields=["disabled_at", "disabled_reason", "failures"])
    _wake()


def webhook_endpoint_disable(*, advertiser: Advertiser, endpoint_id: UUID) -> None:
    """Tell it nothing for now; messages that wait stay for a month. Raises NotFound."""
    endpoint = webhook_endpoint_get(advertiser=advertiser, endpoint_id=endpoint_id)
    WebhookEndpoint.objects.filter(pk=endpoint.pk, disabled_at=None).update(
        disabled_at=timezone.now(), disabled_reason="by_hand"
    )


def webhook_endpoint_delete(*, advertiser: Advertiser, endpoint_id: UUID) -> None:
    """Forget it and its log. Raises NotFound."""
    webhook_endpoint_get(advertiser=advertiser, endpoint_id=endpoint_id).delete()


@transaction.atomic
def webhook_test(*, advertiser: Advertiser, endpoint_id: UUID) -> None:
    """A message that means nothing, to see whether it arrives. Raises NotFound."""
    endpoint = webhook_endpoint_get(advertiser=advertiser, endpoint_id=endpoint_id)
    _enqueue([endpoint], TEST_KIND, {"endpoint_id": str(endpoint.pk)})


@transaction.atomic
def webhook_redeliver(*, advertiser: Advertiser, delivery_id: UUID) -> WebhookDelivery:
    """Send once more under the same id, whatever became of it; its retries begin anew. Raises NotFound."""
    delivery = WebhookDelivery.objects.filter(advertiser=advertiser, pk=delivery_id).first()
    if delivery is None:
        raise NotFound("delivery")
    delivery.status, delivery.attempts = WebhookDelivery.Status.PENDING, 0
    delivery.available_at = timezone.now()
    delivery.save(update_fields=["status", "attempts", "available_at"])
    _wake()
    return delivery


def webhook_deliveries_purge() -> int:
    """Forget what is a month old and sent, given up, or for an endpoint that is switched off; the number."""
    old = WebhookDelivery.objects.filter(created_at__lt=timezone.now() - KEPT)
    waits = Q(status=WebhookDelivery.Status.PENDING, endpoint__disabled_at=None)
    return old.exclude(waits).delete()[0]


def webhook_endpoint_get(*, advertiser: Advertiser, endpoint_id: UUID) -> WebhookEndpoint:
    """Raises NotFound."""
    endpoint = WebhookEndpoint.objects.filter(advertiser=advertiser, pk=endpoint_id).first()
    if endpoint is None:
        raise NotFound("webhook")
    return endpoint


def _enqueue(endpoints: Sequence[WebhookEndpoint], kind: str, data: dict[str, Any]) -> int:
    now = timezone.now()
    body = json.dumps({"type": kind, "timestamp": now, "data": data}, cls=DjangoJSONEncoder)
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            advertiser_id=endpoint.advertiser_id, endpoint=endpoint, kind=kind, body=body, available_at=now
        )
        for endpoint in endpoints
    )
    if endpoints:
        _wake()
    return len(endpoints)


def _wake() -> None:
    queue_on_commit(webhooks_send)


def _url_check(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    plain = settings.WEBHOOKS_ALLOW_LOOPBACK and parts.scheme == "http"
    is_text = url.isascii() and url.isprintable() and " " not in url and len(url) <= URL_LENGTH
    if not host or not is_text or parts.username is not None or not (parts.scheme == "https" or plain):
        raise DomainError("url_invalid", "The address must look like https://shop.example/webhooks.")
    if is_inside_name(host) and not (settings.WEBHOOKS_ALLOW_LOOPBACK and is_loopback_name(host)):
        raise DomainError(
            "address_forbidden", "The address lies inside a private network; webhooks go to public ones only."
        )
