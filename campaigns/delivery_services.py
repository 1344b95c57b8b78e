"""What limited campaigns have delivered: who needs counting, and the counts written from above.

``analytics`` counts events and calls this; serving reads the rows into its snapshot. Nothing here is ever
incremented: the counts are written whole, so a repeated or a late call changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from accounts.models import WebhookEndpoint
from accounts.webhooks import webhook_emit
from campaigns.models import Campaign, CampaignDelivery, CappedShopper
from campaigns.serving.limits import Delivered, spent_cents
from campaigns.serving.loading import COUNTED, limits_of
from campaigns.serving_version import delivery_version_bump

# A quiet campaign costs a write a minute, not one every few seconds.
WATERMARK_RESOLUTION = timedelta(minutes=1)


@dataclass(frozen=True)
class CountedCampaign:
    """A live campaign whose limits need counts."""

    advertiser_id: UUID
    campaign_id: UUID
    zone: ZoneInfo
    cap_daily: int | None
    cap_weekly: int | None
    counted_at: datetime | None  # None: never yet


@dataclass(frozen=True)
class Counts:
    """A campaign's deliveries, since its beginning and on ``day``."""

    campaign_id: UUID
    day: date
    impressions: int = 0
    clicks: int = 0
    day_impressions: int = 0
    day_clicks: int = 0


@dataclass(frozen=True)
class Capped:
    """A shopper who has seen the campaign often enough for this day or week."""

    campaign_id: UUID
    shopper_pseudonym: str
    period: CappedShopper.Period
    until_at: datetime


def counted_campaign_list() -> list[CountedCampaign]:
    """Live campaigns of all advertisers that have a budget or a cap; for the counting task."""
    rows = (
        Campaign.objects.filter(COUNTED, status=Campaign.Status.LIVE)
        .order_by("advertiser_id", "pk")
        .values_list(
            "advertiser_id", "pk", "advertiser__time_zone", "cap_daily", "cap_weekly", "delivery__counted_at"
        )
    )
    return [
        CountedCampaign(advertiser_id, campaign_id, ZoneInfo(zone), daily, weekly, counted_at)
        for advertiser_id, campaign_id, zone, daily, weekly, counted_at in rows
    ]


@transaction.atomic
def delivery_write(
    *, advertiser_id: UUID, counts: Sequence[Counts], capped: Iterable[Capped], counted_at: datetime
) -> bool:
    """Store the advertiser's counts as of ``counted_at``; True when they moved.

    Serving follows each write: counts that stand still grow old there unless it sees that they were taken.
    """
    # The locks make overlapping refreshes take turns: who comes second sees what the first wrote and told.
    locked = Campaign.objects.select_for_update(no_key=True).filter(advertiser_id=advertiser_id)
    rows = locked.filter(pk__in=[count.campaign_id for count in counts]).order_by("pk")
    mine = {campaign.pk: campaign for campaign in rows}
    known = {row.campaign_id: row for row in CampaignDelivery.objects.filter(advertiser_id=advertiser_id)}
    now = timezone.now()
    has_moved = has_written = False
    for count in counts:
        if count.campaign_id not in mine:  # deleted meanwhile
            continue
        row = known.get(count.campaign_id) or CampaignDelivery(
            advertiser_id=advertiser_id, campaign_id=count.campaign_id
        )
        is_first = row._state.adding
        if not is_first and counted_at < row.counted_at <= now:  # counted later, not by a clock that was fast
            continue
        values = {name: value for name, value in vars(count).items() if name != "campaign_id"}
        differs = is_first or any(getattr(row, name) != value for name, value in values.items())
        has_moved |= differs
        for name, value in values.items():
            setattr(row, name, value)
        is_told = _budget_tell(mine[count.campaign_id], row)
        if not differs and not is_told and counted_at - row.counted_at < WATERMARK_RESOLUTION:
            continue
        row.counted_at = counted_at
        row.save()
        has_written = True
    CappedShopper.objects.filter(advertiser_id=advertiser_id, until_at__lte=counted_at).delete()
    reached = [CappedShopper(advertiser_id=advertiser_id, **vars(line)) for line in capped]
    CappedShopper.objects.bulk_create(
        [row for row in reached if row.campaign_id in mine], ignore_conflicts=True, batch_size=500
    )
    if has_written:  # a shopper who reached a cap saw an impression, so the counts moved too
        delivery_version_bump(advertiser_id)
    return has_moved


def _budget_tell(campaign: Campaign, row: CampaignDelivery) -> bool:
    """Tell the shop's server once for each budget that it is used up, also by lowering it; True when told."""
    limits, budget = limits_of(campaign), campaign.budget_cents
    if limits is None or budget is None or row.told_budget_cents == budget:
        return False
    spent = spent_cents(limits, Delivered(row.impressions, row.clicks))
    if spent < budget:
        return False
    row.told_budget_cents = budget
    webhook_emit(
        advertiser_id=campaign.advertiser_id,
        kind=WebhookEndpoint.Kind.BUDGET_SPENT,
        data={
            "campaign_id": campaign.pk,
            "budget_cents": budget,
            "spent_cents": round(spent),
            "impressions": row.impressions,
            "clicks": row.clicks,
        },
    )
    return True


@transaction.atomic
def capped_forget(*, advertiser_id: UUID, pseudonyms: Sequence[str]) -> int:
    """Take shoppers off the caps; serving processes drop them with their next look. The number of rows."""
    number, _ = CappedShopper.objects.filter(
        advertiser_id=advertiser_id, shopper_pseudonym__in=pseudonyms
    ).delete()
    if number:
        delivery_version_bump(advertiser_id)
    return number


def delivery_forget(*, campaign: Campaign) -> None:
    """Count the campaign anew: its caps changed, so who has seen enough has to be asked again."""
    CampaignDelivery.objects.filter(advertiser_id=campaign.advertiser_id, campaign=campaign).delete()
    CappedShopper.objects.filter(advertiser_id=campaign.advertiser_id, campaign=campaign).delete()
