"""The placements page: the places of the storefront and the tag that fills them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.models import ApiKey
from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from campaigns.decision_counts import PlacementDecisions, placement_decisions_list
from campaigns.forms import PlacementForm
from campaigns.selectors import placement_list
from campaigns.services import placement_create, placement_update

DECISION_HOURS = 24


@member_required()
def placement_list_view(request: MemberRequest) -> HttpResponse:
    """All placements with their tags, and a form for another one."""
    form = PlacementForm(request.POST or None)
    if request.method == "POST":
        if request.membership.role not in WRITING_ROLES:
            return HttpResponse(status=403)
        if form.is_valid() and _created(request, form):
            return redirect("placement-list")
    placements = placement_list(advertiser_id=request.advertiser.pk)
    decisions = _decisions(request.advertiser.pk)
    # A publishable key is stored as a hash, so its text cannot be shown again: only how it begins.
    key = (
        ApiKey.objects.filter(advertiser=request.advertiser, kind=ApiKey.Kind.PUBLISHABLE, revoked_at=None)
        .order_by("-created_at")
        .first()
    )
    context = {
        "form": form,
        "rows": [(placement, decisions.get(placement.pk)) for placement in placements],
        "unknown": decisions.get(None),
        "hours": DECISION_HOURS,
        "key": key,
        "origin": f"{request.scheme}://{request.get_host()}",
    }
    return render(request, "campaigns/placement_list.html", context)


def _decisions(advertiser_id: UUID) -> dict[UUID | None, PlacementDecisions]:
    """What each placement was asked for lately, simulated visits included: they ask like real ones."""
    now = timezone.now()
    # Whole hours: the one that runs and those before it.
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=DECISION_HOURS - 1)
    found = placement_decisions_list(advertiser_id=advertiser_id, start=start, end=now)
    return {row.placement_id: row for row in found}


def _created(request: MemberRequest, form: PlacementForm) -> bool:
    data = form.cleaned_data
    width, height = form.size_of()
    try:
        placement = placement_create(
            advertiser=request.advertiser, name=data["name"], code=data["code"], width=width, height=height
        )
    except DomainError as error:
        for name, sentences in error.errors.items():
            form.add_error(name if name in form.fields else None, sentences)
        return False
    messages.success(request, f"The placement {placement.name} is there; put its tag into the storefront.")
    return True


@require_POST
@member_required(roles=WRITING_ROLES)
def placement_switch(request: MemberRequest, placement_id: UUID) -> HttpResponse:
    """Close a placement, or open it again."""
    is_active = request.POST.get("is_active") == "1"
    try:
        placement = placement_update(
            advertiser=request.advertiser, placement_id=placement_id, is_active=is_active
        )
    except NotFound:
        raise Http404 from None
    messages.success(request, f"{placement.name} is {'open' if is_active else 'closed'}.")
    return redirect("placement-list")
