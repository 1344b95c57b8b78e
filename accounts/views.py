"""Pages of the tenant itself: people, API keys, and the switch between advertisers."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID
from zoneinfo import available_timezones

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import services
from accounts.middleware import SESSION_KEY
from accounts.models import ApiKey, Invitation, Membership
from accounts.permissions import ADMIN_ONLY, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound

GRACE_HOURS = {"24": "a day", "168": "a week", "720": "30 days", "1": "an hour", "0": "not at all"}


@require_POST
@member_required(before_two_steps=True)
def advertiser_switch(request: MemberRequest) -> HttpResponse:
    """Work for another of the person's advertisers; an id they do not belong to changes nothing."""
    chosen = request.POST.get("advertiser", "")
    if any(str(membership.advertiser_id) == chosen for membership in request.memberships):
        request.session[SESSION_KEY] = chosen
    return redirect("overview")


@member_required(roles=ADMIN_ONLY)
def api_key_list(request: MemberRequest) -> HttpResponse:
    """All keys; a new one's text is shown in the answer to its creation and never again."""
    new_key = ""
    if request.method == "POST":
        try:
            _, new_key = services.api_key_create(
                advertiser=request.advertiser,
                name=request.POST.get("name", ""),
                kind=request.POST.get("kind", ""),
                scopes=request.POST.getlist("scopes"),
                created_by=request.user,
            )
        except DomainError as error:
            messages.error(request, error.message)
    return _keys_page(request, new_key)


@require_POST
@member_required(roles=ADMIN_ONLY)
def api_key_rotate(request: MemberRequest, key_id: str) -> HttpResponse:
    """Answers with the new key's text; the old one goes on for the hours that were chosen."""
    new_key, hours = "", request.POST.get("hours", "")
    try:
        _, new_key = services.api_key_rotate(
            advertiser=request.advertiser,
            key_id=key_id,
            grace=timedelta(hours=int(hours) if hours in GRACE_HOURS else -1),
            rotated_by=request.user,
        )
    except NotFound:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, error.message)
    return _keys_page(request, new_key)


def _keys_page(request: MemberRequest, new_key: str) -> HttpResponse:
    keys = ApiKey.objects.filter(advertiser=request.advertiser).order_by("revoked_at", "-created_at")
    return render(
        request,
        "accounts/api_key_list.html",
        {
            "keys": keys,
            "kinds": ApiKey.Kind.choices,
            "scopes": ApiKey.Scope.choices,
            "publishable": ApiKey.SCOPES_BY_KIND[ApiKey.Kind.PUBLISHABLE],
            "graces": GRACE_HOURS.items(),
            "new_key": new_key,
        },
    )


@require_POST
@member_required(roles=ADMIN_ONLY)
def api_key_revoke(request: MemberRequest, key_id: str) -> HttpResponse:
    try:
        services.api_key_revoke(advertiser=request.advertiser, key_id=key_id)
    except NotFound:
        raise Http404 from None
    messages.success(request, "The key is revoked: the next request with it is refused.")
    return redirect("api-key-list")


@member_required(roles=ADMIN_ONLY)
def member_list(request: MemberRequest) -> HttpResponse:
    """People, their roles, and who is invited."""
    members = (
        Membership.objects.filter(advertiser=request.advertiser)
        .select_related("user")
        .annotate(
            has_two_steps=Exists(TOTPDevice.objects.filter(user=OuterRef("user"), confirmed=True)),
        )
        .order_by("user__username")
    )
    return render(
        request,
        "accounts/member_list.html",
        {
            "members": members,
            "invitations": Invitation.objects.filter(
                advertiser=request.advertiser, expires_at__gt=timezone.now()
            ).order_by("created_at"),
            "roles": Membership.Role.choices,
            "time_zones": sorted(available_timezones()),
        },
    )


@require_POST
@member_required(roles=ADMIN_ONLY)
def advertiser_clock(request: MemberRequest) -> HttpResponse:
    """Choose the time zone of the shop's days and hours."""
    try:
        services.advertiser_clock_set(
            advertiser=request.advertiser, time_zone=request.POST.get("time_zone", "")
        )
        messages.success(request, f"Days and hours are now those of {request.advertiser.time_zone}.")
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("member-list")


@require_POST
@member_required(roles=ADMIN_ONLY)
def member_role(request: MemberRequest, membership_id: UUID) -> HttpResponse:
    try:
        membership = services.member_role_set(
            advertiser=request.advertiser, membership_id=membership_id, role=request.POST.get("role", "")
        )
        messages.success(request, f"{membership.user.username} is now {membership.get_role_display()}.")
    except NotFound:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("member-list")


@require_POST
@member_required(roles=ADMIN_ONLY)
def member_remove(request: MemberRequest, membership_id: str) -> HttpResponse:
    try:
        services.member_remove(advertiser=request.advertiser, membership_id=membership_id)
        messages.success(request, "Removed.")
    except NotFound:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("member-list")
