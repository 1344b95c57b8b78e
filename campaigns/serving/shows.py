"""What this process showed to whom lately, so that a frequency cap holds before events are counted.

Counts of limited campaigns come from the events seconds late (``campaigns.serving.limits``). Whom this
process has just shown a capped campaign, it remembers for itself: by shopper and campaign, each decision
once, and whether its impression has come. A decision counts while its impression may be on its way and
afterwards only if it came, so that what stayed below the fold uses up no cap. Every process remembers its own
and nobody else's.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

# An impression that has not come by then is one that nobody saw, or will count when it comes.
PENDING = timedelta(seconds=30)
CAPACITY = 20_000  # shoppers; beyond it whoever was shown nothing for longest is forgotten, about 1 kB each
SHOWS_MAX = 200  # of one campaign to one shopper


class _Show(NamedTuple):
    at: datetime
    is_seen: bool


_NONE: Mapping[UUID, tuple[datetime, ...]] = MappingProxyType({})


class RecentShows:
    """By pseudonym and campaign, the decisions of capped campaigns."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._shoppers: OrderedDict[str, dict[UUID, dict[UUID, _Show]]] = OrderedDict()
        self._lock = threading.Lock()

    def decided(self, *, pseudonym: str, campaign_id: UUID, decision_id: UUID, at: datetime) -> None:
        """A decision has chosen the campaign for the shopper."""
        self._note(pseudonym, campaign_id, decision_id, _Show(at, is_seen=False))

    def seen(self, *, pseudonym: str, campaign_id: UUID, decision_id: UUID, at: datetime) -> None:
        """The decision's impression has come; a second time changes nothing."""
        self._note(pseudonym, campaign_id, decision_id, _Show(at, is_seen=True))

    def of(self, pseudonym: str, now: datetime) -> Mapping[UUID, tuple[datetime, ...]]:
        """By campaign: when the shopper was shown it, without what turned out to be unseen."""
        if pseudonym not in self._shoppers:
            return _NONE
        with self._lock:
            campaigns = self._shoppers.get(pseudonym, {})
            return {
                campaign_id: tuple(show.at for show in shows.values() if _counts(show, now))
                for campaign_id, shows in campaigns.items()
            }

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._shoppers.clear()

    def _note(self, pseudonym: str, campaign_id: UUID, decision_id: UUID, show: _Show) -> None:
        with self._lock:
            shows = self._shoppers.setdefault(pseudonym, {}).setdefault(campaign_id, {})
            self._shoppers.move_to_end(pseudonym)
            for unseen in [key for key, other in shows.items() if not _counts(other, show.at)]:
                del shows[unseen]
            shows[decision_id] = show
            if len(shows) > SHOWS_MAX:
                del shows[next(iter(shows))]
            if len(self._shoppers) > self._capacity:
                self._shoppers.popitem(last=False)


def _counts(show: _Show, now: datetime) -> bool:
    return show.is_seen or now - show.at < PENDING


recent_shows = RecentShows()
