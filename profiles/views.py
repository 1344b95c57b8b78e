"""Pages of shoppers: who they are in aggregate, one by the shop's key, and the text mapper to try."""

from __future__ import annotations

from contextlib import suppress

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Advertiser
from accounts.permissions import WRITING_ROLES, member_required
from adplatform.lib.errors import NotFound
from profiles import insights
from profiles.api import mapping_values
from profiles.behaviours import TEXT_LIMIT
from profiles.group_sizes import is_few
from profiles.pseudonyms import SHOPPER_KEY_LIMIT
from profiles.selectors import profile_get
from profiles.taxonomy import INTERESTS
from profiles.text_mapping import mapper_get

TOP_LIMIT = 20
EXAMPLE_TEXTS = (
    "trail running shoes",
    "想买汉服马面裙，周末去露营",
    "螺蛳粉 双11 包邮",
    "coffe grinder",
)


@member_required()
@require_GET
def shopper_list(request: HttpRequest) -> HttpResponse:
    """All shoppers in aggregate."""
    advertiser: Advertiser = request.advertiser  # type: ignore[attr-defined]
    now = timezone.now()
    counts = insights.top_interest_counts(advertiser_id=advertiser.pk)
    others = sum(count.shoppers for count in counts[TOP_LIMIT:])
    return render(
        request,
        "profiles/shopper_list.html",
        {
            "summary": insights.audience_summary(advertiser_id=advertiser.pk, now=now),
            "counts": counts[:TOP_LIMIT],
            "others": 0 if is_few(others) else others,
            "largest": counts[0].shoppers if counts else 0,
            "kinds": insights.behaviour_kind_counts(advertiser_id=advertiser.pk, now=now),
            "examples": EXAMPLE_TEXTS,
        },
    )


@member_required(roles=WRITING_ROLES)
@require_POST
def shopper_lookup(request: HttpRequest) -> HttpResponse:
    """One profile by the shop's own key: sent by POST, so that it stands in no log."""
    key = request.POST.get("shopper", "").strip()[:SHOPPER_KEY_LIMIT]
    profile = None
    if key:
        with suppress(NotFound):
            profile = profile_get(
                advertiser_id=request.advertiser.pk,  # type: ignore[attr-defined]
                shopper_key=key,
            )
    return render(request, "profiles/_shopper_profile.html", {"profile": profile, "key": key})


@member_required()
@require_POST
def text_try(request: HttpRequest) -> HttpResponse:
    """What a text says about its writer, with the words that led there."""
    text = request.POST.get("text", "")[:TEXT_LIMIT]
    mapping = mapper_get().explain(text)
    matches = [(match, [INTERESTS[i] for i in match.interests]) for match in mapping.matches]
    context = {"text": text.strip(), "mapping": mapping_values(mapping), "matches": matches}
    return render(request, "profiles/_text_mapping.html", context)
