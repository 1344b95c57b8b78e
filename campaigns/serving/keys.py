"""API keys that this process saw just now, so that a warm decision asks no database.

A revoked key is refused at most ``FRESH_SECONDS * patience``, 0.9 s, later. The keys of an advertiser may
together ask ``SERVING_KEY_RATE`` times a second of each process, twice that in a burst: a shop whose page
runs wild has its own share of the process, and no other's. While the database cannot be read, a key that was
good keeps working for ``SERVING_STALE_SECONDS``, like the snapshot it asks for.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, replace
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed

from accounts.authentication import api_key_of, bearer_key_of, live_keys_touch
from accounts.models import ApiKey
from adplatform.lib.errors import DomainError
from campaigns.serving.store import IN_USE_SECONDS, kept_fresh

log = structlog.get_logger(__name__)

FRESH_SECONDS = 0.5
BURST_SECONDS = 1.0  # of the rate, at once, beside the rate itself
CAPACITY = 10_000  # keys; beyond it the first that came is forgotten, it comes back by one query


@dataclass(slots=True)
class Bucket:
    """A token bucket as one number (GCRA): the moment at which all would have been asked evenly."""

    interval: float  # seconds between two requests; 0: any number may come
    due_at: float = 0.0

    def has_turn(self, now: float) -> bool:
        """Two threads may read the same number; a bucket that lets one more through is good enough."""
        due = max(self.due_at, now)
        if due - now > BURST_SECONDS:
            return False
        self.due_at = due + self.interval
        return True


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a key speaks for and what it may do."""

    advertiser_id: UUID
    key_id: UUID
    is_secret: bool
    scopes: frozenset[str]
    checked_at: float
    bucket: Bucket  # one for all keys of the advertiser


# How many times FRESH_SECONDS a request waits before it asks for itself; more where a thread does it.
patience = 1.0

_callers: dict[bytes, Caller] = {}
_used_at: dict[bytes, float] = {}
_buckets: dict[UUID, Bucket] = {}
_lock = threading.Lock()


def caller_of(request: HttpRequest, *, scope: str) -> Caller:
    """The owner of the request's key. Raises DomainError: 401 without a live key, 403 without the scope."""
    # Of the key alone: a header can be spaced in a thousand ways. The digest, not the key, is kept: a memory
    # dump holds no usable secret.
    digest = hashlib.sha256(bearer_key_of(request.META.get("HTTP_AUTHORIZATION", "")).encode()).digest()
    now = time.monotonic()
    caller = _callers.get(digest) or _check(request, digest, None, now)
    if not caller.bucket.has_turn(now):  # before a known key's query: a page run wild costs none
        raise DomainError("throttled", "Too many requests with this advertiser's keys.", status=429)
    if now - caller.checked_at >= FRESH_SECONDS * patience:
        caller = _check(request, digest, caller, now)
    if scope not in caller.scopes:
        raise DomainError("scope_missing", "This key may not do that.", status=403)
    _used_at[digest] = now
    return caller


def callers_refresh() -> None:
    """Ask once about every key that was lately in use; called beside the requests."""
    now = time.monotonic()
    fresh = set(kept_fresh(_used_at, now))
    for digest in [digest for digest in tuple(_used_at) if digest not in fresh]:
        _used_at.pop(digest, None)
    used = {digest: caller for digest, caller in tuple(_callers.items()) if digest in fresh}
    if not used:
        return
    live = live_keys_touch(
        key_ids={caller.key_id for caller in used.values()},
        # Keeping a quiet key fresh is no use of it.
        used_ids={
            caller.key_id
            for digest, caller in used.items()
            if now - _used_at.get(digest, now) <= IN_USE_SECONDS
        },
    )
    for digest, caller in used.items():
        scopes = live.get(caller.key_id)
        if scopes is None:
            _callers.pop(digest, None)
        else:
            _callers[digest] = replace(caller, scopes=frozenset(scopes), checked_at=now)


def callers_forget() -> None:
    """Ask the database again for every key."""
    _callers.clear()
    _used_at.clear()
    _buckets.clear()


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
    rate = settings.SERVING_KEY_RATE
    caller = Caller(
        advertiser_id=key.advertiser_id,
        key_id=key.pk,
        is_secret=key.kind == ApiKey.Kind.SECRET,
        scopes=frozenset(key.scopes),
        checked_at=now,
        bucket=_buckets.setdefault(key.advertiser_id, Bucket(1.0 / rate if rate > 0 else 0.0)),
    )
    with _lock:
        if digest not in _callers and len(_callers) >= CAPACITY:
            first = next(iter(_callers))
            _callers.pop(first)
            _used_at.pop(first, None)
        _callers[digest] = caller
    return caller
