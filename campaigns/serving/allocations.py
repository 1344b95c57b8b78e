"""Learned shares put into a placement's candidates before any draw is worked out; pure.

A candidate's weight becomes the mixture of its learned share and of the holdout's uniform draw: what is drawn
over all shoppers. Who is held out is a hash of the shopper (``policies.Draw``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from campaigns.serving.snapshot import Candidate

HOLDOUT = "holdout"  # the arm in the events of a draw among all pictures alike
Context = tuple[UUID, UUID, UUID | None]  # campaign, placement, segment


@dataclass(frozen=True, slots=True)
class Allocation:
    """What was learned for one campaign, placement and segment."""

    shares: Mapping[UUID, float]  # by variant
    holdout_rate: float


@dataclass(frozen=True, slots=True)
class Allocations:
    """All of an advertiser that are in force."""

    by_context: Mapping[Context, Allocation] = field(default_factory=dict)

    def apply(self, placement_id: UUID, candidates: Iterable[Candidate]) -> list[Candidate]:
        """The placement's candidates with their weights; those of other contexts as they are."""
        found = list(candidates)
        if not self.by_context:
            return found
        groups: dict[Context, list[Candidate]] = {}
        for candidate in found:
            context = (candidate.campaign_id, placement_id, candidate.segment_id)
            if context in self.by_context and not candidate.is_house:
                groups.setdefault(context, []).append(candidate)
        changed = {
            new.variant_id: new
            for context, group in groups.items()
            for new in _weighted(self.by_context[context], group)
        }
        return [changed.get(candidate.variant_id, candidate) for candidate in found]


NO_ALLOCATIONS = Allocations()


def _weighted(allocation: Allocation, group: list[Candidate]) -> list[Candidate]:
    """The group keeps its whole weight, so other campaigns of the draw keep their chance.

    A picture alone as well: its shoppers are held out or not as ever, and events say so.
    """
    total = sum(candidate.weight for candidate in group)  # above 0: a weightless one is no candidate
    own = [candidate.weight / total for candidate in group]
    # A variant newer than what was learned gets the share that people gave it.
    learned = [allocation.shares.get(c.variant_id, share) for c, share in zip(group, own, strict=True)]
    scale = sum(learned)
    if scale <= 0:  # all that was learned of has gone
        learned, scale = own, 1.0
    return [
        replace(
            candidate,
            weight=total * mixed(share / scale, allocation.holdout_rate, len(group)),
            learned_share=share / scale,
            holdout_rate=allocation.holdout_rate,
        )
        for candidate, share in zip(group, learned, strict=True)
    ]


def mixed(learned: float, holdout_rate: float, count: int) -> float:
    """A picture's share of all draws of its group: the holdout draws all ``count`` of them alike."""
    return (1 - holdout_rate) * learned + holdout_rate / count
