"""From the bytes of a batch to events that may be stored, or a code for each item that may not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from adplatform.lib.tokens import TokenError
from analytics.currencies import MAX_VALUE_CENTS
from analytics.decision_tokens import DecisionTokenReader
from analytics.sources import watch
from analytics.tracking import (
    IncomingEvent,
    Refusal,
    TooOld,
    agent_reason,
    decision_time,
    device_of,
    time_correct,
)
from profiles.pseudonyms import SHOPPER_KEY_LIMIT, id_stored, pseudonyms_of

# Which purpose a token must have been signed for.
PURPOSES = {"impression": "impression", "viewable": "impression", "click": "click"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_CURRENCY = re.compile(r"[A-Z]{3}")
# A text to its end, closed or not, so that no byte is looked at twice; a bracket.
_JSON_PART = re.compile(r'"(?:[^"\\]|\\.)*+"?|[][{}]', re.DOTALL)
ITEM_DEPTH, DEEPEST = 3, 32  # an item is in a list in the body's object; no item of ours holds another level
_FIELD = re.compile(r"at `\$\.(\w+)`")
_REFUSAL_BY_FIELD = {
    "event_id": Refusal.BAD_EVENT_ID,
    "kind": Refusal.BAD_KIND,
    "token": Refusal.TOKEN_INVALID,
    "occurred_at": Refusal.BAD_TIME,
    "order_id": Refusal.BAD_ORDER_ID,
    "value_cents": Refusal.BAD_VALUE,
    "currency": Refusal.BAD_CURRENCY,
    "shopper": Refusal.BAD_SHOPPER,
}


class BadBody(ValueError):
    """The body is no batch at all."""


class EventItem(msgspec.Struct):
    """One item as it is sent; what it must hold depends on its kind."""

    event_id: str = ""
    kind: str = ""
    token: str = ""
    occurred_at: str | None = None
    order_id: str = ""
    value_cents: int | None = None
    currency: str = ""
    shopper: str = ""
    user_agent: str = ""  # of the shopper, when a shop's server speaks for them


class _Body(msgspec.Struct):
    events: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    sent_at: str | None = None


@dataclass(frozen=True)
class Batch:
    """Items in the order they were sent, each decoded or refused."""

    items: list[EventItem | Refusal]
    sent_at: datetime | None


@dataclass(frozen=True)
class Sender:
    """What the request says about who sends."""

    received_at: datetime
    max_age: timedelta
    user_agent: str = ""
    traffic_reason: str = ""  # why nothing of this request is counted
    source: bytes = b""  # whose events are counted over time; nothing for a server
    advertiser_id: UUID | None = None  # the API key's; None without a key
    may_convert: bool = False
    is_server: bool = False  # a secret key: the request's user agent is the server's, not the shopper's
    is_opted_out: bool = False  # Sec-GPC: nothing of this request is joined to its shopper


@dataclass
class Intake:
    """The outcome for a batch."""

    events: list[IncomingEvent] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)  # where in the batch each of ``events`` stood
    rejected: list[tuple[int, Refusal]] = field(default_factory=list)


def batch_parse(body: bytes) -> Batch:
    """Raises BadBody. Accepts ``{"events": [...]}`` and a single event.

    msgspec reads strictly; only a body that it refuses goes through the forgiving standard parser, so
    that one item with a lone surrogate or a NaN costs that item and not the batch.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        envelope = msgspec.json.decode(body, type=_Body)
        raw = [body] if envelope.events is msgspec.UNSET else envelope.events
        return Batch([_decode(item) for item in raw], time_parse(envelope.sent_at))
    except msgspec.ValidationError as error:
        raise BadBody(str(error)) from None
    except (ValueError, RecursionError):
        return _forgiving_parse(body)


def _forgiving_parse(body: bytes) -> Batch:
    try:
        text = body.decode()
        try:
            value = json.loads(text)
        except RecursionError:
            value = json.loads(_without_deep(text))
    except (ValueError, RecursionError) as error:
        raise BadBody("The body is not JSON in UTF-8.") from error
    if not isinstance(value, dict) or not isinstance(value.get("events", []), list):
        raise BadBody("Expected an object with a list of events.")
    sent_at = value.get("sent_at")
    if sent_at is not None and not isinstance(sent_at, str):
        raise BadBody("sent_at is not a time.")
    return Batch([_decode(item) for item in value.get("events", [value])], time_parse(sent_at))


def _without_deep(text: str) -> str:
    """The body with 0 in place of each item that is nested deeper than any parser here goes."""
    kept, depth, deepest, start, copied = [], 0, 0, 0, 0
    for found in _JSON_PART.finditer(text):
        mark = found[0]
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if depth == ITEM_DEPTH:
                start, deepest = found.start(), depth
        elif mark in "]}":
            depth -= 1
            if depth == ITEM_DEPTH - 1 and deepest > DEEPEST:
                kept += [text[copied:start], "0"]
                copied = found.end()
    return "".join([*kept, text[copied:]])


def _decode(item: Any) -> EventItem | Refusal:
    try:
        if isinstance(item, bytes | msgspec.Raw):
            return msgspec.json.decode(item, type=EventItem)
        return msgspec.convert(item, EventItem)
    except msgspec.ValidationError as error:
        found = _FIELD.search(str(error))
        return _REFUSAL_BY_FIELD.get(found[1], Refusal.BAD_ITEM) if found else Refusal.BAD_ITEM
    except (ValueError, RecursionError):
        return Refusal.BAD_ITEM


def time_parse(text: str | None) -> datetime | None:
    """An ISO 8601 time with its offset. Raises BadBody."""
    if text is None:
        return None
    try:
        time = msgspec.convert(text, datetime, strict=False)
    except (ValueError, OverflowError):
        raise BadBody("Not a time with a time zone.") from None
    if time.tzinfo is None:
        raise BadBody("A time without a time zone.")
    return time


def batch_check(batch: Batch, sender: Sender) -> Intake:
    """Every item's verdict."""
    intake, tokens = Intake(), DecisionTokenReader()
    for index, item in enumerate(batch.items):
        verdict = item if isinstance(item, Refusal) else _check(item, batch.sent_at, sender, tokens)
        if isinstance(verdict, Refusal):
            intake.rejected.append((index, verdict))
        else:
            intake.events.append(verdict)
            intake.indices.append(index)
    return intake


def _check(
    item: EventItem, sent_at: datetime | None, sender: Sender, tokens: DecisionTokenReader
) -> IncomingEvent | Refusal:
    if not _is_text(item.event_id, 64):
        return Refusal.BAD_EVENT_ID
    try:
        if item.kind in PURPOSES:
            return _decision_event(item, sent_at, sender, tokens)
        if item.kind in ("conversion", "refund"):
            return _order_event(item, sent_at, sender)
    except TooOld:
        return Refusal.TOO_OLD
    except BadBody:
        return Refusal.BAD_TIME
    return Refusal.BAD_KIND


def _decision_event(
    item: EventItem, sent_at: datetime | None, sender: Sender, tokens: DecisionTokenReader
) -> IncomingEvent | Refusal:
    try:
        token = tokens.read(item.token, purpose=PURPOSES[item.kind])
    except TokenError as error:
        return Refusal(error.code)
    if sender.advertiser_id is not None and token.advertiser_id != sender.advertiser_id:
        return Refusal.TOKEN_INVALID
    # Simulated traffic may lie in the past: a demo plays two weeks of visits in a minute.
    is_played = sender.is_server and token.is_simulated
    occurred_at, flag = time_correct(
        occurred_at=time_parse(item.occurred_at),
        sent_at=sent_at,
        received_at=sender.received_at,
        not_before=None if is_played else decision_time(token.decision_id),
        max_age=sender.max_age,
    )
    agent, reason = _agent(item, sender)
    if sender.source and not reason:
        reason = watch.judge(
            sender.source,
            is_click=item.kind == "click",
            decision_id=token.decision_id,
            creative_id=token.creative_id,
        )
    return IncomingEvent(
        advertiser_id=token.advertiser_id,
        event_id=id_stored(token.advertiser_id, item.event_id),
        kind=item.kind,
        occurred_at=occurred_at,
        clock_flag=flag,
        invalid_reason=reason,
        decision_id=token.decision_id,
        campaign_id=token.campaign_id,
        variant_id=token.variant_id,
        creative_id=token.creative_id,
        placement_id=token.placement_id,
        segment_id=token.segment_id,
        propensity=token.propensity,
        shopper_pseudonym="" if sender.is_opted_out else token.shopper_pseudonym,
        is_simulated=token.is_simulated,
        device=device_of(agent),
        experiment_id=token.experiment_id,
        arm=token.arm,
        drawn_segment_id=token.drawn_segment_id,
    )


def _order_event(item: EventItem, sent_at: datetime | None, sender: Sender) -> IncomingEvent | Refusal:
    """An order, or money given back of one; the refund's order need not have been reported yet."""
    for problem in _order_problems(item, sender):
        return problem
    is_order = item.kind == "conversion"
    occurred_at, flag = time_correct(
        occurred_at=time_parse(item.occurred_at),
        sent_at=sent_at,
        received_at=sender.received_at,
        max_age=sender.max_age,
    )
    agent, reason = _agent(item, sender)
    assert sender.advertiser_id is not None  # noqa: S101  (may_convert implies a key)
    names: tuple[str, ...] = ("",)
    if item.shopper and is_order and not sender.is_opted_out:
        names = pseudonyms_of(sender.advertiser_id, item.shopper)
    return IncomingEvent(
        advertiser_id=sender.advertiser_id,
        event_id=id_stored(sender.advertiser_id, item.event_id, item.shopper),
        kind=item.kind,
        occurred_at=occurred_at,
        clock_flag=flag,
        invalid_reason=reason,
        device=device_of(agent),
        shopper_pseudonym=names[0],
        earlier_pseudonyms=names[1:],
        order_id=id_stored(sender.advertiser_id, item.order_id, item.shopper),
        value_cents=item.value_cents,
        currency=item.currency,
    )


def _order_problems(item: EventItem, sender: Sender) -> Iterator[Refusal]:
    is_order = item.kind == "conversion"
    if sender.advertiser_id is None or not (sender.may_convert if is_order else sender.is_server):
        yield Refusal.KEY_REQUIRED
    if not _is_text(item.order_id, 64):
        yield Refusal.BAD_ORDER_ID
    if item.value_cents is None or not (0 if is_order else 1) <= item.value_cents <= MAX_VALUE_CENTS:
        yield Refusal.BAD_VALUE
    if not _CURRENCY.fullmatch(item.currency):
        yield Refusal.BAD_CURRENCY
    if item.shopper and not _is_text(item.shopper, SHOPPER_KEY_LIMIT):
        yield Refusal.BAD_SHOPPER


def _agent(item: EventItem, sender: Sender) -> tuple[str, str]:
    """Whose user agent counts, and why the event is not counted.

    A server with the secret key is believed: only what it says of the shopper's browser can be a robot,
    and its own user agent tells the device when it passes a browser's on.
    """
    if not sender.is_server:
        return sender.user_agent, sender.traffic_reason
    if item.user_agent:
        return item.user_agent, agent_reason(item.user_agent)
    return ("" if agent_reason(sender.user_agent) else sender.user_agent), ""


def _is_text(text: str, limit: int) -> bool:
    return 0 < len(text) <= limit and text.strip() != "" and not _CONTROL.search(text)
