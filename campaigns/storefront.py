"""What the demo storefront page is made of: its shelves, its placements and its shoppers.

The storefront is a shop like any other that uses the product: everything it shows in a placement comes
through the public API with a publishable key. Only this module looks behind the counter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Advertiser
from campaigns.models import Campaign, Placement, Product, Variant
from generation.models import BrandKit
from profiles.models import Segment, Shopper
from profiles.pseudonyms import pseudonym_of
from profiles.taxonomy import INTERESTS

PERSONAS = 6
NAMES = (
    ("Mia", "米娅"),
    ("Lin Hao", "林浩"),
    ("Jonas", "乔纳斯"),
    ("Su Yan", "苏妍"),
    ("Ada", "艾达"),
    ("Chen Yu", "陈屿"),
)
GUEST = "guest"  # a shopper who was asked and did not agree
NOBODY = "nobody"  # a first visit: the shop sends no shopper key at all
WIDE, MEDIUM_SIDE, FLAT = 700, 320, 60  # pixels: which placement fits where on the page


@dataclass(frozen=True)
class Persona:
    """A shopper to try the storefront as."""

    slug: str
    name_en: str
    name_zh: str
    interests: tuple[str, ...]  # taxonomy ids, strongest first
    has_consented: bool
    shopper_key: str  # empty: the tag names no shopper

    def name(self, language: str) -> str:
        return self.name_zh if language == "zh" else self.name_en

    def likes(self, language: str) -> str:
        """The interests in words."""
        labels = [INTERESTS[interest].label(language) for interest in self.interests]
        return ("、" if language == "zh" else ", ").join(labels)


@dataclass(frozen=True)
class PagePlacements:
    """The shop's placements where the page has room for them."""

    hero: Placement | None
    side: tuple[Placement, ...]
    shelf: Placement | None  # a square among the products
    foot: Placement | None  # the flat strip of a phone


def colours_get(advertiser: Advertiser) -> dict[str, str]:
    """The brand's colours for the page's style, checked because they end up in CSS."""
    kit = BrandKit.objects.filter(advertiser=advertiser).first() or BrandKit()
    colours = {"primary": kit.primary_colour, "accent": kit.accent_colour}
    return {name: colour for name, colour in colours.items() if re.fullmatch(r"#[0-9a-fA-F]{6}", colour)}


def products_search(advertiser: Advertiser, *, words: str, category: str) -> QuerySet[Product]:
    """What is on the shelves, those with a photo first."""
    found = Product.objects.filter(advertiser=advertiser, is_active=True)
    for word in words.split()[:8]:
        found = found.filter(
            Q(title__icontains=word) | Q(product_type__icontains=word) | Q(brand__icontains=word)
        )
    if category:
        found = found.filter(product_type__endswith=category)
    return found.order_by("external_id")


def categories_list(advertiser: Advertiser) -> list[str]:
    """The last level of the products' types, for the shop's menu."""
    kinds = Product.objects.filter(advertiser=advertiser, is_active=True).values_list(
        "product_type", flat=True
    )
    return sorted({kind.rpartition(">")[2].strip() for kind in kinds if kind})[:12]


def placements_arrange(placements: Sequence[Placement]) -> PagePlacements:
    """Sort placements by shape into the rooms of the page."""
    left = sorted(placements, key=lambda placement: -placement.width * placement.height)
    hero = next((p for p in left if p.width >= WIDE and p.height < p.width / 2), None)
    square = next((p for p in left if p.width == p.height), None)
    foot = next((p for p in left if p.height <= FLAT), None)
    side = [p for p in left if p.width <= MEDIUM_SIDE and p.height > FLAT and p.width != p.height]
    return PagePlacements(hero, tuple(sorted(side, key=lambda p: p.height)[:3]), square, foot)


def agreed_list(advertiser: Advertiser, personas: Sequence[Persona]) -> set[str]:
    """The slugs of those personas that agree to personalisation now."""
    slugs = {pseudonym_of(advertiser.pk, p.shopper_key): p.slug for p in personas if p.shopper_key}
    agreed = Shopper.objects.filter(
        advertiser=advertiser, pseudonym__in=slugs, personalisation_allowed=True, has_objected=False
    ).values_list("pseudonym", flat=True)
    return {slugs[pseudonym] for pseudonym in agreed}


def personas_list(advertiser: Advertiser) -> list[Persona]:
    """A shopper for each of the shop's first segments, one who did not agree, and a first visit."""
    # Those that campaigns speak to come first, in the order of their making: it never changes, a size does.
    segments = (
        Segment.objects.filter(advertiser=advertiser, is_active=True)
        .annotate(
            is_used=Exists(
                Variant.objects.filter(segment=OuterRef("pk"), campaign__status=Campaign.Status.LIVE)
            )
        )
        .order_by("-is_used", "id")
    )
    found: list[Persona] = []
    for segment in segments[: PERSONAS * 2]:
        interests = tuple(interest for interest in segment.interests if interest in INTERESTS)[:3]
        if not interests or any(persona.interests == interests for persona in found):
            continue
        name_en, name_zh = NAMES[len(found)]
        found.append(
            Persona(segment.slug, name_en, name_zh, interests, True, f"storefront-demo:{segment.slug}")
        )
        if len(found) == PERSONAS:
            break
    found.append(Persona(GUEST, "Guest", "访客", (), False, "storefront-demo:guest"))
    found.append(Persona(NOBODY, "First visit", "首次到访", (), False, ""))
    return found
