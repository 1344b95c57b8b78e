"""The campaign wizard: products, segments, look and place, then every prompt before anything is rendered.

All state lives in the draft's own row, so a reload, the back button or another computer loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError
from campaigns.forms import CampaignCreateForm, CampaignSettingsForm, ids_of
from campaigns.lifecycle import SENTENCES, Code, Status
from campaigns.models import Campaign
from campaigns.planning import VARIANTS_MAX, campaign_plan
from campaigns.selectors import campaign_list, product_choices, product_type_list, segment_choices
from campaigns.services import campaign_create, campaign_update
from campaigns.variant_services import campaign_generate
from campaigns.views import campaign_or_404
from generation.styles import STYLES
from profiles.taxonomy import INTERESTS

PRODUCTS_PER_PAGE = 24
PROMPTS_PER_PAGE = 12
WATCHED_AS_BATCH = 60  # pictures: more than the campaign's own page is the place to wait for
DRAFT_PRODUCTS = 50  # to choose from beside the settings; the last step shows a draft of every picture
STEPS = (
    ("campaign-products", "Products"),
    ("campaign-segments", "Segments"),
    ("campaign-settings", "Look and place"),
    ("campaign-preview", "Prompts"),
)
ORIGINS = (
    ("product", "the product"),
    ("segment", "the segment's interests"),
    ("season", "the season"),
    ("brand", "the brand kit"),
    ("style", "the style"),
    ("template", "the template"),
)
# Where a manager goes to lift what stands in the way of a plan.
STEP_OF_CODE = {
    "no_products": "campaign-products",
    "product_without_picture": "campaign-products",
    "too_many_variants": "campaign-segments",
    "no_placements": "campaign-settings",
}


def duration_words(seconds: int | None) -> str:
    """A rough time in words; empty when there is nothing to wait for or nothing known."""
    if not seconds:
        return ""
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def wizard_step(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page of the wizard: for writing roles, with the campaign looked up, never for an ended one."""

    @wraps(view)
    @member_required(roles=WRITING_ROLES)
    def wrapped(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
        campaign = campaign_or_404(request, campaign_id)
        if campaign.status == Status.ENDED:
            messages.error(request, SENTENCES[Code.CAMPAIGN_ENDED])
            return redirect("campaign-detail", campaign.pk)
        return view(request, campaign)

    return wrapped


@member_required(roles=WRITING_ROLES)
def campaign_new(request: MemberRequest) -> HttpResponse:
    """A name, and the drafts that wait to be finished."""
    language = "zh" if request.advertiser.market == "cn" else "en"
    form = CampaignCreateForm(request.POST or None, initial={"language": language})
    if request.method == "POST" and form.is_valid():
        campaign = campaign_create(
            advertiser=request.advertiser, created_by=request.user, **form.cleaned_data
        )
        return redirect("campaign-products", campaign.pk)
    drafts = campaign_list(advertiser_id=request.advertiser.pk, status=Status.DRAFT)[:5]
    return render(request, "campaigns/campaign_create.html", {"form": form, "drafts": drafts})


@wizard_step
def campaign_products(request: MemberRequest, campaign: Campaign) -> HttpResponse:
    """Step 1. The selection is saved at each click, so searching and paging never lose it."""
    given = request.POST if request.method == "POST" else request.GET
    search, product_type = given.get("q", "").strip(), given.get("type", "")
    found = product_choices(advertiser_id=request.advertiser.pk, search=search, product_type=product_type)
    if request.method == "POST":
        chosen = set(campaign.products.values_list("pk", flat=True))
        chosen = (chosen - ids_of(request.POST.getlist("shown"))) | ids_of(request.POST.getlist("product"))
        action = request.POST.get("action", "save")
        if action == "select_all":
            room = max(0, VARIANTS_MAX - len(chosen))
            chosen |= set(found.exclude(pk__in=chosen).values_list("pk", flat=True)[:room])
        elif action == "clear":
            chosen = set()
        problem = _saved(request, campaign, products=chosen)
        if not request.htmx or action in ("select_all", "clear"):  # type: ignore[attr-defined]
            if problem:
                messages.error(request, problem)
            target = "campaign-segments" if action == "next" and not problem else "campaign-products"
            query = urlencode({"q": search, "type": product_type}) if action != "next" else ""
            return redirect(_url(target, campaign, query))
        return render(
            request, "campaigns/_campaign_selection.html", _selection(campaign) | {"problem": problem}
        )
    context = {
        "page_obj": Paginator(found, PRODUCTS_PER_PAGE).get_page(request.GET.get("page")),
        "chosen": set(campaign.products.values_list("pk", flat=True)),
        "q": search,
        "type": product_type,
        "types": product_type_list(advertiser_id=request.advertiser.pk),
    }
    if request.htmx and request.htmx.target == "product-grid":  # type: ignore[attr-defined]
        return render(request, "campaigns/_campaign_product_grid.html", context | {"campaign": campaign})
    return _step(request, campaign, "campaign-products", context | _selection(campaign))


@wizard_step
def campaign_segments(request: MemberRequest, campaign: Campaign) -> HttpResponse:
    """Step 2. Everyone who is in none of the chosen segments gets the generic creative."""
    if request.method == "POST":
        problem = _saved(request, campaign, segments=ids_of(request.POST.getlist("segment")))
        if request.htmx:  # type: ignore[attr-defined]
            return render(
                request, "campaigns/_campaign_selection.html", _selection(campaign) | {"problem": problem}
            )
        if problem:
            messages.error(request, problem)
            return redirect("campaign-segments", campaign.pk)
        return redirect("campaign-settings", campaign.pk)
    context = {
        "segments": [
            (segment, [INTERESTS[i].label(campaign.language) for i in segment.interests if i in INTERESTS])
            for segment in segment_choices(advertiser_id=request.advertiser.pk)
        ],
        "chosen": set(campaign.segments.values_list("pk", flat=True)),
        "minimum": settings.PROFILES_SEGMENT_MIN_SHOPPERS,
    }
    return _step(request, campaign, "campaign-segments", context | _selection(campaign))


@wizard_step
def campaign_settings(request: MemberRequest, campaign: Campaign) -> HttpResponse:
    """Step 3, saved whenever a field that is complete changes."""
    form = CampaignSettingsForm(
        request.POST or None,
        initial=CampaignSettingsForm.initial_of(campaign),
        advertiser=request.advertiser,
    )
    if request.method == "POST":
        if form.is_valid():
            try:
                campaign_update(advertiser=request.advertiser, campaign_id=campaign.pk, **form.changes())
            except DomainError as error:
                form.refuse(error.errors)
                if not error.errors:
                    form.add_error(None, error.message)
        if request.htmx:  # type: ignore[attr-defined]
            response = render(request, "campaigns/_campaign_saved.html", {"form": form})
            return trigger_client_event(response, "campaign-saved", after="settle")
        if not form.errors:
            return redirect("campaign-preview", campaign.pk)
    context = {
        "form": form,
        "styles": STYLES.values(),
        "has_placements": _has_placements(form),
        "draft_products": campaign.products.order_by("title", "external_id")[:DRAFT_PRODUCTS],
        "draft_segments": campaign.segments.order_by("name"),
    }
    return _step(request, campaign, "campaign-settings", context)


def _has_placements(form: CampaignSettingsForm) -> bool:
    return form.fields["placements"].queryset.exists()  # type: ignore[attr-defined]


@wizard_step
def campaign_preview(request: MemberRequest, campaign: Campaign) -> HttpResponse:
    """Step 4: every prompt with the origin of its words, and what pressing Generate costs."""
    context: dict[str, Any] = {}
    try:
        plan = campaign_plan(campaign=campaign, now=timezone.now())
    except DomainError as error:
        context = {
            "problem": error.message,
            "problem_step": STEP_OF_CODE.get(error.code, "campaign-settings"),
        }
    else:
        page = Paginator(plan.variants, PROMPTS_PER_PAGE).get_page(request.GET.get("page"))
        duration = duration_words(plan.seconds_estimated)
        context = {"plan": plan, "page_obj": page, "origins": ORIGINS, "duration": duration}
    return _step(request, campaign, "campaign-preview", context)


@require_POST
@wizard_step
def campaign_generate_view(request: MemberRequest, campaign: Campaign) -> HttpResponse:
    """Queue the pictures and show the campaign."""
    try:
        result = campaign_generate(
            advertiser=request.advertiser, campaign_id=campaign.pk, requested_by=request.user
        )
    except DomainError as error:
        messages.error(request, error.message)
        return redirect(STEP_OF_CODE.get(error.code, "campaign-preview"), campaign.pk)
    if result.batch_id is not None:
        messages.success(request, f"{result.requested_count} pictures are asked for.")
        if result.requested_count > WATCHED_AS_BATCH:
            return redirect("render-batch-detail", result.batch_id)
    else:
        messages.info(request, "Every picture of this campaign is there or on its way already.")
    return redirect("campaign-detail", campaign.pk)


def _saved(request: MemberRequest, campaign: Campaign, **changes: Any) -> str:
    """Save; returns the sentence of a refusal."""
    try:
        campaign_update(advertiser=request.advertiser, campaign_id=campaign.pk, **changes)
    except DomainError as error:
        return (
            " ".join(str(sentence) for lines in error.errors.values() for sentence in lines) or error.message
        )
    return ""


def _selection(campaign: Campaign) -> dict[str, Any]:
    products, segments = campaign.products.count(), campaign.segments.count()
    pictures = products * (segments + 1)
    return {
        "product_count": products,
        "segment_count": segments,
        "picture_count": pictures,
        "is_too_many": pictures > VARIANTS_MAX,
        "variants_max": VARIANTS_MAX,
    }


def _step(request: MemberRequest, campaign: Campaign, name: str, context: dict[str, Any]) -> HttpResponse:
    position = [url_name for url_name, _ in STEPS].index(name)
    steps = [
        {"url_name": url_name, "label": label, "is_current": index == position, "is_done": index < position}
        for index, (url_name, label) in enumerate(STEPS)
    ]
    template = f"campaigns/{name.replace('-', '_')}.html"
    return render(request, template, {"campaign": campaign, "steps": steps, **context})


def _url(name: str, campaign: Campaign, query: str) -> str:
    return reverse(name, args=[campaign.pk]) + (f"?{query}" if query else "")
