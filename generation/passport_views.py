"""A creative's passport: everything it was made from, and a second render that proves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError
from generation import services
from generation.creative_selectors import creative_get
from generation.creative_views import discarded_of, parts_of, warnings_of
from generation.inspection_words import facts_of
from generation.models import Creative, RenderJob
from generation.pages import found
from generation.provenance import label_text
from generation.review_selectors import review_records, trail_lines

# Shown by name in a row of their own; everything else a renderer tells stands below.
_NAMED_DETAILS = frozenset({"files", "seed", "steps", "scheduler", "pipeline", "discarded", "kept_copy"})


@require_GET
@member_required()
def passport(request: MemberRequest, creative_id: UUID) -> HttpResponse:
    """The whole history of one creative on a page."""
    creative = found(lambda: creative_get(advertiser_id=request.advertiser.pk, creative_id=creative_id))
    job = creative.job
    records = review_records(advertiser_id=request.advertiser.pk, job_id=job.pk).filter(creative=creative)
    details = job.render_details
    return render(
        request,
        "creatives/passport.html",
        _check_context(creative)
        | {
            "brief": job.brief,
            "parts": parts_of(job),
            "details": details,
            "discarded": discarded_of(job),
            "more_details": {k: v for k, v in details.items() if k not in _NAMED_DETAILS},
            "folder": Path(str(settings.GENERATION_MODELS.get(job.model, ""))).name,
            "facts": facts_of(creative.inspection),
            "warnings": warnings_of([creative]),
            "trail": trail_lines(records),
            "approval": records.filter(action="approve", sha256=creative.approved_sha256).first(),
            "versions": creative.versions.order_by("number"),
            "label": label_text(job.brief["language"], job.brief["market"]),
        },
    )


@require_GET
@member_required()
def passport_check_live(request: MemberRequest, creative_id: UUID) -> HttpResponse:
    """The check alone, for htmx to fetch while it runs."""
    creative = found(lambda: creative_get(advertiser_id=request.advertiser.pk, creative_id=creative_id))
    return render(request, "creatives/_check.html", _check_context(creative))


@require_POST
@member_required(roles=WRITING_ROLES)
def passport_check(request: MemberRequest, creative_id: UUID) -> HttpResponse:
    """Render once more in the background."""
    creative = found(lambda: creative_get(advertiser_id=request.advertiser.pk, creative_id=creative_id))
    try:
        services.render_check(
            advertiser=request.advertiser, job_id=creative.job_id, requested_by=request.user
        )
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("creative-passport", creative_id)


def _check_context(creative: Creative) -> dict[str, Any]:
    check: RenderJob | None = creative.job.rechecks.order_by("-created_at").first()
    return {
        "creative": creative,
        "job": creative.job,
        "check": check,
        "is_open": check is not None and check.status not in RenderJob.TERMINAL,
    }
