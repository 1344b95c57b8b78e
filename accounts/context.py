"""What every template may know of the signed-in person."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounts.permissions import REVIEWING_ROLES, WRITING_ROLES


def current_advertiser(request: HttpRequest) -> dict[str, Any]:
    """``advertiser``, ``membership``, ``memberships``, ``may_write`` and ``may_review``."""
    membership = getattr(request, "membership", None)
    return {
        "advertiser": getattr(request, "advertiser", None),
        "membership": membership,
        "memberships": getattr(request, "memberships", []),
        "may_write": membership is not None and membership.role in WRITING_ROLES,
        "may_review": membership is not None and membership.role in REVIEWING_ROLES,
    }
