"""Pages of creatives: the gallery and one creative's detail; the review is in ``review_views``."""

from __future__ import annotations

import math
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import REVIEWING_ROLES, MemberRequest, member_required
from generation import creative_selectors as selectors
from generation import review
from generation.inspection_words import INSPECTION_WORDS, facts_of, sentence_of
from generation.models import Creative, RenderJob
from generation.pages import acted, found
from generation.review_selectors import review_progress, review_records, trail_lines

PAGE_SIZE = 36
# The wall's measures, as in app.css: a tile's width and the gap, its words, the tallest picture.
TILE, GAP, TILE_BODY, TALLEST, WIDE_RATIO = 224, 16, 116, 260, 2.2


@require_GET
@member_required()
def creative_list(request: MemberRequest) -> HttpResponse:
    """The gallery."""
    advertiser_id = request.advertiser.pk
    chosen = {name: request.GET.get(name, "").strip() for name in ("status", "size", "segment", "product")}
    rows = selectors.creative_list(
        advertiser_id=advertiser_id,
        status=chosen["status"],
        size=chosen["size"],
        segment=chosen["segment"],
        product=chosen["product"],
    )
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    counts = selectors.status_counts(advertiser_id=advertiser_id)
    return render(
        request,
        "creatives/creative_list.html",
        {
            "page_obj": page,
            "cards": [_card(creative) for creative in page],
            "tabs": [
                ("", "All", sum(counts.values())),
                *((value, label, counts[value]) for value, label in Creative.Status.choices),
            ],
            "chosen": chosen,
            "is_filtered": any(chosen[name] for name in ("size", "segment", "product")),
            "sizes": selectors.sizes_used(advertiser_id=advertiser_id),
            "segments": selectors.segments_used(advertiser_id=advertiser_id),
            "progress": review_progress(advertiser_id=advertiser_id),
            "reasons": Creative.RejectReason.choices,
        },
    )


def _card(creative: Creative) -> dict[str, Any]:
    """A tile of the wall: how many columns it spans, how many 8-pixel rows, how wide its picture is."""
    ratio = creative.width / creative.height
    columns = 2 if ratio > WIDE_RATIO else 1
    width = min(columns * TILE - 24 + (columns - 1) * GAP, TALLEST * ratio, creative.width)
    body = TILE_BODY + (28 if creative.inspection.get("codes") else 0)
    rows = math.ceil((width / ratio + 24 + body + GAP) / 8)
    return {
        "creative": creative,
        "brief": creative.job.brief,
        "width": round(width),
        "columns": columns,
        "rows": rows,
    }


@require_GET
@member_required()
def creative_detail(request: MemberRequest, creative_id: UUID) -> HttpResponse:
    """One creative: the picture, what was measured, where it came from, who did what."""
    creative = found(
        lambda: selectors.creative_get(advertiser_id=request.advertiser.pk, creative_id=creative_id)
    )
    records = review_records(advertiser_id=request.advertiser.pk, job_id=creative.job_id)
    return render(
        request,
        "creatives/creative_detail.html",
        {
            "creative": creative,
            "job": creative.job,
            "parts": parts_of(creative.job),
            "brief": creative.job.brief,
            "trail": trail_lines(records.filter(creative=creative)),
            "siblings": selectors.creative_list(advertiser_id=request.advertiser.pk, job_id=creative.job_id),
            "facts": facts_of(creative.inspection),
            "warnings": warnings_of([creative]),
            "moves": review.moves_open(creative),
            "may_approve": review.may_approve(
                advertiser=request.advertiser, creative=creative, reviewer=request.user
            ),
            "reasons": Creative.RejectReason.choices,
        },
    )


def parts_of(job: RenderJob) -> list[dict[str, str]]:
    """The prompt's parts, each with the design system's name for where its words came from."""
    kinds = ((part, part["from"].partition(":")[0]) for part in job.prompt_parts)
    return [part | {"kind": "segment" if kind == "interest" else kind} for part, kind in kinds]


def warnings_of(creatives: list[Creative]) -> list[tuple[str, str, str]]:
    """(code, what it means, in which sizes) of what the inspection found."""
    found: dict[tuple[str, str], list[str]] = {}
    for creative in creatives:
        for code in creative.inspection.get("codes", []):
            found.setdefault((code, sentence_of(code, creative.inspection)), []).append(creative.size)
    return [(code, sentence, ", ".join(sizes)) for (code, sentence), sizes in found.items()]


def discarded_of(job: RenderJob) -> list[tuple[int, str, float | None]]:
    """(seed, what was wrong with it, match score) of each picture that was drawn and not kept."""
    words = INSPECTION_WORDS | {"blank_picture": "The model drew nothing"}
    return [
        (one["seed"], "; ".join(words.get(code, code) for code in one["codes"]), one.get("match_score"))
        for one in job.render_details.get("discarded", [])
    ]


@require_POST
@member_required(roles=REVIEWING_ROLES)
def creative_move(request: MemberRequest, creative_id: UUID, verb: str) -> HttpResponse:
    """Approve, reject, withdraw or restore one creative."""
    arguments: dict[str, Any] = {
        "advertiser": request.advertiser,
        "creative_id": creative_id,
        "reviewer": request.user,
        "comment": request.POST.get("comment", ""),
    }

    def move() -> str:
        if verb == "approve":
            review.creative_approve(**arguments, sha256=request.POST.get("sha256", ""))
        elif verb == "reject":
            review.creative_reject(**arguments, reason=request.POST.get("reason", ""))
        elif verb == "withdraw":
            review.creative_withdraw(**arguments)
        elif verb == "restore":
            review.creative_restore(**arguments)
        else:
            raise Http404
        return "Saved."

    return acted(request, move, reverse("creative-detail", args=[creative_id]))
