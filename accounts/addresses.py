"""Where a request comes from."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request


def client_address(request: HttpRequest | Request) -> str:
    """The peer's address; behind a proxy, what that proxy appended to X-Forwarded-For.

    What stands before the last entry was sent by the client and proves nothing.
    """
    if settings.BEHIND_PROXY:
        forwarded: str = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if forwarded:
            return forwarded
    return str(request.META.get("REMOTE_ADDR", ""))
