"""``GET /why/{token}``: why this creative was shown, in plain words, for whoever sees it.

The token is the impression's own: what it says is what entered the decision, and nothing else is looked up of
the person. It opens for years, because a screenshot of an advert may be older than its campaign.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import Advertiser
from adplatform.lib.tokens import TokenError, token_read
from campaigns.models import Campaign, Variant
from campaigns.serving.tokens import IMPRESSION
from campaigns.why_words import WORDS
from profiles.models import Segment
from profiles.taxonomy import INTERESTS

READABLE = timedelta(days=3650)


@require_safe
def why_shown(request: HttpRequest, token: str) -> HttpResponse:
    """Who pays, which interest entered the decision, and what a model made. 404 for a forged token."""
    try:
        payload = token_read(token, purpose=IMPRESSION, max_age=READABLE)
        advertiser_id, variant_id, campaign_id = (UUID(payload[name]) for name in ("a", "v", "c"))
    except (TokenError, KeyError, TypeError, ValueError, AttributeError):
        raise Http404 from None
    advertiser = Advertiser.objects.filter(pk=advertiser_id).first()
    if advertiser is None:
        raise Http404
    campaign = Campaign.objects.filter(advertiser=advertiser, pk=campaign_id).first()
    variant = Variant.objects.filter(advertiser=advertiser, pk=variant_id).select_related("product").first()
    language = campaign.language if campaign is not None else Campaign.Language.ENGLISH
    context: dict[str, Any] = {
        "words": WORDS[language],
        "language": "zh-Hans" if language == Campaign.Language.CHINESE else "en",
        "advertiser_name": advertiser.name,
        "shop_url": advertiser.shop_url,
        "product": variant.product if variant is not None else None,
        "is_house": campaign is not None and campaign.is_house,
        "is_personal": bool(payload.get("s")),
        "knows_shopper": bool(payload.get("u")),
        "is_test": bool(payload.get("x")),
        **_segment(advertiser, payload.get("s"), language),
    }
    response = render(request, "campaigns/why_shown.html", context)
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Cache-Control"] = "private, no-store"
    return response


def _segment(advertiser: Advertiser, segment_id: Any, language: str) -> dict[str, Any]:
    segment = Segment.objects.filter(advertiser=advertiser, pk=segment_id).first() if segment_id else None
    if segment is None:  # made for everybody, or since deleted
        return {"segment_name": "", "interests": []}
    interests = [INTERESTS[key].label(language) for key in segment.interests if key in INTERESTS]
    return {"segment_name": segment.name, "interests": interests}
