"""How often each placement was asked for and what it showed, counted in this process between two flushes.

A decision writes nothing; a thread adds these counts to hourly rows every few seconds and at the end of the
process. A process that is killed loses what it counted since its last flush, and nothing else.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from campaigns.serving.engine import Decision, match_of
from campaigns.serving.reasons import Reason
from campaigns.serving.snapshot import Candidate, Slot, SnapshotCreative

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


# Advertiser, hour, is_simulated and what was answered, in the snapshot's own objects: they are hashed by
# their address, an id by Python code.
_Answered = tuple[UUID, int, bool, Slot | None, Candidate | None, SnapshotCreative | None, Reason | None]


def _key_of(answered: _Answered) -> DecisionKey:
    advertiser_id, hour, is_simulated, slot, shown, creative, reason = answered
    return DecisionKey(
        advertiser_id,
        hour,
        slot.placement_id if slot is not None else UNKNOWN_PLACEMENT_ID,
        match_of(shown) if shown is not None else UNFILLED,
        reason or "",
        is_simulated,
        Shown(shown.campaign_id, shown.variant_id, creative.id, shown.segment_id)
        if shown is not None and creative is not None
        else None,
    )


class DecisionCounters:
    """A counter that many threads add to and one takes from."""

    def __init__(self) -> None:
        self._answered: defaultdict[_Answered, int] = defaultdict(int)
        self._returned: Counter[DecisionKey] = Counter()
        self._lock = threading.Lock()

    def add(self, decision: Decision) -> None:
        """Count each placement of a decision."""
        context = decision.context
        by, hour, sim = context.advertiser_id, int(context.now.timestamp()) // 3600, context.is_simulated
        with self._lock:
            for answer in decision.slots:
                key = (by, hour, sim, answer.slot, answer.candidate, answer.creative, answer.reason)
                self._answered[key] += 1

    def take(self) -> Mapping[DecisionKey, int]:
        """Everything counted since the last call."""
        with self._lock:
            answered, self._answered = self._answered, defaultdict(int)
            taken, self._returned = self._returned, Counter()
        for found, number in answered.items():
            taken[_key_of(found)] += number
        return taken

    def give_back(self, counts: Mapping[DecisionKey, int]) -> None:
        """Count again what could not be stored."""
        with self._lock:
            self._returned.update(counts)


counters = DecisionCounters()
