"""Puts the current advertiser on the request, so that no view has to find it again; guards ``/admin/``."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.models import Membership
from accounts.two_step import is_two_step_due_anywhere

SESSION_KEY = "advertiser_id"


class CurrentAdvertiserMiddleware:
    """Sets ``request.membership`` and ``request.advertiser`` for a signed-in person, else None.

    Requests without a session cookie (storefronts, API keys) cost no query here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        membership = None
        if request.user.is_authenticated:
            memberships = list(
                Membership.objects.select_related("advertiser")
                .filter(user=request.user)
                .order_by("created_at")
            )
            chosen = request.session.get(SESSION_KEY)
            membership = next((m for m in memberships if str(m.advertiser_id) == chosen), None)
            membership = membership or next(iter(memberships), None)
            request.memberships = memberships  # type: ignore[attr-defined]
        request.membership = membership  # type: ignore[attr-defined]
        request.advertiser = membership.advertiser if membership else None  # type: ignore[attr-defined]
        return self.get_response(request)


class AdminTwoStepMiddleware:
    """``/admin/`` is no way around the two steps that an advertiser asks of its managers and admins.

    Django's admin knows nothing of advertisers; everybody else's staff come in as before.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (
            request.path_info.startswith("/admin/")
            and request.path_info != "/admin/logout/"
            and is_two_step_due_anywhere(request)
        ):
            return redirect("two-step")
        return self.get_response(request)
