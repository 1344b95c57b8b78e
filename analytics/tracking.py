"""Pure rules of counting: why an event is refused, why one is kept but not counted, when it happened.

Refused means "not stored, the sender is told". Not counted means "stored with a reason, the sender is
told nothing", so that a robot learns nothing and a person can still look at the raw figures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

import msgspec

FUTURE_TOLERANCE = timedelta(minutes=5)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Refusal(StrEnum):
    """Why one item of a batch was not stored."""

    BAD_ITEM = "bad_item"
    BAD_EVENT_ID = "bad_event_id"
    BAD_KIND = "bad_kind"
    BAD_TIME = "bad_time"
    TOO_OLD = "too_old"
    TOKEN_INVALID = "token_invalid"  # noqa: S105
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    KEY_REQUIRED = "key_required"  # an order or a refund without the key that may report one
    BAD_ORDER_ID = "bad_order_id"
    BAD_VALUE = "bad_value"
    BAD_CURRENCY = "bad_currency"
    BAD_SHOPPER = "bad_shopper"


class NotCounted(StrEnum):
    """Why a stored event is not in the figures."""

    REPEAT = "repeat"  # this decision already has an event of this kind
    ORDER_REPEAT = "order_repeat"  # this order is already a conversion; the earlier one stands
    ORDER_UNKNOWN = "order_unknown"  # a refund whose order has not been reported
    REFUND_CURRENCY = "refund_currency"  # a refund in another currency than its order
    TOKEN_EXPIRED = "token_expired"  # noqa: S105  # an old link, clicked: the shopper is sent on, nothing is counted
    RATE = "rate"  # one source sends more than people do
    CLICK_AGAIN = "click_again"  # the same creative clicked twice within seconds
    UA_EMPTY = "ua_empty"
    UA_BOT = "ua_bot"
    UA_NONBROWSER = "ua_nonbrowser"
    PREFETCH = "prefetch"
    HEAD = "head"


# By their user agent.
ROBOTS = (NotCounted.UA_EMPTY, NotCounted.UA_BOT, NotCounted.UA_NONBROWSER)


class ClockFlag(StrEnum):
    """How the stored time differs from the sent one."""

    NONE = ""
    SHIFTED = "shifted"  # by the difference between the client's clock and ours
    FUTURE = "future"  # more than five minutes ahead: time of arrival instead
    EARLY = "early"  # before its own decision was made: time of the decision instead


class TooOld(Exception):
    """The event happened longer ago than events are kept open for."""


class IncomingEvent(msgspec.Struct, frozen=True, gc=False):
    """One event that passed every check and may be stored. Made in a third of a dataclass's time."""

    advertiser_id: UUID
    event_id: str
    kind: str
    occurred_at: datetime
    clock_flag: str = ClockFlag.NONE
    invalid_reason: str = ""
    decision_id: UUID | None = None
    campaign_id: UUID | None = None
    variant_id: UUID | None = None
    creative_id: UUID | None = None
    placement_id: UUID | None = None
    segment_id: UUID | None = None
    propensity: float | None = None
    shopper_pseudonym: str = ""
    is_simulated: bool = False
    device: str = ""
    order_id: str = ""
    value_cents: int | None = None
    currency: str = ""
    experiment_id: UUID | None = None
    arm: str = ""
    drawn_segment_id: UUID | None = None
    # An order's shopper under older versions of the pseudonyms' key: a rotation may not have moved them yet.
    earlier_pseudonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventBatch:
    """What one request brings."""

    events: tuple[IncomingEvent, ...]
    received_at: datetime


# --- who sent it
# "(?<!cu)bot": the phones of the maker Cubot are people.
_ROBOTS = re.compile(
    r"(?<!cu)bot\b|(?<!cu)bot[^a-z]|googlebot|bingbot|crawl|spider|slurp|headless|phantomjs|scrap|lighthouse"
    r"|facebookexternalhit|preview|pingdom|uptime|monitor|validator|wget|curl/|python|java/|go-http|okhttp"
    r"|node-fetch|axios|libwww|httpclient|postman",
    re.IGNORECASE,
)
_TABLETS = re.compile(r"ipad|tablet|kindle|silk/|playbook|android(?!.*mobile)", re.IGNORECASE)
_PHONES = re.compile(r"mobi|iphone|ipod|android|windows phone|opera mini", re.IGNORECASE)
_DESKTOPS = re.compile(r"windows nt|macintosh|x11|cros|linux", re.IGNORECASE)


@lru_cache(maxsize=4096)
def agent_reason(user_agent: str) -> str:
    """Why traffic of this user agent is not counted; the empty string for a browser.

    A short list of our own. Known crawlers name themselves; every browser in use begins with
    ``Mozilla/`` (or ``Opera/``), so whatever does not is a program.
    """
    if not user_agent.strip():
        return NotCounted.UA_EMPTY
    if _ROBOTS.search(user_agent):
        return NotCounted.UA_BOT
    if not user_agent.startswith(("Mozilla/", "Opera/")):
        return NotCounted.UA_NONBROWSER
    return ""


@lru_cache(maxsize=4096)
def device_of(user_agent: str) -> str:
    """``desktop``, ``mobile``, ``tablet``, ``other``; the empty string without a user agent."""
    if not user_agent.strip():
        return ""
    for pattern, device in ((_TABLETS, "tablet"), (_PHONES, "mobile"), (_DESKTOPS, "desktop")):
        if pattern.search(user_agent):
            return device
    return "other"


def traffic_reason(*, method: str, user_agent: str, purposes: tuple[str, ...] = ()) -> str:
    """Why a request of a browser is not counted, or the empty string.

    ``purposes`` are the values of the headers Sec-Purpose, Purpose and X-Moz. What a browser fetches
    ahead of time has not been seen by anyone.
    """
    if method == "HEAD":
        return NotCounted.HEAD
    if any("prefetch" in purpose.lower() or "prerender" in purpose.lower() for purpose in purposes):
        return NotCounted.PREFETCH
    return agent_reason(user_agent)


# --- when it happened
def decision_time(decision_id: UUID) -> datetime | None:
    """The moment inside a time-ordered id (UUIDv7); None for an id of another kind."""
    if decision_id.version != 7:
        return None
    return datetime.fromtimestamp((decision_id.int >> 80) / 1000, UTC)


def time_correct(
    *,
    occurred_at: datetime | None,
    sent_at: datetime | None,
    received_at: datetime,
    not_before: datetime | None = None,
    max_age: timedelta,
) -> tuple[datetime, ClockFlag]:
    """When the event happened by our clock.

    The client's clock is wrong by (arrival - ``sent_at``), so the same is added to ``occurred_at``. The
    future is moved to the arrival, and nothing happens before its decision. Raises TooOld.
    """
    if occurred_at is None:
        return received_at, ClockFlag.NONE
    # Years near 1 or 9999 overflow when shifted; they are nonsense in any case.
    time, flag = max(occurred_at, _EARLIEST), ClockFlag.NONE
    if time > received_at + timedelta(days=3650):
        return received_at, ClockFlag.FUTURE
    if sent_at is not None and _EARLIEST < sent_at < received_at + timedelta(days=3650):
        difference = received_at - sent_at
        time += difference
        if abs(difference) > FUTURE_TOLERANCE:
            flag = ClockFlag.SHIFTED
    if time > received_at:
        flag = ClockFlag.FUTURE if time > received_at + FUTURE_TOLERANCE else flag
        time = received_at
    if not_before is not None and time < not_before <= received_at:
        time, flag = not_before, ClockFlag.EARLY
    if received_at - time > max_age:
        raise TooOld
    return time, flag
