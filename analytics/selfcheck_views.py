"""The page that proves the statistics: what the newest self-check measured."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.permissions import MemberRequest, member_required
from analytics.models import SelfCheckRun


@member_required()
@require_GET
def selfcheck(request: MemberRequest) -> HttpResponse:
    """The newest run in full, the ones before in a line each."""
    runs = list(SelfCheckRun.objects.all()[:10])
    return render(
        request, "past_tests/selfcheck.html", {"run": runs[0] if runs else None, "before": runs[1:]}
    )
