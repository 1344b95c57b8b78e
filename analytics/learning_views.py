"""Pages of learning: the weights and why, what if, the personalisation dividend, fatigue."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import REVIEWING_ROLES, WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from analytics.fatigue_services import fatigue_changes, fatigued_counts, fatigued_replace
from analytics.labels import creative_labels
from analytics.learning_forms import LearningForm
from analytics.learning_selectors import (
    contexts_get,
    hand_changes_get,
    history_get,
    history_series,
    periods_get,
    product_names,
)
from analytics.models import StoredReport
from analytics.simulated import has_simulated_traffic
from analytics.stored_reports import stored_report_find, stored_report_request
from campaigns.models import Campaign, Variant
from campaigns.selectors import campaign_get
from campaigns.weight_services import learning_configure
from generation.models import Creative

PAGE_SIZE = 25
Kind = StoredReport.Kind
PAGES = {
    Kind.LEARNING: "learning-detail",
    Kind.WHAT_IF: "what-if",
    Kind.DIVIDEND: "dividend",
    Kind.FATIGUE: "fatigue",
}


@member_required()
@require_GET
def learning_list(request: MemberRequest) -> HttpResponse:
    """All campaigns that were launched, and what each learns."""
    found = Campaign.objects.filter(advertiser=request.advertiser).exclude(status=Campaign.Status.DRAFT)
    page = Paginator(found.filter(is_house=False), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "learning/learning_list.html", {"page_obj": page})


@member_required()
@require_GET
def learning_detail(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """The shares in force, their history and reasons, and what learning is worth."""
    campaign = _campaign(request, campaign_id)
    contexts = contexts_get(campaign=campaign)
    chosen = next((c for c in contexts if _context_key(c) == request.GET.get("context")), None)
    # Unasked, the one of which most is known.
    chosen = chosen or max(contexts, key=lambda context: context.impressions, default=None)
    charts: dict[str, Any] = {}
    history = []
    if chosen is not None:
        from analytics.learning_charts import history_figure

        history = history_get(
            campaign=campaign, placement_id=chosen.placement_id, segment_id=chosen.segment_id
        )
        charts = {"chart-history": history_figure(history_series(history, product_names(campaign)))}
    log = Paginator(periods_get(campaign=campaign), PAGE_SIZE).get_page(request.GET.get("page"))
    return _page(
        request,
        campaign,
        Kind.LEARNING,
        {
            "form": LearningForm(initial=LearningForm.initial_of(campaign)),
            "contexts": [(context, _context_key(context)) for context in contexts],
            "chosen": chosen,
            "chosen_key": _context_key(chosen) if chosen else "",
            "charts": charts,
            "history": history,
            "page_obj": log,
            "hand_changes": hand_changes_get(campaign=campaign),
        },
    )


def _context_key(context: Any) -> str:
    return f"{context.placement_id}.{context.segment_id or 'generic'}"


@member_required(roles=WRITING_ROLES)
@require_POST
def learning_settings(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """Switch learning and the standing split."""
    campaign = _campaign(request, campaign_id)
    form = LearningForm(request.POST)
    sentences = [str(e) for field in form.errors.values() for e in field]
    if form.is_valid():
        try:
            learning_configure(
                advertiser=request.advertiser,
                campaign_id=campaign.pk,
                now=timezone.now(),
                user=request.user,
                **form.changes(),
            )
            messages.success(request, "Saved; decisions follow within seconds.")
        except DomainError as error:
            sentences = [s for found in error.errors.values() for s in found] or [error.message]
    if sentences:
        messages.error(request, " ".join(sentences))
    return redirect("learning-detail", campaign.pk)


@member_required()
@require_GET
def what_if(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """What other ways of choosing would have earned."""
    campaign = _campaign(request, campaign_id)
    variants = (
        Variant.objects.filter(campaign=campaign, job__isnull=False)
        .select_related("product", "segment")
        .order_by("segment__name", "product__title")[:200]
    )
    return _page(request, campaign, Kind.WHAT_IF, {"variants": variants})


@member_required()
@require_GET
def dividend(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """Is the picture good, is the match good, and what is it worth?"""
    campaign = _campaign(request, campaign_id)
    return _page(request, campaign, Kind.DIVIDEND, {})


@member_required()
@require_GET
def fatigue(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """Which creatives are worn out; one click asks for another take."""
    campaign = _campaign(request, campaign_id)
    report = stored_report_find(
        advertiser_id=request.advertiser.pk, campaign_id=campaign.pk, kind=Kind.FATIGUE
    )
    lines = report.content.get("lines", []) if report is not None else []
    page = Paginator(lines, PAGE_SIZE).get_page(request.GET.get("page"))
    ids = [UUID(line["creative_id"]) for line in page]
    labels = creative_labels(advertiser_id=request.advertiser.pk, ids=ids)
    shown = Creative.objects.filter(
        advertiser=request.advertiser, pk__in=ids, job__variants__campaign=campaign
    ).values_list("pk", "job_id")
    jobs = dict(shown)
    before = Creative.objects.filter(
        advertiser=request.advertiser, pk__in=ids, job__former_variants__campaign=campaign
    )
    replaced = set(before.exclude(pk__in=jobs).values_list("pk", flat=True))
    rows = [(line, labels[pk], jobs.get(pk), pk in replaced) for line, pk in zip(page, ids, strict=True)]
    context = {
        "rows": rows,
        "page_obj": page,
        "may_replace": request.membership.role in REVIEWING_ROLES,
        "worn_count": fatigued_counts(advertiser_id=request.advertiser.pk).get(campaign.pk, 0),
        "changes": fatigue_changes(campaign=campaign),
    }
    return _page(request, campaign, Kind.FATIGUE, context)


@member_required(roles=REVIEWING_ROLES)
@require_POST
def fatigue_replace(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    """Another take for every worn-out picture of the campaign."""
    campaign = _campaign(request, campaign_id)
    try:
        takes = fatigued_replace(
            advertiser=request.advertiser, campaign_id=campaign.pk, requested_by=request.user
        )
        what = "replacement is" if len(takes) == 1 else "replacements are"
        messages.success(request, f"{len(takes)} {what} asked for; today's pictures stay until then.")
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("fatigue", campaign.pk)


@member_required()
@require_POST
def stored_report_refresh(request: MemberRequest, campaign_id: UUID, kind: str) -> HttpResponse:
    """Ask a worker for fresh figures; a what-if question comes with its weights."""
    campaign, kind = _campaign(request, campaign_id), _kind(kind)
    try:
        parameters = _parameters(request) if kind == Kind.WHAT_IF else None
        stored_report_request(
            advertiser=request.advertiser,
            campaign_id=campaign.pk,
            kind=kind,
            now=timezone.now(),
            parameters=parameters,
        )
        messages.success(request, "Fresh figures are being computed.")
    except DomainError as error:
        messages.error(request, error.message)
    return redirect(PAGES[Kind(kind)], campaign.pk)


@member_required()
@require_GET
def stored_report_waiting(request: MemberRequest, campaign_id: UUID, kind: str) -> HttpResponse:
    """Polled while a worker computes: once the figures are there the page reloads itself."""
    campaign, kind = _campaign(request, campaign_id), _kind(kind)
    report = stored_report_find(advertiser_id=request.advertiser.pk, campaign_id=campaign.pk, kind=kind)
    if report is None or report.requested_at is None:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "learning/_waiting.html", {"campaign": campaign, "kind": kind})


def _parameters(request: HttpRequest) -> dict[str, Any]:
    from analytics.what_if_parameters import parameters_parse

    weights = {
        name.removeprefix("weight-"): value.strip()
        for name, value in request.POST.items()
        if name.startswith("weight-") and isinstance(value, str) and value.strip()
    }
    return parameters_parse(days=request.POST.get("days", "28"), weights=weights)


def _page(request: MemberRequest, campaign: Campaign, kind: str, more: dict[str, Any]) -> HttpResponse:
    report = stored_report_find(advertiser_id=request.advertiser.pk, campaign_id=campaign.pk, kind=kind)
    context = {
        "campaign": campaign,
        "kind": kind,
        "report": report,
        "content": report.content if report is not None else {},
        "is_waiting": report is not None and report.requested_at is not None,
        "currency": request.advertiser.currency,
        "may_write": request.membership.role in WRITING_ROLES,
        "has_simulated": has_simulated_traffic(
            advertiser_id=request.advertiser.pk, campaign_ids=[campaign.pk]
        ),
    }
    template = {
        Kind.LEARNING: "learning/learning_detail.html",
        Kind.WHAT_IF: "learning/what_if.html",
        Kind.DIVIDEND: "learning/dividend.html",
        Kind.FATIGUE: "learning/fatigue.html",
    }[Kind(kind)]
    return render(request, template, context | more)


def _campaign(request: MemberRequest, campaign_id: UUID) -> Campaign:
    try:
        return campaign_get(advertiser_id=request.advertiser.pk, campaign_id=campaign_id)
    except NotFound:
        raise Http404 from None


def _kind(kind: str) -> str:
    if kind not in Kind.values:
        raise Http404
    return kind
