"""Reads an advertiser's snapshot from the database.

Six queries; one more for the arms of experiments, three for the counts of limited campaigns.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Case, Count, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce

from accounts.models import Advertiser
from campaigns.models import (
    AllocationPeriod,
    Campaign,
    CampaignDelivery,
    CappedShopper,
    Experiment,
    Placement,
    ServingVersion,
    Variant,
)
from campaigns.serving.allocations import NO_ALLOCATIONS, Allocation, Allocations
from campaigns.serving.candidates import (
    DRAWN_PRICES,
    VARIANT_FIELDS,
    candidate_make,
    pictures_read,
)
from campaigns.serving.experiments import (
    CHALLENGER,
    OWN_SEGMENT,
    Arm,
    RunningExperiment,
    standing_split,
)
from campaigns.serving.limits import ALL_HOURS, NO_DELIVERY, NOTHING, Delivered, Delivery, Limits, hours_of
from campaigns.serving.reasons import Reason
from campaigns.serving.snapshot import (
    SlotFacts,
    Snapshot,
    snapshot_make,
)
from generation.models import ReviewRecord

CAP_REASONS: dict[str, Reason] = {
    CappedShopper.Period.DAY: Reason.DAILY_CAP,
    CappedShopper.Period.WEEK: Reason.WEEKLY_CAP,
}


# Campaigns whose limits need counts.
COUNTED = (
    Q(budget_cents__isnull=False)
    | Q(daily_budget_cents__isnull=False)
    | Q(cap_daily__isnull=False)
    | Q(cap_weekly__isnull=False)
)


# An id is made up to so many seconds before its transaction commits: a bulk decision takes a few.
LATE_SECONDS = 600


class Version(NamedTuple):
    """Moves with every edit and review, and apart from that with the counts of limited campaigns."""

    edits: tuple[Any, ...] = ()
    delivery: int = 0


def version_read(advertiser_id: UUID) -> Version:
    """The advertiser's present version, in one query.

    Edits bump ``ServingVersion``. Reviews live in ``generation``, which may not name campaigns, so the
    append-only trail itself is watched: its newest id, and the number of its last minutes, because two
    workers' ids may arrive out of order and then the newest alone would miss one. Both come from the index
    ``review_newest``, however long the trail is.
    """
    reviews = ReviewRecord.objects.filter(advertiser_id=OuterRef("pk"))
    newest = reviews.order_by("-id").values("id")[:1]  # PostgreSQL 15 has no max() of a UUID
    # Counted from a moment that stands still for minutes: a snapshot is read anew when it moves.
    since = UUID(int=int(time.time() // LATE_SECONDS - 1) * LATE_SECONDS * 1000 << 80)  # the first id of it
    late = reviews.filter(pk__gte=since).order_by().values("advertiser_id")
    length = late.annotate(length=Count("id")).values("length")
    numbers = ServingVersion.objects.filter(advertiser_id=OuterRef("pk"))
    row = (
        Advertiser.objects.filter(pk=advertiser_id)
        .values_list(
            Coalesce(Subquery(numbers.values("number")), Value(0)),
            Subquery(newest),
            Coalesce(Subquery(length), Value(0)),
            Coalesce(Subquery(numbers.values("delivery_number")), Value(0)),
        )
        .first()
    )
    return Version(row[:-1], row[-1]) if row is not None else Version()


def snapshot_load(advertiser_id: UUID) -> Snapshot:
    """The advertiser's placements and every variant of a campaign that has not ended."""
    placements = [
        SlotFacts(*row)
        for row in Placement.objects.filter(advertiser_id=advertiser_id).values_list(
            "id", "code", "width", "height", "is_active"
        )
    ]
    campaigns = {
        campaign.pk: campaign
        for campaign in Campaign.objects.filter(advertiser_id=advertiser_id)
        .exclude(status=Campaign.Status.ENDED)
        .select_related("advertiser")
    }
    limits = {campaign.pk: limits_of(campaign) for campaign in campaigns.values()}
    variants = list(
        Variant.objects.filter(advertiser_id=advertiser_id, campaign__advertiser_id=advertiser_id)
        .exclude(campaign__status=Campaign.Status.ENDED)
        .values(*VARIANT_FIELDS, **DRAWN_PRICES)
    )
    campaign_placements: dict[UUID, set[UUID]] = defaultdict(set)
    for campaign_id, placement_id in Campaign.placements.through.objects.filter(
        campaign__advertiser_id=advertiser_id
    ).values_list("campaign_id", "placement_id"):
        campaign_placements[campaign_id].add(placement_id)
    pictures = pictures_read(advertiser_id)
    made = snapshot_make(
        advertiser_id,
        placements,
        [
            candidate_make(
                row,
                campaigns[row["campaign_id"]],
                limits[row["campaign_id"]],
                frozenset(campaign_placements[row["campaign_id"]]),
                pictures,
            )
            for row in variants
            if row["campaign_id"] in campaigns  # created between the two queries: in the next snapshot
        ],
        _experiments(advertiser_id, campaigns),
        delivery_load(advertiser_id) if any(limits.values()) else NO_DELIVERY,
        _allocations(advertiser_id) if any(c.learns for c in campaigns.values()) else NO_ALLOCATIONS,
    )
    advertiser = next((campaign.advertiser for campaign in campaigns.values()), None)
    if advertiser is None:
        return made
    return replace(made, advertiser_name=advertiser.name, payer_name=advertiser.payer_name or advertiser.name)


def _allocations(advertiser_id: UUID) -> Allocations:
    """The shares in force of campaigns that learn."""
    rows = AllocationPeriod.objects.filter(
        advertiser_id=advertiser_id, campaign__learns=True, ended_at__isnull=True
    ).values_list("campaign_id", "placement_id", "segment_id", "shares", "holdout_rate")
    return Allocations(
        {
            (campaign, placement, segment): Allocation(
                {UUID(pk): share for pk, share in shares.items()}, held
            )
            for campaign, placement, segment, shares, held in rows
        }
    )


def delivery_load(advertiser_id: UUID) -> Delivery:
    """The counts of the advertiser's live limited campaigns, as ``campaigns.delivery_services`` left them."""
    zone = Advertiser.objects.filter(pk=advertiser_id).values_list("time_zone", flat=True).first()
    capped: dict[UUID, dict[str, tuple[datetime, Reason]]] = defaultdict(dict)
    # Who reached both caps waits for the later one.
    for campaign_id, pseudonym, period, until_at in (
        CappedShopper.objects.filter(advertiser_id=advertiser_id)
        .order_by("until_at")
        .values_list("campaign_id", "shopper_pseudonym", "period", "until_at")
        .iterator(chunk_size=5000)
    ):
        capped[campaign_id][pseudonym] = (until_at, CAP_REASONS[period])
    counted = Campaign.objects.filter(COUNTED, advertiser_id=advertiser_id, status=Campaign.Status.LIVE)
    campaigns = {}
    for campaign in counted.select_related("delivery"):
        row: CampaignDelivery | None = getattr(campaign, "delivery", None)  # None: not counted yet
        delivered = _delivered(row, capped[campaign.pk]) if row is not None else NOTHING
        campaigns[campaign.pk] = replace(delivered, good_until=_good_until(campaign, row))
    return Delivery(ZoneInfo(zone or "UTC"), campaigns)


def _good_until(campaign: Campaign, row: CampaignDelivery | None) -> datetime | None:
    """``SERVING_COUNT_MINUTES`` after the last count, or after the launch, the resumption or the changed cap
    that none could follow yet: ``updated_at`` is never before those.
    """
    if settings.SERVING_COUNT_MINUTES <= 0:
        return None
    since = campaign.updated_at if row is None else max(campaign.updated_at, row.counted_at)
    return since + timedelta(minutes=settings.SERVING_COUNT_MINUTES)


def limits_of(campaign: Campaign) -> Limits | None:
    """A campaign's limits, None when it has none."""
    rate = campaign.rate_cents or 0
    is_by_click = campaign.rate_unit == Campaign.RateUnit.CLICK
    limits = Limits(
        campaign_id=campaign.pk,
        devices=frozenset(campaign.devices),
        weekdays=frozenset(campaign.weekdays),
        hours=hours_of(campaign.hour_from, campaign.hour_until),
        impression_cents=0.0 if is_by_click else rate / 1000,
        click_cents=float(rate) if is_by_click else 0.0,
        budget_cents=campaign.budget_cents,
        daily_budget_cents=campaign.daily_budget_cents,
        is_paced=campaign.is_paced,
        cap_daily=campaign.cap_daily,
        cap_weekly=campaign.cap_weekly,
    )
    is_limited = (
        limits.devices
        or limits.weekdays
        or limits.hours != ALL_HOURS
        or limits.budget_cents is not None
        or limits.daily_budget_cents is not None
        or limits.is_capped
    )
    return limits if is_limited else None


def delivered_of(campaign: Campaign) -> tuple[Delivered, datetime | None]:
    """What a campaign has delivered, without who is capped, and when that was counted."""
    row = CampaignDelivery.objects.filter(advertiser_id=campaign.advertiser_id, campaign=campaign).first()
    return (_delivered(row, {}), row.counted_at) if row is not None else (NOTHING, None)


def _delivered(row: CampaignDelivery, capped: Mapping[str, tuple[datetime, Reason]]) -> Delivered:
    return Delivered(
        impressions=row.impressions,
        clicks=row.clicks,
        day=row.day,
        day_impressions=row.day_impressions,
        day_clicks=row.day_clicks,
        capped=capped,
    )


def _experiments(advertiser_id: UUID, campaigns: Mapping[UUID, Campaign]) -> list[RunningExperiment]:
    """Running ones; for a campaign without one, the newest of which an arm was shipped."""
    found: dict[UUID, RunningExperiment] = {}
    is_running = Q(status=Experiment.Status.RUNNING)
    shipped = Q(status=Experiment.Status.DECIDED, outcome=Experiment.Outcome.SHIP)
    rows = (
        Experiment.objects.filter(advertiser_id=advertiser_id, campaign__advertiser_id=advertiser_id)
        .filter(is_running | shipped)
        .exclude(campaign__status=Campaign.Status.ENDED)
        .prefetch_related("arms")
        .order_by(Case(When(is_running, then=1), default=0), "decided_at")
    )
    for row in rows:
        is_shipped = row.status != Experiment.Status.RUNNING
        arms = [arm for arm in row.arms.all() if not is_shipped or arm.key == row.decided_arm]
        total = sum(arm.weight for arm in arms)
        if total <= 0:
            found.pop(row.campaign_id, None)
            continue
        found[row.campaign_id] = RunningExperiment(
            id=row.pk,
            campaign_id=row.campaign_id,
            salt=row.salt,
            arms=tuple(Arm(arm.key, _rule(arm.rule, is_shipped), arm.weight / total) for arm in arms),
            traffic_rate=row.traffic_rate,
            starts_at=row.decided_at if is_shipped else row.started_at,
            ends_at=None if is_shipped else row.planned_end_at,
            is_shipped=is_shipped,
            layer_salt=layer_salt(advertiser_id, row.layer) if row.layer and not is_shipped else "",
            layer_start=row.layer_start or 0.0,
        )
    for campaign in campaigns.values():
        other = found.get(campaign.pk)
        # Where everybody gets one arm for good, or an experiment is running, the standing split rests.
        if campaign.dividend_rate > 0 and (
            other is None or (other.is_shipped and other.arms[0].rule == OWN_SEGMENT)
        ):
            found[campaign.pk] = standing_split(campaign.pk, campaign.dividend_rate)
    return list(found.values())


def _rule(rule: str, is_shipped: bool) -> str:
    """A shipped challenger is its variant's own picture from then on."""
    return OWN_SEGMENT if is_shipped and rule == CHALLENGER else rule


def layer_salt(advertiser_id: UUID, layer: str) -> str:
    """One hash space a layer, apart from those of all experiments."""
    return f"layer:{advertiser_id.hex}:{layer}"
