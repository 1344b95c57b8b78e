"""A serving cast: pure candidates for the engine, and a live campaign in the database for the rest."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from accounts.models import Advertiser
from campaigns.models import Campaign, Placement, Product, Variant
from campaigns.serving.context import ServeContext
from campaigns.serving.snapshot import Candidate, SlotFacts, Snapshot, SnapshotCreative, snapshot_make
from generation.models import Creative, RenderJob
from tests import factories

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHOP = uuid.UUID(int=1)
HERO = uuid.UUID(int=100)
SIDE = uuid.UUID(int=101)
SIZE = (300, 250)


def creative_of(number: int, size: tuple[int, int] = SIZE) -> SnapshotCreative:
    return SnapshotCreative(
        id=uuid.UUID(int=10_000 + number),
        width=size[0],
        height=size[1],
        file=f"creatives/{number}.webp",
        sha256=f"{number:064x}",
        path=f"/m/{number}",
        alt_text="alt",
        headline="headline",
    )


def candidate_of(number: int, **changes: Any) -> Candidate:
    """A generic candidate that may be shown in HERO and SIDE; a test names what is different."""
    candidate = Candidate(
        variant_id=uuid.UUID(int=1000 + number),
        campaign_id=uuid.UUID(int=500),
        campaign_name="Autumn",
        campaign_status="live",
        priority=5,
        starts_at=None,
        ends_at=None,
        placement_ids=frozenset({HERO, SIDE}),
        language="en",
        product_id=uuid.UUID(int=2000 + number),
        product_external_id=f"P-{number}",
        product_title=f"Product {number}",
        is_product_active=True,
        is_buyable=True,
        has_price_changed=False,
        segment_id=None,
        weight=1.0,
        creatives={SIZE: creative_of(number)},
    )
    return replace(candidate, **changes)


def snapshot_of(*candidates: Candidate, is_active: bool = True) -> Snapshot:
    return snapshot_make(
        SHOP,
        [SlotFacts(HERO, "hero", *SIZE, is_active), SlotFacts(SIDE, "side", *SIZE, is_active)],
        candidates,
    )


def context_of(*placements: str, **changes: Any) -> ServeContext:
    facts: dict[str, Any] = {"advertiser_id": SHOP, "placements": placements or ("hero",), "now": NOW}
    return ServeContext(**facts | changes)


def make_job(advertiser: Advertiser, **fields: Any) -> RenderJob:
    number = uuid.uuid4().hex
    defaults = {
        "brief": {},
        "fingerprint": number,
        "model": "motif-gan",
        "prompt": "a boot",
        "motif": "boot",
        "prompt_template": "scene@1",
        "seed": 1,
        "status": RenderJob.Status.SUCCEEDED,
    }
    return RenderJob.objects.create(advertiser=advertiser, **{**defaults, **fields})


def make_variant(
    campaign: Campaign,
    placement: Placement,
    *,
    status: str = Creative.Status.APPROVED,
    product: Product | None = None,
    segment: Any = None,
    weight: float = 1.0,
    brief: dict[str, Any] | None = None,
) -> Variant:
    """A variant with one creative of the placement's size."""
    job = make_job(campaign.advertiser, brief=brief or {})
    factories.make_creative(job, placement.width, placement.height, status=status)
    return Variant.objects.create(
        advertiser=campaign.advertiser,
        campaign=campaign,
        product=product or factories.make_product(campaign.advertiser),
        segment=segment,
        job=job,
        weight=weight,
    )


def make_live(advertiser: Advertiser, code: str = "hero", **fields: Any) -> tuple[Campaign, Placement]:
    """A live campaign on one placement, without variants yet."""
    placement = factories.make_placement(advertiser, code)
    campaign = factories.make_campaign(
        advertiser, status=Campaign.Status.LIVE, placements=[placement], **fields
    )
    return campaign, placement


def creative_in(variant: Variant) -> Creative:
    return Creative.objects.get(job=variant.job)
