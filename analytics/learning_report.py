"""What learning is worth: learned draws against those of the holdout, period by period. Workers only."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from analytics.models import Event
from analytics.stats.statistics import Sums
from analytics.stats.stratified import stratified_compare, stratified_estimates
from campaigns.learning_models import AllocationPeriod
from campaigns.models import Campaign
from campaigns.serving.allocations import HOLDOUT

WINDOW = timedelta(days=60)
Context = tuple[UUID, UUID | None]
Stratum = tuple[UUID, UUID | None, int]


def learning_compute(campaign: Campaign, parameters: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Lift of the learned draws over the holdout's, stratified by context and allocation period."""
    periods = list(
        AllocationPeriod.objects.filter(campaign=campaign, started_at__gte=now - WINDOW).order_by(
            "started_at"
        )
    )
    if not periods:
        return {
            "periods": 0,
            "strata": 0,
            "learned": None,
            "holdout": None,
            "sentence": "Nothing was learned yet.",
        }
    strata = _strata(campaign, periods, now)
    pairs = [(held, learned) for held, learned in strata.values() if held.n > 1 and learned.n > 1]
    found, estimates = stratified_compare(pairs), stratified_estimates(pairs)
    pooled = [sum((pair[side] for pair in strata.values()), Sums()) for side in (0, 1)]
    return {
        "periods": len(periods),
        "strata": len(pairs),
        "holdout": _line(pooled[0], estimates[0].value if estimates else None),
        "learned": _line(pooled[1], estimates[1].value if estimates else None),
        "lift": found.lift,
        "lift_low": found.lift_low,
        "lift_high": found.lift_high,
        "p": found.p,
        "sentence": _sentence(found.lift_low, found.lift_high),
    }


def _line(sums: Sums, value: float | None) -> dict[str, Any]:
    return {"impressions": int(sums.x), "clicks": int(sums.y), "value": value}


def _sentence(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "Too few shoppers of the holdout, or none with a click, to tell what learning is worth."
    if low > 0:
        return "Learning earns more clicks than pictures drawn alike: the whole interval lies above zero."
    if high < 0:
        return "Learning does worse than pictures drawn alike. Switch it off and look for the cause."
    return "No difference is certain yet."


def _strata(
    campaign: Campaign, periods: list[AllocationPeriod], now: datetime
) -> dict[Stratum, tuple[Sums, Sums]]:
    """(holdout, learned) of each context and period; the unit is the shopper, who is held out or never."""
    starts: dict[Context, list[datetime]] = defaultdict(list)
    for period in periods:
        starts[period.placement_id, period.segment_id].append(period.started_at)
    rows: Any = (
        Event.objects.filter(
            advertiser_id=campaign.advertiser_id,
            campaign_id=campaign.pk,
            occurred_at__gte=periods[0].started_at,
            occurred_at__lt=now,
            validity=Event.Validity.VALID,
            kind__in=(Event.Kind.IMPRESSION, Event.Kind.CLICK),
            experiment_id__isnull=True,
        )
        .order_by()
        .values_list(
            "placement_id", "segment_id", "shopper_pseudonym", "decision_id", "occurred_at", "arm", "kind"
        )
    )
    units: dict[tuple[Stratum, bool, Any], list[int]] = defaultdict(lambda: [0, 0])
    for placement, segment, shopper, decision, at, arm, kind in rows.iterator(chunk_size=5000):
        position = bisect_right(starts.get((placement, segment), []), at)
        if position == 0:
            continue
        unit = units[(placement, segment, position), arm == HOLDOUT, shopper or decision]
        unit[kind == Event.Kind.CLICK] += 1
    pairs: dict[Stratum, tuple[list[Any], list[Any]]] = defaultdict(lambda: ([], []))
    for (stratum, is_held, _), (shown, clicked) in units.items():
        if shown:
            pairs[stratum][0 if is_held else 1].append((clicked, shown))
    return {stratum: (_sums(held), _sums(learned)) for stratum, (held, learned) in pairs.items()}


def _sums(pairs: list[tuple[int, int]]) -> Sums:
    return Sums.of_pairs([clicked for clicked, _ in pairs], [shown for _, shown in pairs])
