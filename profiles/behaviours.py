"""One behaviour as it comes in: checked by hand, because one bad item must not refuse its batch. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from profiles.interests import STRENGTHS
from profiles.pseudonyms import SHOPPER_KEY_LIMIT
from profiles.snapshots import BehaviourInput

BATCH_LIMIT = 500
EVENT_ID_LIMIT = 64
TEXT_LIMIT = 500
PRODUCT_ID_LIMIT = 120
CLOCK_SKEW = timedelta(minutes=10)  # a shopper's clock may run ahead; it then counts as now
OLDEST = timedelta(days=365)
# A click is counted by us when it happens; a storefront cannot claim one.
KINDS = frozenset(STRENGTHS) - {"click"}
_CONTACT = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<!\w)\+?\d(?:[\s().-]?\d){8,14}(?!\w)")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class ItemCode(StrEnum):
    """Why one item of a batch is refused (the consent gate adds its own codes)."""

    MALFORMED = "malformed"
    EVENT_ID_INVALID = "event_id_invalid"
    SHOPPER_INVALID = "shopper_invalid"
    KIND_INVALID = "kind_invalid"
    TEXT_INVALID = "text_invalid"
    PRODUCT_ID_INVALID = "product_id_invalid"
    OCCURRED_AT_INVALID = "occurred_at_invalid"
    OCCURRED_AT_IN_FUTURE = "occurred_at_in_future"
    OCCURRED_AT_TOO_OLD = "occurred_at_too_old"


class ItemRefused(Exception):
    """``code`` says why."""

    def __init__(self, code: ItemCode) -> None:
        super().__init__(code)
        self.code = code


def behaviour_parse(item: Any, *, now: datetime, place: int, shopper_key: str = "") -> BehaviourInput:
    """A raw item of the API to a checked one. Raises ItemRefused."""
    if not isinstance(item, Mapping):
        raise ItemRefused(ItemCode.MALFORMED)
    kind = item.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ItemRefused(ItemCode.KIND_INVALID)
    own_key = item.get("shopper")
    return BehaviourInput(
        event_id=_text(item.get("event_id"), EVENT_ID_LIMIT, ItemCode.EVENT_ID_INVALID, required=True),
        shopper_key=_text(
            shopper_key if own_key is None else own_key,
            SHOPPER_KEY_LIMIT,
            ItemCode.SHOPPER_INVALID,
            required=True,
        ),
        kind=kind,
        occurred_at=occurred_at_parse(item.get("occurred_at"), now=now),
        # A search or a stated interest without words says nothing.
        text=_text(
            item.get("text"), TEXT_LIMIT, ItemCode.TEXT_INVALID, required=kind in {"search", "interest"}
        ),
        category=_text(item.get("category"), TEXT_LIMIT, ItemCode.TEXT_INVALID),
        product_id=_text(item.get("product_id"), PRODUCT_ID_LIMIT, ItemCode.PRODUCT_ID_INVALID),
        place=place,
    )


def occurred_at_parse(value: Any, *, now: datetime) -> datetime:
    """An ISO 8601 time with its zone; missing means now. Raises ItemRefused."""
    if value is None:
        return now
    if not isinstance(value, str) or len(value) > 40:
        raise ItemRefused(ItemCode.OCCURRED_AT_INVALID)
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:  # whose midnight would that be?
            raise ItemRefused(ItemCode.OCCURRED_AT_INVALID)
        at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ItemRefused(ItemCode.OCCURRED_AT_INVALID) from None
    if at > now + CLOCK_SKEW:
        raise ItemRefused(ItemCode.OCCURRED_AT_IN_FUTURE)
    if at < now - OLDEST:
        raise ItemRefused(ItemCode.OCCURRED_AT_TOO_OLD)
    return min(at, now)


def contacts_removed(text: str) -> str:
    """The text without e-mail addresses and telephone numbers: what one likes needs neither."""
    return " ".join(_CONTACT.sub(" ", text).split()) if _CONTACT.search(text) else text


def _text(value: Any, limit: int, code: ItemCode, *, required: bool = False) -> str:
    if value is None:
        value = ""
    if not isinstance(value, str) or len(value) > limit or _UNSTORABLE.search(value):
        raise ItemRefused(code)
    value = value.strip()
    if required and not value:
        raise ItemRefused(code)
    return value
