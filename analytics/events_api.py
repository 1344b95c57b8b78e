"""``POST /api/v1/events``: batches of events from storefronts and servers.

A plain view without session, authentication middleware or CSRF: a beacon carries no cookie that would
mean anything, the signed token of each item is the authority.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from accounts.addresses import client_address
from accounts.models import ApiKey
from accounts.refusals import refused_count
from adplatform.lib.api import problem_response
from adplatform.lib.errors import DomainError
from analytics import event_intake, services
from analytics.intake import BadBody, Sender, batch_check, batch_parse
from analytics.models import Event
from analytics.sources import watch
from analytics.tracking import Refusal, traffic_reason
from campaigns.serving.keys import Caller, caller_of

BEACON_LIMIT = 64 * 1024  # what a browser's sendBeacon may hold
KEY_LIMIT = 1024 * 1024
ITEM_LIMIT = 500
CONTENT_TYPES = ("application/json", "text/plain")  # text/plain: sendBeacon without a preflight


@csrf_exempt
def events(request: HttpRequest) -> HttpResponse:
    """202 ``{"accepted", "duplicates", "rejected": [{"index", "code"}]}``: what was accepted is committed."""
    if request.method != "POST":
        answer = _refused("method_not_allowed", "Events are sent by POST.", 405)
        answer["Allow"] = "POST, OPTIONS"
        return answer
    if request.content_type not in CONTENT_TYPES:
        return _refused("unsupported_media_type", "Send application/json or text/plain.", 415)
    try:
        caller = caller_of(request, scope=ApiKey.Scope.TRACK) if "Authorization" in request.headers else None
    except DomainError as error:
        answer = _refused(error.code, error.message, error.status)
        headers = {
            401: {"WWW-Authenticate": "Bearer"},
            429: {"Retry-After": "1"},
            503: {"Retry-After": "2"},
        }
        for name, value in headers.get(error.status, {}).items():
            answer[name] = value
        return answer
    limit = KEY_LIMIT if caller is not None else BEACON_LIMIT
    try:
        body = _body_read(request, limit)
        if body is None:
            return _refused("too_large", f"At most {limit} bytes.", 413)
        batch = batch_parse(body)
    except UnreadablePostError:
        return _refused("body_incomplete", "The body ended early.", 400)
    except BadBody as error:
        return _refused("bad_json", str(error), 400)
    if len(batch.items) > ITEM_LIMIT:
        return _refused("too_many_items", f"At most {ITEM_LIMIT} events in a batch.", 413)
    if caller is None and not watch.may_send(address=client_address(request), number=len(batch.items)):
        answer = _refused("throttled", "Too many events from this address; send again in a minute.", 429)
        answer["Retry-After"] = "60"
        return answer
    intake = batch_check(batch, sender := _sender(request, caller))
    try:
        result = event_intake.events_take(events=intake.events, received_at=sender.received_at)
    except event_intake.BufferIsFull:
        answer = _refused("buffer_full", "Too many events wait; send the same batch again.", 503)
        answer["Retry-After"] = "5"
        return answer
    except (OperationalError, InterfaceError):
        answer = _refused("try_again", "The database is busy; send the same batch again.", 503)
        answer["Retry-After"] = "2"
        return answer
    services.click_interests_record(clicks=[e for e in result.counted if e.kind == Event.Kind.CLICK])
    gone = [
        (index, Refusal.TOKEN_INVALID)  # genuine, but its advertiser has been deleted
        for index, event in zip(intake.indices, intake.events, strict=True)
        if event.advertiser_id in result.unknown_advertisers
    ]
    refused = sorted([*intake.rejected, *gone])
    if refused:
        refused_count("events", [code for _, code in refused])
    rejected = [{"index": index, "code": code} for index, code in refused]
    body = msgspec.json.encode(
        {"accepted": result.accepted, "duplicates": result.duplicates, "rejected": rejected}
    )
    return HttpResponse(
        body, status=202, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _refused(code: str, detail: str, status: int) -> HttpResponse:
    refused_count("events", [code])
    return problem_response(code, detail, status)


def _body_read(request: HttpRequest, limit: int) -> bytes | None:
    """The body, or None when it is longer than ``limit``; never holds more than that in memory."""
    try:
        announced = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        announced = 0
    if announced > limit:
        return None
    body = request.read(limit + 1)
    return None if len(body) > limit else body


def _sender(request: HttpRequest, caller: Caller | None) -> Sender:
    agent = request.headers.get("User-Agent", "")[:512]
    is_server = caller is not None and caller.is_secret
    from_page = caller is not None and settings.STOREFRONT_CONVERSIONS_FROM_PAGE
    return Sender(
        received_at=timezone.now(),
        max_age=timedelta(days=settings.EVENTS_MAX_AGE_DAYS),
        user_agent=agent,
        traffic_reason=traffic_reason(method="POST", user_agent=agent, purposes=request_purposes(request)),
        source=b"" if is_server else watch.source_of(address=client_address(request), user_agent=agent),
        advertiser_id=caller.advertiser_id if caller is not None else None,
        may_convert=is_server or from_page,
        is_server=is_server,
        is_opted_out=is_opted_out(request),
    )


def is_opted_out(request: HttpRequest) -> bool:
    """Global Privacy Control: the shopper's browser itself objects, whatever was agreed to before."""
    return request.headers.get("Sec-GPC") == "1"


def request_purposes(request: HttpRequest) -> tuple[str, ...]:
    """What a browser says of why it fetches ahead of time, under the names that browsers use."""
    return tuple(request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
