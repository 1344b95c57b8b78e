"""Learning: new shares for the variants of campaigns that asked for it. Workers only: numpy.

For each campaign, placement and segment, over the pictures that can be shown there: counts of the last 30
days from the roll-ups, a visual prior, batch Thompson shares; written downwards through
``campaigns.weight_services``, which keeps every change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from accounts.models import Advertiser
from analytics.models import DailyRollup, Event
from analytics.simulated import deciding
from analytics.stats.thompson import ArmFacts, shares_make
from analytics.stats.visual_prior import STRENGTH, Seen, VisualPrior, visual_prior_fit
from campaigns.learning_models import AllocationPeriod
from campaigns.models import Campaign, Experiment, Variant
from campaigns.serving.loading import snapshot_load
from campaigns.serving.servable import servable_get
from campaigns.serving.snapshot import Snapshot
from campaigns.weight_services import allocation_write

log = structlog.get_logger(__name__)
WINDOW = timedelta(days=30)
MIN_CHANGE = 0.02  # of a share; less is noise, and each change is a period of its own
OWN = "own_segment"
# Shown to the same shoppers as the own picture. While it is compared it is no variant's picture and counts
# for nothing; once shipped, what it was clicked counts for it.
CHALLENGER = "challenger"
Counts = dict[tuple[UUID, UUID], tuple[int, int]]  # (placement, variant) -> (impressions, clicks)


@dataclass(frozen=True)
class _Picture:
    variant_id: UUID
    segment_id: UUID | None
    score: float | None
    style: str


def learning_refresh(*, now: datetime | None = None) -> int:
    """New shares for every live campaign that learns; the number of periods begun."""
    now = now or timezone.now()
    live = Campaign.objects.filter(learns=True, status=Campaign.Status.LIVE, is_house=False)
    begun = 0
    snapshot: Snapshot | None = None
    rows = live.select_related("advertiser").prefetch_related("placements").order_by("advertiser_id")
    for campaign in rows:
        try:
            if snapshot is None or snapshot.advertiser_id != campaign.advertiser_id:
                snapshot = snapshot_load(campaign.advertiser_id)
            begun += campaign_learn(campaign=campaign, now=now, snapshot=snapshot)
        except Exception:
            log.exception("learning_failed", campaign=str(campaign.pk))
    return begun


def campaign_learn(*, campaign: Campaign, now: datetime, snapshot: Snapshot | None = None) -> int:
    """One campaign's contexts; how many got new shares. ``snapshot``: the advertiser's, else it is read."""
    pictures = _pictures(campaign)
    servable = servable_get(snapshot or snapshot_load(campaign.advertiser_id), campaign.pk)
    counts = counts_get(campaign=campaign, now=now)
    prior = prior_get(advertiser=campaign.advertiser, now=now)
    current = {
        (period.placement_id, period.segment_id): period
        for period in AllocationPeriod.objects.filter(campaign=campaign, ended_at__isnull=True)
    }
    begun = 0
    for placement in campaign.placements.all():
        here = servable.get(placement.pk, frozenset())
        for segment_id, all_of_segment in pictures.items():
            mine = [picture for picture in all_of_segment if picture.variant_id in here]
            if len(mine) < 2:
                continue
            period = current.get((placement.pk, segment_id))
            begun += _context_learn(campaign, placement.pk, segment_id, mine, counts, prior, period, now)
    return begun


def _context_learn(
    campaign: Campaign,
    placement_id: UUID,
    segment_id: UUID | None,
    pictures: list[_Picture],
    counts: Counts,
    prior: VisualPrior,
    current: AllocationPeriod | None,
    now: datetime,
) -> bool:
    arms = [_facts(picture, placement_id, counts, prior) for picture in pictures]
    found = shares_make(arms)
    shares = {picture.variant_id: share for picture, share in zip(pictures, found.shares, strict=True)}
    reason = AllocationPeriod.Reason.LEARNED if found.has_enough else AllocationPeriod.Reason.COLD_START
    if current is not None and not _is_news(current, shares, reason, campaign.learning_holdout_rate):
        return False
    evidence = [
        {
            "variant_id": str(picture.variant_id),
            "impressions": arm.impressions,
            "clicks": arm.clicks,
            "prior_rate": arm.prior_rate,
            "prior_impressions": arm.prior_impressions,
            "match_score": picture.score,
            "chance_best": chance,
        }
        for picture, arm, chance in zip(pictures, arms, found.chances_best, strict=True)
    ]
    written = allocation_write(
        advertiser=campaign.advertiser,
        campaign_id=campaign.pk,
        placement_id=placement_id,
        segment_id=segment_id,
        shares=_whole(shares),
        reason=reason,
        evidence=evidence,
        now=now,
    )
    return written is not None


def _is_news(
    current: AllocationPeriod, shares: Mapping[UUID, float], reason: str, holdout_rate: float
) -> bool:
    old = {UUID(pk): share for pk, share in current.shares.items()}
    if old.keys() != shares.keys() or current.reason != reason or current.holdout_rate != holdout_rate:
        return True
    return max(abs(old[pk] - share) for pk, share in shares.items()) >= MIN_CHANGE


def _whole(shares: Mapping[UUID, float]) -> dict[UUID, float]:
    total = sum(shares.values())
    return {pk: share / total for pk, share in shares.items()}


def _facts(picture: _Picture, placement_id: UUID, counts: Counts, prior: VisualPrior) -> ArmFacts:
    impressions, clicks = counts.get((placement_id, picture.variant_id), (0, 0))
    return ArmFacts(impressions, clicks, prior.rate(picture.score, picture.style), STRENGTH)


def _pictures(campaign: Campaign) -> dict[UUID | None, list[_Picture]]:
    """Variants with a picture that people set a weight for, by segment."""
    rows = Variant.objects.filter(campaign=campaign, job__isnull=False, weight__gt=0).order_by("pk")
    found: dict[UUID | None, list[_Picture]] = defaultdict(list)
    for pk, segment_id, score, style in rows.values_list(
        "pk", "segment_id", "job__match_score", "job__brief__style"
    ):
        found[segment_id].append(_Picture(pk, segment_id, score, style or campaign.style))
    return found


def counts_get(*, campaign: Campaign, now: datetime) -> Counts:
    """Impressions and clicks of today's pictures in the window, without what an experiment showed to other
    people's eyes."""
    since = (now - WINDOW).astimezone(UTC)
    sums: dict[tuple[UUID, UUID], list[int]] = defaultdict(lambda: [0, 0])
    current = _current(Variant.objects.filter(campaign=campaign))
    everything = DailyRollup.objects.filter(
        campaign_id=campaign.pk, day__gte=since.date(), variant_id__isnull=False, placement_id__isnull=False
    )
    rows = deciding(everything, campaign.advertiser)
    totals = rows.order_by().values_list("placement_id", "variant_id", "creative_id")
    for placement, variant, creative, shown, clicked in totals.annotate(Sum("impressions"), Sum("clicks")):
        if (variant, creative) in current:
            sums[placement, variant][0] += shown
            sums[placement, variant][1] += clicked
    for placement, variant, creative, shown, clicked in _experiment_counts(campaign, since):
        if (variant, creative) in current:
            sums[placement, variant][0] -= shown
            sums[placement, variant][1] -= clicked
    return {key: (max(0, shown), max(0, clicked)) for key, (shown, clicked) in sums.items()}


def _current(variants: QuerySet[Variant]) -> set[tuple[UUID, UUID]]:
    """(variant, creative) of the pictures shown now: an earlier take's clicks say nothing of them."""
    pairs = variants.filter(job__creatives__isnull=False).values_list("pk", "job__creatives__pk")
    return set(pairs)


def _experiment_counts(campaign: Campaign, since: datetime) -> list[Any]:
    """Of the arms that show what the ordinary draw would not have shown to these shoppers."""
    ids = [campaign.pk, *Experiment.objects.filter(campaign=campaign).values_list("pk", flat=True)]
    start = since.replace(hour=0, minute=0, second=0, microsecond=0)
    events = Event.objects.within(start).filter(experiment_id__in=ids, validity=Event.Validity.VALID)
    return list(
        deciding(events, campaign.advertiser)
        .exclude(arm__in=(OWN, CHALLENGER))
        .order_by()
        .values_list("placement_id", "variant_id", "creative_id")
        .annotate(
            shown=Count("pk", filter=Q(kind=Event.Kind.IMPRESSION)),
            clicked=Count("pk", filter=Q(kind=Event.Kind.CLICK)),
        )
    )


def prior_get(*, advertiser: Advertiser, now: datetime) -> VisualPrior:
    """The advertiser's visual prior, from all its pictures of the window."""
    since = (now - WINDOW).astimezone(UTC).date()
    current = _current(Variant.objects.filter(advertiser=advertiser))
    sums: dict[UUID, list[int]] = defaultdict(lambda: [0, 0])
    everything = DailyRollup.objects.filter(advertiser=advertiser, day__gte=since, variant_id__isnull=False)
    rows = (
        deciding(everything, advertiser)
        .order_by()
        .values_list("variant_id", "creative_id")
        .annotate(Sum("impressions"), Sum("clicks"))
    )
    for variant, creative, shown, clicked in rows:
        if (variant, creative) in current:
            sums[variant][0] += shown
            sums[variant][1] += clicked
    variants = Variant.objects.filter(advertiser=advertiser, pk__in=list(sums)).values_list(
        "pk", "job__match_score", "job__brief__style"
    )
    return visual_prior_fit(
        [Seen(sums[pk][0], sums[pk][1], score, style or "") for pk, score, style in variants]
    )
