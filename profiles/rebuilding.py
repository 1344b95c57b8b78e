"""Profiles from behaviours, memberships from profiles, sizes from memberships: always whole, never added to.

Used by the services only. Running any of it twice changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from profiles import consent, interests, segments
from profiles.models import Behaviour, InterestProfile, Segment, SegmentMembership, Shopper
from profiles.selectors import consent_state_of

CHUNK = 250  # shoppers a transaction: about 0.1 s of write lock
MOST_BEHAVIOURS = 2_000  # a shopper's newest; a flood from one key cannot make every rebuild slow
HALF_LIVES_KEPT = 10  # older behaviour weighs less than a thousandth


def profiles_rebuild(*, advertiser_id: UUID, shopper_ids: Sequence[UUID], now: datetime) -> int:
    """Rebuild the profiles and memberships of these shoppers; return how many had consent."""
    allowed = 0
    for start in range(0, len(shopper_ids), CHUNK):
        with transaction.atomic():
            allowed += _chunk_rebuild(advertiser_id, shopper_ids[start : start + CHUNK], now)
    return allowed


def shoppers_locked(advertiser_id: UUID, shopper_ids: Collection[UUID]) -> QuerySet[Shopper]:
    """Those that are still there; until the transaction ends no withdrawal or erasure passes them.

    Whatever is written of a shopper by what their consent allows begins with this. Locked in one order, so
    that two writers of the same shoppers wait instead of deadlocking.
    """
    return (
        Shopper.objects.select_for_update()
        .filter(advertiser_id=advertiser_id, pk__in=shopper_ids)
        .order_by("pk")
    )


def _chunk_rebuild(advertiser_id: UUID, shopper_ids: Sequence[UUID], now: datetime) -> int:
    shoppers = list(shoppers_locked(advertiser_id, shopper_ids))
    allowed = [s for s in shoppers if consent.allow(consent_state_of(s))]
    held = _weights_of([s.pk for s in allowed], now)
    weights = {s.pk: interests.without(held[s.pk], s.muted_interests) for s in allowed}
    InterestProfile.objects.bulk_create(
        [
            InterestProfile(
                advertiser_id=advertiser_id,
                shopper=shopper,
                weights=weights[shopper.pk],
                top_interest=segments.top_interest(weights[shopper.pk]),
                computed_at=now,
            )
            for shopper in allowed
        ],
        update_conflicts=True,
        unique_fields=["shopper"],
        update_fields=["weights", "top_interest", "computed_at"],
    )
    InterestProfile.objects.filter(shopper__in={s.pk for s in shoppers} - set(weights)).delete()
    Shopper.objects.filter(pk__in=[s.pk for s in shoppers]).update(stale_since=None)
    changed = memberships_write(
        advertiser_id=advertiser_id,
        segments_of=list(Segment.objects.filter(advertiser_id=advertiser_id)),
        weights={shopper.pk: weights.get(shopper.pk, {}) for shopper in shoppers},
    )
    sizes_recount(segment_ids=changed)
    return len(allowed)


def _weights_of(shopper_ids: Sequence[UUID], now: datetime) -> dict[UUID, dict[str, float]]:
    half_life = settings.PROFILES_HALF_LIFE_DAYS
    rows = (
        Behaviour.objects.filter(
            shopper__in=shopper_ids,
            occurred_at__gte=now - timedelta(days=half_life * HALF_LIVES_KEPT),
        )
        .order_by("-occurred_at")
        .values_list("shopper_id", "kind", "occurred_at", "interests")[
            : MOST_BEHAVIOURS * max(len(shopper_ids), 1)
        ]
    )
    signals: defaultdict[UUID, list[interests.Signal]] = defaultdict(list)
    for shopper_id, kind, occurred_at, shares in rows.iterator():
        if shares and len(signals[shopper_id]) < MOST_BEHAVIOURS:
            signals[shopper_id].append(interests.Signal(kind, occurred_at, shares))
    return {
        shopper_id: interests.weigh(signals[shopper_id], now=now, half_life_days=half_life)
        for shopper_id in shopper_ids
    }


def memberships_write(
    *, advertiser_id: UUID, segments_of: Sequence[Segment], weights: dict[UUID, dict[str, float]]
) -> set[UUID]:
    """Write who of these shoppers is in which of these segments; return the segments that changed size."""
    wanted = {
        (segment.pk, shopper_id): (strength, " ".join(member_interests(segment, held)))
        for segment in segments_of
        for shopper_id, held in weights.items()
        if (strength := member_strength(segment, held)) is not None
    }
    existing = {
        (segment_id, shopper_id): (pk, (strength, matched))
        for pk, segment_id, shopper_id, strength, matched in SegmentMembership.objects.filter(
            shopper__in=list(weights), segment__in=[segment.pk for segment in segments_of]
        ).values_list("pk", "segment_id", "shopper_id", "strength", "interests")
    }
    gone = [pk for key, (pk, _) in existing.items() if key not in wanted]
    if gone:
        SegmentMembership.objects.filter(pk__in=gone).delete()
    fresh = [
        SegmentMembership(
            advertiser_id=advertiser_id,
            segment_id=segment_id,
            shopper_id=shopper_id,
            strength=strength,
            interests=matched,
        )
        for (segment_id, shopper_id), (strength, matched) in sorted(
            wanted.items(), key=lambda item: str(item[0])
        )
        if (segment_id, shopper_id) not in existing
        or existing[segment_id, shopper_id][1] != (strength, matched)
    ]
    if fresh:
        SegmentMembership.objects.bulk_create(
            fresh,
            update_conflicts=True,
            unique_fields=["segment", "shopper"],
            update_fields=["strength", "interests"],
        )
    return {key[0] for key in wanted.keys() ^ existing.keys()}


def member_strength(segment: Segment, weights: dict[str, float]) -> float | None:
    """How well a profile fits a stored segment of either kind; None when it does not."""
    if segment.kind == Segment.Kind.TOP_INTEREST:
        return segments.top_strength(segment.interests[0], weights) if segment.interests else None
    return segments.strength(segment.rule, weights)


def member_interests(segment: Segment, weights: dict[str, float]) -> list[str]:
    """The interests that put a member into a segment of either kind, strongest first."""
    if segment.kind == Segment.Kind.TOP_INTEREST:
        return [segments.top_interest(weights)]
    return segments.matched(segment.rule, weights)


def active_since() -> datetime:
    """Since when a shopper has to have been seen to count in a segment's size."""
    return timezone.now() - timedelta(days=settings.PROFILES_SEGMENT_ACTIVE_DAYS)


def sizes_recount(*, segment_ids: set[UUID], refreshed_at: datetime | None = None) -> None:
    """Write the number of members of these segments, and when a whole refresh of them ended.

    Counted are those whose consent allows it and who were seen within ``PROFILES_SEGMENT_ACTIVE_DAYS``: a
    crowd to hide in that left long ago is none.
    """
    if not segment_ids:
        return
    counted = dict(
        SegmentMembership.objects.filter(
            segment__in=segment_ids,
            shopper__last_seen_at__gte=active_since(),
            **consent.allowed_rows(shopper="shopper__"),
        )
        .values_list("segment")
        .annotate(n=Count("pk"))
    )
    for segment_id in sorted(segment_ids):
        values: dict[str, int | datetime] = {"size": counted.get(segment_id, 0)}
        if refreshed_at is not None:
            values["refreshed_at"] = refreshed_at
        Segment.objects.filter(pk=segment_id).update(**values)
