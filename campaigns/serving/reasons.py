"""Every reason not to serve, with OpenRTB's no-bid number where it has one and ours from 500 on."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a candidate lost, or why a placement stayed empty. Codes are stable: they are in the API."""

    # --- about the request
    UNKNOWN_PLACEMENT = "unknown_placement"
    PLACEMENT_INACTIVE = "placement_inactive"
    NO_CANDIDATES = "no_candidates"
    # --- about a candidate, in the order in which the rules are asked
    CAMPAIGN_NOT_LIVE = "campaign_not_live"
    PLACEMENT_MISMATCH = "placement_mismatch"
    PRODUCT_INACTIVE = "product_inactive"
    CREATIVE_NOT_APPROVED = "creative_not_approved"
    NO_CREATIVE_OF_SIZE = "no_creative_of_size"
    OUT_OF_STOCK = "out_of_stock"
    PRICE_CHANGED = "price_changed"
    WEIGHT_ZERO = "weight_zero"
    NOT_STARTED = "not_started"
    ENDED = "ended"
    DEVICE_MISMATCH = "device_mismatch"
    OUTSIDE_HOURS = "outside_hours"
    BUDGET_SPENT = "budget_spent"
    DAILY_BUDGET_SPENT = "daily_budget_spent"
    PACED = "paced"
    DAILY_CAP = "daily_cap"
    WEEKLY_CAP = "weekly_cap"
    COUNT_LATE = "count_late"
    SEGMENT_TOO_SMALL = "segment_too_small"
    SEGMENT_MISMATCH = "segment_mismatch"
    ALREADY_ON_PAGE = "already_on_page"
    # --- eligible, and yet another one was shown
    OUTRANKED_BY_SEGMENT = "outranked_by_segment"
    OUTRANKED_BY_PRIORITY = "outranked_by_priority"
    NOT_PICKED = "not_picked"
    EXPERIMENT = "experiment"
    HOUSE_NOT_NEEDED = "house_not_needed"


# IAB OpenRTB 2.6, list "No-Bid Reason Codes": 2 invalid request, 6 unsupported device, 8 unmatched user,
# 9 daily user cap met; 500 and up is for own codes.
NUMBERS: dict[Reason, int] = {
    Reason.UNKNOWN_PLACEMENT: 2,
    Reason.PLACEMENT_INACTIVE: 500,
    Reason.NO_CANDIDATES: 501,
    Reason.CAMPAIGN_NOT_LIVE: 502,
    Reason.PLACEMENT_MISMATCH: 503,
    Reason.PRODUCT_INACTIVE: 504,
    Reason.CREATIVE_NOT_APPROVED: 505,
    Reason.NO_CREATIVE_OF_SIZE: 506,
    Reason.OUT_OF_STOCK: 507,
    Reason.PRICE_CHANGED: 508,
    Reason.WEIGHT_ZERO: 509,
    Reason.NOT_STARTED: 510,
    Reason.ENDED: 511,
    Reason.SEGMENT_MISMATCH: 8,
    Reason.ALREADY_ON_PAGE: 512,
    Reason.OUTRANKED_BY_SEGMENT: 513,
    Reason.OUTRANKED_BY_PRIORITY: 514,
    Reason.NOT_PICKED: 515,
    Reason.EXPERIMENT: 516,
    Reason.DEVICE_MISMATCH: 6,
    Reason.DAILY_CAP: 9,
    Reason.OUTSIDE_HOURS: 517,
    Reason.BUDGET_SPENT: 518,
    Reason.DAILY_BUDGET_SPENT: 519,
    Reason.PACED: 520,
    Reason.WEEKLY_CAP: 521,
    Reason.HOUSE_NOT_NEEDED: 522,
    Reason.SEGMENT_TOO_SMALL: 523,
    Reason.COUNT_LATE: 524,
}

SENTENCES: dict[Reason, str] = {
    Reason.UNKNOWN_PLACEMENT: "The shop has no placement with this code.",
    Reason.PLACEMENT_INACTIVE: "The placement is switched off.",
    Reason.NO_CANDIDATES: "No campaign uses this placement.",
    Reason.CAMPAIGN_NOT_LIVE: "The campaign is not live.",
    Reason.PLACEMENT_MISMATCH: "The campaign does not use this placement.",
    Reason.PRODUCT_INACTIVE: "The product is no longer in the catalogue.",
    Reason.CREATIVE_NOT_APPROVED: "A creative of this size exists and no one has approved it.",
    Reason.NO_CREATIVE_OF_SIZE: "There is no creative of the placement's size.",
    Reason.OUT_OF_STOCK: "The product cannot be bought now.",
    Reason.PRICE_CHANGED: "The creative shows a price that is no longer the product's.",
    Reason.WEIGHT_ZERO: "The variant's weight is zero.",
    Reason.NOT_STARTED: "The campaign has not started yet.",
    Reason.ENDED: "The campaign's end has passed.",
    Reason.DEVICE_MISMATCH: "The campaign is for other devices than this one.",
    Reason.OUTSIDE_HOURS: "The campaign does not run on this weekday or at this hour.",
    Reason.BUDGET_SPENT: "The campaign's whole budget is spent.",
    Reason.DAILY_BUDGET_SPENT: "The campaign's budget of today is spent.",
    Reason.PACED: "The campaign waits, so that its budget of today lasts the day.",
    Reason.DAILY_CAP: "The shopper has seen the campaign as often as it allows in a day.",
    Reason.WEEKLY_CAP: "The shopper has seen the campaign as often as it allows in a week.",
    Reason.COUNT_LATE: "The campaign has a budget or a cap, and its counts are too old to keep it.",
    Reason.SEGMENT_TOO_SMALL: "The segment is switched off, or has too few shoppers to hide in.",
    Reason.SEGMENT_MISMATCH: "The variant is for a segment that the shopper is not in.",
    Reason.ALREADY_ON_PAGE: "The product is on this page already.",
    Reason.OUTRANKED_BY_SEGMENT: "A variant that fits the shopper better was shown.",
    Reason.OUTRANKED_BY_PRIORITY: "A campaign with a smaller priority number was shown.",
    Reason.NOT_PICKED: "It was in the draw and another variant won it.",
    Reason.EXPERIMENT: "An experiment decides which creative of this campaign the shopper sees.",
    Reason.HOUSE_NOT_NEEDED: "A house creative is shown only where nothing else may be.",
}
