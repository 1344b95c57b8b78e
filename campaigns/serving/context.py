"""What a decision knows of the request: frozen, and free of anything but a pseudonym."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec


class ServeContext(msgspec.Struct, frozen=True):
    """One page view that asks for creatives.

    ``pseudonym`` is empty without a shopper or without consent to measurement, ``segment_ids`` without
    consent to personalisation.
    """

    advertiser_id: UUID
    placements: tuple[str, ...]  # placement codes, in the order of the page
    now: datetime
    pseudonym: str = ""
    why_pseudonym: str = ""  # with consent to personalisation; goes nowhere but to "why this ad"
    segment_ids: tuple[UUID, ...] = ()  # strongest first
    segment_interests: tuple[tuple[str, ...], ...] = ()  # for each, what of the shopper put them there
    device: str = ""
    creatives_on_page: frozenset[UUID] = frozenset()  # shown already; their products are not shown again
    products_on_page: frozenset[str] = frozenset()  # the feed's ids of what the page itself is about
    is_simulated: bool = False
    # By capped campaign: when this process has shown it to the shopper (``campaigns.serving.shows``).
    shows: Mapping[UUID, tuple[datetime, ...]] = {}

    def interests_for(self, segment_id: UUID | None) -> tuple[str, ...]:
        """Which of the shopper's interests make them a member; none of a segment that is not theirs."""
        for own, interests in zip(self.segment_ids, self.segment_interests, strict=False):
            if own == segment_id:
                return interests
        return ()
