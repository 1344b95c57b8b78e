"""Two looser limits of signing in, beside the lock of one name from one address.

One address that tries many names rests as a whole. One name that is tried from many addresses gets a single
try from each, instead of ten: its owner, who types the right password, is not locked out by strangers.
"""

from __future__ import annotations

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import QuerySet, Sum
from django.http import HttpRequest

ADDRESS_LIMIT = 100  # wrong passwords of one address within the rest time: no office mistypes so often
NAME_LIMIT = 50  # of one name from all addresses


class LoginLimits(AxesDatabaseHandler):
    """django-axes' handler with the two limits; AXES_FAILURE_LIMIT is reached when any of the three is."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Wrong passwords of this name from this address; the limit where a looser one is reached."""
        own: int = super().get_failures(request, credentials)
        if own >= settings.AXES_FAILURE_LIMIT or not self._is_beyond(request, credentials, own):
            return own
        return int(settings.AXES_FAILURE_LIMIT)

    def _is_beyond(self, request: HttpRequest, credentials: dict[str, Any] | None, own: int) -> bool:
        recent = AccessAttempt.objects.filter(attempt_time__gte=get_cool_off_threshold(request))
        if _failures(recent.filter(ip_address=request.axes_ip_address)) >= ADDRESS_LIMIT:  # type: ignore[attr-defined]
            return True
        username = get_client_username(request, credentials)
        return own > 0 and bool(username) and _failures(recent.filter(username=username)) >= NAME_LIMIT


def _failures(attempts: QuerySet[AccessAttempt]) -> int:
    return int(attempts.aggregate(number=Sum("failures_since_start", default=0))["number"])
