"""From the decision to the order: what placements were asked for beside what the events say came of it.

Decisions are counted by hour, placement, outcome and reason (``campaigns.decision_counts``), events by the
daily roll-ups; nothing here reads the events. A step of which nothing is known for the filters in force is
left out instead of guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Unpack
from uuid import UUID

from analytics import labels, selectors
from analytics.report_query import Filters
from analytics.selectors import Counts
from campaigns.decision_counts import PlacementDecisions, placement_decisions_list
from campaigns.serving.reasons import SENTENCES

COUNTED_FILTERS = {"placements", "is_simulated"}  # what decisions are counted by


@dataclass(frozen=True)
class Stage:
    """A step of the funnel with its share of the step before."""

    name: str
    count: int
    share: float | None  # 0 to 1; None for the first step and after an empty one
    width: str  # percent of the longest bar


@dataclass(frozen=True)
class Refusal:
    """Why placements stayed empty, and how often."""

    reason: str
    sentence: str
    decisions: int
    share: float  # of all decisions


@dataclass(frozen=True)
class Funnel:
    """Decision, filled, impression, viewable impression, click, order."""

    counts: Counts
    decisions: int | None = None  # None: decisions are not counted by these filters
    filled: int | None = None
    refusals: tuple[Refusal, ...] = ()  # most frequent first
    stages: list[Stage] = field(default_factory=list)

    @property
    def fill_rate(self) -> float | None:
        """The share of decisions that showed something; None without any."""
        return self.filled / self.decisions if self.decisions and self.filled is not None else None


@dataclass(frozen=True)
class NamedFunnel:
    """The funnel of one placement or campaign."""

    id: UUID | None  # None: codes that no placement has
    name: str
    funnel: Funnel


def stages_make(steps: Sequence[tuple[str, int]]) -> list[Stage]:
    """Steps in their order; a share above 1 (counted in different hours) is cut to 1."""
    longest = max((count for _, count in steps), default=0) or 1
    before: int | None = None
    stages = []
    for name, count in steps:
        share = min(1.0, count / before) if before else None
        stages.append(Stage(name, count, share, f"{count / longest * 100:.2f}"))
        before = count
    return stages


def funnel_make(*, decisions: Iterable[PlacementDecisions] | None, counts: Counts) -> Funnel:
    """One funnel of some placements' decisions and the events that came of them."""
    events = [
        ("Impressions", counts.impressions),
        ("Viewable", counts.viewables),
        ("Clicks", counts.clicks),
        ("Conversions", counts.conversions),
    ]
    if decisions is None:
        return Funnel(counts, stages=stages_make(events))
    found = list(decisions)
    asked, filled = sum(row.decisions for row in found), sum(row.filled for row in found)
    reasons: Counter[str] = Counter()
    for row in found:
        reasons.update(row.reasons)
    refusals = tuple(
        Refusal(reason, SENTENCES.get(reason, reason), number, number / asked)  # type: ignore[call-overload]
        for reason, number in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    )
    steps = [("Decisions", asked), ("Filled", filled), *events]
    return Funnel(counts, asked, filled, refusals, stages_make(steps))


def funnel_get(*, advertiser_id: UUID, start: date, end: date, **filters: Unpack[Filters]) -> Funnel:
    """The funnel from ``start`` to ``end``, both included (UTC days).

    Decisions are counted by placement and by simulated or not; with another filter the funnel begins at the
    impressions.
    """
    counts = selectors.totals_get(advertiser_id=advertiser_id, start=start, end=end, **filters)
    decisions = decisions_get(advertiser_id=advertiser_id, start=start, end=end, **filters)
    return funnel_make(decisions=decisions, counts=counts)


def decisions_get(
    *, advertiser_id: UUID, start: date, end: date, **filters: Unpack[Filters]
) -> list[PlacementDecisions] | None:
    """The decisions of each placement; None with a filter that decisions are not counted by."""
    if filters.keys() - COUNTED_FILTERS:
        return None
    rows = _decisions(advertiser_id, start, end, filters.get("is_simulated"))
    placements = filters.get("placements")
    return [row for row in rows if not placements or row.placement_id in placements]


def placement_funnels_list(
    *, advertiser_id: UUID, start: date, end: date, is_simulated: bool | None = None
) -> list[NamedFunnel]:
    """A funnel for each placement that was asked for or has events, the most asked one first."""
    filters = Filters() if is_simulated is None else Filters(is_simulated=is_simulated)
    asked = {row.placement_id: row for row in _decisions(advertiser_id, start, end, is_simulated)}
    counts = selectors.placements_get(advertiser_id=advertiser_id, start=start, end=end, **filters)
    names = labels.placement_labels(advertiser_id=advertiser_id)
    found = [
        NamedFunnel(
            id=pk,
            name="Unknown codes" if pk is None else labels.label_of(names, pk, "placement"),
            funnel=funnel_make(
                decisions=[asked.get(pk, PlacementDecisions(pk))],
                counts=counts.get(pk, Counts()) if pk else Counts(),
            ),
        )
        for pk in asked.keys() | counts.keys()
    ]
    return sorted(found, key=lambda row: (row.id is None, -(row.funnel.decisions or 0), row.name))


def _decisions(
    advertiser_id: UUID, start: date, end: date, is_simulated: bool | None
) -> list[PlacementDecisions]:
    first = datetime.combine(start, time.min, UTC)
    return placement_decisions_list(
        advertiser_id=advertiser_id,
        start=first,
        end=first + timedelta(days=(end - start).days + 1),
        is_simulated=is_simulated,
    )
