"""A part of the placements page: what each placement was asked for and what came of it."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render

from accounts.permissions import MemberRequest, member_required
from analytics.funnel import placement_funnels_list
from analytics.windows import today

PERIODS = (1, 7, 28)


@member_required()
def placement_funnels(request: MemberRequest) -> HttpResponse:
    """``?days=7``: the last days (UTC), today included."""
    asked = request.GET.get("days", "")
    days = next((days for days in PERIODS if str(days) == asked), 7)
    end = today()
    rows = placement_funnels_list(
        advertiser_id=request.advertiser.pk, start=end - timedelta(days=days - 1), end=end
    )
    return render(
        request, "analytics/_placement_funnels.html", {"rows": rows, "days": days, "periods": PERIODS}
    )
