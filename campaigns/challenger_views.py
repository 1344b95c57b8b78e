"""The page of a campaign's challengers: both pictures side by side, and asking for another."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from campaigns.challenger_selectors import pairs_get
from campaigns.challenger_services import challenger_drop, challengers_request
from campaigns.forms import ChallengerForm, ids_of
from campaigns.models import Campaign
from campaigns.views import campaign_or_404

PAGE_SIZE = 24


@member_required()
@require_GET
def challenger_list(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """Every picture of the campaign beside its challenger, or the place for one."""
    campaign = campaign_or_404(request, campaign_id)
    pairs = pairs_get(campaign=campaign)
    chosen = request.GET.get("variant", "")
    pairs.sort(key=lambda pair: (str(pair.variant.pk) != chosen, pair.challenger.job is None))
    context = {
        "campaign": campaign,
        "page_obj": Paginator(pairs, PAGE_SIZE).get_page(request.GET.get("page")),
        "chosen": chosen,
        "challenged_count": sum(pair.challenger.job is not None for pair in pairs),
        "ready_count": sum(pair.is_ready for pair in pairs),
        "form": ChallengerForm(),
        "is_editable": campaign.status != Campaign.Status.ENDED,
    }
    return render(request, "campaigns/challenger_list.html", context)


@require_POST
@member_required(roles=WRITING_ROLES)
def challenger_ask(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """A second picture for each variant that is ticked."""
    campaign = campaign_or_404(request, campaign_id)
    form = ChallengerForm(request.POST)
    try:
        if not form.is_valid():
            raise DomainError("invalid", " ".join(str(e) for found in form.errors.values() for e in found))
        variants = challengers_request(
            advertiser=request.advertiser,
            campaign_id=campaign.pk,
            variant_ids=ids_of(request.POST.getlist("variant")),
            requested_by=request.user,
            **form.cleaned_data,
        )
        count = len(variants)
        messages.success(
            request,
            f"{count} challenger{'s' if count > 1 else ''} asked for; each needs a review of its own.",
        )
    except NotFound:
        raise Http404 from None
    except DomainError as error:
        sentences = [sentence for found in error.errors.values() for sentence in found]
        messages.error(request, " ".join(sentences) or error.message)
    return redirect("challenger-list", campaign.pk)


@require_POST
@member_required(roles=WRITING_ROLES)
def challenger_take_back(request: MemberRequest, campaign_id: UUID, variant_id: UUID) -> HttpResponse:
    """The variant keeps its present picture alone."""
    campaign = campaign_or_404(request, campaign_id)
    try:
        challenger_drop(
            advertiser=request.advertiser, campaign_id=campaign.pk, variant_id=variant_id, by=request.user
        )
        messages.success(request, "The challenger is taken back; its picture stays in the gallery.")
    except NotFound:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("challenger-list", campaign.pk)
