"""Hourly counts of decisions: added to by serving processes, read by pages and by ``analytics``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Sum

from accounts.models import Advertiser
from campaigns.models import DecisionCount
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
    # Sorted: two processes that flush at once take the rows' locks in one order.
    found = sorted((key, number) for key, number in counts.items() if key.advertiser_id in known)
    DecisionCount.objects.bulk_create(
        [DecisionCount(decisions=0, **_columns(key)) for key, _ in found], ignore_conflicts=True
    )
    for key, number in found:
        DecisionCount.objects.filter(**_columns(key)).update(decisions=F("decisions") + number)


def _columns(key: DecisionKey) -> dict[str, object]:
    return {
        "advertiser_id": key.advertiser_id,
        "hour_at": key.hour_at,
        "placement_id": key.placement_id,
        "outcome": key.outcome,
        "reason": key.reason,
        "is_simulated": key.is_simulated,
    }


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
