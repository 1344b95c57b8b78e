"""``/why/{token}``: why this creative was shown, in plain words, for whoever sees it.

The token is the impression's own: what it says is what entered the decision. Of the person only what they
have taken away since is looked up. It opens for years: a screenshot of an advert may be older than its
campaign. Whoever holds the token may take interests away; giving them back is the shop's matter, where the
shopper is known.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError
from adplatform.lib.tokens import TokenError, token_read
from campaigns.models import Campaign, Variant
from campaigns.serving.tokens import IMPRESSION, DecisionToken
from campaigns.why_words import WORDS
from profiles.models import Segment
from profiles.selectors import interests_taken
from profiles.services import interest_remove, objection_record
from profiles.taxonomy import INTERESTS

READABLE = timedelta(days=3650)
EVERYTHING = "all"
TEXT_VERSION = "why-1"


@csrf_exempt  # the token in the address is the authority; no cookie is read
@require_http_methods(["GET", "HEAD", "POST"])
def why_shown(request: HttpRequest, token: str) -> HttpResponse:
    """Who pays, which interests entered the decision, and what a model made. 404 for a forged token.

    A POST of ``interest`` takes that one away from the shopper, ``all`` objects to all personal adverts.
    """
    said = _token(token)
    advertiser = Advertiser.objects.filter(pk=said.advertiser_id).first()
    if advertiser is None:
        raise Http404
    if request.method == "POST":
        return _take_away(request, token, said)
    campaign = Campaign.objects.filter(advertiser=advertiser, pk=said.campaign_id).first()
    variant = Variant.objects.filter(advertiser=advertiser, pk=said.variant_id)
    product = variant.select_related("product").first()
    language = _language(request, campaign)
    context: dict[str, Any] = {
        "words": WORDS[language],
        "language": "zh-Hans" if language == Campaign.Language.CHINESE else "en",
        "advertiser_name": advertiser.name,
        "payer_name": advertiser.payer_name,
        "shop_url": advertiser.shop_url,
        "product": product.product if product is not None else None,
        "is_house": campaign is not None and campaign.is_house,
        "is_personal": said.segment_id is not None,
        "knows_shopper": bool(_owner(said)),
        "is_measured": bool(said.shopper_pseudonym),
        "is_test": said.experiment_id is not None,
        "done": request.GET.get("done", ""),
        **_segment(advertiser, said, language),
    }
    return _with_headers(render(request, "campaigns/why_shown.html", context))


def _with_headers(response: HttpResponse) -> HttpResponse:
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Cache-Control"] = "private, no-store"
    return response


def _token(token: str) -> DecisionToken:
    try:
        return msgspec.convert(token_read(token, purpose=IMPRESSION, max_age=READABLE), DecisionToken)
    except (TokenError, msgspec.ValidationError, UnicodeError, RecursionError, OverflowError):
        raise Http404 from None


def _owner(said: DecisionToken) -> str:
    """The pseudonym of who may take interests away here."""
    return said.shopper_pseudonym or said.why_pseudonym


def _language(request: HttpRequest, campaign: Campaign | None) -> str:
    """The reader's first language that we speak, else the campaign's."""
    for tag, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "").lower()):
        for language in (Campaign.Language.CHINESE, Campaign.Language.ENGLISH):
            if tag.split("-")[0] == language:
                return language
    return campaign.language if campaign is not None else Campaign.Language.ENGLISH


def _segment(advertiser: Advertiser, said: DecisionToken, language: str) -> dict[str, Any]:
    """The shopper's interests that entered the decision, each with whether they have taken it away since.

    Tokens of before those were noted name all interests of the segment, and the page says so.
    """
    keys = said.entered or said.interests
    segment = (
        Segment.objects.filter(advertiser=advertiser, pk=said.segment_id).first() if said.segment_id else None
    )
    if not keys and segment is not None:
        keys = tuple(segment.interests)
    muted, has_objected = interests_taken(advertiser_id=advertiser.pk, pseudonym=_owner(said))
    interests = [
        (key, INTERESTS[key].label(language), has_objected or key in muted)
        for key in keys
        if key in INTERESTS
    ]
    return {
        "segment_name": segment.name if segment is not None else "",
        "interests": interests,
        "is_own": bool(said.entered),
        "has_objected": has_objected,
        "is_takeable": bool(_owner(said)) and not all(is_taken for *_, is_taken in interests),
    }


def _take_away(request: HttpRequest, token: str, said: DecisionToken) -> HttpResponse:
    asked, advertiser_id, pseudonym = (
        request.POST.get("interest", ""),
        said.advertiser_id,
        _owner(said),
    )
    is_known = False
    if pseudonym and asked == EVERYTHING:
        is_known = objection_record(
            advertiser_id=advertiser_id, pseudonym=pseudonym, text_version=TEXT_VERSION, source="why page"
        )
    elif pseudonym:
        try:
            is_known = interest_remove(
                advertiser_id=advertiser_id, pseudonym=pseudonym, interest=asked, now=timezone.now()
            )
        except DomainError:
            return _with_headers(HttpResponse("interest_unknown", status=400, content_type="text/plain"))
    done = ("all" if asked == EVERYTHING else "one") if is_known else "unknown"
    return _with_headers(HttpResponseRedirect(f"{reverse('why-shown', args=[token])}?done={done}"))
