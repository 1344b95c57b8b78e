"""Pages of render batches."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError
from generation import batch_selectors as selectors
from generation import render_batches
from generation.models import RenderBatch
from generation.pages import found

PAGE_SIZE = 20
MOVES = {
    "pause": render_batches.batch_pause,
    "resume": render_batches.batch_resume,
    "cancel": render_batches.batch_cancel,
}


@require_GET
@member_required()
def batch_list(request: MemberRequest) -> HttpResponse:
    """Every batch with its progress."""
    rows = selectors.batch_list(advertiser_id=request.advertiser.pk)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    states = selectors.batch_states(list(page.object_list))
    return render(request, "generation/batch_list.html", {"page_obj": page, "states": states})


@require_GET
@member_required()
def batch_detail(request: MemberRequest, batch_id: UUID) -> HttpResponse:
    """One batch."""
    return render(request, "generation/batch_detail.html", _context(request, batch_id))


@require_GET
@member_required()
def batch_live(request: MemberRequest, batch_id: UUID) -> HttpResponse:
    """The part of a batch's page that changes, for htmx to fetch while there is something left."""
    return render(request, "generation/_batch_live.html", _context(request, batch_id))


@require_POST
@member_required(roles=WRITING_ROLES)
def batch_move(request: MemberRequest, batch_id: UUID, verb: str) -> HttpResponse:
    """Pause, resume, cancel, prioritise, or try failed jobs again."""
    batch = _batch(request, batch_id)
    try:
        if verb == "priority":
            value = request.POST.get("priority", "")
            render_batches.batch_prioritise(
                advertiser=request.advertiser,
                batch_id=batch.pk,
                priority=int(value) if value.isdecimal() and len(value) < 4 else 0,
            )
        elif verb == "retry":
            count = render_batches.batch_retry(
                advertiser=request.advertiser, batch_id=batch.pk, code=request.POST.get("code", "")
            )
            messages.success(request, f"{count} job{'s' if count != 1 else ''} queued again.")
        elif verb in MOVES:
            MOVES[verb](advertiser=request.advertiser, batch_id=batch.pk)
        else:
            raise Http404
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("render-batch-detail", batch.pk)


def _batch(request: MemberRequest, batch_id: UUID) -> RenderBatch:
    return found(lambda: selectors.batch_get(advertiser_id=request.advertiser.pk, batch_id=batch_id))


def _context(request: MemberRequest, batch_id: UUID) -> dict[str, Any]:
    batch = _batch(request, batch_id)
    (state,) = selectors.batch_states([batch])
    return {
        "batch": batch,
        "state": state,
        "failures": selectors.batch_failures(batch),
        "priorities": RenderBatch.Priority.choices,
    }
