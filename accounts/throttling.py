"""One throttle: requests a minute for each secret key, each browser behind a publishable key, each person.

With the default local-memory cache each process counts for itself; point CACHE_URL at Redis to count
across processes.
"""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from accounts.addresses import client_address
from accounts.models import ApiKey


class ApiKeyThrottle(SimpleRateThrottle):
    """429 with Retry-After beyond API_THROTTLE."""

    scope = "api_key"

    def get_cache_key(self, request: Request, view: Any) -> str:
        if isinstance(request.auth, ApiKey):
            bearer = f"key:{request.auth.pk}"
            if request.auth.kind == ApiKey.Kind.PUBLISHABLE:
                # Every shopper's browser sends this one: what one of them does is not the others' trouble.
                bearer = f"{bearer}:{client_address(request)}"
        elif request.user and request.user.is_authenticated:
            bearer = f"user:{request.user.pk}"
        else:
            bearer = f"address:{client_address(request)}"
        return self.cache_format % {"scope": self.scope, "ident": bearer}
