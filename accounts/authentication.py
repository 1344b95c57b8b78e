"""API keys: read from ``Authorization: Bearer sk_…`` and never from the URL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import failed_keys
from accounts.addresses import client_address
from accounts.models import ApiKey
from adplatform.lib.errors import DomainError

LAST_USED_RESOLUTION = timedelta(minutes=1)  # so that a busy key costs one write a minute


def bearer_key_of(header: str) -> str:
    """The key in the text of an ``Authorization`` header, "" without one."""
    scheme, _, key = header.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def api_key_of(request: HttpRequest | Request) -> ApiKey | None:
    """The live key a request carries, None without one.

    Raises AuthenticationFailed for a wrong one, and DomainError ``throttled`` (429) where too many of them
    came from this address.
    """
    key = bearer_key_of(request.headers.get("Authorization", ""))
    if not key:
        return None
    digest, address = ApiKey.digest_of(key), client_address(request)
    if not failed_keys.may_ask(address=address, digest=digest):
        raise DomainError(
            "throttled", "Too many wrong API keys from this address.", status=429, retry_after=1
        )
    found = ApiKey.objects.live().select_related("advertiser").filter(digest=digest).first()
    if found is None:
        failed_keys.key_failed(address=address, digest=digest)
        raise AuthenticationFailed("This API key is unknown or revoked.", code="api_key_invalid")
    failed_keys.key_worked(digest)
    _touch({found.pk: found.last_used_at})
    return found


def live_keys_touch(*, key_ids: Collection[UUID], used_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Which of the keys are still live, with their scopes; of those in ``used_ids`` the last use is noted."""
    rows = ApiKey.objects.live().filter(pk__in=key_ids)
    found = list(rows.values_list("pk", "scopes", "last_used_at"))
    _touch({pk: last_used_at for pk, _, last_used_at in found if pk in used_ids})
    return {pk: scopes for pk, scopes, _ in found}


def _touch(last_used: Mapping[UUID, datetime | None]) -> None:
    now = timezone.now()
    due = [pk for pk, last in last_used.items() if last is None or now - last > LAST_USED_RESOLUTION]
    if due:
        ApiKey.objects.filter(pk__in=due).update(last_used_at=now)


class ApiKeyAuthentication(BaseAuthentication):
    """DRF authentication by API key; the request then speaks for the key's advertiser."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        key = api_key_of(request)
        if key is None:
            return None
        request._request.advertiser = key.advertiser  # type: ignore[attr-defined]
        return (None, key)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """Tells Swagger how a key is sent."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key: sk_… or pk_…"}
