"""Is a creative worn out? Its click rate of late against its own early life, at equal exposure frequency;
pure.

A shopper who sees a picture for the fifth time clicks less, whatever the picture's age, and a campaign's
later impressions are more often fifth ones. So early and late are compared inside strata of the exposure's
number and put together as in ``stratified``; the unit is the shopper, who may be in several strata and on
both sides.

Somebody looks every day, and an interval made for one look would call many a sound picture worn out on one of
them. So a fall counts only if it was there a week before, too, in a late week that shares no impression with
the last one; until then the picture is limited, and it says when it will be told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from analytics.stats.fatigue_states import State
from analytics.stats.stratified import Cells, stratified_compare

BOUNDS = (1, 2, 3, 5, 9)  # exposures 1, 2, 3-4, 5-8, 9 and more
MIN_IMPRESSIONS = 200  # early, and of late
MIN_CLICKS = 10
WORN = -0.25  # a fall of a quarter
OFTEN = 5.0  # mean exposure number
HELD_DAYS = 7  # between the two looks that must both find it: as long as a late week is


@dataclass(frozen=True, slots=True)
class Life:
    """A creative's early and late impressions by stratum of the exposure number, and their mean number."""

    cells: Cells  # impressions and clicks by stratum, side (0 early, 1 late) and shopper
    early_frequency: float
    late_frequency: float
    is_old_enough: bool

    def total(self, side: int) -> tuple[int, int]:
        """Impressions and clicks early (0) or late (1)."""
        counts = [count for (_, mine, _), count in self.cells.items() if mine == side]
        return sum(int(shown) for shown, _ in counts), sum(int(clicked) for _, clicked in counts)


@dataclass(frozen=True, slots=True)
class Fatigue:
    """The state with its reason; ``change`` is at equal frequency, ``plain_change`` is not."""

    state: State
    reason: str
    change: float | None = None
    low: float | None = None
    high: float | None = None
    plain_change: float | None = None


def stratum_of(number: int) -> int:
    """Which stratum a shopper's ``number``-th exposure belongs to."""
    return sum(number >= bound for bound in BOUNDS) - 1


def fatigue_told(found: Fatigue, life_at: Callable[[int], Life], today: date) -> Fatigue:
    """What is said of what today's look ``found``: worn out only if it was so ``HELD_DAYS`` ago, too.

    ``life_at`` gives the life as of so many days ago. What is not told yet is told when the oldest look of
    this week that found it is ``HELD_DAYS`` old.
    """
    if found.state != State.FATIGUED:
        return found
    ago = (days for days in range(HELD_DAYS, 0, -1) if fatigue_judge(life_at(days)).state == State.FATIGUED)
    held = next(ago, 0)
    if held == HELD_DAYS:
        return found
    on = today + timedelta(days=HELD_DAYS - held)
    reason = (
        "Its click rate has fallen by a quarter or more at the same exposure number; one week may be chance. "
        f"Worn out if that still holds on {on.day} {on:%b %Y}."
    )
    return replace(found, state=State.LIMITED, reason=reason)


def fatigue_judge(life: Life) -> Fatigue:
    """What one look finds: the first rule that applies."""
    (early, early_clicks), (late, late_clicks) = life.total(0), life.total(1)
    if not life.is_old_enough:
        return Fatigue(State.UNKNOWN, "Younger than two weeks: there is no early life to compare with.")
    if late and not early:
        return Fatigue(
            State.UNKNOWN, "Who saw it in its early life is no longer known: nothing to compare with."
        )
    if min(early, late) < MIN_IMPRESSIONS or early_clicks < MIN_CLICKS:
        return Fatigue(
            State.UNKNOWN,
            f"Too little was seen: {MIN_IMPRESSIONS} impressions in each part and {MIN_CLICKS} clicks.",
        )
    found = stratified_compare(life.cells).comparison
    plain = (late_clicks / late) / (early_clicks / early) - 1
    parts = (found.lift, found.lift_low, found.lift_high, plain)
    if found.lift is None or found.lift_high is None:
        return Fatigue(State.UNKNOWN, "Early and late share no exposure number to compare at.", *parts)
    often = life.late_frequency >= OFTEN and life.late_frequency > 1.5 * life.early_frequency
    if found.lift_high < 0 and found.lift <= WORN:
        return Fatigue(
            State.FATIGUED,
            "Clicked less than in its early life at the same exposure number: worn out.",
            *parts,
        )
    if found.lift_high < 0:
        return Fatigue(
            State.LIMITED, "Clicked a little less than in its early life at the same exposure number.", *parts
        )
    if often and plain <= WORN:
        return Fatigue(
            State.LIMITED,
            f"The picture holds, but shoppers have seen it {life.late_frequency:.1f} times on average: "
            "cap how often one sees it, or widen the segment.",
            *parts,
        )
    if found.lift_low is None or found.lift_low < WORN:
        return Fatigue(State.UNKNOWN, "Too little was seen to exclude a fall of a quarter.", *parts)
    return Fatigue(State.HEALTHY, "A fall of a quarter is excluded, at the same exposure number.", *parts)
