"""How one of several eligible candidates is chosen, with the probability that it was; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from campaigns.serving.snapshot import Candidate


@dataclass(frozen=True, slots=True)
class Pick:
    """The winner and its propensity: the share of all draws that would have chosen it."""

    candidate: Candidate
    propensity: float


def fallback_chain(segment_ids: Sequence[UUID]) -> tuple[UUID | None, ...]:
    """Best segment, next segment, ..., generic (None)."""
    return (*segment_ids, None)


def propensities(candidates: Sequence[Candidate]) -> list[float]:
    """Each candidate's chance in a weighted draw; they sum to 1."""
    # Scaled by the greatest weight first: a sum of huge weights would be infinite.
    greatest = max(candidate.weight for candidate in candidates)
    scaled = [candidate.weight / greatest for candidate in candidates]
    total = sum(scaled)
    return [share / total for share in scaled]


def weighted_pick(candidates: Sequence[Candidate], point: float) -> Pick:
    """The candidate in whose share of the weights ``point`` (in [0, 1)) falls."""
    shares = propensities(candidates)
    reached = 0.0
    for candidate, share in zip(candidates, shares, strict=True):
        reached += share
        if point < reached:
            return Pick(candidate, share)
    # Rounding left a gap below 1.0: it belongs to the last candidate that has a share at all.
    position = max(index for index, share in enumerate(shares) if share > 0)
    return Pick(candidates[position], shares[position])


def first_priority(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Only those of the smallest priority number: a campaign of the next one waits."""
    smallest = min(candidate.priority for candidate in candidates)
    return [candidate for candidate in candidates if candidate.priority == smallest]
