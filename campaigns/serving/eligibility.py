"""The ordered rules that keep a candidate out of a placement; pure, one function and one code each.

Static rules depend on the data alone and run once, when a snapshot is made. Dynamic rules depend on the
moment, the shopper or the page and run in every decision: an ended campaign never serves, stale snapshot
or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Set
from typing import TYPE_CHECKING
from uuid import UUID

from campaigns.serving.context import ServeContext
from campaigns.serving.limits import Limits
from campaigns.serving.reasons import Reason

if TYPE_CHECKING:
    from campaigns.serving.snapshot import Candidate

Size = tuple[int, int]
StaticRule = Callable[["Candidate", UUID, Size], bool]
DynamicRule = Callable[["Candidate", ServeContext, Set[UUID]], bool]

LIVE = "live"


# --- static: true refuses
def is_campaign_not_live(candidate: Candidate, placement_id: UUID, size: Size) -> bool:
    return candidate.campaign_status != LIVE


def is_placement_other(candidate: Candidate, placement_id: UUID, size: Size) -> bool:
    return placement_id not in candidate.placement_ids


def is_product_inactive(candidate: Candidate, placement_id: UUID, size: Size) -> bool:
    return not candidate.is_product_active


def is_unapproved(candidate: Candidate, placement_id: UUID, size: Size) -> bool:
    return size not in candidate.creatives and size in candidate.unapproved_sizes


def is_size_missing(candidate: Candidate, placement_id: UUID, size: Size) -> bool:
    return size not in candidate.creatives


def is_out_of_stock(candidate: Candidate, placement_id: UUID, size: Size) -> bool:
    return not candidate.is_buyable


def is_price_changed(candidate: Candidate, placement_id: UUID, size: Size) -> bool:
    return candidate.has_price_changed


def is_weightless(candidate: Candidate, placement_id: UUID, size: Size) -> bool:
    return not (candidate.weight > 0 and math.isfinite(candidate.weight))


# --- dynamic: true refuses
def is_too_early(candidate: Candidate, context: ServeContext, products_on_page: Set[UUID]) -> bool:
    return candidate.starts_at is not None and context.now < candidate.starts_at


def is_over(candidate: Candidate, context: ServeContext, products_on_page: Set[UUID]) -> bool:
    return candidate.ends_at is not None and context.now >= candidate.ends_at


def is_other_segment(candidate: Candidate, context: ServeContext, products_on_page: Set[UUID]) -> bool:
    return candidate.segment_id is not None and candidate.segment_id not in context.segment_ids


def is_segment_closed(candidate: Candidate, context: ServeContext, products_on_page: Set[UUID]) -> bool:
    """Only names the reason: a shopper's segments (``audience_get``) hold no such segment to begin with."""
    return candidate.is_segment_closed and candidate.segment_id not in context.segment_ids


def is_on_page(candidate: Candidate, context: ServeContext, products_on_page: Set[UUID]) -> bool:
    return candidate.product_id in products_on_page


STATIC_RULES: tuple[tuple[Reason, StaticRule], ...] = (
    (Reason.CAMPAIGN_NOT_LIVE, is_campaign_not_live),
    (Reason.PLACEMENT_MISMATCH, is_placement_other),
    (Reason.PRODUCT_INACTIVE, is_product_inactive),
    (Reason.CREATIVE_NOT_APPROVED, is_unapproved),
    (Reason.NO_CREATIVE_OF_SIZE, is_size_missing),
    (Reason.OUT_OF_STOCK, is_out_of_stock),
    (Reason.PRICE_CHANGED, is_price_changed),
    (Reason.WEIGHT_ZERO, is_weightless),
)
DATE_RULES: tuple[tuple[Reason, DynamicRule], ...] = (
    (Reason.NOT_STARTED, is_too_early),
    (Reason.ENDED, is_over),
)
# Between those and these come the campaign's limits (``campaigns.serving.limits``), asked once a campaign.
SHOPPER_RULES: tuple[tuple[Reason, DynamicRule], ...] = (
    (Reason.SEGMENT_TOO_SMALL, is_segment_closed),
    (Reason.SEGMENT_MISMATCH, is_other_segment),
    (Reason.ALREADY_ON_PAGE, is_on_page),
)
# How far a candidate came: the placement's own reason is that of the candidate that came furthest.
CAMPAIGN_REASONS = (
    Reason.DEVICE_MISMATCH,
    Reason.OUTSIDE_HOURS,
    Reason.BUDGET_SPENT,
    Reason.DAILY_BUDGET_SPENT,
    Reason.PACED,
    Reason.DAILY_CAP,
    Reason.WEEKLY_CAP,
    Reason.COUNT_LATE,
)
PROGRESS: dict[Reason, int] = {
    reason: position
    for position, reason in enumerate(
        (
            *(reason for reason, _ in STATIC_RULES),
            *(reason for reason, _ in DATE_RULES),
            *CAMPAIGN_REASONS,
            *(reason for reason, _ in SHOPPER_RULES),
        )
    )
}


def static_reason(candidate: Candidate, placement_id: UUID, size: Size) -> Reason | None:
    """The first data rule that refuses the candidate in the placement, None when all let it pass."""
    return next((reason for reason, refuses in STATIC_RULES if refuses(candidate, placement_id, size)), None)


def eligible_now(
    candidates: Iterable[Candidate],
    context: ServeContext,
    products_on_page: Set[UUID],
    closed: Mapping[Limits, Reason],
) -> list[Candidate]:
    """Those whose ``dynamic_reason`` is None, in one pass: 4 us instead of 30 for 50 candidates.

    For candidates of one segment that the shopper is in, or generic ones; a test holds it equal to the rules.
    """
    now = context.now
    found = [
        candidate
        for candidate in candidates
        if (candidate.starts_at is None or candidate.starts_at <= now)
        and (candidate.ends_at is None or now < candidate.ends_at)
    ]
    if closed:
        found = [candidate for candidate in found if candidate.limits not in closed]
    if products_on_page:
        found = [candidate for candidate in found if candidate.product_id not in products_on_page]
    return found


def dynamic_reason(
    candidate: Candidate,
    context: ServeContext,
    products_on_page: Set[UUID],
    closed: Mapping[Limits, Reason],
) -> Reason | None:
    """The first rule of the moment that refuses the candidate, None when it may be shown."""
    for reason, refuses in DATE_RULES:
        if refuses(candidate, context, products_on_page):
            return reason
    if candidate.limits is not None and candidate.limits in closed:
        return closed[candidate.limits]
    for reason, refuses in SHOPPER_RULES:
        if refuses(candidate, context, products_on_page):
            return reason
    return None
