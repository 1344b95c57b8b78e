"""Writes of segments: made by a manager, or by themselves from favourites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError
from adplatform.lib.sensitive import is_sensitive
from profiles import rebuilding, segments
from profiles.models import InterestProfile, Segment, Shopper
from profiles.selectors import profiles_allowed, segment_get, shoppers_to_rebuild
from profiles.taxonomy import CHILDREN, INTERESTS

NAME_LIMIT = 80
# Weights fade without anybody doing anything, so even an idle profile is looked at once a day.
OLDEST_PROFILE = timedelta(days=1)
# Above this many profiles a new segment is filled by the task, not by the request that made it.
FILL_AT_ONCE = 5_000
REBUILD_BUDGET = 5_000  # shoppers one run rebuilds; the next run goes on


def rule_checked(rule: Any) -> dict[str, list[dict[str, Any]]]:
    """The rule in its full form. Raises DomainError ``rule_invalid`` with one message a place."""
    clean, problems = segments.rule_clean(rule)
    if problems:
        code = problems[0].code if len({p.code for p in problems}) == 1 else "rule_invalid"
        raise DomainError(code, problems[0].message, errors={p.place: [p.message] for p in problems})
    return clean


def name_checked(name: str) -> str:
    """A name a person can read. Raises DomainError ``name_invalid``, ``name_sensitive``.

    A name enters prompts and reports, so it may no more speak of health, belief and the like than a rule.
    """
    name = " ".join(name.split())
    if not name or len(name) > NAME_LIMIT or "\x00" in name:
        raise DomainError(
            "name_invalid",
            f"Give the segment a name of at most {NAME_LIMIT} characters.",
            errors={"name": [f"Give the segment a name of at most {NAME_LIMIT} characters."]},
        )
    if is_sensitive(name):
        message = "A segment may not be about health, belief, origin or anything so personal."
        raise DomainError("name_sensitive", message, errors={"name": [message]})
    return name


def segment_create(
    *,
    advertiser: Advertiser,
    name: str,
    rule: Mapping[str, Any],
    slug: str = "",
    is_active: bool = True,
    now: datetime | None = None,
) -> Segment:
    """A rule segment, filled before this returns unless the shop is large.

    Raises DomainError ``rule_invalid`` (or the only problem's own code), ``name_invalid``, ``slug_taken``.
    """
    clean, name = rule_checked(rule), name_checked(name)
    segment = _insert(
        advertiser,
        slug=slug,
        name=name,
        rule=clean,
        interests=segments.rule_interests(clean),
        is_active=is_active,
    )
    _fill(segment, now or timezone.now())
    return segment


def segment_update(
    *,
    advertiser: Advertiser,
    segment_id: UUID | str,
    name: str | None = None,
    rule: Mapping[str, Any] | None = None,
    is_active: bool | None = None,
    now: datetime | None = None,
) -> Segment:
    """Change what is given. An automatic segment keeps its rule. Raises as ``segment_create`` does."""
    segment = segment_get(advertiser_id=advertiser.pk, segment_id=segment_id)
    if rule is not None and segment.kind == Segment.Kind.TOP_INTEREST:
        raise DomainError("segment_is_automatic", "An automatic segment has no rule to change.", status=409)
    if name is not None:
        segment.name = name_checked(name)
    if is_active is not None:
        if is_active and not segment.is_active:  # the nightly scan may have switched it off
            name_checked(segment.name)
            rule_checked(segment.rule)
        segment.is_active = is_active
    if rule is not None:
        segment.rule = rule_checked(rule)
        segment.interests = segments.rule_interests(segment.rule)
    segment.save(update_fields=["name", "is_active", "rule", "interests"])
    if rule is not None:
        _fill(segment, now or timezone.now())
    return segment


def segment_delete(*, advertiser: Advertiser, segment_id: UUID | str) -> None:
    """Forget a segment. Raises DomainError ``segment_in_use`` while a campaign is aimed at it."""
    segment = segment_get(advertiser_id=advertiser.pk, segment_id=segment_id)
    if segment.campaigns.exists():  # the campaigns app's reverse name; nothing is imported from there
        raise DomainError(
            "segment_in_use", "A campaign is aimed at this segment. Switch it off instead.", status=409
        )
    segment.delete()


@dataclass(frozen=True)
class RefreshResult:
    """What one refresh did."""

    profiles: int
    segments: int
    created: int
    is_complete: bool  # False: more shoppers wait for the next run


def segments_refresh(*, advertiser: Advertiser, now: datetime, budget: int = REBUILD_BUDGET) -> RefreshResult:
    """Bring profiles, automatic segments, memberships and sizes up to date; twice changes nothing."""
    waiting = list(
        shoppers_to_rebuild(advertiser_id=advertiser.pk, now=now, oldest=OLDEST_PROFILE).values_list(
            "pk", flat=True
        )[: budget + 1]
    )
    rebuilding.profiles_rebuild(advertiser_id=advertiser.pk, shopper_ids=waiting[:budget], now=now)
    created = _top_segments_create(advertiser, now)
    # Shoppers whose profile changed are already in their segments; only segments that were never
    # filled, or not since yesterday, are read whole.
    due = Segment.objects.filter(advertiser=advertiser).filter(
        Q(refreshed_at=None) | Q(refreshed_at__lt=now - OLDEST_PROFILE)
    )
    filled = 0
    for segment in due:
        _segment_fill(segment, now)
        filled += 1
    return RefreshResult(min(len(waiting), budget), filled, created, len(waiting) <= budget)


def _fill(segment: Segment, now: datetime) -> None:
    if InterestProfile.objects.filter(advertiser=segment.advertiser_id).count() > FILL_AT_ONCE:
        Segment.objects.filter(pk=segment.pk).update(refreshed_at=None)
    else:
        _segment_fill(segment, now)
    segment.refresh_from_db(fields=["size", "refreshed_at"])


def _segment_fill(segment: Segment, now: datetime) -> None:
    """Write all members of one segment, a chunk of shoppers a transaction."""
    shoppers = Shopper.objects.filter(advertiser=segment.advertiser_id).order_by("pk")
    last: UUID | None = None
    while True:
        ids = list((shoppers.filter(pk__gt=last) if last else shoppers).values_list("pk", flat=True)[:2_000])
        if not ids:
            break
        last = ids[-1]
        with transaction.atomic():
            ids = list(rebuilding.shoppers_locked(segment.advertiser_id, ids).values_list("pk", flat=True))
            held = dict(
                profiles_allowed(segment.advertiser_id)
                .filter(shopper__in=ids)
                .values_list("shopper", "weights")
            )
            rebuilding.memberships_write(
                advertiser_id=segment.advertiser_id,
                segments_of=[segment],
                weights={pk: held.get(pk, {}) for pk in ids},
            )
    rebuilding.sizes_recount(segment_ids={segment.pk}, refreshed_at=now)


def _top_segments_create(advertiser: Advertiser, now: datetime) -> int:
    """One automatic segment for each interest that enough shoppers have first; groups count children."""
    counts: Counter[str] = Counter()
    for top in (
        profiles_allowed(advertiser.pk).exclude(top_interest="").values_list("top_interest", flat=True)
    ):
        if (interest := INTERESTS.get(top)) is not None:
            counts.update({interest.id, interest.parent} - {""})
    known = set(
        Segment.objects.filter(advertiser=advertiser, kind=Segment.Kind.TOP_INTEREST).values_list(
            "slug", flat=True
        )
    )
    created = 0
    for interest_id, number in sorted(counts.items()):
        slug = f"top-{interest_id.replace('_', '-')}"
        if number < settings.PROFILES_SEGMENT_MIN_SHOPPERS or slug in known:
            continue
        if number == max((counts[child] for child in CHILDREN.get(interest_id, ())), default=0):
            continue  # a group that is one of its children says nothing more
        weight = segments.TOP_INTEREST_MIN_WEIGHT
        segment = _insert(
            advertiser,
            slug=slug,
            name=f"Favourite: {INTERESTS[interest_id].label_en}",
            kind=Segment.Kind.TOP_INTEREST,
            rule={"any": [{"interest": interest_id, "min_weight": weight}]},
            interests=[interest_id],
        )
        _segment_fill(segment, now)
        created += 1
    return created


def _insert(advertiser: Advertiser, *, slug: str, name: str, **fields: Any) -> Segment:
    """Insert under a slug that is free; the unique constraint decides, not a look before it."""
    wanted = slug or slugify(name, allow_unicode=False)[:70] or "segment"
    for number in range(1, 100):
        candidate = wanted if number == 1 else f"{wanted}-{number}"
        try:
            with transaction.atomic():
                return Segment.objects.create(advertiser=advertiser, slug=candidate, name=name, **fields)
        except IntegrityError:
            if slug:
                break
    raise DomainError("slug_taken", f"There is already a segment {wanted!r}.", status=409)
