"""Reads of what learning left behind, for pages and API; rows only, never events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from analytics.small_groups import SmallGroups, small_groups_get
from analytics.windows import today
from campaigns.learning_models import AllocationPeriod
from campaigns.models import Campaign, Variant

HISTORY = 200  # periods of a context that a chart shows
EVIDENCE_DAYS = 30  # what shares are learned from: analytics.learning
COUNTED = frozenset({"impressions", "clicks", "chance_best"})  # what of the evidence counts shoppers' doings


@dataclass(frozen=True)
class ShareLine:
    """A variant in a period: its share, why, and how it stood before."""

    variant_id: str
    product: str
    share: float
    evidence: dict[str, Any]
    is_withheld: bool = False  # too few shoppers: the evidence has no counts


@dataclass(frozen=True)
class ContextShares:
    """One placement and segment with the shares in force and those before."""

    placement_id: UUID
    placement: str
    segment_id: UUID | None
    segment: str
    reason: str
    since: datetime
    holdout_rate: float
    lines: list[ShareLine]
    periods: int


def periods_get(*, campaign: Campaign) -> QuerySet[AllocationPeriod]:
    """All periods of a campaign, newest first."""
    return AllocationPeriod.objects.filter(
        advertiser_id=campaign.advertiser_id, campaign=campaign
    ).select_related("placement", "segment")


def contexts_get(*, campaign: Campaign) -> list[ContextShares]:
    """The shares in force, context by context."""
    periods = list(periods_get(campaign=campaign))
    last = today()
    groups = small_groups_get(
        advertiser_id=campaign.advertiser_id, start=last - timedelta(days=EVIDENCE_DAYS), end=last
    )
    names = product_names(campaign)
    found = []
    for period in periods:
        if period.ended_at is not None:
            continue
        evidence = {line["variant_id"]: line for line in period.evidence}
        lines = [
            _share_line(groups, pk, names.get(pk, "deleted since"), share, evidence.get(pk, {}))
            for pk, share in sorted(period.shares.items(), key=lambda pair: -pair[1])
        ]
        mine = [
            p for p in periods
            if (p.placement_id, p.segment_id) == (period.placement_id, period.segment_id)
        ]  # fmt: skip
        found.append(
            ContextShares(
                placement_id=period.placement_id,
                placement=period.placement.name,
                segment_id=period.segment_id,
                segment=period.segment.name if period.segment else "Everybody (generic)",
                reason=AllocationPeriod.Reason(period.reason).label,
                since=period.started_at,
                holdout_rate=period.holdout_rate,
                lines=lines,
                periods=len(mine),
            )
        )
    return sorted(found, key=lambda context: (context.placement, context.segment))


def _share_line(
    groups: SmallGroups, pk: str, product: str, share: float, evidence: dict[str, Any]
) -> ShareLine:
    if groups.shows_variant(pk):
        return ShareLine(pk, product, share, evidence)
    told = {name: value for name, value in evidence.items() if name not in COUNTED}
    return ShareLine(pk, product, share, told, is_withheld=True)


def product_names(campaign: Campaign) -> dict[str, str]:
    """Variant id -> product."""
    rows = Variant.objects.filter(campaign=campaign).values_list("pk", "product__title")
    return {str(pk): title for pk, title in rows}


def history_get(*, campaign: Campaign, placement_id: UUID, segment_id: UUID | None) -> list[AllocationPeriod]:
    """The newest periods of one context, in the order of time."""
    context: dict[str, Any] = {"placement_id": placement_id, "segment_id": segment_id}
    rows = periods_get(campaign=campaign).filter(**context)
    return list(rows[:HISTORY])[::-1]


def history_series(periods: Iterable[AllocationPeriod], names: dict[str, str]) -> list[dict[str, Any]]:
    """One line a variant: its share from each period's start on."""
    rows = list(periods)
    variants = sorted({pk for row in rows for pk in row.shares})
    return [
        {
            "name": names.get(pk, "deleted since"),
            "at": [row.started_at.isoformat() for row in rows],
            "share": [row.shares.get(pk) for row in rows],
        }
        for pk in variants
    ]
