"""The invitation's pages: made and withdrawn by admins, answered by whoever has the link."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import invitations
from accounts.middleware import SESSION_KEY
from accounts.models import Membership
from accounts.permissions import ADMIN_ONLY, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound


@require_POST
@member_required(roles=ADMIN_ONLY)
def invitation_create(request: MemberRequest) -> HttpResponse:
    """Answers with the link, which is shown this once."""
    try:
        invitation, token = invitations.invitation_create(
            advertiser=request.advertiser,
            name=request.POST.get("name", ""),
            role=request.POST.get("role", ""),
            invited_by=request.user,
            now=timezone.now(),
        )
        link = request.build_absolute_uri(reverse("invitation", args=[token]))
        days = invitations.GOOD_FOR.days
        messages.success(
            request, f"Give {invitation.name} this link; it is good once, for {days} days: {link}"
        )
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("member-list")


@require_POST
@member_required(roles=ADMIN_ONLY)
def invitation_withdraw(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    try:
        invitations.invitation_withdraw(advertiser=request.advertiser, invitation_id=invitation_id)
        messages.success(request, "The invitation is withdrawn: its link opens nothing any more.")
    except NotFound:
        raise Http404 from None
    return redirect("member-list")


@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Join as who is signed in, or as somebody new with a password of their own; the token allows it."""
    now = timezone.now()
    try:
        found = invitations.invitation_find(token=token, now=now)
        if request.method == "POST":
            membership = _accepted(request, token)
            request.session[SESSION_KEY] = str(membership.advertiser_id)
            messages.success(
                request,
                f"Welcome. Your sign-in name is {membership.user.username}: keep it with your password.",
            )
            return redirect("overview")
    except NotFound:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, error.message)
    return render(request, "accounts/invitation.html", {"invitation": found, "token": token})


def _accepted(request: HttpRequest, token: str) -> Membership:
    now = timezone.now()
    if request.user.is_authenticated:
        return invitations.invitation_accept(token=token, user=request.user, now=now)
    membership = invitations.invitation_accept_new(
        token=token, password=request.POST.get("password", ""), now=now
    )
    login(request, membership.user, backend="django.contrib.auth.backends.ModelBackend")
    return membership
