"""From the decision to the order: what placements were asked for beside what the events say came of it.

Decisions are counted by placement, outcome and reason, the filled ones also by what they showed
(``campaigns.decision_counts``), events by the daily roll-ups; nothing here reads the events. A step of which
nothing is known for the filters in force is left out instead of guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Unpack
from uuid import UUID

from analytics import labels, report_filters, selectors
from analytics.report_query import Filters
from analytics.selectors import Counts
from campaigns.decision_counts import (
    PlacementDecisions,
    filled_decisions_get,
    placement_decisions_list,
)
from campaigns.serving.reasons import SENTENCES

COUNTED_FILTERS = {"placements", "is_simulated"}  # what all decisions are counted by
UNCOUNTED_FILTERS = {"devices"}  # what not even filled ones are: the storefront names one or does not

NOT_BY_DEVICE = "Decisions are not counted by device: without that filter the way begins there."
ONLY_FILLED = (
    "A decision that stays empty shows no campaign, so with these filters the way begins at the filled ones; "
    "filtered by placement alone, or not at all, it begins at all decisions."
)
NOT_COUNTED = "No decision was counted in this time."
FEWER_FILLED = "Some impressions are of decisions made earlier than this time, or before such were counted."


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
    decisions: int | None = None  # None: by these filters only filled ones are counted, or none
    filled: int | None = None  # None: not counted by these filters, or nothing was counted
    refusals: tuple[Refusal, ...] = ()  # most frequent first
    stages: list[Stage] = field(default_factory=list)
    missing: str = ""  # why the first steps are not there

    @property
    def fill_rate(self) -> float | None:
        """The share of decisions that showed something; None without any."""
        return self.filled / self.decisions if self.decisions and self.filled is not None else None

    @property
    def note(self) -> str:
        """Why it begins where it does, and what does not add up; empty where nothing needs to be said."""
        if self.filled is None:
            return "" if self.counts == Counts() else self.missing
        less = self.filled < self.counts.impressions
        return " ".join(filter(None, (self.missing, FEWER_FILLED if less else "")))


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


def funnel_make(
    *,
    decisions: Iterable[PlacementDecisions] | None,
    counts: Counts,
    filled: int | None = None,
    missing: str = "",
) -> Funnel:
    """One funnel of some placements' decisions and the events that came of them.

    Without decisions it begins at the ``filled`` ones, and without those at the impressions; ``missing`` says
    why.
    """
    events = [
        ("Impressions", counts.impressions),
        ("Viewable", counts.viewables),
        ("Clicks", counts.clicks),
        ("Conversions", counts.conversions),
    ]
    if decisions is None:
        steps = events if filled is None else [("Filled", filled), *events]
        return Funnel(counts, filled=filled, stages=stages_make(steps), missing=missing)
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


def funnel_get(
    *,
    advertiser_id: UUID,
    start: date,
    end: date,
    counts: Counts | None = None,
    **filters: Unpack[Filters],
) -> Funnel:
    """The funnel from ``start`` to ``end``, both included (UTC days); ``counts``: the totals, where known.

    All decisions are counted by placement and by simulated or not, filled ones by what they showed as well,
    and none by device. Where nothing at all was counted the funnel begins at the impressions.
    """
    if counts is None:
        counts = selectors.counts_get(advertiser_id=advertiser_id, start=start, end=end, **filters)
    if filters.keys() & UNCOUNTED_FILTERS:
        return funnel_make(decisions=None, counts=counts, missing=NOT_BY_DEVICE)
    if filters.keys() <= COUNTED_FILTERS:
        placements = filters.get("placements")
        rows = _decisions(advertiser_id, start, end, filters.get("is_simulated"))
        asked = [row for row in rows if not placements or row.placement_id in placements]
        return funnel_make(decisions=asked or None, counts=counts, missing="" if asked else NOT_COUNTED)
    shown = report_filters.condition(filters, advertiser_id)
    filled = filled_decisions_get(advertiser_id=advertiser_id, start=start, end=end, shown=shown)
    return funnel_make(
        decisions=None, counts=counts, filled=filled or None, missing=ONLY_FILLED if filled else NOT_COUNTED
    )


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
