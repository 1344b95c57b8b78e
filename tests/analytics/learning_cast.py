"""A campaign whose draw is logged: events of decisions with propensities and planted click rates."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from adplatform.lib.ids import uuid7
from analytics.models import Event, StoredReport
from analytics.rollups import rollups_rebuild
from analytics.stored_reports import stored_reports_refresh
from campaigns.serving.experiments import arm_of, standing_split
from campaigns.weight_services import learning_configure
from tests import factories
from tests.campaigns.serving_cast import creative_in, make_live, make_variant


def make_campaign(advertiser: Any, count: int = 3, **fields: Any) -> tuple[Any, Any, Any, list[Any]]:
    """A live campaign with ``count`` products for one segment: campaign, placement, segment, variants."""
    campaign, placement = make_live(advertiser, **fields)
    segment = factories.make_segment(advertiser, interests=("outdoor_hiking",))
    variants = [make_variant(campaign, placement, segment=segment) for _ in range(count)]
    return campaign, placement, segment, variants


def event(advertiser: Any, kind: str, at: Any, decision: Any, **more: Any) -> Event:
    return Event(
        advertiser=advertiser,
        event_id=f"{decision}:{kind}",
        kind=kind,
        occurred_at=at,
        received_at=at,
        decision_id=decision,
        **more,
    )


def make_draws(
    campaign: Any,
    placement: Any,
    variants: list[Any],
    rates: list[float],
    *,
    count: int,
    shares: list[float] | None = None,
    holdout: float = 0.0,
    since: Any = None,
    until: Any = None,
    shoppers: int = 10**9,
    seed: int = 1,
) -> None:
    """Impressions of the ordinary draw by these shares (equal: all alike), their clicks, and fresh
    roll-ups. They come within four hours of a day: each hour costs a rebuild some 10 ms.
    """
    rng = random.Random(seed)
    until = until or timezone.now() - timedelta(minutes=5)
    since = since or until - timedelta(days=10)
    shares = shares or [1 / len(variants)] * len(variants)
    creatives = [creative_in(variant) for variant in variants]
    rows = []
    for number in range(count):
        at = since + (until - since) * rng.random()
        at = max(since, at.replace(hour=at.hour - at.hour % 6))
        held = rng.random() < holdout
        weights = [1 / len(variants)] * len(variants) if held else shares
        chosen = rng.choices(range(len(variants)), weights)[0]
        decision = uuid7(at)
        fields = {
            "campaign_id": campaign.pk,
            "placement_id": placement.pk,
            "segment_id": variants[chosen].segment_id,
            "variant_id": variants[chosen].pk,
            "creative_id": creatives[chosen].pk,
            "propensity": (1 - holdout) * shares[chosen] + holdout / len(variants),
            "shopper_pseudonym": f"shopper-{number % shoppers}",
            "arm": "holdout" if held else "",
        }
        rows.append(event(campaign.advertiser, "impression", at, decision, **fields))
        if rng.random() < rates[chosen]:
            rows.append(event(campaign.advertiser, "click", at, decision, **fields))
    Event.objects.bulk_create(rows, batch_size=2000)
    rollups_rebuild(advertiser_id=campaign.advertiser_id, start=since.date(), end=until.date())


def make_split(
    campaign: Any,
    shoppers: int,
    rates: dict[str, float],
    *,
    order_rates: dict[str, float],
    segment: Any = None,
    prefix: str = "person",
) -> None:
    """Events of the standing split: three impressions a shopper, decided for ``segment``. It began 80 days
    ago.
    """
    rng, split, now = random.Random(2), standing_split(campaign.pk, 1.0), timezone.now()
    learning_configure(
        advertiser=campaign.advertiser,
        campaign_id=campaign.pk,
        now=now - timedelta(days=80),
        dividend_rate=0.3,
    )
    rows = []
    for number in range(shoppers):
        shopper = f"{prefix}-{number}"
        arm = arm_of(split, shopper).key
        for _ in range(3):
            at = now - timedelta(days=rng.uniform(1, 20))
            decision = uuid7(at)
            fields = {
                "campaign_id": campaign.pk, "experiment_id": campaign.pk, "arm": arm,
                "shopper_pseudonym": shopper, "propensity": 1 / 3,
                "drawn_segment_id": segment and segment.pk,
            }  # fmt: skip
            rows.append(event(campaign.advertiser, "impression", at, decision, **fields))
            if rng.random() < rates[arm]:
                rows.append(event(campaign.advertiser, "click", at, decision, **fields))
        if rng.random() < order_rates[arm]:
            rows.append(
                Event(
                    advertiser=campaign.advertiser,
                    event_id=f"o-{shopper}",
                    kind="conversion",
                    order_id=f"o-{shopper}",
                    occurred_at=now - timedelta(hours=1),
                    received_at=now,
                    shopper_pseudonym=shopper,
                    value_cents=4000,
                    currency=campaign.advertiser.currency,
                )
            )
    Event.objects.bulk_create(rows, batch_size=2000)


def learns(campaign, **changes):
    return learning_configure(
        advertiser=campaign.advertiser, campaign_id=campaign.pk, now=timezone.now(), learns=True, **changes
    )


def computed(client, campaign, kind, **data):
    client.post(reverse("stored-report-refresh", args=[campaign.pk, kind]), data)
    stored_reports_refresh()
    row = StoredReport.objects.get(campaign=campaign, kind=kind)
    json.dumps(row.content, allow_nan=False)
    assert "error" not in row.content
    return row.content
