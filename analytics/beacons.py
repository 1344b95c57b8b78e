"""``GET /c/{token}``: the click redirect. The destination is a stored link and nothing else."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.addresses import client_address
from accounts.refusals import refused_count
from adplatform.lib.tokens import TokenError
from analytics import event_intake, services
from analytics.decision_tokens import DecisionToken, decision_token_read, expired_token_read
from analytics.events_api import is_opted_out, request_purposes
from analytics.models import Event
from analytics.sources import watch
from analytics.tracking import IncomingEvent, NotCounted, device_of, traffic_reason
from campaigns.selectors import landing_url_get

log = structlog.get_logger(__name__)


@csrf_exempt
@require_safe
def click(request: HttpRequest, token: str) -> HttpResponse:
    """Count the click once and send the shopper to the product's stored link.

    A forged token, or one made for another purpose, is 404. A genuine old one still leads to the
    product, but is not counted. Nothing in the request can change the destination.
    """
    reason = ""
    try:
        decision = decision_token_read(token, purpose="click")
    except TokenError as error:
        if error.code != NotCounted.TOKEN_EXPIRED:
            raise Http404 from None
        decision, reason = _expired(token), NotCounted.TOKEN_EXPIRED
    destination = landing_url_get(decision.variant_id)
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
    agent = request.headers.get("User-Agent", "")[:512]
    reason = reason or traffic_reason(
        method=request.method or "", user_agent=agent, purposes=request_purposes(request)
    )
    reason = reason or watch.judge(
        watch.source_of(address=client_address(request), user_agent=agent),
        is_click=True,
        decision_id=decision.decision_id,
        creative_id=decision.creative_id,
    )
    now = timezone.now()
    # What is not counted has an id of its own, or a prefetch would use up the real click's id.
    event_id = f"{decision.decision_id}:click" + (f":{reason}" if reason else "")
    event = IncomingEvent(
        event_id=event_id,
        kind=Event.Kind.CLICK,
        occurred_at=now,
        invalid_reason=reason,
        device=device_of(agent),
        decision_id=decision.decision_id,
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
    try:
        result = event_intake.events_take(events=[event], received_at=now)
    except (OperationalError, InterfaceError, event_intake.BufferIsFull):
        # The shopper's way matters more than our figure; the loss is logged, not hidden.
        log.exception("click_lost", decision=str(decision.decision_id))
        refused_count("clicks", ["click_lost"])
        return
    services.click_interests_record(clicks=result.counted)
