"""The draft of a campaign's creative, while the campaign is edited."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.permissions import MemberRequest
from adplatform.lib.errors import DomainError
from campaigns.briefing import brief_make
from campaigns.forms import ids_of
from campaigns.models import Campaign
from campaigns.wizard_views import wizard_step
from generation.draft_views import draft_panel
from generation.drafts import SIZE, draft_request


@require_POST
@wizard_step
def campaign_draft(request: MemberRequest, campaign: Campaign) -> HttpResponse:
    """Ask for the draft of one product for one segment; nothing chosen: the first product, for everyone."""
    products = campaign.products.order_by("title", "external_id")
    product = products.filter(pk__in=_ids(request, "product")).first() or products.first()
    if product is None:
        return _refusal(request, "Choose a product first, then a draft is drawn here.")
    segment = campaign.segments.filter(pk__in=_ids(request, "segment")).first()
    try:
        brief = brief_make(
            campaign=campaign, product=product, segment=segment, sizes=(SIZE,), now=timezone.now()
        )
        return draft_panel(request, draft_request(advertiser=request.advertiser, brief=brief))
    except DomainError as error:
        return _refusal(request, error.message)


def _ids(request: MemberRequest, name: str) -> set[UUID]:
    return ids_of(request.POST.getlist(name))


def _refusal(request: MemberRequest, problem: str) -> HttpResponse:
    return render(request, "campaigns/_draft_refusal.html", {"problem": problem})
