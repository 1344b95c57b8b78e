"""Reads of profiles in aggregate: figures of all shoppers and of one segment, for the pages."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Avg, Count, Q
from django.db.models.functions import TruncDate

from profiles import consent, segments
from profiles.group_sizes import is_few, parts_told
from profiles.models import Behaviour, InterestProfile, Segment, SegmentMembership, Shopper
from profiles.selectors import PREVIEW_LIMIT, interest_weights, profiles_allowed
from profiles.snapshots import InterestWeight
from profiles.taxonomy import INTERESTS

EXAMPLES = 4


@dataclass(frozen=True)
class InterestCount:
    """An interest and how many shoppers have it first, or hold it at all; ``is_told`` False: only that it is
    fewer than may be told."""

    id: str
    label_en: str
    label_zh: str
    shoppers: int
    share_rate: float
    mean_weight: float = 0.0
    is_told: bool = True


@dataclass(frozen=True)
class AudienceSummary:
    """The shoppers of an advertiser in figures."""

    shoppers: int
    consented: int
    with_profile: int
    simulated: int
    seen_30_days: int
    behaviours_30_days: int


def audience_summary(*, advertiser_id: UUID | str, now: datetime) -> AudienceSummary:
    """Counts for the top of the shoppers page."""
    month = now - timedelta(days=30)
    allowed = Q(**consent.allowed_rows())
    counts = Shopper.objects.filter(advertiser_id=advertiser_id).aggregate(
        shoppers=Count("pk"),
        consented=Count("pk", filter=allowed),
        simulated=Count("pk", filter=Q(is_simulated=True)),
        seen=Count("pk", filter=allowed & Q(last_seen_at__gte=month)),
    )
    return AudienceSummary(
        shoppers=counts["shoppers"],
        consented=counts["consented"],
        with_profile=profiles_allowed(advertiser_id).exclude(top_interest="").count(),
        simulated=counts["simulated"],
        seen_30_days=counts["seen"],
        behaviours_30_days=Behaviour.objects.filter(
            advertiser_id=advertiser_id, occurred_at__gte=month
        ).count(),
    )


def top_interest_counts(*, advertiser_id: UUID | str) -> list[InterestCount]:
    """How many consented shoppers have each interest first, most frequent first."""
    rows = (
        profiles_allowed(advertiser_id)
        .exclude(top_interest="")
        .values("top_interest")
        .annotate(shoppers=Count("pk"))
        .order_by("-shoppers", "top_interest")
    )
    total = sum(row["shoppers"] for row in rows)
    told = parts_told([row["shoppers"] for row in rows])
    return [
        InterestCount(i.id, i.label_en, i.label_zh, row["shoppers"], row["shoppers"] / total, is_told=is_told)
        for row, is_told in zip(rows, told, strict=True)
        if (i := INTERESTS.get(row["top_interest"])) is not None
    ]


def behaviour_kind_counts(*, advertiser_id: UUID | str, now: datetime) -> list[tuple[str, int]]:
    """Behaviours of the last 30 days by kind, most frequent first."""
    counts = (
        Behaviour.objects.filter(advertiser_id=advertiser_id, occurred_at__gte=now - timedelta(days=30))
        .values_list("kind")
        .annotate(n=Count("pk"))
        .order_by("-n")
    )
    return [(Behaviour.Kind(kind).label, number) for kind, number in counts]


@dataclass(frozen=True)
class DayCount:
    """Behaviours of one day by kind."""

    day: date
    kinds: dict[str, int]
    total: int


@dataclass(frozen=True)
class ExampleProfile:
    """A member under a pseudonym."""

    pseudonym: str
    strength: float
    is_simulated: bool
    interests: list[InterestWeight]


@dataclass(frozen=True)
class SegmentInsight:
    """Who is in a segment, in aggregate. Empty when it is too small to hide in."""

    is_shown: bool
    interests: list[InterestCount]
    days: list[DayCount]
    examples: list[ExampleProfile]
    mean_strength: float
    simulated: int


def segment_insight(*, segment: Segment, now: datetime, days: int = 14) -> SegmentInsight:
    """The aggregate view of a segment's page."""
    if segment.size < settings.PROFILES_SEGMENT_MIN_SHOPPERS:
        return SegmentInsight(False, [], [], [], 0.0, 0)
    members = SegmentMembership.objects.filter(segment=segment)
    figures = members.aggregate(
        mean=Avg("strength"), simulated=Count("pk", filter=Q(shopper__is_simulated=True))
    )
    return SegmentInsight(
        is_shown=True,
        interests=_segment_interests(segment),
        days=_segment_days(segment, now=now, days=days),
        examples=[
            ExampleProfile(pseudonym, strength, simulated, interest_weights(weights or {})[:4])
            for pseudonym, strength, simulated, weights in members.order_by("-strength", "pk").values_list(
                "shopper__pseudonym", "strength", "shopper__is_simulated", "shopper__profile__weights"
            )[:EXAMPLES]
        ],
        mean_strength=figures["mean"] or 0.0,
        simulated=figures["simulated"],
    )


def _segment_interests(segment: Segment, limit: int = 12) -> list[InterestCount]:
    """How widely and how strongly the members hold each interest."""
    holders: Counter[str] = Counter()
    sums: defaultdict[str, float] = defaultdict(float)
    profiles = InterestProfile.objects.filter(shopper__segment_memberships__segment=segment)
    total = 0
    for weights in profiles.values_list("weights", flat=True)[:PREVIEW_LIMIT]:
        total += 1
        for interest, weight in weights.items():
            if weight >= segments.TOP_INTEREST_MIN_WEIGHT:
                holders[interest] += 1
                sums[interest] += weight
    return [
        InterestCount(i.id, i.label_en, i.label_zh, number, number / total, sums[interest] / number)
        for interest, number in holders.most_common(limit)
        if not is_few(number) and (i := INTERESTS.get(interest)) is not None
    ]


def _segment_days(segment: Segment, *, now: datetime, days: int) -> list[DayCount]:
    first = now.date() - timedelta(days=days - 1)
    rows = (
        Behaviour.objects.filter(shopper__segment_memberships__segment=segment, occurred_at__date__gte=first)
        .annotate(day=TruncDate("occurred_at"))
        .values_list("day", "kind")
        .annotate(n=Count("pk"))
    )
    counts: defaultdict[date, dict[str, int]] = defaultdict(dict)
    for day, kind, number in rows:
        counts[day][kind] = number
    every_day = [first + timedelta(days=n) for n in range(days)]
    return [DayCount(day, counts[day], sum(counts[day].values())) for day in every_day]
