"""``POST /api/v1/decisions``: a plain view, because DRF would cost more than the decision itself.

No session, no cookie, no write; once warm no query either, and one for a request that names a shopper. What
was decided is counted in memory (``campaigns.serving.counters``).
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from accounts.models import ApiKey
from accounts.refusals import refused_count
from adplatform.lib.api import problem_response
from adplatform.lib.errors import DomainError
from adplatform.lib.ids import uuid7
from campaigns.serving.context import ServeContext
from campaigns.serving.counters import counters
from campaigns.serving.engine import (
    Decision,
    SlotDecision,
    capped_campaign_of,
    decide,
    explain,
    match_of,
)
from campaigns.serving.keys import Caller, caller_of
from campaigns.serving.native import NativeAnswer, native_slot
from campaigns.serving.reasons import NUMBERS, SENTENCES
from campaigns.serving.shows import recent_shows
from campaigns.serving.snapshot import Snapshot
from campaigns.serving.store import snapshots
from campaigns.serving.tokens import token_make, tokens_make
from campaigns.serving.wire import (
    MAX_BODY_BYTES,
    CandidateAnswer,
    CreativeAnswer,
    DecisionAnswer,
    DecisionRequest,
    Disclosure,
    SlotAnswer,
    decode,
    encode,
)
from profiles.selectors import audience_get

log = structlog.get_logger(__name__)

NATIVE_FORMAT = "openrtb-native"
MAX_SIMULATED_AGE = timedelta(days=30)
# In the campaign's language, like the creative itself.
LABELS = {"en": "Ad", "zh": "广告"}
WHY_LABELS = {"en": "Ad: why do I see this?", "zh": "广告：为什么看到它？"}
_rng = random.Random()
_origins: dict[tuple[str | None, ...], str] = {}
ORIGINS_MAX = 256
ORIGIN_KEYS = ("HTTP_HOST", "wsgi.url_scheme", "HTTP_X_FORWARDED_PROTO")  # what Django makes an origin of
NOT_KEPT = {"Cache-Control": "no-store"}  # an answer is this shopper's, at this moment


@csrf_exempt
def decisions_decide(request: HttpRequest) -> HttpResponse:
    """Choose a creative for each placement of a page."""
    if request.method != "POST":
        return _with_headers(
            problem_response("method_not_allowed", "Send a POST.", 405), {"Allow": "POST, OPTIONS"}
        )
    try:
        caller = caller_of(request, scope=ApiKey.Scope.DECIDE)
        form, wants_explanation = _form_read(request, caller)
        asked = _body_read(request)
        snapshot = snapshots.get(caller.advertiser_id)
        # Global Privacy Control: the browser itself says no, whatever the consent ledger says.
        # (META: request.headers would parse every header first, a tenth of what the decision costs.)
        is_opted_out = request.META.get("HTTP_SEC_GPC") == "1"
        context = _context_make(caller, asked, is_opted_out)
    except DomainError as error:
        refused_count("decisions", [error.code])
        response = problem_response(error.code, error.message, error.status, error.errors)
        headers = {
            401: {"WWW-Authenticate": "Bearer"},
            429: {"Retry-After": "1"},
            503: {"Retry-After": "2"},
        }
        return _with_headers(response, headers.get(error.status, {}))
    decision = decide(context, snapshot, _rng)
    counters.add(decision)
    host = _origin_of(request)
    answer = _answer_make(decision, host, snapshot, explains=wants_explanation)
    content: DecisionAnswer | NativeAnswer = answer
    if form == NATIVE_FORMAT:
        content = NativeAnswer([native_slot(slot, host) for slot in answer.decisions])
    return HttpResponse(encode(content), headers={"Content-Type": "application/json", **NOT_KEPT})


def _form_read(request: HttpRequest, caller: Caller) -> tuple[str, bool]:
    """The format of the answer, and whether it is explained."""
    if not request.META.get("QUERY_STRING"):  # nearly always; reading none costs as much as deciding
        return "", False
    wants_explanation = request.GET.get("explain") == "1"
    if wants_explanation and not caller.is_secret:
        raise DomainError("explain_needs_secret_key", "Only a secret key may ask why.", status=403)
    if (form := request.GET.get("format", "")) not in ("", NATIVE_FORMAT):
        raise DomainError("format_unknown", f"The format is {NATIVE_FORMAT}, or leave it out.")
    return form, wants_explanation


def _origin_of(request: HttpRequest) -> str:
    """This server's address, as the storefront called it; a host is checked once, not in every request."""
    called = tuple(map(request.META.get, ORIGIN_KEYS))
    origin = _origins.get(called)
    if origin is None:
        origin = f"{request.scheme}://{request.get_host()}"  # raises for a host that is not ours
        if len(_origins) >= ORIGINS_MAX:
            _origins.clear()
        _origins[called] = origin
    return origin


def _with_headers(response: HttpResponse, headers: dict[str, str]) -> HttpResponse:
    for name, value in (NOT_KEPT | headers).items():
        response[name] = value
    return response


def _body_read(request: HttpRequest) -> DecisionRequest:
    try:
        declared = int(request.META.get("CONTENT_LENGTH") or 0)
        if declared > MAX_BODY_BYTES or len(body := request.body) > MAX_BODY_BYTES:
            raise _too_large()
        return decode(body)
    except RequestDataTooBig:
        raise _too_large() from None
    except msgspec.ValidationError as error:
        raise DomainError("invalid", f"The request has an invalid field: {error}.") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        raise DomainError("bad_json", "The body is not JSON in UTF-8.") from None
    except UnreadablePostError:
        raise DomainError("body_incomplete", "The body ended early.") from None


def _too_large() -> DomainError:
    return DomainError("too_large", f"A body may have {MAX_BODY_BYTES} bytes at the most.", status=413)


def _context_make(caller: Caller, asked: DecisionRequest, is_opted_out: bool) -> ServeContext:
    advertiser_id = caller.advertiser_id
    pseudonym, why_pseudonym, is_simulated = "", "", False
    segment_ids: tuple[UUID, ...] = ()
    segment_interests: tuple[tuple[str, ...], ...] = ()
    if asked.shopper:
        try:
            audience = audience_get(
                advertiser_id=advertiser_id, shopper_key=asked.shopper, opted_out=is_opted_out
            )
        except DatabaseError as error:
            # A lost database costs the personal touch, not the page: the generic creative is shown.
            log.warning("audience_unavailable", error=repr(error))
        else:
            # Without consent not even the pseudonym goes into a token.
            is_simulated = audience.is_simulated
            pseudonym, segment_ids = audience.pseudonym, audience.segment_ids
            segment_interests, why_pseudonym = audience.interests, audience.why_pseudonym
    now = _clock(asked.context.simulated_at, allowed=caller.is_secret and is_simulated)
    return ServeContext(
        advertiser_id=advertiser_id,
        placements=asked.placements,
        now=now,
        pseudonym=pseudonym,
        why_pseudonym=why_pseudonym,
        segment_ids=segment_ids,
        segment_interests=segment_interests,
        device=asked.context.device or "",
        creatives_on_page=frozenset(asked.context.shown),
        products_on_page=frozenset(asked.context.products),
        is_simulated=is_simulated,
        shows=recent_shows.of(pseudonym, now) if pseudonym else {},
    )


def _clock(simulated_at: datetime | None, *, allowed: bool) -> datetime:
    now = datetime.now(UTC)
    if simulated_at is None:
        return now
    if not allowed or simulated_at.tzinfo is None or not now - MAX_SIMULATED_AGE < simulated_at <= now:
        raise DomainError(
            "simulated_at_refused",
            "simulated_at needs a secret key, a shopper marked as simulated, and an aware time of the last "
            f"{MAX_SIMULATED_AGE.days} days.",
        )
    return simulated_at


def _answer_make(decision: Decision, host: str, snapshot: Snapshot, *, explains: bool) -> DecisionAnswer:
    return DecisionAnswer(
        [_slot_answer(decision.context, answer, host, snapshot, explains) for answer in decision.slots]
    )


def _slot_answer(
    context: ServeContext, answer: SlotDecision, host: str, snapshot: Snapshot, explains: bool
) -> SlotAnswer:
    decision_id = uuid7(context.now)
    candidates = _candidates(context, answer, snapshot) if explains else None
    if answer.candidate is None or answer.creative is None:
        return SlotAnswer(
            placement=answer.code,
            decision_id=decision_id,
            filled=False,
            reason=answer.reason,
            candidates=candidates,
        )
    if context.pseudonym and (campaign_id := capped_campaign_of(answer)) is not None:
        recent_shows.decided(
            pseudonym=context.pseudonym, campaign_id=campaign_id, decision_id=decision_id, at=context.now
        )
    token = token_make(decision_id, context, answer)
    impression_token, click_token = tokens_make(token)
    creative, why_url = answer.creative, f"{host}/why/{impression_token}"
    return SlotAnswer(
        placement=answer.code,
        decision_id=decision_id,
        filled=True,
        creative=CreativeAnswer(
            id=creative.id,
            image_url=host + creative.path,
            width=creative.width,
            height=creative.height,
            alt=creative.alt_text,
            headline=creative.headline,
        ),
        click_url=f"{host}/c/{click_token}",
        impression_token=impression_token,
        label=LABELS.get(answer.candidate.language, LABELS["en"]),
        why_url=why_url,
        why_label=WHY_LABELS.get(answer.candidate.language, WHY_LABELS["en"]),
        disclosure=Disclosure(
            is_advertisement=True,
            on_behalf_of=snapshot.advertiser_name,
            paid_by=snapshot.payer_name,
            parameters=[f"interest:{interest}" for interest in token.entered] or ["none"],
            change_url=why_url,
            is_ai_generated=True,
        ),
        propensity=answer.propensity,
        match=match_of(answer.candidate),
        candidates=candidates,
    )


def _candidates(context: ServeContext, answer: SlotDecision, snapshot: Snapshot) -> list[CandidateAnswer]:
    return [
        CandidateAnswer(
            campaign_id=line.candidate.campaign_id,
            campaign=line.candidate.campaign_name,
            variant_id=line.candidate.variant_id,
            product=line.candidate.product_title,
            segment_id=line.candidate.segment_id,
            reason=line.reason,
            number=NUMBERS[line.reason] if line.reason else None,
            sentence=SENTENCES[line.reason] if line.reason else "",
            priority=line.candidate.priority,
            weight=line.candidate.weight,
            propensity=line.propensity,
            is_challenger=line.candidate.is_challenger,
        )
        for line in explain(context, answer, snapshot)
    ]
