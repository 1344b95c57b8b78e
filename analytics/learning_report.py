"""What learning is worth: learned draws against those of the holdout, period by period. Workers only.

From the first period on, and anew every year (``analytics.anchors``); the interval is always-valid.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, Sum

from analytics.anchors import year_start
from analytics.models import DailyCreativeRollup, Event
from analytics.report_caps import end_of, sentence_of
from analytics.simulated import deciding
from analytics.stats.frequentist import Comparison
from analytics.stats.stratified import Cell, stratified_compare
from campaigns.learning_models import AllocationPeriod
from campaigns.models import Campaign
from campaigns.serving.allocations import HOLDOUT

TUNED_FOR = 10_000  # shoppers
Context = tuple[UUID, UUID | None]
Spans = Mapping[Context, list[tuple[datetime, datetime]]]  # in the order of their starts


def learning_compute(campaign: Campaign, parameters: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Lift of the learned draws over the holdout's, stratified by context and allocation period."""
    everything = AllocationPeriod.objects.filter(campaign=campaign).order_by("started_at")
    first = everything.first()
    start = year_start(first.started_at, now) if first is not None else now
    # The period that was in force at the start included.
    periods = list(everything.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=start)))
    if not periods:
        return {
            "periods": 0,
            "strata": 0,
            "learned": None,
            "holdout": None,
            "sentence": "Nothing was learned yet.",
        }
    end = end_of(_days(campaign, start), start, now)
    cells = _cells(campaign, _spans(periods, start, end), start, end)
    found = stratified_compare(cells, tuned_for=TUNED_FOR)
    lift = found.comparison
    return {
        "start": start.isoformat(),
        "capped": sentence_of(end, now),
        "periods": len(periods),
        "strata": found.strata,
        "holdout": _line(cells, 0, found.values[0]),
        "learned": _line(cells, 1, found.values[1]),
        "lift": lift.lift,
        "lift_low": lift.lift_low,
        "lift_high": lift.lift_high,
        "p": lift.p,
        "earned": _earned(_line(cells, 1, None)["impressions"], found.values[0], lift),
        "sentence": _sentence(lift.lift_low, lift.lift_high),
    }


def _days(campaign: Campaign, start: datetime) -> list[tuple[date, int]]:
    """Impressions by day, those of experiments among them, which are not read: rather a day too few."""
    rows = DailyCreativeRollup.objects.filter(
        advertiser_id=campaign.advertiser_id, campaign_id=campaign.pk, day__gte=start.date()
    )
    return list(
        deciding(rows, campaign.advertiser)
        .order_by("day")
        .values_list("day")
        .annotate(shown=Sum("impressions"))
    )


def _line(cells: Mapping[Cell, Sequence[int]], side: int, value: float | None) -> dict[str, Any]:
    counts = [count for (_, mine, _), count in cells.items() if mine == side]
    impressions, clicks = (sum(count[place] for count in counts) for place in (0, 1))
    return {"impressions": impressions, "clicks": clicks, "value": value}


def _earned(impressions: float, held_rate: float | None, found: Comparison) -> dict[str, float | None]:
    """Clicks more (or fewer) on the learned impressions than all pictures alike would have brought there."""
    usual = None if held_rate is None else held_rate * impressions
    lifts = {"clicks": found.lift, "low": found.lift_low, "high": found.lift_high}
    return {name: None if usual is None or lift is None else usual * lift for name, lift in lifts.items()}


def _sentence(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "Too few shoppers of the holdout, or none with a click, to tell what learning is worth."
    if low > 0:
        return "Learning earns more clicks than pictures drawn alike: the whole interval lies above zero."
    if high < 0:
        return "Learning does worse than pictures drawn alike. Switch it off and look for the cause."
    return "No difference is certain yet."


def _spans(periods: list[AllocationPeriod], start: datetime, now: datetime) -> Spans:
    """From when to when each context had fixed shares; between two spans learning was off."""
    found: dict[Context, list[tuple[datetime, datetime]]] = defaultdict(list)
    for period in periods:
        span = (max(start, period.started_at), period.ended_at or now)
        found[period.placement_id, period.segment_id].append(span)
    return found


def _cells(campaign: Campaign, spans: Spans, start: datetime, now: datetime) -> dict[Cell, list[int]]:
    """Impressions and clicks by stratum (context and span), side (0 the holdout) and shopper."""
    events = (
        Event.objects.within(start, now)
        .filter(
            advertiser_id=campaign.advertiser_id,
            campaign_id=campaign.pk,
            validity=Event.Validity.VALID,
            experiment_id__isnull=True,
        )
        .order_by()
    )
    events = deciding(events, campaign.advertiser)
    clicked = set(events.filter(kind=Event.Kind.CLICK).values_list("decision_id", flat=True))
    rows: Any = events.filter(kind=Event.Kind.IMPRESSION).values_list(
        "placement_id", "segment_id", "drawn_segment_id", "shopper_pseudonym", "decision_id", "occurred_at",
        "arm",
    )  # fmt: skip
    cells: dict[Cell, list[int]] = defaultdict(lambda: [0, 0])
    for placement, shown, drawn, shopper, decision, at, arm in rows.iterator(chunk_size=5000):
        # A shipped arm shows another segment's picture than the one whose shares drew it.
        context = (placement, drawn or shown)
        mine = spans.get(context, [])
        place = bisect_right(mine, at, key=_start_of) - 1
        if place < 0 or at >= mine[place][1]:
            continue
        count = cells[(context, place), int(arm != HOLDOUT), shopper or decision]
        count[0] += 1
        count[1] += decision in clicked
    return cells


def _start_of(span: tuple[datetime, datetime]) -> datetime:
    return span[0]
