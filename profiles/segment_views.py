"""Pages of segments."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import Advertiser
from accounts.permissions import WRITING_ROLES, member_required
from adplatform.lib.errors import DomainError, NotFound
from profiles import services
from profiles.forms import RuleForm, interest_groups
from profiles.group_sizes import is_few, size_words
from profiles.insights import DayCount, segment_insight
from profiles.models import Behaviour, Segment
from profiles.segments import rule_clean
from profiles.selectors import rule_size, segment_get, segment_list
from profiles.taxonomy import INTERESTS, Interest

PAGE_SIZE = 25


def _segment(request: HttpRequest, segment_id: UUID) -> Segment:
    advertiser: Advertiser = request.advertiser  # type: ignore[attr-defined]
    try:
        return segment_get(advertiser_id=advertiser.pk, segment_id=segment_id)
    except NotFound as error:
        raise Http404(str(error)) from None


def _interests(segment: Segment) -> list[Interest]:
    return [INTERESTS[i] for i in segment.interests if i in INTERESTS]


@member_required()
@require_GET
def segment_list_view(request: HttpRequest) -> HttpResponse:
    """All segments with their sizes."""
    advertiser: Advertiser = request.advertiser  # type: ignore[attr-defined]
    search = request.GET.get("search", "").replace("\x00", "").strip()
    kind = request.GET.get("kind", "")
    found = segment_list(advertiser_id=advertiser.pk, search=search, kind=kind)
    page = Paginator(found.order_by("-size", "name"), PAGE_SIZE).get_page(request.GET.get("page"))
    largest = max((segment.size for segment in segment_list(advertiser_id=advertiser.pk)), default=0)
    told = [0 if is_few(segment.size) else segment.size for segment in page]
    return render(
        request,
        "profiles/segment_list.html",
        {
            "page_obj": page,
            "rows": [
                (segment, _interests(segment), round(100 * size / largest) if largest else 0)
                for segment, size in zip(page, told, strict=True)
            ],
            "search": search,
            "kind": kind,
            "kinds": Segment.Kind.choices,
            "minimum": settings.PROFILES_SEGMENT_MIN_SHOPPERS,
            "is_filtered": bool(search or kind),
        },
    )


@member_required(roles=WRITING_ROLES)
@require_http_methods(["GET", "POST"])
def segment_create(request: HttpRequest) -> HttpResponse:
    """A new segment by a rule."""
    return _edit(request, None)


@member_required(roles=WRITING_ROLES)
@require_http_methods(["GET", "POST"])
def segment_edit(request: HttpRequest, segment_id: UUID) -> HttpResponse:
    """The name, the rule and whether it is active."""
    return _edit(request, _segment(request, segment_id))


def _edit(request: HttpRequest, segment: Segment | None) -> HttpResponse:
    advertiser: Advertiser = request.advertiser  # type: ignore[attr-defined]
    is_automatic = segment is not None and segment.kind == Segment.Kind.TOP_INTEREST
    name = segment.name if segment else ""
    is_active = segment.is_active if segment else True
    form = RuleForm.from_rule(segment.rule if segment else {})
    errors: list[str] = []
    if request.method == "POST":
        name = request.POST.get("name", "").replace("\x00", "")
        is_active = "is_active" in request.POST
        form = RuleForm.from_post(request.POST)
        if "action" not in request.POST:  # "add" and "remove" without htmx only redraw the form
            try:
                if segment is None:
                    segment = services.segment_create(
                        advertiser=advertiser, name=name, rule=form.rule, is_active=is_active
                    )
                else:
                    segment = services.segment_update(
                        advertiser=advertiser,
                        segment_id=segment.pk,
                        name=name,
                        rule=None if is_automatic else form.rule,
                        is_active=is_active,
                    )
            except DomainError as error:
                errors = [message for found in error.errors.values() for message in found]
                errors = errors or [error.message]
            else:
                messages.success(
                    request, f"Saved. {size_words(segment.size).capitalize()} shoppers are in it now."
                )
                return redirect("segment-detail", segment_id=segment.pk)
    context = {
        "segment": segment,
        "is_automatic": is_automatic,
        "name": name,
        "is_active": is_active,
        "errors": list(dict.fromkeys(errors)),
        **_builder(advertiser, form),
    }
    return render(request, "profiles/segment_edit.html", context, status=400 if errors else 200)


def _builder(advertiser: Advertiser, form: RuleForm) -> dict[str, Any]:
    """What the builder's partials need: the rows and the live size."""
    clean, problems = rule_clean(form.rule)
    size = None if problems else rule_size(advertiser_id=advertiser.pk, rule=clean)
    return {
        "form": form,
        "interest_groups": interest_groups(),
        "size": size,
        "size_percent": round(100 * size.share_rate) if size else 0,
        "minimum": settings.PROFILES_SEGMENT_MIN_SHOPPERS,
    }


@member_required(roles=WRITING_ROLES)
@require_POST
def segment_rows(request: HttpRequest) -> HttpResponse:
    """The builder's rows after a condition was added or removed."""
    context = _builder(request.advertiser, RuleForm.from_post(request.POST))  # type: ignore[attr-defined]
    return render(request, "profiles/_segment_rows.html", {**context, "is_answer": True})


@member_required(roles=WRITING_ROLES)
@require_POST
def segment_size(request: HttpRequest) -> HttpResponse:
    """The live size of the rule being edited."""
    context = _builder(request.advertiser, RuleForm.from_post(request.POST))  # type: ignore[attr-defined]
    return render(request, "profiles/_segment_size.html", {**context, "is_answer": True})


@member_required()
@require_GET
def segment_detail(request: HttpRequest, segment_id: UUID) -> HttpResponse:
    """Who is in a segment, in aggregate."""
    segment = _segment(request, segment_id)
    insight = segment_insight(segment=segment, now=timezone.now())
    return render(
        request,
        "profiles/segment_detail.html",
        {
            "segment": segment,
            "interests": _interests(segment),
            "rule_parts": _rule_words(segment),
            "insight": insight,
            "chart": _days_chart(insight.days),
            "minimum": settings.PROFILES_SEGMENT_MIN_SHOPPERS,
            "is_used": segment.campaigns.exists(),
        },
    )


@member_required(roles=WRITING_ROLES)
@require_POST
def segment_delete(request: HttpRequest, segment_id: UUID) -> HttpResponse:
    """Delete a segment that no campaign is aimed at."""
    segment = _segment(request, segment_id)
    try:
        services.segment_delete(
            advertiser=request.advertiser,  # type: ignore[attr-defined]
            segment_id=segment.pk,
        )
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("segment-detail", segment_id=segment.pk)
    messages.success(request, f"{segment.name} is deleted.")
    return redirect("segment-list")


def _rule_words(segment: Segment) -> list[tuple[str, list[tuple[Interest, str]]]]:
    form = RuleForm.from_rule(segment.rule)
    return [
        (part["label"], [(INTERESTS[row.interest], row.weight) for row in part["rows"] if row.interest])
        for part in form.parts
        if any(row.interest for row in part["rows"])
    ]


def _days_chart(days: list[DayCount], *, height: int = 140, bar: int = 26, gap: int = 10) -> dict[str, Any]:
    """Stacked bars of behaviours by kind, as the numbers of an SVG."""
    highest = max((day.total for day in days), default=0) or 1
    kinds = [kind for kind in Behaviour.Kind.values if any(day.kinds.get(kind) for day in days)]
    columns = []
    for place, day in enumerate(days):
        top, pieces = float(height), []
        for kind in kinds:
            tall = height * day.kinds.get(kind, 0) / highest
            top -= tall
            if tall:
                pieces.append({"y": f"{top:.1f}", "height": f"{tall:.1f}", "tone": kinds.index(kind) % 5 + 1})
        x = place * (bar + gap)
        columns.append({"x": x, "middle": x + bar // 2, "day": day, "pieces": pieces})
    return {
        "columns": columns,
        "kinds": [(n % 5 + 1, Behaviour.Kind(kind).label, kind) for n, kind in enumerate(kinds)],
        "rows": [(day.day, [day.kinds.get(kind, 0) for kind in kinds], day.total) for day in days],
        "width": len(days) * (bar + gap),
        "height": height,
        "bar": bar,
        "highest": highest,
        "total": sum(day.total for day in days),
    }
