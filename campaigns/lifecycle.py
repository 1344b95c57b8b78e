"""A campaign's states and what stands in the way of each move; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """The values of ``Campaign.Status``; a test holds the two equal."""

    DRAFT = "draft"
    LIVE = "live"
    PAUSED = "paused"
    ENDED = "ended"


class Action(StrEnum):
    """What a manager can ask of a campaign."""

    LAUNCH = "launch"  # also resumes a paused one
    PAUSE = "pause"
    END = "end"


class Code(StrEnum):
    """Why a move is refused."""

    ALREADY_LIVE = "already_live"
    ALREADY_PAUSED = "already_paused"
    CAMPAIGN_ENDED = "campaign_ended"
    NOT_LIVE = "not_live"
    NEVER_LIVE = "never_live"
    END_IN_THE_PAST = "end_in_the_past"
    NO_PRODUCTS = "no_products"
    NO_PLACEMENTS = "no_placements"
    NOTHING_APPROVED = "nothing_approved"


SENTENCES = {
    Code.ALREADY_LIVE: "The campaign is live already.",
    Code.ALREADY_PAUSED: "The campaign is paused already.",
    Code.CAMPAIGN_ENDED: "The campaign has ended; an ended campaign stays ended.",
    Code.NOT_LIVE: "Only a live campaign can be paused.",
    Code.NEVER_LIVE: "The campaign was never live; delete the draft instead.",
    Code.END_IN_THE_PAST: "The campaign's end lies in the past; move it first.",
    Code.NO_PRODUCTS: "The campaign has no products.",
    Code.NO_PLACEMENTS: "The campaign has no active placement.",
    Code.NOTHING_APPROVED: "No creative of this campaign is approved yet, so there is nothing to show.",
}

TARGETS: dict[tuple[Status, Action], Status] = {
    (Status.DRAFT, Action.LAUNCH): Status.LIVE,
    (Status.PAUSED, Action.LAUNCH): Status.LIVE,
    (Status.LIVE, Action.PAUSE): Status.PAUSED,
    (Status.LIVE, Action.END): Status.ENDED,
    (Status.PAUSED, Action.END): Status.ENDED,
}

_REFUSALS: dict[tuple[Status, Action], Code] = {
    (Status.LIVE, Action.LAUNCH): Code.ALREADY_LIVE,
    (Status.ENDED, Action.LAUNCH): Code.CAMPAIGN_ENDED,
    (Status.DRAFT, Action.PAUSE): Code.NOT_LIVE,
    (Status.PAUSED, Action.PAUSE): Code.ALREADY_PAUSED,
    (Status.ENDED, Action.PAUSE): Code.CAMPAIGN_ENDED,
    (Status.DRAFT, Action.END): Code.NEVER_LIVE,
    (Status.ENDED, Action.END): Code.CAMPAIGN_ENDED,
}


@dataclass(frozen=True)
class CampaignFacts:
    """What the rules need to know of a campaign."""

    status: str
    product_count: int
    placement_count: int  # active ones
    approved_count: int  # creatives that could be shown in one of those placements
    ends_at: datetime | None


@dataclass(frozen=True)
class Blocker:
    """One reason why a move is not possible."""

    code: Code

    @property
    def sentence(self) -> str:
        return SENTENCES[self.code]


def blockers(facts: CampaignFacts, action: Action, now: datetime) -> tuple[Blocker, ...]:
    """Everything in the way of ``action``, most important first; empty when nothing is."""
    refusal = _REFUSALS.get((Status(facts.status), action))
    if refusal is not None:
        return (Blocker(refusal),)
    if action is not Action.LAUNCH:
        return ()
    found = [
        (facts.product_count == 0, Code.NO_PRODUCTS),
        (facts.placement_count == 0, Code.NO_PLACEMENTS),
        (facts.ends_at is not None and facts.ends_at <= now, Code.END_IN_THE_PAST),
        (facts.approved_count == 0, Code.NOTHING_APPROVED),
    ]
    return tuple(Blocker(code) for is_true, code in found if is_true)
