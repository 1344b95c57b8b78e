"""API keys that this process saw within the last second, so that a warm decision asks no database.

A revoked key is refused at most ``FRESH_SECONDS`` later. While the database cannot be read, a key that was
good keeps working for ``SERVING_STALE_SECONDS``, like the snapshot it asks for.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed

from accounts.authentication import api_key_of
from accounts.models import ApiKey
from adplatform.lib.errors import DomainError

log = structlog.get_logger(__name__)

FRESH_SECONDS = 1.0
CAPACITY = 10_000  # keys; forgotten all at once when full, they come back by one query each


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a key speaks for and what it may do."""

    advertiser_id: UUID
    key_id: UUID
    is_secret: bool
    scopes: frozenset[str]
    checked_at: float


_callers: dict[bytes, Caller] = {}
_lock = threading.Lock()


def caller_of(request: HttpRequest, *, scope: str) -> Caller:
    """The owner of the request's key. Raises DomainError: 401 without a live key, 403 without the scope."""
    header = request.headers.get("Authorization", "")
    # The digest, not the key, is kept: a memory dump holds no usable secret.
    digest = hashlib.sha256(header.encode()).digest()
    caller = _callers.get(digest)
    now = time.monotonic()
    if caller is None or now - caller.checked_at >= FRESH_SECONDS:
        caller = _check(request, digest, caller, now)
    if scope not in caller.scopes:
        raise DomainError("scope_missing", "This key may not do that.", status=403)
    return caller


def callers_forget() -> None:
    """Ask the database again for every key."""
    _callers.clear()


def _check(request: HttpRequest, digest: bytes, known: Caller | None, now: float) -> Caller:
    try:
        key = api_key_of(request)
    except AuthenticationFailed as error:
        _callers.pop(digest, None)
        raise DomainError("api_key_invalid", str(error.detail), status=401) from None
    except DatabaseError as error:
        if known is None or now - known.checked_at > settings.SERVING_STALE_SECONDS:
            raise DomainError("key_unavailable", "Keys cannot be read right now.", status=503) from error
        log.warning("key_check_failed", error=repr(error))
        return known
    if key is None:
        raise DomainError("not_authenticated", "Send an API key: Authorization: Bearer pk_…", status=401)
    caller = Caller(
        advertiser_id=key.advertiser_id,
        key_id=key.pk,
        is_secret=key.kind == ApiKey.Kind.SECRET,
        scopes=frozenset(key.scopes),
        checked_at=now,
    )
    with _lock:
        if len(_callers) >= CAPACITY:
            _callers.clear()
        _callers[digest] = caller
    return caller
