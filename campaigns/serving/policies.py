"""How one of several eligible candidates is chosen, with the probability that it was; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from campaigns.serving.allocations import mixed
from campaigns.serving.context import ServeContext
from campaigns.serving.eligibility import eligible_now
from campaigns.serving.limits import Limits
from campaigns.serving.reasons import Reason

if TYPE_CHECKING:
    from campaigns.serving.snapshot import Candidate


class Pick(msgspec.Struct, frozen=True):
    """The winner and its propensity: the share of all draws that would have chosen it."""

    candidate: Candidate
    propensity: float
    is_holdout: bool = False  # drawn among all alike, not by what was learned


@dataclass(frozen=True, slots=True)
class LearnedGroup:
    """The candidates of one campaign that learns, in one draw."""

    candidates: tuple[Candidate, ...]
    shares: tuple[float, ...]  # of all draws, the holdout's included
    bounds: tuple[float, ...]  # where each learned share ends in [0, 1)
    holdout_rate: float


@dataclass(frozen=True, slots=True)
class Draw:
    """The candidates among which chance decides, each with its share of all draws."""

    candidates: tuple[Candidate, ...]
    shares: tuple[float, ...]  # sum to 1
    bounds: tuple[float, ...]  # where each share ends in [0, 1)
    learned: Mapping[UUID, LearnedGroup] = field(default_factory=dict)  # by campaign

    def pick(self, point: float, holdout_point: float = 1.0) -> Pick:
        """The candidate in whose share ``point`` (in [0, 1)) falls.

        Where its campaign learns, the place inside the share, as random as the point, draws once more in the
        group: among all alike for a shopper whose fixed ``holdout_point`` is below the rate, by the learned
        shares for the others.
        """
        position = bisect_right(self.bounds, point)
        if position == len(self.bounds):
            # Rounding left a gap below 1.0: it belongs to the last candidate that has a share at all.
            position = max(index for index, share in enumerate(self.shares) if share > 0)
        found, share = self.candidates[position], self.shares[position]
        if found.learned_share is None:
            return Pick(found, share)
        group = self.learned[found.campaign_id]
        inside = (point - (self.bounds[position - 1] if position else 0.0)) / share
        is_held = holdout_point < group.holdout_rate
        count = len(group.candidates)
        place = int(inside * count) if is_held else bisect_right(group.bounds, inside)
        place = min(max(0, place), count - 1)  # rounding at the ends
        return Pick(group.candidates[place], group.shares[place], is_held)


def draw_make(eligible: Sequence[Candidate]) -> Draw:
    """A weighted draw among those (at least one) of the smallest priority number; the others wait."""
    smallest = min(candidate.priority for candidate in eligible)
    candidates = tuple(candidate for candidate in eligible if candidate.priority == smallest)
    # Scaled by the greatest weight first: a sum of huge weights would be infinite.
    greatest = max(candidate.weight for candidate in candidates)
    scaled = [candidate.weight / greatest for candidate in candidates]
    total = sum(scaled)
    shares = [share / total for share in scaled]
    learned = _groups(candidates, shares)
    return Draw(candidates, tuple(shares), tuple(accumulate(shares)), learned)


def _groups(candidates: Sequence[Candidate], shares: list[float]) -> dict[UUID, LearnedGroup]:
    """The campaigns that learn; each keeps its whole share, divided anew among who is here now."""
    positions: dict[UUID, list[int]] = {}
    for position, candidate in enumerate(candidates):
        if candidate.learned_share is not None:
            positions.setdefault(candidate.campaign_id, []).append(position)
    groups = {}
    for campaign_id, mine in positions.items():
        whole = sum(shares[position] for position in mine)
        learned = [candidates[position].learned_share or 0.0 for position in mine]
        scale = sum(learned)
        learned = [share / scale if scale > 0 else 1 / len(mine) for share in learned]
        held = candidates[mine[0]].holdout_rate
        for position, share in zip(mine, learned, strict=True):
            shares[position] = whole * mixed(share, held, len(mine))
        groups[campaign_id] = LearnedGroup(
            candidates=tuple(candidates[position] for position in mine),
            shares=tuple(shares[position] for position in mine),
            bounds=tuple(accumulate(learned)),
            holdout_rate=held,
        )
    return groups


@dataclass(frozen=True, slots=True)
class Pool:
    """One link of a placement's fallback chain, with the draw among all its candidates worked out ahead.

    Nearly every decision finds all of them eligible, and then costs the same for 50 candidates as for one.
    """

    candidates: tuple[Candidate, ...]
    draw_of_all: Draw
    open_from: datetime | None  # all have started
    open_until: datetime | None  # none has ended
    product_ids: frozenset[UUID]
    limits: frozenset[Limits]

    def draw(
        self, context: ServeContext, products_on_page: Set[UUID], closed: Mapping[Limits, Reason]
    ) -> Draw | None:
        """The draw among those that may be shown now, None when there is none."""
        if (
            (self.open_from is None or self.open_from <= context.now)
            and (self.open_until is None or context.now < self.open_until)
            and self.product_ids.isdisjoint(products_on_page)
            and self.limits.isdisjoint(closed)
        ):
            return self.draw_of_all
        eligible = eligible_now(self.candidates, context, products_on_page, closed)
        return draw_make(eligible) if eligible else None


def pool_make(candidates: Sequence[Candidate]) -> Pool:
    """A pool of at least one candidate."""
    return Pool(
        candidates=tuple(candidates),
        draw_of_all=draw_make(candidates),
        open_from=max((c.starts_at for c in candidates if c.starts_at is not None), default=None),
        open_until=min((c.ends_at for c in candidates if c.ends_at is not None), default=None),
        product_ids=frozenset(candidate.product_id for candidate in candidates),
        limits=frozenset(candidate.limits for candidate in candidates if candidate.limits is not None),
    )


def fallback_chain(segment_ids: Sequence[UUID]) -> tuple[UUID | None, ...]:
    """Best segment, next segment, ..., generic (None)."""
    return (*segment_ids, None)
