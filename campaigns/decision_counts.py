"""Counts of decisions: added to by serving processes, read by pages and by ``analytics``.

All of them by the hour and placement with what they ended in; the filled ones once more by the day and what
they showed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import Q, Sum
from django.utils import timezone

from accounts.models import Advertiser
from adplatform.lib.ids import uuid7
from campaigns.models import DecisionCount, FilledDecisionCount
from campaigns.serving.counters import UNFILLED, UNKNOWN_PLACEMENT_ID, DecisionKey


@dataclass(frozen=True)
class PlacementDecisions:
    """What a placement was asked for in a time, and what it got."""

    placement_id: UUID | None  # None: codes that no placement has
    outcomes: Mapping[str, int] = field(default_factory=dict)  # segment, generic, house, none
    reasons: Mapping[str, int] = field(default_factory=dict)  # of the unfilled ones, most frequent first

    @property
    def decisions(self) -> int:
        return sum(self.outcomes.values())

    @property
    def filled(self) -> int:
        return self.decisions - self.outcomes.get(UNFILLED, 0)

    @property
    def fill_rate(self) -> float | None:
        """The share of decisions that showed something; None without any."""
        return self.filled / self.decisions if self.decisions else None

    @property
    def fill_percent(self) -> str:
        return "–" if self.fill_rate is None else f"{self.fill_rate:.1%}"

    @property
    def top_reasons(self) -> list[tuple[str, int]]:
        """The three most frequent ones."""
        return list(self.reasons.items())[:3]


@transaction.atomic
def decision_counts_add(*, counts: Mapping[DecisionKey, int]) -> None:
    """Add what a process counted. Call it once for each ``take``: it is the one count that is incremented.

    A decision leaves no row of its own that a roll-up could be rebuilt from.
    """
    known = set(
        Advertiser.objects.filter(pk__in={key.advertiser_id for key in counts}).values_list("pk", flat=True)
    )
    asked: Counter[tuple[Any, ...]] = Counter()
    filled: Counter[tuple[Any, ...]] = Counter()
    for key, number in counts.items():
        if key.advertiser_id not in known:
            continue
        at, shown = key.hour_at, key.shown
        asked[key.advertiser_id, at, key.placement_id, key.outcome, key.reason, key.is_simulated] += number
        if shown is not None:
            place = (key.advertiser_id, at.date(), key.placement_id)
            variant = (shown.variant_id, shown.creative_id, key.is_simulated)
            filled[*place, *variant, shown.campaign_id, shown.segment_id] += number
    _increment(DecisionCount, asked)
    _increment(FilledDecisionCount, filled, ("campaign_id", "segment_id"))


def _increment(
    model: type[models.Model], rows: Mapping[tuple[Any, ...], int], told: tuple[str, ...] = ()
) -> None:
    """Add to the rows of a key, or make them: values of the unique constraint, then of ``told``.

    One statement a row and no look before it, so it holds SQLite's one lock for as short as can be.
    """
    (once,) = (found for found in model._meta.constraints if isinstance(found, models.UniqueConstraint))
    known = {found.name: found for found in model._meta.concrete_fields}
    fields = [known[name] for name in ("id", "created_at", *once.fields, *told, "decisions")]
    table = connection.ops.quote_name(model._meta.db_table)
    columns = [str(found.column) for found in fields]
    unique = ", ".join(str(known[name].column) for name in once.fields)
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608 # nosec B608 - names of our own columns
            f" ON CONFLICT ({unique}) DO UPDATE SET decisions = {table}.decisions + excluded.decisions",
            [
                [
                    found.get_db_prep_save(value, connection)
                    for found, value in zip(fields, (uuid7(), now, *key, number), strict=True)
                ]
                # Sorted: two processes that flush at once take the rows' locks in one order.
                for key, number in sorted(rows.items(), key=lambda pair: pair[0][: len(once.fields)])
            ],
        )


def filled_decisions_get(*, advertiser_id: UUID, start: date, end: date, shown: Q) -> int:
    """Decisions from ``start`` to ``end`` (UTC days, both included) that showed what the condition says."""
    rows = FilledDecisionCount.objects.filter(shown, advertiser_id=advertiser_id, day__range=(start, end))
    return rows.aggregate(number=Sum("decisions", default=0))["number"]


def placement_decisions_list(
    *, advertiser_id: UUID, start: datetime, end: datetime, is_simulated: bool | None = None
) -> list[PlacementDecisions]:
    """Each placement's decisions in the hours that begin in [start, end); None: simulated ones as well."""
    rows = DecisionCount.objects.filter(advertiser_id=advertiser_id, hour_at__gte=start, hour_at__lt=end)
    if is_simulated is not None:
        rows = rows.filter(is_simulated=is_simulated)
    outcomes: dict[UUID, Counter[str]] = {}
    reasons: dict[UUID, Counter[str]] = {}
    for placement_id, outcome, reason, number in (
        rows.values_list("placement_id", "outcome", "reason")
        .annotate(number=Sum("decisions"))
        .order_by("placement_id", "outcome", "reason")
    ):
        outcomes.setdefault(placement_id, Counter())[outcome] += number
        if reason:
            reasons.setdefault(placement_id, Counter())[reason] += number
    return [
        PlacementDecisions(
            placement_id=None if placement_id == UNKNOWN_PLACEMENT_ID else placement_id,
            outcomes=dict(found),
            reasons=dict(reasons.get(placement_id, Counter()).most_common()),
        )
        for placement_id, found in outcomes.items()
    ]


def decisions_total_get(*, start: datetime) -> dict[tuple[str, str], int]:
    """(outcome, reason) -> decisions of all advertisers since ``start``, for who runs the platform."""
    rows = (
        DecisionCount.objects.filter(hour_at__gte=start, is_simulated=False)
        .order_by()
        .values_list("outcome", "reason")
        .annotate(number=Sum("decisions"))
    )
    return {(outcome, reason): number for outcome, reason, number in rows}
