"""Idempotency-Key: a request that is sent again is answered as before and done once.

As at Stripe: the same key with the same request returns the stored answer, with another request 422, while
the first is still being worked on 409; a lock expires, and keys are forgotten after a day. A request that is
refused for what it says stores nothing, so that it may be corrected and sent under its key again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import IdempotentRequest
from adplatform.lib.errors import DomainError

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEY_LIMIT = 255
LOCKED = timedelta(seconds=60)  # longer than any request is let to take
KEPT = timedelta(hours=24)


def idempotent(request: Request, perform: Callable[[], tuple[int, dict[str, Any]]]) -> Response:
    """The answer to a request, which ``perform`` makes as (status, JSON body) unless it is there already.

    The effect and its stored answer are one transaction. Raises DomainError ``idempotency_key_invalid``
    (400), ``idempotency_key_reused`` (422), ``idempotency_in_flight`` (409), and what ``perform`` raises.
    """
    key = request.headers.get(HEADER, "")
    if not key:
        with transaction.atomic():
            status, body = perform()
        return Response(body, status=status)
    if len(key) > KEY_LIMIT or not (key.isascii() and key.isprintable()):
        raise DomainError("idempotency_key_invalid", f"At most {KEY_LIMIT} printable ASCII characters.")
    advertiser_id = request.advertiser.pk  # type: ignore[attr-defined]
    record = _begin(advertiser_id, key, _fingerprint(request), timezone.now())
    if record.status is not None:
        return Response(record.answer, status=record.status, headers={REPLAYED: "true"})
    mine = IdempotentRequest.objects.filter(pk=record.pk, locked_until=record.locked_until)
    try:
        with transaction.atomic():
            status, body = perform()
            if not mine.update(status=status, answer=body):
                raise _in_flight()  # ours took too long and another has it now: nothing of ours remains
    except Exception:
        mine.filter(status=None).delete()
        raise
    return Response(body, status=status)


def idempotent_requests_purge() -> int:
    """Forget keys of more than a day ago; the number."""
    return IdempotentRequest.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def _begin(advertiser_id: UUID, key: str, fingerprint: str, now: datetime) -> IdempotentRequest:
    """Ours to do (``status`` None), or done. Raises DomainError 409 and 422."""
    same_key = IdempotentRequest.objects.filter(advertiser_id=advertiser_id, key=key)
    same_key.filter(created_at__lt=now - KEPT).delete()
    new = IdempotentRequest(
        advertiser_id=advertiser_id, key=key, fingerprint=fingerprint, locked_until=now + LOCKED
    )
    IdempotentRequest.objects.bulk_create([new], ignore_conflicts=True)
    found = same_key.first()
    if found is None:
        raise _in_flight()  # deleted between our two statements
    if found.pk == new.pk:
        return found
    if found.fingerprint != fingerprint:
        raise DomainError("idempotency_key_reused", "This key came with another request before.", status=422)
    if found.status is None:
        expired = same_key.filter(pk=found.pk, status=None, locked_until__lte=now)
        if not expired.update(locked_until=new.locked_until):
            raise _in_flight()
        found.locked_until = new.locked_until
    return found


def _fingerprint(request: Request) -> str:
    # The parsed body: request.body cannot be read once DRF has parsed it.
    text = f"{request.method} {request.get_full_path()} {request.data!r}"
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _in_flight() -> DomainError:
    return DomainError("idempotency_in_flight", "The first request with this key is not done.", status=409)
