"""The review's pages: a grid of briefs, one brief at a time with all its sizes, and what is decided there."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import REVIEWING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError
from generation import copy_edits, review
from generation import review_selectors as selectors
from generation.creative_selectors import creative_list
from generation.creative_views import discarded_of, parts_of, warnings_of
from generation.job_selectors import render_job_get
from generation.models import Creative, RenderJob
from generation.pages import acted, back, found

BRIEFS_PER_PAGE = 12  # with ten sizes each about what a screen and a reviewer can take
DECIDED_AT_ONCE = 500


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
    job: RenderJob = found(lambda: render_job_get(advertiser_id=advertiser_id, job_id=job_id))
    creatives = list(creative_list(advertiser_id=advertiser_id, job_id=job.pk))
    if not creatives:
        raise Http404
    creatives.sort(key=lambda c: (c.width < 200, -c.width * c.height))
    waiting = [creative for creative in creatives if creative.status == Creative.Status.IN_REVIEW]
    place = queue.index(job.pk) if job.pk in queue else -1
    following = _following(queue, job.pk)
    before = selectors.comparisons_get(job=job, creatives=creatives)
    return render(
        request,
        "creatives/creative_review.html",
        {
            "job": job,
            "parts": parts_of(job),
            "brief": job.brief,
            "pairs": [(creative, before.get(creative.pk)) for creative in creatives],
            "creatives": creatives,
            "before": next((before[c.pk] for c in creatives if c.pk in before), None),
            "waiting": waiting,
            "may_edit": any("edit" in review.moves_open(creative) for creative in creatives),
            "headline_length": copy_edits.HEADLINE_LENGTH,
            "call_to_action_length": copy_edits.CALL_TO_ACTION_LENGTH,
            "warnings": warnings_of(creatives),
            "discarded": discarded_of(job),
            "contrast": min(c.inspection.get("contrast", 0) for c in creatives),
            "trail": selectors.trail_lines(
                selectors.review_records(advertiser_id=advertiser_id, job_id=job.pk)
            ),
            "position": place + 1,
            "queue_length": len(queue),
            "previous": queue[place - 1] if place > 0 else None,
            "next": following or (queue[0] if queue and place < 0 else None),
            "progress": progress,
            "reasons": Creative.RejectReason.choices,
            "may_approve": all(
                review.may_approve(advertiser=request.advertiser, creative=c, reviewer=request.user)
                for c in waiting[:1]
            ),
        },
    )


@require_GET
@member_required(roles=REVIEWING_ROLES)
def creative_review_grid(request: MemberRequest) -> HttpResponse:
    """Review mode: many briefs at a glance, each with its waiting sizes."""
    advertiser_id = request.advertiser.pk
    queue = selectors.review_queue(advertiser_id=advertiser_id)
    page = Paginator(queue, BRIEFS_PER_PAGE).get_page(request.GET.get("page"))
    tiles = selectors.review_tiles(advertiser_id=advertiser_id, jobs=list(page.object_list))
    return render(
        request,
        "creatives/review_grid.html",
        {
            "page_obj": page,
            "tiles": [(tile, warnings_of(tile.waiting)) for tile in tiles],
            "progress": selectors.review_progress(advertiser_id=advertiser_id),
            "reasons": Creative.RejectReason.choices,
        },
    )


@require_POST
@member_required(roles=REVIEWING_ROLES)
def creative_review_decide(request: MemberRequest, job_id: UUID) -> HttpResponse:
    """Approve or reject what of the brief is still in review, then go on to the next brief."""
    advertiser_id = request.advertiser.pk
    job: RenderJob = found(lambda: render_job_get(advertiser_id=advertiser_id, job_id=job_id))
    queue = list(selectors.review_queue(advertiser_id=advertiser_id).values_list("pk", flat=True))
    following = _following(queue, job.pk)
    rows = creative_list(advertiser_id=advertiser_id, job_id=job.pk)
    if not _decide(request, {creative.pk for creative in rows}):
        return redirect("creative-review-job", job_id=job.pk)
    return redirect("creative-review-job", job_id=following) if following else redirect("creative-review")


@require_POST
@member_required(roles=REVIEWING_ROLES)
def creatives_decide(request: MemberRequest) -> HttpResponse:
    """Approve or reject what is ticked: creatives of the gallery, or whole briefs of the review's grid."""
    jobs, creatives = _ids(request, "job"), _ids(request, "creative")
    if jobs:
        rows = creative_list(advertiser_id=request.advertiser.pk, status=Creative.Status.IN_REVIEW)
        creatives |= set(rows.filter(job_id__in=jobs).order_by().values_list("pk", flat=True))
    if not creatives:
        messages.error(request, "Tick what you want to decide about first.")
    else:
        _decide(request, creatives)
    return back(request, reverse("creative-list"))


@require_POST
@member_required(roles=REVIEWING_ROLES)
def creative_review_edit(request: MemberRequest, job_id: UUID) -> HttpResponse:
    """New words on all sizes of the brief."""

    def edit() -> str:
        made = copy_edits.copy_edit(
            advertiser=request.advertiser,
            job_id=job_id,
            headline=request.POST.get("headline", ""),
            call_to_action=request.POST.get("call_to_action", ""),
            editor=request.user,
            seen=_seen(request),
        )
        return f"{len(made)} size{'s' if len(made) != 1 else ''} have the new words and wait for review."

    return acted(request, edit, reverse("creative-review-job", args=[job_id]))


@require_POST
@member_required(roles=REVIEWING_ROLES)
def creative_comment(request: MemberRequest, creative_id: UUID) -> HttpResponse:
    """Say something without deciding."""

    def comment() -> str:
        review.creative_comment(
            advertiser=request.advertiser,
            creative_id=creative_id,
            reviewer=request.user,
            comment=request.POST.get("comment", ""),
        )
        return "Your comment is in the trail."

    return acted(request, comment, reverse("creative-detail", args=[creative_id]))


def _following(queue: list[UUID], job_id: UUID) -> UUID | None:
    place = queue.index(job_id) if job_id in queue else -1
    return queue[place + 1] if 0 <= place < len(queue) - 1 else None


def _seen(request: MemberRequest) -> dict[str, str]:
    """Id -> SHA-256 of the bytes that were on the page."""
    return dict(text.partition(":")[::2] for text in request.POST.getlist("seen"))


def _ids(request: MemberRequest, name: str) -> set[UUID]:
    found_ids = set()
    for text in request.POST.getlist(name)[:DECIDED_AT_ONCE]:
        try:
            found_ids.add(UUID(text))
        except ValueError:
            continue
    return found_ids


def _decide(request: MemberRequest, creative_ids: set[UUID]) -> bool:
    """Decide about those that were on the page; False when the decision itself is not complete."""
    seen = _seen(request)
    ids = [pk for pk in creative_ids if str(pk) in seen]
    try:
        if request.POST.get("decision") == "reject":
            result = review.creatives_reject(
                advertiser=request.advertiser,
                creative_ids=ids,
                reviewer=request.user,
                reason=request.POST.get("reason", ""),
                comment=request.POST.get("comment", ""),
                seen=seen,
            )
            word = "Rejected"
        else:
            result = review.creatives_approve(
                advertiser=request.advertiser, creative_ids=ids, reviewer=request.user, seen=seen
            )
            word = "Approved"
    except DomainError as error:
        messages.error(request, error.message)
        return False
    if result.decided:
        count = len(result.decided)
        messages.success(request, f"{word} {count} creative{'s' if count != 1 else ''}.")
    for message in dict.fromkeys(refusal.message for refusal in result.refused):
        messages.error(request, message)
    return True
