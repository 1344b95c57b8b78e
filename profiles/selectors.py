"""Reads of profiles for the hot path, the API and the pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from adplatform.lib.errors import NotFound
from profiles import consent, segments
from profiles.group_sizes import size_told, size_words
from profiles.models import Behaviour, InterestProfile, Segment, SegmentMembership, Shopper
from profiles.pseudonyms import pseudonyms_of
from profiles.snapshots import Audience, InterestWeight, ProfileSnapshot
from profiles.taxonomy import INTERESTS

# A preview reads this many profiles at the most and scales up beyond (10 microseconds each).
PREVIEW_LIMIT = 20_000


def audience_get(*, advertiser_id: UUID | str, shopper_key: str, opted_out: bool = False) -> Audience:
    """What a decision may know of a shopper: one query.

    Without a key, unknown, without consent or a minor: no segments, and no pseudonym either, so that
    nothing about this person can be joined later. The pseudonym needs consent to measurement, the segments
    consent to personalisation. Segments too small to hide in are left out.
    """
    if not shopper_key:
        return Audience(pseudonym="")
    rows: list[Any] = []
    for pseudonym in pseudonyms_of(advertiser_id, shopper_key):  # one, but for the time of a rotation
        with connection.cursor() as cursor:
            cursor.execute(_audience_sql(), [_database_uuid(advertiser_id), pseudonym])
            rows = cursor.fetchall()
        if rows:
            break
    if not rows:
        return Audience(pseudonym="")
    allowed, measured, has_objected, is_minor, is_simulated = map(bool, rows[0][:5])
    state = consent.ConsentState(allowed, is_minor, opted_out, measured, has_objected)
    why_pseudonym = pseudonym
    if not consent.allow(state, consent.Use.MEASUREMENT):
        pseudonym = ""
    if not consent.allow(state):
        return Audience(pseudonym, is_simulated=is_simulated)
    fitting = sorted(
        (-strength, str(segment_id), matched)
        for *_, segment_id, strength, matched, is_active, size in rows
        if segment_id is not None and is_active and size >= settings.PROFILES_SEGMENT_MIN_SHOPPERS
    )
    return Audience(
        pseudonym,
        tuple(UUID(segment_id) for _, segment_id, _ in fitting),
        personalisation_allowed=True,
        is_simulated=is_simulated,
        interests=tuple(tuple(matched.split()) for *_, matched in fitting),
        why_pseudonym=why_pseudonym,
    )


@lru_cache(maxsize=1)
def _audience_sql() -> str:
    """The statement behind ``audience_get``, compiled once: building it costs more than running it."""
    sql, _ = (
        Shopper.objects.filter(advertiser_id=UUID(int=0), pseudonym="")
        .values_list(
            "personalisation_allowed",
            "measurement_allowed",
            "has_objected",
            "is_minor",
            "is_simulated",
            "segment_memberships__segment_id",
            "segment_memberships__strength",
            "segment_memberships__interests",
            "segment_memberships__segment__is_active",
            "segment_memberships__segment__size",
        )
        .query.sql_with_params()
    )
    return sql


def _database_uuid(value: UUID | str) -> Any:
    return Shopper._meta.get_field("id").get_db_prep_value(value, connection)


def consent_state_of(shopper: Shopper | None, *, opted_out: bool = False) -> consent.ConsentState:
    """The gate's input for a row; an unknown shopper has agreed to nothing."""
    if shopper is None:
        return consent.ConsentState(opted_out=opted_out)
    return consent.ConsentState(
        shopper.personalisation_allowed,
        shopper.is_minor,
        opted_out,
        shopper.measurement_allowed,
        shopper.has_objected,
    )


def shopper_find(*, advertiser_id: UUID | str, shopper_key: str) -> Shopper | None:
    """The row behind the shop's own key."""
    for pseudonym in pseudonyms_of(advertiser_id, shopper_key):  # one, but for the time of a rotation
        shopper = Shopper.objects.filter(advertiser_id=advertiser_id, pseudonym=pseudonym).first()
        if shopper is not None:
            return shopper
    return None


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


def interests_taken(*, advertiser_id: UUID | str, pseudonym: str) -> tuple[frozenset[str], bool]:
    """The interests that a shopper has taken away, and whether they object to all; nothing of one unknown."""
    if not pseudonym:
        return frozenset(), False
    row = (
        Shopper.objects.filter(advertiser_id=advertiser_id, pseudonym=pseudonym)
        .values_list("muted_interests", "has_objected")
        .first()
    )
    return (frozenset(row[0]), row[1]) if row is not None else (frozenset(), False)


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


def segment_may_brief(segment: Segment) -> bool:
    """Whether a picture may be made of what this segment says: a rule is a manager's own words, but an
    automatic segment tells what its members like best, so enough who agree to that have to be in it now.

    ``size`` counts through the gate, and anew in the transaction of every withdrawal and erasure.
    """
    if segment.kind != Segment.Kind.TOP_INTEREST:
        return True
    return segment.size >= settings.PROFILES_SEGMENT_MIN_SHOPPERS


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
    def size_told(self) -> int | None:
        """None: too few to tell how many."""
        return size_told(self.size)

    @property
    def size_words(self) -> str:
        return size_words(self.size)

    @property
    def share_rate(self) -> float:
        return (self.size_told or 0) / self.of if self.of else 0.0


def rule_size(*, advertiser_id: UUID | str, rule: Mapping[str, Any]) -> RuleSize:
    """The live size of a cleaned rule. Beyond PREVIEW_LIMIT profiles the freshest ones stand for all."""
    since = timezone.now() - timedelta(days=settings.PROFILES_SEGMENT_ACTIVE_DAYS)
    profiles = profiles_allowed(advertiser_id).filter(shopper__last_seen_at__gte=since)
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
        advertiser_id=advertiser_id, **consent.allowed_rows(shopper="shopper__")
    )


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
