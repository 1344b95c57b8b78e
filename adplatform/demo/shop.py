"""Builds the demo shop: catalogue, brand, shoppers, segments, placements and three campaigns.

Running it again completes what is missing and changes nothing else.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Advertiser, Membership, User
from accounts.services import advertiser_create, membership_set
from adplatform.demo.people import CROWD, SHOPPERS, Person, people
from campaigns.catalog_images import FolderImages
from campaigns.catalog_services import catalog_apply, catalog_preview
from campaigns.challenger_services import challengers_request
from campaigns.models import Campaign, Placement, Product
from campaigns.services import campaign_create, campaign_generate, campaign_update, placement_create
from campaigns.weight_services import weights_write
from generation.brand import brand_kit_set
from profiles.models import Segment, Shopper
from profiles.segment_services import segment_create, segments_refresh
from profiles.services import behaviours_record, consent_record
from profiles.snapshots import BehaviourInput

SLUG = "pinelight"
DATA = Path(__file__).parent / "data"
SEED = 20261123
ADDED_AT_ONCE = 50  # shoppers in one transaction

# The first is who signs in; the second planned the campaigns, so that the first may review them.
LOGIN, PLANNER, REVIEWER = "demo", "lin", "su"
PASSWORD = "demo"  # noqa: S105 - printed at start, and the demo listens on the loopback address only

PLACEMENTS = (
    ("Home hero", "home-hero", 970, 250),
    ("Sidebar", "sidebar", 300, 250),
    ("Skyscraper", "skyscraper", 160, 600),
    ("Leaderboard", "leaderboard", 728, 90),
    ("Phone strip", "phone-strip", 320, 50),
    ("Product grid", "product-grid", 1080, 1080),
)
WORN_PRODUCT = "PL-102"
# slug -> (name, interests that make a member). One for each theme of adplatform.demo.people.
SEGMENTS = {
    "weekend-hikers": ("Weekend hikers 周末徒步", ("outdoor_hiking", "outdoor_camping")),
    "tea-and-coffee": ("Tea and coffee 茶与咖啡", ("food_tea", "food_coffee")),
    "style-lovers": ("Style lovers 美妆穿搭", ("fashion_dresses", "beauty_makeup")),
    "players": ("Players 游戏音乐", ("gaming_video", "tech_audio")),
}
SEGMENT_OF_THEME = {
    "outdoors": "weekend-hikers",
    "tea_and_coffee": "tea-and-coffee",
    "style": "style-lovers",
    "play": "players",
}
FAVOURITES = ("PL-201", "PL-208")  # clicked most; learning finds them
CAMPAIGNS: tuple[dict[str, Any], ...] = (
    {
        "name": "Autumn outdoors and play",
        "language": "en",
        "style": "soft_3d",
        "segments": ("weekend-hikers", "players"),
        "products": ("PL-101", "PL-103", "PL-104", "PL-108", "PL-111"),
    },
    {
        "name": "双11 茶与风尚",
        "language": "zh",
        "style": "soft_3d",
        "segments": ("tea-and-coffee", "style-lovers"),
        "products": ("PL-201", "PL-204", "PL-207", "PL-208"),
        "challenged": ("style-lovers", ("PL-207", "PL-208"), {"style": "studio", "template": "packshot"}),
    },
    {
        "name": "Always on the trail",
        "language": "en",
        "style": "soft_3d",
        "segments": ("weekend-hikers",),
        "products": (WORN_PRODUCT,),
        "placements": ("sidebar", "product-grid"),
        "weight": 4.0,  # one product among five, and shown about as often as all of them: it wears out
    },
)


def demo_shop_ensure(now: datetime, url: str) -> Iterator[str]:
    """Make whatever the demo shop lacks; yields a line before each longer step.

    The products' links lead to the demo storefront at ``url``.
    """
    advertiser = _advertiser_ensure()
    links = Product.objects.filter(advertiser=advertiser, link__startswith=f"{url}/")
    if not links.exists():  # the first start, or another port
        yield "Importing 24 products and cutting them out"
        _catalogue_import(advertiser, url)
    if not Shopper.objects.filter(advertiser=advertiser, is_simulated=True).exists():
        yield "Adding 500 consented shoppers with their browsing histories"
        with transaction.atomic():
            _shoppers_add(advertiser, people(now, random.Random(SEED)), now)
    yield from _segments_ensure(advertiser, now)
    for name, code, width, height in PLACEMENTS:
        if not Placement.objects.filter(advertiser=advertiser, code=code).exists():
            placement_create(advertiser=advertiser, name=name, code=code, width=width, height=height)
    for plan in CAMPAIGNS:
        if not Campaign.objects.filter(advertiser=advertiser, name=plan["name"]).exists():
            yield f"Planning the campaign {plan['name']}"
            _campaign_add(advertiser, plan)


def demo_advertiser_get() -> Advertiser | None:
    """The demo shop's advertiser, None before ``demo_shop_ensure``."""
    return Advertiser.objects.filter(slug=SLUG).first()


def _advertiser_ensure() -> Advertiser:
    advertiser = demo_advertiser_get() or advertiser_create(
        name="松光 Pinelight",
        slug=SLUG,
        market=Advertiser.Market.CHINA,
        currency="CNY",
        shop_url="https://shop.example",
        counts_simulated=True,
    )
    roles = {
        LOGIN: Membership.Role.ADMIN,
        PLANNER: Membership.Role.MANAGER,
        REVIEWER: Membership.Role.REVIEWER,
    }
    for username, role in roles.items():
        user = User.objects.filter(username=username).first()
        if user is None:
            user = User.objects.create_user(username, password=PASSWORD if username == LOGIN else None)
        membership_set(advertiser=advertiser, user=user, role=role)
    brand_kit_set(
        advertiser=advertiser,
        fields={
            "name": "松光 Pinelight",
            "primary_colour": "#1d4d43",
            "accent_colour": "#d9532c",
            "background_colour": "#f4efe4",
            "tone": "calm",
        },
    )
    return advertiser


def _catalogue_import(advertiser: Advertiser, url: str) -> None:
    rows = [json.loads(line) for line in (DATA / "feed.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        row["link"] = f"{url}/storefront/{SLUG}/products/{row['id']}/"
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    images = FolderImages(DATA)
    preview = catalog_preview(advertiser=advertiser, source_name="feed.jsonl", content=content, images=images)
    catalog_apply(catalog_import=preview, images=images)


def demo_crowd_ensure(advertiser: Advertiser, now: datetime) -> list[Person]:
    """Everybody who visits; those who are not there yet are added, a few at a time: others write too."""
    everyone = list(people(now, random.Random(SEED), CROWD))
    if Shopper.objects.filter(advertiser=advertiser, is_simulated=True).count() < CROWD:
        for start in range(SHOPPERS, CROWD, ADDED_AT_ONCE):
            with transaction.atomic():
                _shoppers_add(advertiser, everyone[start : start + ADDED_AT_ONCE], now)
        segments_refresh(advertiser=advertiser, now=now)
    return everyone


def _shoppers_add(advertiser: Advertiser, crowd: Iterable[Person], now: datetime) -> None:
    behaviours: list[BehaviourInput] = []
    for person in crowd:
        consent_record(
            advertiser=advertiser,
            shopper_key=person.key,
            personalisation=True,
            text_version="demo-1",
            source="demo",
            language=person.language,
            is_simulated=True,
        )
        behaviours += [
            BehaviourInput(
                event_id=act.event_id,
                shopper_key=act.shopper_key,
                kind=act.kind,
                text=act.text,
                occurred_at=act.occurred_at,
            )
            for act in person.acts
        ]
    behaviours_record(advertiser=advertiser, items=behaviours, now=now)


def _segments_ensure(advertiser: Advertiser, now: datetime) -> Iterator[str]:
    present = set(Segment.objects.filter(advertiser=advertiser).values_list("slug", flat=True))
    missing = {slug: plan for slug, plan in SEGMENTS.items() if slug not in present}
    if missing:
        yield "Grouping the shoppers into segments"
        segments_refresh(advertiser=advertiser, now=now)  # rebuilds the profiles first
        for slug, (name, interests) in missing.items():
            segment_create(
                advertiser=advertiser,
                name=name,
                slug=slug,
                rule={"any": [{"interest": interest, "min_weight": 0.25} for interest in interests]},
                now=now,
            )


def _campaign_add(advertiser: Advertiser, plan: dict[str, Any]) -> None:
    planner = User.objects.get(username=PLANNER)
    campaign = campaign_create(
        advertiser=advertiser,
        name=plan["name"],
        created_by=planner,
        language=plan["language"],
        style=plan["style"],
    )
    campaign_update(
        advertiser=advertiser,
        campaign_id=campaign.pk,
        products=_ids(Product.objects.filter(advertiser=advertiser, external_id__in=plan["products"])),
        segments=_ids(Segment.objects.filter(advertiser=advertiser, slug__in=plan["segments"])),
        placements=_ids(
            Placement.objects.filter(
                advertiser=advertiser, code__in=plan.get("placements", [code for _, code, *_ in PLACEMENTS])
            )
        ),
    )
    campaign_generate(advertiser=advertiser, campaign_id=campaign.pk, requested_by=planner)
    mine = campaign.variants.exclude(segment=None)
    if "weight" in plan:
        weights_write(
            advertiser=advertiser,
            campaign_id=campaign.pk,
            weights=dict.fromkeys(_ids(mine), plan["weight"]),
            now=timezone.now(),
            user=planner,
        )
    if "challenged" in plan:
        slug, products, look = plan["challenged"]
        challengers_request(
            advertiser=advertiser,
            campaign_id=campaign.pk,
            variant_ids=_ids(mine.filter(segment__slug=slug, product__external_id__in=products)),
            requested_by=planner,
            **look,
        )


def _ids(rows: Any) -> list[Any]:
    return list(rows.values_list("pk", flat=True))
