"""Which pictures of a campaign a placement could show to somebody at some moment; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from uuid import UUID

from campaigns.serving.eligibility import LIVE, static_reason
from campaigns.serving.snapshot import Candidate, Slot, Snapshot


def servable_get(snapshot: Snapshot, campaign_id: UUID) -> Mapping[UUID, frozenset[UUID]]:
    """Variants by placement: approved, in the placement's size, in stock, with a weight, and so on.

    Whether the campaign runs at present is not asked; one that has ended is in no snapshot.
    """
    return {
        slot.placement_id: frozenset(
            candidate.variant_id for candidate in _shown(slot) if candidate.campaign_id == campaign_id
        )
        for slot in snapshot.slots.values()
    }


def _shown(slot: Slot) -> Iterator[Candidate]:
    yield from slot.candidates
    for candidate, _ in slot.refused:
        if candidate.campaign_status != LIVE:
            again = replace(candidate, campaign_status=LIVE)
            if static_reason(again, slot.placement_id, slot.size) is None:
                yield again
