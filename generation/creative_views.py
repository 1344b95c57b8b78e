"""Pages of creatives: the gallery, the review one brief at a time, one creative's detail."""

from __future__ import annotations

import math
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import REVIEWING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from generation import creative_selectors as selectors
from generation import review
from generation.inspection_words import INSPECTION_WORDS, facts_of
from generation.job_selectors import render_job_get
from generation.models import Creative, RenderJob

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
            "progress": selectors.review_progress(advertiser_id=advertiser_id),
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
    creative = _found(
        lambda: selectors.creative_get(advertiser_id=request.advertiser.pk, creative_id=creative_id)
    )
    records = selectors.review_records(advertiser_id=request.advertiser.pk, job_id=creative.job_id)
    return render(
        request,
        "creatives/creative_detail.html",
        {
            "creative": creative,
            "job": creative.job,
            "parts": _parts(creative.job),
            "brief": creative.job.brief,
            "records": records.filter(creative=creative),
            "siblings": selectors.creative_list(advertiser_id=request.advertiser.pk, job_id=creative.job_id),
            "facts": facts_of(creative.inspection),
            "warnings": _warnings([creative]),
            "moves": review.moves_open(creative),
            "may_approve": review.may_approve(
                advertiser=request.advertiser, creative=creative, reviewer=request.user
            ),
            "reasons": Creative.RejectReason.choices,
        },
    )


@require_GET
@member_required(roles=REVIEWING_ROLES)
def creative_review(request: MemberRequest, job_id: UUID | None = None) -> HttpResponse:
    """Review mode: one brief with all its sizes side by side."""
    advertiser_id = request.advertiser.pk
    queue = list(selectors.review_queue(advertiser_id=advertiser_id).values_list("pk", flat=True))
    if job_id is None and queue:
        return redirect("creative-review-job", job_id=queue[0])
    progress = selectors.review_progress(advertiser_id=advertiser_id)
    if job_id is None:
        return render(request, "creatives/creative_review.html", {"job": None, "progress": progress})
    job = _found(lambda: render_job_get(advertiser_id=advertiser_id, job_id=job_id))
    creatives = list(selectors.creative_list(advertiser_id=advertiser_id, job_id=job.pk))
    if not creatives:
        raise Http404
    waiting = [creative for creative in creatives if creative.status == Creative.Status.IN_REVIEW]
    place = queue.index(job.pk) if job.pk in queue else -1
    return render(
        request,
        "creatives/creative_review.html",
        {
            "job": job,
            "parts": _parts(job),
            "brief": job.brief,
            "creatives": sorted(creatives, key=lambda c: (c.width < 200, -c.width * c.height)),
            "waiting": waiting,
            "warnings": _warnings(creatives),
            "contrast": min(c.inspection.get("contrast", 0) for c in creatives),
            "records": selectors.review_records(advertiser_id=advertiser_id, job_id=job.pk),
            "position": place + 1,
            "queue_length": len(queue),
            "previous": queue[place - 1] if place > 0 else None,
            "next": queue[place + 1]
            if 0 <= place < len(queue) - 1
            else (queue[0] if queue and place < 0 else None),
            "progress": progress,
            "reasons": Creative.RejectReason.choices,
            "may_approve": all(
                review.may_approve(advertiser=request.advertiser, creative=c, reviewer=request.user)
                for c in waiting[:1]
            ),
        },
    )


def _parts(job: RenderJob) -> list[dict[str, str]]:
    """The prompt's parts, each with the design system's name for where its words came from."""
    kinds = ((part, part["from"].partition(":")[0]) for part in job.prompt_parts)
    return [part | {"kind": "segment" if kind == "interest" else kind} for part, kind in kinds]


def _warnings(creatives: list[Creative]) -> list[tuple[str, str, str]]:
    """(code, what it means, in which sizes) of what the inspection found."""
    found: dict[str, list[str]] = {}
    for creative in creatives:
        for code in creative.inspection.get("codes", []):
            found.setdefault(code, []).append(creative.size)
    return [(code, INSPECTION_WORDS.get(code, code), ", ".join(sizes)) for code, sizes in found.items()]


@require_POST
@member_required(roles=REVIEWING_ROLES)
def creative_review_decide(request: MemberRequest, job_id: UUID) -> HttpResponse:
    """Approve or reject what of the brief is still in review, then go on to the next brief."""
    advertiser = request.advertiser
    job: RenderJob = _found(lambda: render_job_get(advertiser_id=advertiser.pk, job_id=job_id))
    queue = list(selectors.review_queue(advertiser_id=advertiser.pk).values_list("pk", flat=True))
    place = queue.index(job.pk) if job.pk in queue else -1
    following = queue[place + 1] if place + 1 < len(queue) else None
    seen = dict(text.partition(":")[::2] for text in request.POST.getlist("seen"))
    rows = selectors.creative_list(
        advertiser_id=advertiser.pk, job_id=job.pk, status=Creative.Status.IN_REVIEW
    )
    ids = [creative.pk for creative in rows if str(creative.pk) in seen]
    if request.POST.get("decision") == "reject":
        if not _rejected(request, ids):
            return redirect("creative-review-job", job_id=job.pk)
    else:
        _bulk_approve(request, ids, seen)
    return redirect("creative-review-job", job_id=following) if following else redirect("creative-review")


def _rejected(request: MemberRequest, ids: list[UUID]) -> bool:
    try:
        for creative_id in ids:
            review.creative_reject(
                advertiser=request.advertiser,
                creative_id=creative_id,
                reviewer=request.user,
                reason=request.POST.get("reason", ""),
                comment=request.POST.get("comment", ""),
            )
    except DomainError as error:
        messages.error(request, error.message)
        return False
    messages.success(request, f"Rejected {len(ids)} creative{'s' if len(ids) != 1 else ''}.")
    return True


def _bulk_approve(request: MemberRequest, ids: list[UUID], seen: dict[str, str] | None = None) -> None:
    result = review.creatives_approve(
        advertiser=request.advertiser, creative_ids=ids, reviewer=request.user, seen=seen
    )
    if result.approved:
        count = len(result.approved)
        messages.success(request, f"Approved {count} creative{'s' if count != 1 else ''}.")
    for message in dict.fromkeys(refusal.message for refusal in result.refused):
        messages.error(request, message)


@require_POST
@member_required(roles=REVIEWING_ROLES)
def creatives_approve(request: MemberRequest) -> HttpResponse:
    """Bulk approval from the gallery."""
    ids = []
    for text in request.POST.getlist("creative")[:500]:
        try:
            ids.append(UUID(text))
        except ValueError:
            continue
    if not ids:
        messages.error(request, "Tick the creatives to approve first.")
    else:
        _bulk_approve(request, ids)
    return _back(request, reverse("creative-list"))


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
    try:
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
    except NotFound:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "Saved.")
    return _back(request, reverse("creative-detail", args=[creative_id]))


def _back(request: MemberRequest, fallback: str) -> HttpResponse:
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure())
    return HttpResponseRedirect(target if safe else fallback)


def _found(read: Any) -> Any:
    """What a selector finds, else a 404 page."""
    try:
        return read()
    except NotFound:
        raise Http404 from None
