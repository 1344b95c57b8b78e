"""What a campaign's shoppers do without an experiment: per-shopper sums of two weeks, for planning one.

They come from the events, which may take seconds, so a worker computes them once an hour for campaigns with
traffic and a page reads the row.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from accounts.models import Advertiser
from analytics.models import CampaignBaseline, DailyRollup, Event
from analytics.orders import Order, order_values
from analytics.simulated import deciding
from analytics.stats.statistics import Sums
from campaigns.models import Campaign, Experiment

PLANNING_DAYS = 14
FRESH = timedelta(hours=1)
Metric = Experiment.Metric


def baselines_refresh(*, now: datetime) -> int:
    """Compute those of campaigns with traffic that are missing or an hour old; the number."""
    since = (now - timedelta(days=PLANNING_DAYS)).astimezone(UTC).date()
    shown = DailyRollup.objects.filter(day__gte=since, campaign_id__isnull=False).values("campaign_id")
    due = Campaign.objects.filter(pk__in=shown).exclude(baseline__computed_at__gt=now - FRESH)
    found = list(due.select_related("advertiser"))
    for campaign in found:
        baseline_refresh(campaign=campaign, now=now)
    return len(found)


def baseline_refresh(*, campaign: Campaign, now: datetime) -> CampaignBaseline:
    """Compute and store one."""
    sums = _compute(campaign.advertiser, campaign.pk, now - timedelta(days=PLANNING_DAYS), now)
    content = {metric: asdict(found) for metric, found in sums.items()}
    row, _ = CampaignBaseline.objects.update_or_create(
        campaign=campaign,
        defaults={"advertiser_id": campaign.advertiser_id, "content": content, "computed_at": now},
    )
    return row


def baseline_get(*, advertiser_id: UUID, campaign_id: UUID, metric: str) -> tuple[Sums, datetime | None]:
    """The sums and when they were computed; nothing and None before the first time."""
    row = CampaignBaseline.objects.filter(advertiser_id=advertiser_id, campaign_id=campaign_id).first()
    return (Sums(), None) if row is None else (Sums(**row.content[metric]), row.computed_at)


def _compute(advertiser: Advertiser, campaign_id: UUID, start: datetime, end: datetime) -> dict[str, Sums]:
    """By metric; exposures are impressions of segment creatives, because the others would not take part."""
    events = (
        Event.objects.within(start, end)
        .filter(advertiser=advertiser, validity=Event.Validity.VALID)
        .exclude(shopper_pseudonym="")
    )
    events = deciding(events, advertiser)
    shown = (
        events.filter(
            campaign_id=campaign_id,
            segment_id__isnull=False,
            kind__in=(Event.Kind.IMPRESSION, Event.Kind.CLICK),
        )
        .order_by()
        .values_list("shopper_pseudonym")
        .annotate(
            impressions=Count("pk", filter=Q(kind=Event.Kind.IMPRESSION)),
            clicks=Count("pk", filter=Q(kind=Event.Kind.CLICK)),
        )
    )
    people = {shopper: (impressions, clicks) for shopper, impressions, clicks in shown if impressions}
    spent = _spent(advertiser, events.filter(kind=Event.Kind.CONVERSION), people.keys())
    return {
        Metric.CLICK_RATE.value: Sums.of_pairs(
            [clicks for _, clicks in people.values()], [shown for shown, _ in people.values()]
        ),
        Metric.CONVERSION_RATE.value: Sums.of_values([float(shopper in spent) for shopper in people]),
        Metric.REVENUE_CENTS.value: Sums.of_values([float(spent.get(shopper, 0)) for shopper in people]),
    }


def _spent(advertiser: Advertiser, orders: QuerySet[Event], shoppers: Collection[str]) -> dict[str, int]:
    """What each shopper with an order kept, in the advertiser's currency; 0 for money without a rate."""
    rows = [
        row
        for row in orders.values_list(
            "shopper_pseudonym", "order_id", "occurred_at", "value_cents", "currency"
        )
        if row[0] in shoppers
    ]
    values = order_values(
        advertiser_id=advertiser.pk,
        home=advertiser.currency,
        orders=[Order(order_id, at, cents or 0, currency) for _, order_id, at, cents, currency in rows],
    )
    spent: dict[str, int] = {}
    for shopper, order_id, *_ in rows:
        value = values[order_id]
        kept = value.net_cents if value.currency == advertiser.currency else 0
        spent[shopper] = spent.get(shopper, 0) + kept
    return spent
