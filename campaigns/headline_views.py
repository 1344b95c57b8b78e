"""The page of headlines: what each segment may read on a creative, in both languages."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.permissions import MemberRequest, member_required
from campaigns.selectors import segment_choices
from generation.brand import brand_kit_get
from generation.composition.copy import HEADLINE_BUDGET, headlines_for, tone_of
from profiles.taxonomy import INTERESTS


@require_GET
@member_required()
def headline_list(request: MemberRequest) -> HttpResponse:
    """Every segment's headlines with how much of the budget each takes."""
    tone = tone_of(brand_kit_get(advertiser=request.advertiser).tone)
    sections: list[tuple[str, tuple[str, ...], list[tuple[str, str, int, int]]]] = [
        ("Everyone", (), _lines((), tone))
    ]
    for segment in segment_choices(advertiser_id=request.advertiser.pk):
        known = tuple(interest for interest in segment.interests if interest in INTERESTS)
        sections.append((segment.name, tuple(INTERESTS[i].label_en for i in known), _lines(known, tone)))
    context = {"sections": sections, "budgets": HEADLINE_BUDGET, "tone": tone or "warm"}
    return render(request, "campaigns/headline_list.html", context)


def _lines(interests: tuple[str, ...], tone: str) -> list[tuple[str, str, int, int]]:
    """(language, headline, characters, budget)."""
    return [
        (language, line, len(line), budget)
        for language, budget in HEADLINE_BUDGET.items()
        for line in headlines_for(interests, language, tone)
    ]
