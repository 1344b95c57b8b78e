"""What a browser asks for by GET: the click redirect and the pixel that counts what was shown or seen.

``/c/{token}`` leads to a stored link and nothing else; ``/i/{token}?k=impression`` (or ``viewable``) is for
who cannot post: an OpenRTB buyer's event trackers, an e-mail, a page without the tag.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

import structlog
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.addresses import client_address
from accounts.refusals import refused_count
from adplatform.lib.api import problem_response
from adplatform.lib.tokens import TokenError
from analytics import event_intake, services
from analytics.decision_tokens import DecisionToken, decision_token_read, expired_token_read
from analytics.events_api import is_opted_out, request_purposes
from analytics.models import Event
from analytics.sources import watch
from analytics.tracking import IncomingEvent, NotCounted, Refusal, device_of, traffic_reason
from campaigns.selectors import landing_url_get
from campaigns.serving.store import snapshots

log = structlog.get_logger(__name__)


# A transparent picture of one pixel: what an <img> can take without a broken mark.
PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
PIXEL_KINDS = (Event.Kind.IMPRESSION, Event.Kind.VIEWABLE)


@csrf_exempt
@require_safe
def pixel(request: HttpRequest, token: str) -> HttpResponse:
    """Count an impression, or that it was viewable, once; the same event as the tag's, whoever comes first.

    A forged token, one made for another purpose and an unknown kind are 404, an old one 410; 503 when it
    could not be stored: what was answered by a picture is committed.
    """
    kind = request.GET.get("k", Event.Kind.IMPRESSION)
    if kind not in PIXEL_KINDS:
        return _refused(Refusal.BAD_KIND, 404)
    try:
        decision = decision_token_read(token, purpose="impression")
    except TokenError as error:
        return _refused(error.code, 410 if error.code == NotCounted.TOKEN_EXPIRED else 404)
    now = timezone.now()
    try:
        event = _event_make(request, decision, kind, now)
        result = event_intake.events_take(events=[event], received_at=now)
    except (OperationalError, InterfaceError, event_intake.BufferIsFull):
        log.exception("pixel_lost", decision=str(decision.decision_id))
        answer = _refused("try_again", 503)
        answer["Retry-After"] = "2"
        return answer
    if result.unknown_advertisers:  # genuine, but its advertiser has been deleted
        return _refused(Refusal.TOKEN_INVALID, 404)
    headers = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "cross-origin"}
    return HttpResponse(PIXEL, content_type="image/gif", headers=headers)


def _refused(code: str, status: int) -> HttpResponse:
    refused_count("events", [code])
    answer = problem_response(code, "Nothing was counted.", status)
    answer["Cache-Control"] = "no-store"
    return answer


@csrf_exempt
@require_safe
def click(request: HttpRequest, token: str) -> HttpResponse:
    """Count the click once and send the shopper to the product's stored link.

    A forged token, or one made for another purpose, is 404. A genuine old one still leads to the
    product, but is not counted. Nothing in the request can change the destination. Without the database the
    link is that of this process's snapshot; 503 when it has none.
    """
    reason = ""
    try:
        decision = decision_token_read(token, purpose="click")
    except TokenError as error:
        if error.code != NotCounted.TOKEN_EXPIRED:
            raise Http404 from None
        decision, reason = _expired(token), NotCounted.TOKEN_EXPIRED
    try:
        destination = landing_url_get(decision.variant_id)
    except (OperationalError, InterfaceError):
        destination = snapshots.landing_url_find(decision.advertiser_id, decision.variant_id)
        if destination is None:
            _click_lost(decision)
            answer = problem_response("try_again", "The way to the product cannot be read right now.", 503)
            answer["Retry-After"] = "2"
            answer["Cache-Control"] = "no-store"
            return answer
    if not destination or urlsplit(destination).scheme not in ("http", "https"):
        raise Http404
    _record(request, decision, reason)
    response = HttpResponseRedirect(destination)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"  # the token stays between us and the shopper
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _expired(token: str) -> DecisionToken:
    try:
        return expired_token_read(token, purpose="click")
    except TokenError:
        raise Http404 from None


def _record(request: HttpRequest, decision: DecisionToken, reason: str) -> None:
    now = timezone.now()
    event = _event_make(request, decision, Event.Kind.CLICK, now, reason)
    try:
        result = event_intake.events_take(events=[event], received_at=now)
    except (OperationalError, InterfaceError, event_intake.BufferIsFull):
        # The shopper's way matters more than our figure; the loss is logged, not hidden.
        _click_lost(decision)
        return
    services.click_interests_record(clicks=result.counted)


def _click_lost(decision: DecisionToken) -> None:
    log.exception("click_lost", decision=str(decision.decision_id))
    refused_count("clicks", ["click_lost"])


def _event_make(
    request: HttpRequest, decision: DecisionToken, kind: str, now: datetime, reason: str = ""
) -> IncomingEvent:
    """The event that this request is, with the ``reason`` why it is not counted, if there is one."""
    agent = request.headers.get("User-Agent", "")[:512]
    reason = reason or traffic_reason(
        method=request.method or "", user_agent=agent, purposes=request_purposes(request)
    )
    reason = reason or watch.judge(
        watch.source_of(address=client_address(request), user_agent=agent),
        is_click=kind == Event.Kind.CLICK,
        decision_id=decision.decision_id,
        creative_id=decision.creative_id,
    )
    return IncomingEvent(
        # What is not counted has an id of its own, or a prefetch would use up the real event's id.
        event_id=f"{decision.decision_id}:{kind}" + (f":{reason}" if reason else ""),
        kind=kind,
        occurred_at=now,
        invalid_reason=reason,
        device=device_of(agent),
        # An old link's decision is past: its day may be gone from the database, and nothing refers to it.
        decision_id=None if reason == NotCounted.TOKEN_EXPIRED else decision.decision_id,
        advertiser_id=decision.advertiser_id,
        campaign_id=decision.campaign_id,
        variant_id=decision.variant_id,
        creative_id=decision.creative_id,
        placement_id=decision.placement_id,
        segment_id=decision.segment_id,
        propensity=decision.propensity,
        shopper_pseudonym="" if is_opted_out(request) else decision.shopper_pseudonym,
        is_simulated=decision.is_simulated,
        experiment_id=decision.experiment_id,
        arm=decision.arm,
        drawn_segment_id=decision.drawn_segment_id,
    )
