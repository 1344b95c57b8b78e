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
from analytics.words import share_words
from campaigns.learning_models import AllocationPeriod, WeightRecord
from campaigns.models import Campaign, Variant

HISTORY = 200  # periods of a context that a chart shows
EVIDENCE_DAYS = 30  # what shares are learned from: analytics.learning
COUNTED = frozenset({"impressions", "clicks", "chance_best"})  # what of the evidence counts shoppers' doings
CHANGES = 50  # by hand, that a page shows
CHANGE_LINES = 5  # of one change; the record itself has all
WORDS = {"learns": "Learning", "holdout_rate": "Holdout", "dividend_rate": "Standing split"}


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

    @property
    def impressions(self) -> int:
        """What the shares were learned from, as far as it is told."""
        return sum(line.evidence.get("impressions") or 0 for line in self.lines)


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


@dataclass(frozen=True)
class HandChange:
    """A change by a person or an API key: (what, before, after), and how many lines more."""

    at: datetime
    who: str
    lines: list[tuple[str, str, str]]
    more: int
    comment: str


def hand_changes_get(*, campaign: Campaign) -> list[HandChange]:
    """The newest changes of weights and settings."""
    rows = WeightRecord.objects.filter(advertiser_id=campaign.advertiser_id, campaign=campaign)
    names = _picture_names(campaign)
    found = []
    for row in rows.select_related("user")[:CHANGES]:
        keys = sorted(row.new, key=lambda key: names.get(key, key))
        found.append(
            HandChange(
                at=row.changed_at,
                who=row.user.username if row.user else "An API key or a deleted account",
                lines=[
                    (
                        WORDS.get(key) or names.get(key, "deleted since"),
                        _setting_words(row.setting, row.old[key]),
                        _setting_words(row.setting, row.new[key]),
                    )
                    for key in keys[:CHANGE_LINES]
                ],
                more=max(0, len(keys) - CHANGE_LINES),
                comment=row.comment,
            )
        )
    return found


def _picture_names(campaign: Campaign) -> dict[str, str]:
    rows = Variant.objects.filter(campaign=campaign).values_list("pk", "product__title", "segment__name")
    return {str(pk): f"{product} · {segment or 'Everybody (generic)'}" for pk, product, segment in rows}


def _setting_words(setting: str, value: float | bool) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return share_words(value) if setting == WeightRecord.Setting.LEARNING else f"{value:g}"


def draw_changes_count(*, campaign_id: UUID, start: datetime, end: datetime) -> int:
    """Moments between ``start`` and ``end`` at which the campaign's pictures changed their chances.

    Learned shares begin and end (one ends where learning is switched off), people set weights. Several
    placements that change in one moment are one change.
    """
    periods = AllocationPeriod.objects.filter(campaign_id=campaign_id)
    by_hand = WeightRecord.objects.filter(campaign_id=campaign_id, setting=WeightRecord.Setting.WEIGHTS)
    moments: set[datetime | None] = set()
    for rows, field in ((periods, "started_at"), (periods, "ended_at"), (by_hand, "changed_at")):
        inside = {f"{field}__gt": start, f"{field}__lt": end}
        moments.update(rows.filter(**inside).values_list(field, flat=True))
    return len(moments)


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
