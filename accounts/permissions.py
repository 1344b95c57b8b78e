"""Who may do what: one table from role to scopes, one check for the API and one for the pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import Advertiser, ApiKey, Membership, User
from accounts.two_step import is_two_step_due

Role = Membership.Role
Scope = ApiKey.Scope


class MemberRequest(HttpRequest):
    """A request as a page behind ``member_required`` receives it; the middleware sets the rest."""

    user: User
    advertiser: Advertiser
    membership: Membership
    memberships: list[Membership]


ADMIN_ONLY = frozenset({Role.ADMIN})
WRITING_ROLES = frozenset({Role.ADMIN, Role.MANAGER})
REVIEWING_ROLES = frozenset({Role.ADMIN, Role.MANAGER, Role.REVIEWER})


class HasScope(BasePermission):
    """Default of every endpoint: reading needs ``read``, everything else ``write``.

    A view may name other scopes with ``scopes = {"POST": "track"}`` and other roles for its writing
    methods with ``roles = REVIEWING_ROLES``.
    """

    message = "This key or role may not do that."
    code = "scope_missing"

    def has_permission(self, request: Request, view: Any) -> bool:
        default = Scope.READ if request.method in SAFE_METHODS else Scope.WRITE
        scope = getattr(view, "scopes", {}).get(request.method, default)
        if isinstance(request.auth, ApiKey):
            return scope in request.auth.scopes
        membership = getattr(request, "membership", None)
        if membership is None:
            return False
        if is_two_step_due(request):
            raise exceptions.PermissionDenied("Sign in with two steps first.", code="two_step_required")
        return scope == Scope.READ or membership.role in getattr(view, "roles", WRITING_ROLES)


def member_required(
    *, roles: frozenset[Role] | None = None, before_two_steps: bool = False
) -> Callable[..., Callable[..., HttpResponse]]:
    """Decorator of pages: signed in, member of an advertiser, and in one of ``roles`` (None: any).

    Who has to sign in with two steps is led there, except from pages ``before_two_steps``.
    Sets nothing itself: ``request.advertiser`` and ``request.membership`` come from the middleware.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        @login_required
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            membership = request.membership  # type: ignore[attr-defined]
            if membership is None or (roles is not None and membership.role not in roles):
                raise PermissionDenied
            if not before_two_steps and is_two_step_due(request):
                return redirect("two-step")
            return view(request, *args, **kwargs)

        return wrapped

    return decorate
