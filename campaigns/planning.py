"""What a campaign would render: every variant with its prompt, before anything is written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F

from adplatform.lib.errors import DomainError
from campaigns.briefing import brand_make, brief_make, sizes_of
from campaigns.models import Campaign, Product, Variant
from campaigns.selectors import render_seconds_typical
from generation.briefs import Brief
from generation.models import RenderJob
from generation.prompts import Prompt, prompt_build
from generation.styles import STYLES
from profiles.models import Segment
from profiles.selectors import segment_may_brief
from profiles.taxonomy import INTERESTS

VARIANTS_MAX = 2000  # of one campaign: 200 products for nine segments and everyone else


class Change(StrEnum):
    """Why a picture no longer matches what it was made from."""

    PRICE = "price"
    PRODUCT = "product"
    PICTURE = "picture"
    SEGMENT = "segment"
    BRAND = "brand"
    STYLE = "style"
    TEMPLATE = "template"
    SEASON = "season"
    LANGUAGE = "language"
    SIZES = "sizes"
    MODEL = "model"
    HEADLINE = "headline"


# What a plan of hundreds of pictures does not read: JSON that takes longer to parse than the rest to load.
_HEAVY = (
    "job__brief", "job__prompt_parts", "job__prompt", "job__negative_prompt", "job__render_details",
    "job__comparison",
)  # fmt: skip
_PRICE_FIELDS = ("price_cents", "sale_price_cents", "currency")
_PICTURE_FIELDS = ("cutout", "cutout_sha256", "cutout_kind", "palette")


def changes_between(stored: dict[str, Any], current: Brief) -> tuple[Change, ...]:
    """What differs between a rendered brief and today's; ``take`` is a choice, not a change."""
    now: dict[str, Any] = json.loads(json.dumps(current.to_dict()))
    product, product_now = stored.get("product", {}), now["product"]
    changed = {name for name, value in product_now.items() if product.get(name) != value}
    found = []
    if changed & set(_PRICE_FIELDS):
        found.append(Change.PRICE)
    if changed - set(_PRICE_FIELDS) - set(_PICTURE_FIELDS):
        found.append(Change.PRODUCT)
    if changed & set(_PICTURE_FIELDS):
        found.append(Change.PICTURE)
    pairs = [
        (Change.SEGMENT, ("segment",)),
        (Change.BRAND, ("brand",)),
        (Change.STYLE, ("style",)),
        (Change.TEMPLATE, ("template",)),
        (Change.SEASON, ("season",)),
        (Change.LANGUAGE, ("language", "market")),
        (Change.SIZES, ("sizes",)),
        (Change.MODEL, ("model", "keeps_product")),
        (Change.HEADLINE, ("headline",)),
    ]
    found += [change for change, names in pairs if any(stored.get(name) != now[name] for name in names)]
    return tuple(found)


@dataclass(frozen=True)
class PromptWords:
    """Some words of a prompt for a reader's eyes."""

    text: str
    origin: str  # product, segment, season, brand, style or template
    label: str  # "Interest: Coffee & tea"


def _origin(source: str) -> tuple[str, str]:
    kind, _, detail = source.partition(":")
    if kind == "interest":
        interest = INTERESTS.get(detail)
        return "segment", f"Interest: {interest.label_en if interest else detail}"
    if kind == "style":
        return "style", f"Style: {STYLES[detail].label_en if detail in STYLES else detail}"
    if kind == "product":
        return "product", f"Product's {detail}"
    return kind, {"season": "Season", "brand": "Brand kit", "template": "Template"}.get(kind, kind)


@dataclass(frozen=True)
class PlannedVariant:
    """One picture of a campaign: made, or still to make."""

    product: Product
    segment: Segment | None
    brief: Brief
    fingerprint: str  # of the brief, kept because asking for it hashes the whole brief
    variant: Variant | None  # None: not created yet
    job: RenderJob | None  # the job of exactly this brief, wherever it was asked for
    stored_brief: dict[str, Any] | None = None  # what the variant's picture was made from, if not this brief

    @cached_property
    def prompt(self) -> Prompt:
        """Built on first use: a page shows a few prompts of a plan of hundreds."""
        return prompt_build(self.brief)

    @property
    def words(self) -> tuple[PromptWords, ...]:
        """The prompt in pieces, each with the place its words came from."""
        return tuple(PromptWords(part.text, *_origin(part.source)) for part in self.prompt.parts)

    @property
    def is_rendered(self) -> bool:
        return self.job is not None and self.job.status == RenderJob.Status.SUCCEEDED

    @property
    def is_new(self) -> bool:
        """Generating it makes a new render job."""
        return self.job is None

    @property
    def is_missing(self) -> bool:
        """The campaign has no picture for it at all, not even an older one."""
        return self.variant is None or self.variant.job is None

    @property
    def changes(self) -> tuple[Change, ...]:
        """Why the picture the campaign has is out of date; empty when it matches or there is none."""
        return changes_between(self.stored_brief, self.brief) if self.stored_brief is not None else ()


@dataclass(frozen=True)
class CampaignPlan:
    """All planned variants of a campaign with the numbers a manager wants before saying yes."""

    variants: tuple[PlannedVariant, ...]
    product_count: int
    segment_count: int  # without the generic one
    too_small: tuple[Segment, ...]  # automatic ones that no picture may be made for now
    sizes: tuple[tuple[int, int], ...]
    seconds_each: float | None  # of recent pictures; None before the first one
    waiting_count: int  # pictures of this advertiser already in the queue
    replaces_outdated: bool  # a draft's generation does, a launched campaign's leaves them on the air

    @property
    def picture_count(self) -> int:
        return len(self.variants)

    @property
    def creative_count(self) -> int:
        return len(self.variants) * len(self.sizes)

    @property
    def size_names(self) -> list[str]:
        return [f"{width}x{height}" for width, height in self.sizes]

    @property
    def new_picture_count(self) -> int:
        """How many render jobs generating makes."""
        return sum(p.is_new and (p.is_missing or self.replaces_outdated) for p in self.variants)

    @property
    def outdated_count(self) -> int:
        """Pictures made from a brief that has changed since."""
        return sum(bool(p.changes) for p in self.variants)

    @property
    def seconds_estimated(self) -> int | None:
        """Until the last new picture is there, the queue before it included."""
        if self.seconds_each is None:
            return None
        if not self.new_picture_count:
            return 0
        return max(1, round(self.seconds_each * (self.new_picture_count + self.waiting_count)))


def campaign_plan(*, campaign: Campaign, now: datetime) -> CampaignPlan:
    """Every variant the campaign would have. Writes nothing.

    Raises DomainError: ``no_products``, ``no_placements``, ``product_without_picture``,
    ``too_many_variants``.
    """
    products = list(campaign.products.order_by("title", "external_id"))
    chosen = list(campaign.segments.order_by("name"))
    segments = [segment for segment in chosen if segment_may_brief(segment)]
    sizes = sizes_of(campaign.placements.all())
    _check(products, segments, sizes)

    variants: dict[tuple[UUID, UUID | None], Variant] = {
        (variant.product_id, variant.segment_id): variant
        for variant in campaign.variants.select_related("job")
        .defer(*_HEAVY)
        .annotate(take=F("job__brief__take"))
    }
    brand = brand_make(campaign.advertiser, campaign.language)
    wanted: list[tuple[Product, Segment | None, Brief, str, Variant | None]] = []
    for product in products:
        for segment in (None, *segments):
            variant = variants.get((product.pk, segment.pk if segment else None))
            brief = brief_make(
                campaign=campaign,
                product=product,
                segment=segment,
                sizes=sizes,
                now=now,
                take=take_of(variant),
                brand=brand,
                look=variant.look if variant is not None else None,
            )
            wanted.append((product, segment, brief, brief.fingerprint, variant))
    own = {v.job.fingerprint: v.job for v in variants.values() if v.job is not None}
    missing = [fingerprint for _, _, _, fingerprint, _ in wanted if fingerprint not in own]
    jobs = own | _jobs_by_fingerprint(campaign, missing)
    stored = _briefs_stored(
        v.job_id for _, _, _, fingerprint, v in wanted if v and v.job and v.job.fingerprint != fingerprint
    )
    model = campaign.model or settings.GENERATION_DEFAULT_MODEL
    return CampaignPlan(
        variants=tuple(
            PlannedVariant(
                product,
                segment,
                brief,
                fingerprint,
                variant,
                jobs.get(fingerprint),
                stored.get(variant.job_id) if variant is not None and variant.job_id else None,
            )
            for product, segment, brief, fingerprint, variant in wanted
        ),
        product_count=len(products),
        segment_count=len(segments),
        too_small=tuple(segment for segment in chosen if segment not in segments),
        sizes=sizes,
        seconds_each=render_seconds_typical(advertiser_id=campaign.advertiser_id, model=model),
        waiting_count=RenderJob.objects.filter(
            advertiser_id=campaign.advertiser_id,
            status__in=(RenderJob.Status.QUEUED, RenderJob.Status.LEASED),
        ).count(),
        replaces_outdated=campaign.status == Campaign.Status.DRAFT,
    )


def variants_outdated(*, campaign: Campaign, now: datetime) -> list[PlannedVariant]:
    """Variants whose picture was made from a brief that no longer holds, such as an old price."""
    return [planned for planned in campaign_plan(campaign=campaign, now=now).variants if planned.changes]


def take_of(variant: Variant | None) -> int:
    """Which take of its brief a variant shows."""
    if variant is None or variant.job is None:
        return 0
    take = variant.take if hasattr(variant, "take") else variant.job.brief.get("take")
    return int(take or 0)


def _check(products: list[Product], segments: list[Segment], sizes: tuple[tuple[int, int], ...]) -> None:
    if not products:
        raise DomainError("no_products", "Choose at least one product.")
    if not sizes:
        raise DomainError("no_placements", "Choose at least one active placement.")
    bare = [product.external_id for product in products if not product.cutout]
    if bare:
        raise DomainError(
            "product_without_picture",
            f"These products have no picture to build on: {', '.join(bare[:5])}"
            + (f" and {len(bare) - 5} more." if len(bare) > 5 else "."),
        )
    count = len(products) * (len(segments) + 1)
    if count > VARIANTS_MAX:
        raise DomainError(
            "too_many_variants",
            f"{len(products)} products for {len(segments)} segments and everyone else are {count} pictures; "
            f"a campaign may have {VARIANTS_MAX}. Take fewer products or segments, or split the campaign.",
        )


def _jobs_by_fingerprint(campaign: Campaign, fingerprints: list[str]) -> dict[str, RenderJob]:
    jobs = RenderJob.objects.filter(advertiser_id=campaign.advertiser_id, fingerprint__in=fingerprints)
    return {job.fingerprint: job for job in jobs.defer(*(name.removeprefix("job__") for name in _HEAVY))}


def _briefs_stored(job_ids: Iterable[UUID | None]) -> dict[UUID, dict[str, Any]]:
    return dict(RenderJob.objects.filter(pk__in=list(job_ids)).values_list("pk", "brief"))
