"""The draft panel as it waits for its picture."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from generation.drafts import draft_get
from generation.models import Draft
from generation.pages import found

SLOW_SECONDS = 3.0  # from here the panel says what it waits for, and asks less often


@require_GET
@member_required(roles=WRITING_ROLES)
def draft_live(request: MemberRequest, draft_id: UUID) -> HttpResponse:
    """The panel, for htmx to fetch until the draft is there."""
    return draft_panel(
        request, found(lambda: draft_get(advertiser_id=request.advertiser.pk, draft_id=draft_id))
    )


def draft_panel(request: MemberRequest, draft: Draft) -> HttpResponse:
    """A draft drawn, being drawn or failed."""
    waited = (timezone.now() - draft.created_at).total_seconds()
    return render(request, "generation/_draft.html", {"draft": draft, "is_slow": waited > SLOW_SECONDS})
