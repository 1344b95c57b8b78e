"""Who pays for an advertiser's adverts, where that is somebody else; every decision says it."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.models import Advertiser
from accounts.permissions import MemberRequest, Role, member_required
from adplatform.lib.errors import DomainError
from campaigns.serving_version import serving_version_bump

NAME_LENGTH = Advertiser._meta.get_field("payer_name").max_length or 0


@transaction.atomic
def payer_set(*, advertiser: Advertiser, name: str) -> Advertiser:
    """Name the payer, "" for the advertiser itself; decisions say it within a second.

    Raises DomainError ``payer_too_long``.
    """
    name = " ".join(name.split())
    if len(name) > NAME_LENGTH:
        raise DomainError("payer_too_long", f"The payer's name may have {NAME_LENGTH} characters.")
    advertiser.payer_name = "" if name == advertiser.name else name
    advertiser.save(update_fields=["payer_name"])
    serving_version_bump(advertiser.pk)
    return advertiser


@require_POST
@member_required(roles=frozenset({Role.ADMIN}))
def advertiser_payer(request: MemberRequest) -> HttpResponse:
    """Name who pays for the adverts; empty where it is the advertiser itself."""
    try:
        payer_set(advertiser=request.advertiser, name=request.POST.get("payer_name", ""))
        payer = request.advertiser.payer_name or request.advertiser.name
        messages.success(request, f"Each advert now says that {payer} paid for it.")
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("member-list")
