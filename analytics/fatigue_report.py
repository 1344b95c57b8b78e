"""Which creatives of a campaign are worn out. Workers only: it reads events in the order of each
shopper's eyes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from analytics.models import Event
from analytics.simulated import deciding
from analytics.small_groups import small_groups_get
from analytics.stats.fatigue import Life, State, fatigue_judge, stratum_of
from analytics.stats.stratified import Cell
from campaigns.models import Campaign

WINDOW = timedelta(days=120)
EARLY, LATE = timedelta(days=7), timedelta(days=7)
MIN_AGE = timedelta(days=14)


class _Record:
    """One creative while its impressions are read in order."""

    def __init__(self, first_at: datetime) -> None:
        self.first_at = first_at
        self.seen: dict[str, int] = defaultdict(int)
        self.cells: dict[Cell, list[int]] = defaultdict(lambda: [0, 0])  # impressions, clicks
        self.numbers: tuple[list[int], list[int]] = ([0, 0], [0, 0])  # sum of exposure numbers, impressions
        self.shown = 0

    def add(self, shopper: str, at: datetime, *, is_clicked: bool, late_from: datetime) -> None:
        """An impression; counted early, late or neither."""
        self.shown += 1
        self.seen[shopper] += 1
        number = self.seen[shopper]
        part = 1 if at >= late_from else 0 if at < self.first_at + EARLY else None
        if part is None:
            return
        cell = self.cells[stratum_of(number), part, shopper]
        cell[0] += 1
        cell[1] += is_clicked
        self.numbers[part][0] += number
        self.numbers[part][1] += 1

    def life(self, now: datetime) -> Life:
        """What was read."""
        means = [total / count if count else 0.0 for total, count in self.numbers]
        return Life(self.cells, means[0], means[1], now - self.first_at >= MIN_AGE)


def fatigue_compute(campaign: Campaign, parameters: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """One line a creative, the worst first. Shoppers without a pseudonym are left out: nobody can
    count their looks.
    """
    events = (
        Event.objects.within(now - WINDOW, now)
        .filter(
            advertiser_id=campaign.advertiser_id,
            campaign_id=campaign.pk,
            validity=Event.Validity.VALID,
            creative_id__isnull=False,
        )
        .exclude(shopper_pseudonym="")
    )
    events = deciding(events, campaign.advertiser)
    clicked = set(events.filter(kind=Event.Kind.CLICK).order_by().values_list("decision_id", flat=True))
    rows: Any = (
        events.filter(kind=Event.Kind.IMPRESSION)
        .order_by("occurred_at", "id")
        .values_list("creative_id", "variant_id", "shopper_pseudonym", "occurred_at", "decision_id")
    )
    records: dict[UUID, _Record] = {}
    variants: dict[UUID, str] = {}
    for creative, variant, shopper, at, decision in rows.iterator(chunk_size=5000):
        record = records.setdefault(creative, _Record(at))
        variants[creative] = str(variant)
        record.add(shopper, at, is_clicked=decision in clicked, late_from=now - LATE)
    groups = small_groups_get(
        advertiser_id=campaign.advertiser_id, start=(now - WINDOW).date(), end=now.date()
    )
    lines = [
        _line(pk, variants[pk], record, now) if groups.shows_creative(pk) else _withheld(pk, variants[pk])
        for pk, record in records.items()
    ]
    order = [State.FATIGUED, State.LIMITED, State.HEALTHY, State.UNKNOWN]
    lines.sort(key=lambda line: (order.index(line["state"]), -(line["impressions"] or 0)))
    return {"lines": lines, "counts": {state: sum(li["state"] == state for li in lines) for state in order}}


def _line(creative_id: UUID, variant_id: str, record: _Record, now: datetime) -> dict[str, Any]:
    life = record.life(now)
    found = fatigue_judge(life)
    rates = [clicked / shown if shown else None for shown, clicked in (life.total(0), life.total(1))]
    return {
        "creative_id": str(creative_id),
        "variant_id": variant_id,
        "state": found.state.value,
        "reason": found.reason,
        "change": found.change,
        "low": found.low,
        "high": found.high,
        "plain_change": found.plain_change,
        "early_rate": rates[0],
        "late_rate": rates[1],
        "early_frequency": life.early_frequency,
        "late_frequency": life.late_frequency,
        "impressions": record.shown,
        "first_at": record.first_at.isoformat(),
    }


def _withheld(creative_id: UUID, variant_id: str) -> dict[str, Any]:
    """A creative of too few shoppers: nothing but that it is."""
    figures = ("change", "low", "high", "plain_change", "early_rate", "late_rate", "early_frequency")
    nothing = dict.fromkeys((*figures, "late_frequency", "impressions", "first_at"))
    reason = "Too few shoppers saw it for its figures to be shown."
    told = {"creative_id": str(creative_id), "variant_id": variant_id}
    return {**told, "state": State.UNKNOWN.value, "reason": reason, **nothing}
