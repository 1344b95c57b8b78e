"""Idempotency-Key: a request that is sent again is answered as before and done once.

As at Stripe: the same key with the same request returns the stored answer, with another request 422, while
the first is still being worked on 409; a lock expires, and keys are forgotten after a day. A key belongs to
one advertiser and one operation. A request that is refused for what it says stores nothing, so that it may be
corrected and sent under its key again. Of key and request only keyed digests are kept: either may name a
shopper, whose erasure must not leave them behind.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import IdempotentRequest
from adplatform.lib.errors import DomainError

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEY_LIMIT = 255
LOCKED = timedelta(seconds=60)  # longer than any request is let to take
KEPT = timedelta(hours=24)
RETRY_AFTER = 2  # seconds

Post = Callable[..., Response]


def idempotent(post: Post) -> Post:
    """Decorator of an API view's ``post``: with an Idempotency-Key it is done once.

    What ``post`` writes and the answer that is kept are one transaction, so a process that dies between the
    two leaves neither. The view raises for every refusal; what it returns is kept. Raises DomainError
    ``idempotency_key_invalid`` (400), ``idempotency_key_reused`` (422), ``idempotency_in_flight`` (409), and
    what ``post`` raises.
    """

    @wraps(post)
    def wrapped(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        if HEADER not in request.headers:
            return post(view, request, *args, **kwargs)
        return _once(request, lambda: post(view, request, *args, **kwargs))

    wrapped.is_idempotent = True  # type: ignore[attr-defined]
    return wrapped


def idempotent_requests_purge() -> int:
    """Forget keys of more than a day ago; the number."""
    return IdempotentRequest.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def answers_replace(
    *, advertiser_id: UUID, routes: Iterable[str], names: Iterable[str], old: Collection[str], new: str
) -> int:
    """``new`` for each of ``old`` under these names of the answers kept for these routes; how many changed.

    The request stays done: sent again it is answered, and not done a second time.
    """
    names = tuple(names)
    named = Q(*((f"answer__{name}__in", list(old)) for name in names), _connector=Q.OR)
    found = list(IdempotentRequest.objects.filter(named, advertiser_id=advertiser_id, route__in=list(routes)))
    for record in found:
        answer = cast(dict[str, Any], record.answer)  # it has one of the names
        record.answer = answer | {name: new for name in names if answer.get(name) in old}
    return IdempotentRequest.objects.bulk_update(found, ["answer"], batch_size=500)


def _once(request: Request, perform: Callable[[], Response]) -> Response:
    key = request.headers[HEADER]
    if not 0 < len(key) <= KEY_LIMIT or not (key.isascii() and key.isprintable()):
        raise DomainError("idempotency_key_invalid", f"1 to {KEY_LIMIT} printable ASCII characters.")
    record = _begin(
        advertiser_id=request.advertiser.pk,  # type: ignore[attr-defined]
        route=request.resolver_match.view_name,  # type: ignore[union-attr]
        key=_digest(key),
        fingerprint=_fingerprint(request),
        now=timezone.now(),
    )
    if record.status is not None:
        return Response(record.answer, status=record.status, headers={REPLAYED: "true"})
    mine = IdempotentRequest.objects.filter(pk=record.pk, locked_until=record.locked_until)
    try:
        with transaction.atomic():
            response = perform()
            if not mine.update(status=response.status_code, answer=_plain(response.data)):
                raise _in_flight()  # ours took too long and another has it now: nothing of ours remains
    except Exception:
        mine.filter(status=None).delete()
        raise
    return response


def _begin(
    *, advertiser_id: UUID, route: str, key: str, fingerprint: str, now: datetime
) -> IdempotentRequest:
    """Ours to do (``status`` None), or done. Raises DomainError 409 and 422."""
    same_key = IdempotentRequest.objects.filter(advertiser_id=advertiser_id, route=route, key=key)
    if (old := same_key.filter(created_at__lt=now - KEPT)).exists():
        old.delete()
    new = IdempotentRequest(
        advertiser_id=advertiser_id, route=route, key=key, fingerprint=fingerprint, locked_until=now + LOCKED
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
    """Keyed digest of the path and of what the body says, files by their content."""
    # The parsed body: request.body cannot be read once DRF has parsed it.
    data = request.data
    if isinstance(data, MultiValueDict):
        data = {name: [_file_digest(value) for value in values] for name, values in data.lists()}
    text = json.dumps([request.method, request.get_full_path(), data], sort_keys=True)
    return _digest(text)


def _digest(text: str) -> str:
    """64 hexadecimal characters under the key that never changes: no rotation has a request done twice."""
    label = f"adplatform.idempotency.v1:{text}"
    return hmac.new(settings.RIGHTS_TOMBSTONE_KEY.encode(), label.encode(), hashlib.sha256).hexdigest()


def _file_digest(value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    digest = hashlib.sha256()
    for chunk in value.chunks():
        digest.update(chunk)
    value.seek(0)
    return [value.name, digest.hexdigest()]


def _plain(data: Any) -> Any:
    """What a view answers (dates, UUIDs), as it goes over the wire."""
    return None if data is None else json.loads(cast(bytes, JSONRenderer().render(data)))


def _in_flight() -> DomainError:
    return DomainError(
        "idempotency_in_flight",
        "The first request with this key is not done.",
        status=409,
        retry_after=RETRY_AFTER,
    )
