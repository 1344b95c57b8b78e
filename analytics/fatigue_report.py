"""Which creatives of a campaign are worn out. Workers only: it reads events in the order of each
shopper's eyes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, QuerySet, Sum

from analytics.models import DailyCreativeRollup, Event
from analytics.simulated import deciding
from analytics.small_groups import small_groups_get
from analytics.stats.fatigue import HELD_DAYS, Fatigue, Life, fatigue_judge, fatigue_told, stratum_of
from analytics.stats.fatigue_states import State
from analytics.stats.stratified import Cell
from campaigns.models import Campaign

LISTED = timedelta(days=120)  # a creative that nobody has seen for so long is not listed
EARLY, LATE_DAYS = timedelta(days=7), 7
LATE = timedelta(days=LATE_DAYS)
BEFORE = timedelta(days=HELD_DAYS)  # a fall must have been there so long ago, too
MIN_AGE = timedelta(days=14)
AFTER = timedelta(days=1)  # a click follows its impression within it
Looks = Counter[tuple[UUID, str]]  # (creative, shopper) -> impressions
EARLY_DAY = -1  # in place of the days ago, which tell the late days apart


@dataclass(frozen=True)
class _Span:
    """The days of a creative's life so far, and what showed it."""

    first: date
    last: date
    impressions: int
    variant_id: str

    @property
    def first_at(self) -> datetime:
        return _midnight(self.first)


class _Day:
    """A day of a creative, or its early life, as it is read."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])  # impressions, clicks
        self.numbers = self.impressions = 0  # the sum of the exposures' numbers, and how many they are


class _Record:
    """One creative while its impressions are read in order."""

    def __init__(self, span: _Span) -> None:
        self.span = span
        self.days: dict[int, _Day] = defaultdict(_Day)  # by days ago, and EARLY_DAY

    def add(self, day: int, shopper: str, number: int, *, is_clicked: bool) -> None:
        """The ``number``-th impression that a shopper had of it."""
        read = self.days[day]
        cell = read.cells[stratum_of(number), shopper]
        cell[0] += 1
        cell[1] += is_clicked
        read.numbers += number
        read.impressions += 1

    def life(self, now: datetime, days_ago: int = 0) -> Life:
        """What a look so many days ago found: ``LATE_DAYS`` days before it, against the early life."""
        cells: dict[Cell, list[int]] = defaultdict(lambda: [0, 0])
        means = []
        for side, days in enumerate(((EARLY_DAY,), range(days_ago, days_ago + LATE_DAYS))):
            read = [self.days[day] for day in days if day in self.days]
            for day in read:
                for (stratum, shopper), (shown, clicked) in day.cells.items():
                    cell = cells[stratum, side, shopper]
                    cell[0] += shown
                    cell[1] += clicked
            seen = sum(day.impressions for day in read)
            means.append(sum(day.numbers for day in read) / seen if seen else 0.0)
        looked_at = now - timedelta(days=days_ago)
        return Life(cells, means[0], means[1], looked_at - self.span.first_at >= MIN_AGE)


def fatigue_compute(campaign: Campaign, parameters: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """One line a creative, the worst first. Shoppers without a pseudonym are left out: nobody can
    count their looks.

    Early life is that of the creative's first day ever (UTC) and the six after it, however long ago; what
    lies between them and the last days is counted by the database and not read. The week before the last is
    read of those only that the last one finds worn out.
    """
    records = {creative: _Record(span) for creative, span in _spans(campaign, now).items()}
    if records:
        _read_early(campaign, records, now - LATE)
        _read_late(campaign, records, now - LATE, now, now)
    found = {creative: fatigue_judge(record.life(now)) for creative, record in records.items()}
    fallen = {pk: record for pk, record in records.items() if found[pk].state == State.FATIGUED}
    if fallen:
        _read_late(campaign, fallen, now - LATE - BEFORE, now - LATE, now)
    groups = small_groups_get(
        advertiser_id=campaign.advertiser_id, start=(now - LISTED).date(), end=now.date()
    )
    lines = [
        _line(pk, record, found[pk], now) if groups.shows_creative(pk) else _withheld(pk, record)
        for pk, record in records.items()
    ]
    order = [State.FATIGUED, State.LIMITED, State.HEALTHY, State.UNKNOWN]
    lines.sort(key=lambda line: (order.index(line["state"]), -(line["impressions"] or 0)))
    return {"lines": lines, "counts": {state: sum(li["state"] == state for li in lines) for state in order}}


def _spans(campaign: Campaign, now: datetime) -> dict[UUID, _Span]:
    """Of every creative seen of late, from the days' sums: the events of its whole life are too many."""
    shown = DailyCreativeRollup.objects.filter(
        advertiser_id=campaign.advertiser_id,
        campaign_id=campaign.pk,
        day__lte=now.date(),
        creative_id__isnull=False,
        impressions__gt=0,
    )
    rows = (
        deciding(shown, campaign.advertiser)
        .order_by()
        .values_list("creative_id", "variant_id")
        .annotate(first=Min("day"), last=Max("day"), shown=Sum("impressions"))
    )
    spans: dict[UUID, _Span] = {}
    for creative, variant, first, last, impressions in rows:
        if creative is None:
            continue
        old = spans.get(creative, _Span(first, last, 0, ""))
        spans[creative] = _Span(
            min(old.first, first), max(old.last, last), old.impressions + impressions, str(variant)
        )
    return {pk: span for pk, span in spans.items() if span.last >= (now - LISTED).date()}


def _events(campaign: Campaign, creatives: Iterable[UUID], start: datetime, end: datetime) -> QuerySet[Event]:
    events = Event.objects.within(start, end).filter(
        advertiser_id=campaign.advertiser_id,
        campaign_id=campaign.pk,
        validity=Event.Validity.VALID,
        creative_id__in=list(creatives),
    )
    return deciding(events, campaign.advertiser).exclude(shopper_pseudonym="").order_by()


def _impressions(
    campaign: Campaign, creatives: Iterable[UUID], start: datetime, end: datetime
) -> Iterator[tuple[UUID, str, datetime, bool]]:
    """Creative, shopper, when and whether it was clicked, in order of time."""
    mine = list(creatives)
    clicks = _events(campaign, mine, start, end + AFTER).filter(kind=Event.Kind.CLICK)
    clicked = set(clicks.values_list("decision_id", flat=True))
    rows: Any = (
        _events(campaign, mine, start, end)
        .filter(kind=Event.Kind.IMPRESSION)
        .order_by("occurred_at", "id")
        .values_list("creative_id", "shopper_pseudonym", "occurred_at", "decision_id")
    )
    for creative, shopper, at, decision in rows.iterator(chunk_size=5000):
        yield creative, shopper, at, decision in clicked


def _read_early(campaign: Campaign, records: Mapping[UUID, _Record], late_from: datetime) -> None:
    """First days, of those that began together at once: each creative's own, nothing of later life."""
    cohorts: dict[datetime, list[UUID]] = defaultdict(list)
    for creative, record in records.items():
        cohorts[record.span.first_at].append(creative)
    for first_at, creatives in cohorts.items():
        until = min(first_at + EARLY, late_from)
        if first_at >= until:
            continue
        seen: Looks = Counter()
        for creative, shopper, _, is_clicked in _impressions(campaign, creatives, first_at, until):
            seen[creative, shopper] += 1
            records[creative].add(EARLY_DAY, shopper, seen[creative, shopper], is_clicked=is_clicked)


def _read_late(
    campaign: Campaign, records: Mapping[UUID, _Record], start: datetime, end: datetime, now: datetime
) -> None:
    first_at = min(record.span.first_at for record in records.values())
    seen = _looks(_events(campaign, records, first_at, end), start)
    for creative, shopper, at, is_clicked in _impressions(campaign, records, start, end):
        seen[creative, shopper] += 1
        days_ago = (now - at) // timedelta(days=1)
        records[creative].add(days_ago, shopper, seen[creative, shopper], is_clicked=is_clicked)


def _looks(events: QuerySet[Event], late_from: datetime) -> Looks:
    """How often each shopper who was there from ``late_from`` on had seen each creative before."""
    shown = events.filter(kind=Event.Kind.IMPRESSION)
    late = shown.filter(occurred_at__gte=late_from).order_by().values("shopper_pseudonym").distinct()
    rows: Any = (
        shown.filter(occurred_at__lt=late_from, shopper_pseudonym__in=late)
        .order_by()
        .values_list("creative_id", "shopper_pseudonym")
        .annotate(looks=Count("pk"))
    )
    return Counter(
        {(creative, shopper): looks for creative, shopper, looks in rows.iterator(chunk_size=5000)}
    )


def _line(creative_id: UUID, record: _Record, found: Fatigue, now: datetime) -> dict[str, Any]:
    life = record.life(now)
    found = fatigue_told(found, lambda days_ago: record.life(now, days_ago), now.date())
    rates = [clicked / shown if shown else None for shown, clicked in (life.total(0), life.total(1))]
    return {
        "creative_id": str(creative_id),
        "variant_id": record.span.variant_id,
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
        "impressions": record.span.impressions,
        "first_at": record.span.first_at.isoformat(),
    }


def _withheld(creative_id: UUID, record: _Record) -> dict[str, Any]:
    """A creative of too few shoppers: nothing but that it is."""
    figures = ("change", "low", "high", "plain_change", "early_rate", "late_rate", "early_frequency")
    nothing = dict.fromkeys((*figures, "late_frequency", "impressions", "first_at"))
    reason = "Too few shoppers saw it for its figures to be shown."
    told = {"creative_id": str(creative_id), "variant_id": record.span.variant_id}
    return {**told, "state": State.UNKNOWN.value, "reason": reason, **nothing}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
