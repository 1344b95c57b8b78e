"""The page about what is kept of shoppers, for how long, and the answers to their requests."""

from __future__ import annotations

from django.contrib import messages
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Advertiser
from accounts.permissions import WRITING_ROLES, member_required
from adplatform.lib.errors import DomainError
from rights.erasure import shopper_erase
from rights.export import shopper_export
from rights.models import Erasure
from rights.selectors import consent_summary_get, erasure_list, finding_list, retention_list

NEWEST = 10
# Kind of rows -> what one and several of them are called.
ROWS = {
    "consents_reduced": ("consent line", "consent lines"),
    "behaviour": ("behaviour", "behaviours"),
    "interestprofile": ("profile", "profiles"),
    "segmentmembership": ("membership", "memberships"),
    "capped": ("cap", "caps"),
    "events_unlinked": ("event unlinked", "events unlinked"),
}


@member_required()
@require_GET
def privacy(request: HttpRequest) -> HttpResponse:
    """Consent in numbers, retention, erasures."""
    advertiser: Advertiser = request.advertiser  # type: ignore[attr-defined]
    erasures = erasure_list(advertiser_id=advertiser.pk)
    return render(
        request,
        "rights/privacy.html",
        {
            "consent": consent_summary_get(advertiser_id=advertiser.pk),
            "classes": retention_list(),
            "erasures": [
                (
                    erasure,
                    [
                        (one if number == 1 else several, number)
                        for name, (one, several) in ROWS.items()
                        if (number := erasure.counts.get(name))
                    ],
                )
                for erasure in erasures[:NEWEST]
            ],
            "findings": finding_list(advertiser_id=advertiser.pk)[:NEWEST],
            "erasure_count": erasures.count(),
        },
    )


@member_required(roles=WRITING_ROLES)
@require_POST
def privacy_export(request: HttpRequest) -> HttpResponse:
    """The file for the shopper; by POST, so that the key stands in no log."""
    try:
        content = shopper_export(
            advertiser=request.advertiser,  # type: ignore[attr-defined]
            shopper_key=request.POST.get("shopper", ""),
            now=timezone.now(),
        )
    except DomainError as error:
        messages.error(
            request, "No shopper with this key is known here." if error.status == 404 else error.message
        )
        return redirect("privacy")
    response = JsonResponse(
        content, encoder=DjangoJSONEncoder, json_dumps_params={"indent": 2, "ensure_ascii": False}
    )
    response["Content-Disposition"] = 'attachment; filename="shopper-export.json"'
    response["Cache-Control"] = "no-store"
    return response


@member_required(roles=WRITING_ROLES)
@require_POST
def privacy_erase(request: HttpRequest) -> HttpResponse:
    """Erase a shopper, known or not."""
    try:
        erasure = shopper_erase(
            advertiser=request.advertiser,  # type: ignore[attr-defined]
            shopper_key=request.POST.get("shopper", ""),
            origin=Erasure.Origin.PAGE,
            now=timezone.now(),
        )
    except DomainError as error:
        messages.error(request, error.message)
    else:
        number = sum(erasure.counts.values())
        messages.success(
            request,
            f"Erased: {number} row{pluralize(number)}. "
            "A second pass within a minute catches what was just being stored."
            if number
            else "Nothing was held under this key. It is noted, in case a backup knew it.",
        )
    return redirect("privacy")
