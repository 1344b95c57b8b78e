"""Campaign pages: the list, one campaign with its variants, and what can be done to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.permissions import REVIEWING_ROLES, WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from campaigns import services, variant_services
from campaigns.challenger_selectors import thumb_of
from campaigns.lifecycle import Action, Blocker, blockers
from campaigns.limit_words import limit_lines
from campaigns.models import Campaign, Product, Variant
from campaigns.planning import PlannedVariant, variants_outdated
from campaigns.selectors import (
    campaign_get,
    campaign_list,
    creatives_of,
    facts_get,
    placements_uncovered,
    progress_get,
    progress_map,
)
from generation.models import Creative, RenderJob
from generation.styles import STYLES
from profiles.models import Segment

CAMPAIGNS_PER_PAGE = 20
PRODUCTS_PER_MATRIX = 12
# The size that says most in a small thumbnail comes first.


def campaign_or_404(request: MemberRequest, campaign_id: UUID) -> Campaign:
    """The advertiser's campaign; another advertiser's is as absent as none."""
    try:
        return campaign_get(advertiser_id=request.advertiser.pk, campaign_id=campaign_id)
    except NotFound as error:
        raise Http404(error.message) from None


@member_required()
def campaign_list_view(request: MemberRequest) -> HttpResponse:
    """Search, filter by status, progress of each."""
    search, status = request.GET.get("q", "").strip(), request.GET.get("status", "")
    status = status if status in Campaign.Status.values else ""
    found = campaign_list(advertiser_id=request.advertiser.pk, search=search, status=status)
    page = Paginator(found, CAMPAIGNS_PER_PAGE).get_page(request.GET.get("page"))
    progress = progress_map(page.object_list)
    rows = [{"campaign": campaign, "progress": progress[campaign.pk]} for campaign in page.object_list]
    context = {
        "page_obj": page,
        "rows": rows,
        "q": search,
        "status": status,
        "statuses": Campaign.Status.choices,
    }
    return render(request, "campaigns/campaign_list.html", context)


@member_required()
def campaign_detail(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """Everything about one campaign; the progress polls while pictures are being made."""
    campaign = campaign_or_404(request, campaign_id)
    now = timezone.now()
    facts = facts_get(campaign=campaign)
    actions = [
        _ActionState(action, blockers(facts, action, now))
        for action in Action
        if action is not Action.END or campaign.status in (Campaign.Status.LIVE, Campaign.Status.PAUSED)
    ]
    context = {
        "actions": {state.action.value: state for state in actions},
        "facts": facts,
        "outdated": _outdated(campaign, now),
        "uncovered": placements_uncovered(campaign=campaign) if facts.approved_count else [],
        "placements": campaign.placements.order_by("name"),
        "style": STYLES.get(campaign.style),
        "limits": limit_lines(campaign, now),
        "first_in_review": campaign.variants.filter(job__creatives__status=Creative.Status.IN_REVIEW)
        .order_by("job__created_at")
        .values_list("job_id", flat=True)
        .first(),
        "is_editable": campaign.status != Campaign.Status.ENDED,
        **_progress(campaign),
        **_matrix(request, campaign),
    }
    return render(request, "campaigns/campaign_detail.html", context)


@member_required()
def campaign_progress(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """The progress bar alone. Tells the page to fetch the variants when another picture is done."""
    campaign = campaign_or_404(request, campaign_id)
    context = _progress(campaign)
    response = render(request, "campaigns/_campaign_progress.html", context)
    if not context["progress"].is_busy:
        response["HX-Refresh"] = "true"  # done: the buttons and the reasons beside them have changed too
    elif request.GET.get("seen") != context["seen"]:
        response["HX-Trigger"] = "variantschanged"
    return response


@member_required()
def campaign_matrix(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """The table product x segment alone."""
    campaign = campaign_or_404(request, campaign_id)
    return render(request, "campaigns/_campaign_matrix.html", _matrix(request, campaign))


def _campaign_action(service: Callable[..., Any], done: str) -> Callable[..., HttpResponse]:
    """A POST that calls one service and comes back to the campaign with its sentence."""

    @require_POST
    @member_required(roles=WRITING_ROLES)
    def view(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
        campaign_or_404(request, campaign_id)
        try:
            service(advertiser=request.advertiser, campaign_id=campaign_id)
            messages.success(request, done)
        except DomainError as error:
            messages.error(request, error.message)
        return redirect("campaign-detail", campaign_id)

    return view


campaign_launch = _campaign_action(services.campaign_launch, "The campaign is live.")
campaign_pause = _campaign_action(services.campaign_pause, "The campaign is paused.")
campaign_end = _campaign_action(services.campaign_end, "The campaign has ended.")
campaign_retry = _campaign_action(variant_services.campaign_retry, "The failed pictures are queued again.")


@require_POST
@member_required(roles=WRITING_ROLES)
def campaign_delete(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """Throw a draft away."""
    campaign = campaign_or_404(request, campaign_id)
    try:
        services.campaign_delete(advertiser=request.advertiser, campaign_id=campaign.pk)
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("campaign-detail", campaign.pk)
    messages.success(request, f"The draft “{campaign.name}” is deleted.")
    return redirect("campaign-list")


@require_POST
@member_required(roles=WRITING_ROLES)
def campaign_refresh(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """Render the outdated variants again."""
    campaign = campaign_or_404(request, campaign_id)
    try:
        count = variant_services.campaign_refresh(
            advertiser=request.advertiser, campaign_id=campaign.pk, requested_by=request.user
        )
        messages.success(request, f"{count} pictures are asked for again.")
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("campaign-detail", campaign.pk)


@require_POST
@member_required(roles=WRITING_ROLES)
def variant_regenerate(request: MemberRequest, campaign_id: UUID, variant_id: UUID) -> HttpResponse:
    """Another take of one variant."""
    campaign = campaign_or_404(request, campaign_id)
    if not campaign.variants.filter(pk=variant_id).exists():
        raise Http404
    try:
        variant_services.variant_regenerate(
            advertiser=request.advertiser, variant_id=variant_id, requested_by=request.user
        )
        messages.success(request, "Another take is asked for; it will need a review of its own.")
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("campaign-detail", campaign.pk)


@require_POST
@member_required(roles=REVIEWING_ROLES)
def picture_regenerate(request: MemberRequest, job_id: UUID) -> HttpResponse:
    """Another take of a picture, asked for by a reviewer who is looking at it."""
    try:
        variant_services.picture_regenerate(
            advertiser=request.advertiser, job_id=job_id, requested_by=request.user
        )
        messages.success(request, "Another take is asked for; it comes back here for review.")
    except NotFound:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, error.message)
    following = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(following, {request.get_host()}, request.is_secure()):
        return HttpResponseRedirect(following)  # redirect() would take a bare word for a view's name
    return redirect("render-job-detail", job_id)


@dataclass(frozen=True)
class _ActionState:
    """A button and, when it cannot be pressed, why."""

    action: Action
    blockers: tuple[Blocker, ...]


@dataclass(frozen=True)
class _Cell:
    """One variant in the table."""

    variant: Variant | None
    creatives: list[Creative]

    @property
    def job(self) -> RenderJob | None:
        return self.variant.job if self.variant is not None else None

    @property
    def thumb(self) -> Creative | None:
        return thumb_of(self.creatives)

    @property
    def is_in_review(self) -> bool:
        return any(creative.status == Creative.Status.IN_REVIEW for creative in self.creatives)

    @property
    def tone(self) -> str:
        return {"Approved": "good", "In review": "warn", "Rendering": "info", "Failed": "bad"}.get(
            self.label, ""
        )

    @property
    def label(self) -> str:
        """One word for the state of the variant's creatives."""
        if self.job is None:
            return "Not rendered"
        if self.job.status == RenderJob.Status.QUEUED:
            return "Waiting"
        if self.job.status == RenderJob.Status.LEASED:
            return "Rendering"
        if self.job.status != RenderJob.Status.SUCCEEDED:
            return "Failed" if self.job.status != RenderJob.Status.CANCELLED else "Cancelled"
        states = {creative.status for creative in self.creatives}
        if Creative.Status.IN_REVIEW in states:
            return "In review"
        if Creative.Status.APPROVED in states:
            return "Approved"
        return "Rejected"

    @property
    def approved_count(self) -> int:
        return sum(creative.status == Creative.Status.APPROVED for creative in self.creatives)


def _outdated(campaign: Campaign, now: Any) -> list[PlannedVariant]:
    if campaign.status == Campaign.Status.ENDED:
        return []
    try:
        return variants_outdated(campaign=campaign, now=now)
    except DomainError:  # nothing to plan yet: no products or placements
        return []


def _progress(campaign: Campaign) -> dict[str, Any]:
    progress = progress_get(campaign=campaign)
    seen = f"{progress.done_count}-{progress.failed_count}-{progress.rendering_count}"
    return {"campaign": campaign, "progress": progress, "seen": seen}


def _matrix(request: MemberRequest, campaign: Campaign) -> dict[str, Any]:
    page = Paginator(campaign.products.order_by("title", "external_id"), PRODUCTS_PER_MATRIX).get_page(
        request.GET.get("page")
    )
    products: list[Product] = list(page.object_list)
    segments: list[Segment | None] = [None, *campaign.segments.order_by("name")]
    variants = {
        (variant.product_id, variant.segment_id): variant
        for variant in campaign.variants.filter(product__in=products).select_related("job")
    }
    creatives = creatives_of([variant.job_id for variant in variants.values() if variant.job_id])
    rows = []
    for product in products:
        cells = []
        for segment in segments:
            variant = variants.get((product.pk, segment.pk if segment else None))
            found = creatives.get(variant.job_id, []) if variant is not None and variant.job_id else []
            cells.append(_Cell(variant, found))
        rows.append({"product": product, "cells": cells})
    return {"campaign": campaign, "page_obj": page, "segments": segments, "rows": rows}
