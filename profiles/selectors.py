"""Reads of profiles for the hot path, the API and the pages."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Avg, Count, F, Q, QuerySet
from django.db.models.functions import TruncDate

from adplatform.lib.errors import NotFound
from profiles import consent, segments
from profiles.models import Behaviour, InterestProfile, Segment, SegmentMembership, Shopper
from profiles.pseudonyms import pseudonym_of
from profiles.snapshots import Audience, InterestWeight, ProfileSnapshot
from profiles.taxonomy import INTERESTS

# A preview reads this many profiles at the most and scales up beyond (10 microseconds each).
PREVIEW_LIMIT = 20_000
EXAMPLES = 4


def audience_get(*, advertiser_id: UUID | str, shopper_key: str, opted_out: bool = False) -> Audience:
    """What a decision may know of a shopper: one query.

    Without a key, unknown, without consent or a minor: no segments, and no pseudonym either, so that
    nothing about this person can be joined later. Segments too small to hide in are left out.
    """
    if not shopper_key:
        return Audience(pseudonym="")
    pseudonym = pseudonym_of(advertiser_id, shopper_key)
    rows = list(
        Shopper.objects.filter(advertiser_id=advertiser_id, pseudonym=pseudonym).values_list(
            "personalisation_allowed",
            "is_minor",
            "is_simulated",
            "segment_memberships__segment_id",
            "segment_memberships__strength",
            "segment_memberships__segment__is_active",
            "segment_memberships__segment__size",
        )
    )
    if not rows:
        return Audience(pseudonym="")
    allowed, is_minor, is_simulated = rows[0][:3]
    if not consent.allow(consent.ConsentState(allowed, is_minor, opted_out)):
        return Audience(pseudonym="", is_simulated=is_simulated)
    fitting = sorted(
        (-strength, str(segment_id), segment_id)
        for *_, segment_id, strength, is_active, size in rows
        if segment_id is not None and is_active and size >= settings.PROFILES_SEGMENT_MIN_SHOPPERS
    )
    return Audience(pseudonym, tuple(segment_id for *_, segment_id in fitting), True, is_simulated)


def consent_state_of(shopper: Shopper | None, *, opted_out: bool = False) -> consent.ConsentState:
    """The gate's input for a row; an unknown shopper has agreed to nothing."""
    if shopper is None:
        return consent.ConsentState(opted_out=opted_out)
    return consent.ConsentState(shopper.personalisation_allowed, shopper.is_minor, opted_out)


def shopper_find(*, advertiser_id: UUID | str, shopper_key: str) -> Shopper | None:
    """The row behind the shop's own key."""
    pseudonym = pseudonym_of(advertiser_id, shopper_key)
    return Shopper.objects.filter(advertiser_id=advertiser_id, pseudonym=pseudonym).first()


def profile_get(*, advertiser_id: UUID | str, shopper_key: str) -> ProfileSnapshot:
    """A shopper's profile by the shop's own key. Raises NotFound."""
    shopper = shopper_find(advertiser_id=advertiser_id, shopper_key=shopper_key)
    if shopper is None:
        raise NotFound("shopper")
    profile = InterestProfile.objects.filter(shopper=shopper).first()
    memberships = (
        SegmentMembership.objects.filter(shopper=shopper).order_by("-strength").select_related("segment")
    )
    return ProfileSnapshot(
        pseudonym=shopper.pseudonym,
        language=shopper.language,
        personalisation_allowed=consent.allow(consent_state_of(shopper)),
        is_minor=shopper.is_minor,
        is_simulated=shopper.is_simulated,
        interests=tuple(interest_weights(profile.weights if profile else {})),
        segments=tuple((m.segment_id, m.segment.name, m.strength) for m in memberships),
        behaviours=Behaviour.objects.filter(shopper=shopper).count(),
        computed_at=profile.computed_at if profile else None,
        last_seen_at=shopper.last_seen_at,
    )


def interest_weights(weights: Mapping[str, float]) -> list[InterestWeight]:
    """Weights in words, strongest first; ids that left the taxonomy are dropped."""
    return [
        InterestWeight(i, INTERESTS[i].label_en, INTERESTS[i].label_zh, INTERESTS[i].iab_id, weight)
        for i, weight in sorted(weights.items(), key=lambda item: (-item[1], item[0]))
        if i in INTERESTS
    ]


def segment_list(*, advertiser_id: UUID | str, search: str = "", kind: str = "") -> QuerySet[Segment]:
    """The advertiser's segments by name."""
    found = Segment.objects.filter(advertiser_id=advertiser_id)
    if search:
        found = found.filter(name__icontains=search)
    return found.filter(kind=kind) if kind else found


def segment_get(*, advertiser_id: UUID | str, segment_id: UUID | str) -> Segment:
    """One segment. Raises NotFound."""
    segment = Segment.objects.filter(advertiser_id=advertiser_id, pk=segment_id).first()
    if segment is None:
        raise NotFound("segment")
    return segment


@dataclass(frozen=True)
class RuleSize:
    """How many consented shoppers a rule would catch, of how many with a profile."""

    size: int
    of: int
    is_estimate: bool
    minimum: int

    @property
    def is_large_enough(self) -> bool:
        return self.size >= self.minimum

    @property
    def share_rate(self) -> float:
        return self.size / self.of if self.of else 0.0


def rule_size(*, advertiser_id: UUID | str, rule: Mapping[str, Any]) -> RuleSize:
    """The live size of a cleaned rule. Beyond PREVIEW_LIMIT profiles the freshest ones stand for all."""
    profiles = profiles_allowed(advertiser_id)
    weights = list(profiles.order_by("-computed_at").values_list("weights", flat=True)[: PREVIEW_LIMIT + 1])
    is_estimate = len(weights) > PREVIEW_LIMIT
    weights = weights[:PREVIEW_LIMIT]
    size = sum(segments.strength(rule, w) is not None for w in weights)
    total = profiles.count() if is_estimate else len(weights)
    if is_estimate:
        size = math.floor(size * total / len(weights))
    return RuleSize(size, total, is_estimate, settings.PROFILES_SEGMENT_MIN_SHOPPERS)


def profiles_allowed(advertiser_id: UUID | str) -> QuerySet[InterestProfile]:
    """The profiles that may be used."""
    return InterestProfile.objects.filter(
        advertiser_id=advertiser_id, shopper__personalisation_allowed=True, shopper__is_minor=False
    )


@dataclass(frozen=True)
class InterestCount:
    """An interest and how many shoppers have it first, or hold it at all."""

    id: str
    label_en: str
    label_zh: str
    shoppers: int
    share_rate: float
    mean_weight: float = 0.0


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
    allowed = Q(personalisation_allowed=True, is_minor=False)
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
    return [
        InterestCount(i.id, i.label_en, i.label_zh, row["shoppers"], row["shoppers"] / total)
        for row in rows
        if (i := INTERESTS.get(row["top_interest"])) is not None
    ]


def interest_kind_counts(*, advertiser_id: UUID | str, now: datetime) -> list[tuple[str, int]]:
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
            ExampleProfile(pseudonym, strength, simulated, interest_weights(weights or {})[:5])
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
        if (i := INTERESTS.get(interest)) is not None
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


def advertisers_to_refresh(*, now: datetime, oldest: timedelta) -> list[UUID]:
    """Advertisers with behaviours that wait, profiles that aged, or segments never counted."""
    stale = Shopper.objects.filter(stale_since__isnull=False).values_list("advertiser_id", flat=True)
    aged = InterestProfile.objects.filter(computed_at__lt=now - oldest).values_list(
        "advertiser_id", flat=True
    )
    uncounted = Segment.objects.filter(
        Q(refreshed_at=None) | Q(refreshed_at__lt=now - oldest), is_active=True
    ).values_list("advertiser_id", flat=True)
    return sorted(set(stale.distinct()) | set(aged.distinct()) | set(uncounted.distinct()))


def shoppers_to_rebuild(*, advertiser_id: UUID | str, now: datetime, oldest: timedelta) -> QuerySet[Shopper]:
    """Shoppers whose profile no longer says what their behaviours say, longest waiting first."""
    return (
        Shopper.objects.filter(advertiser_id=advertiser_id)
        .filter(Q(stale_since__isnull=False) | Q(profile__computed_at__lt=now - oldest))
        .order_by(F("stale_since").asc(nulls_last=True), "pk")
    )
