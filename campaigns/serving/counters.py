"""How often each placement was asked for and what it showed, counted in this process between two flushes.

A decision writes nothing; a thread adds these counts to hourly rows every few seconds and at the end of the
process. A process that is killed loses what it counted since its last flush, and nothing else.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from campaigns.serving.engine import Decision, SlotDecision, match_of

# Codes that no placement has are counted together: a stranger may send any number of them.
UNKNOWN_PLACEMENT_ID = UUID(int=0)
UNFILLED = "none"


class Shown(NamedTuple):
    """What a filled placement showed."""

    campaign_id: UUID
    variant_id: UUID
    creative_id: UUID
    segment_id: UUID | None  # None: the generic creative


class DecisionKey(NamedTuple):
    """What is counted apart."""

    advertiser_id: UUID
    hour: int  # since 1970
    placement_id: UUID
    outcome: str  # segment, generic, house or none
    reason: str  # of an unfilled placement, else empty
    is_simulated: bool
    shown: Shown | None = None  # of a filled placement

    @property
    def hour_at(self) -> datetime:
        return datetime.fromtimestamp(self.hour * 3600, UTC)


class DecisionCounters:
    """A counter that many threads add to and one takes from."""

    def __init__(self) -> None:
        self._counts: Counter[DecisionKey] = Counter()
        self._lock = threading.Lock()

    def add(self, decision: Decision) -> None:
        """Count each placement of a decision."""
        context = decision.context
        hour = int(context.now.timestamp()) // 3600
        keys = [
            DecisionKey(
                context.advertiser_id,
                hour,
                answer.slot.placement_id if answer.slot is not None else UNKNOWN_PLACEMENT_ID,
                match_of(answer.candidate) if answer.candidate is not None else UNFILLED,
                answer.reason or "",
                context.is_simulated,
                _shown_of(answer),
            )
            for answer in decision.slots
        ]
        with self._lock:
            for key in keys:
                self._counts[key] += 1

    def take(self) -> Mapping[DecisionKey, int]:
        """Everything counted since the last call."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return taken

    def give_back(self, counts: Mapping[DecisionKey, int]) -> None:
        """Count again what could not be stored."""
        with self._lock:
            self._counts.update(counts)


def _shown_of(answer: SlotDecision) -> Shown | None:
    shown, creative = answer.candidate, answer.creative
    if shown is None or creative is None:
        return None
    return Shown(shown.campaign_id, shown.variant_id, creative.id, shown.segment_id)


counters = DecisionCounters()
