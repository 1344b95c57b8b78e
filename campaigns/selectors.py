"""Reads of campaigns, placements and variants. Every one is bound to an advertiser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from uuid import UUID

from django.db.models import Count, QuerySet

from adplatform.lib.errors import NotFound
from campaigns.lifecycle import CampaignFacts
from campaigns.models import Campaign, Placement, Product, Variant
from generation.models import Creative, RenderJob
from profiles.models import Segment

RECENT_JOBS = 20  # enough for a steady median, few enough to follow a change of model or machine


def campaign_list(*, advertiser_id: UUID, search: str = "", status: str = "") -> QuerySet[Campaign]:
    """Newest first; ``search`` looks in the campaign's name and its products' titles."""
    search = search.replace("\x00", "")  # PostgreSQL refuses it
    found = Campaign.objects.filter(advertiser_id=advertiser_id)
    if status:
        found = found.filter(status=status)
    if search:
        by_product = Product.objects.filter(advertiser_id=advertiser_id, title__icontains=search)
        found = found.filter(name__icontains=search) | found.filter(
            pk__in=Campaign.products.through.objects.filter(product__in=by_product).values("campaign_id")
        )
    return found.order_by("-created_at")


def campaign_get(*, advertiser_id: UUID, campaign_id: UUID) -> Campaign:
    """Raises NotFound, also for another advertiser's campaign."""
    found = (
        Campaign.objects.select_related("advertiser")
        .filter(advertiser_id=advertiser_id, pk=campaign_id)
        .first()
    )
    if found is None:
        raise NotFound("campaign")
    return found


@dataclass(frozen=True, slots=True)
class CampaignRate:
    """What a campaign's traffic costs, in hundredths of the advertiser's currency."""

    impression_cents: float
    click_cents: float


def campaign_rates_get(*, advertiser_id: UUID) -> dict[UUID, CampaignRate]:
    """The campaigns that have a rate; the others' traffic has no price."""
    rows = Campaign.objects.filter(advertiser_id=advertiser_id, rate_cents__isnull=False).order_by()
    return {
        pk: CampaignRate(0.0, rate) if unit == Campaign.RateUnit.CLICK else CampaignRate(rate / 1000, 0.0)
        for pk, unit, rate in rows.values_list("pk", "rate_unit", "rate_cents")
        if rate is not None
    }


def placement_list(*, advertiser_id: UUID, only_active: bool = False) -> QuerySet[Placement]:
    """By name."""
    found = Placement.objects.filter(advertiser_id=advertiser_id).order_by("name", "code")
    return found.filter(is_active=True) if only_active else found


def placement_get(*, advertiser_id: UUID, placement_id: UUID) -> Placement:
    """Raises NotFound."""
    found = Placement.objects.filter(advertiser_id=advertiser_id, pk=placement_id).first()
    if found is None:
        raise NotFound("placement")
    return found


def variant_get(*, advertiser_id: UUID, variant_id: UUID) -> Variant:
    """Raises NotFound."""
    found = (
        Variant.objects.select_related("campaign__advertiser", "product", "segment", "job")
        .filter(advertiser_id=advertiser_id, pk=variant_id)
        .first()
    )
    if found is None:
        raise NotFound("variant")
    return found


def landing_url_get(variant_id: UUID | str) -> str | None:
    """Where a click on a variant leads: the product's stored link and nothing a request could name.

    The caller holds a signed token, which is why no advertiser is asked for.
    """
    return Variant.objects.filter(pk=variant_id).values_list("product__link", flat=True).first()


def product_choices(*, advertiser_id: UUID, search: str = "", product_type: str = "") -> QuerySet[Product]:
    """Products a campaign can advertise: active, with a picture."""
    found = Product.objects.filter(advertiser_id=advertiser_id, is_active=True).exclude(cutout="")
    if product_type:
        found = found.filter(product_type__startswith=product_type.replace("\x00", ""))
    for word in search.replace("\x00", "").split():
        found = (
            found.filter(title__icontains=word)
            | found.filter(brand__icontains=word)
            | found.filter(external_id__icontains=word)
        )
    return found.order_by("title", "external_id")


def product_type_list(*, advertiser_id: UUID) -> list[str]:
    """The first level of the catalogue's product types, for a filter."""
    types = (
        product_choices(advertiser_id=advertiser_id)
        .exclude(product_type="")
        .order_by()
        .values_list("product_type", flat=True)
        .distinct()
    )
    return sorted({name.split(">")[0].strip() for name in types})


def segment_choices(*, advertiser_id: UUID) -> QuerySet[Segment]:
    """Active segments, the biggest first."""
    return Segment.objects.filter(advertiser_id=advertiser_id, is_active=True).order_by("-size", "name")


@dataclass(frozen=True)
class CampaignProgress:
    """How far a campaign's pictures and creatives are."""

    product_count: int = 0
    segment_count: int = 0
    jobs: dict[str, int] = field(default_factory=dict)  # RenderJob.Status -> variants whose job is there
    creatives: dict[str, int] = field(default_factory=dict)  # Creative.Status -> creatives
    unrendered_count: int = 0  # variants without a job

    @property
    def variant_count(self) -> int:
        return sum(self.jobs.values()) + self.unrendered_count

    @property
    def rendering_count(self) -> int:
        return self.jobs.get(RenderJob.Status.LEASED, 0)

    @property
    def waiting_count(self) -> int:
        return self.jobs.get(RenderJob.Status.QUEUED, 0)

    @property
    def done_count(self) -> int:
        return self.jobs.get(RenderJob.Status.SUCCEEDED, 0)

    @property
    def failed_count(self) -> int:
        """Jobs that ended without a picture."""
        ended = (RenderJob.Status.REJECTED, RenderJob.Status.DEAD, RenderJob.Status.CANCELLED)
        return sum(self.jobs.get(status, 0) for status in ended)

    @property
    def is_busy(self) -> bool:
        return self.waiting_count + self.rendering_count > 0

    @property
    def done_rate(self) -> float:
        """Pictures that are no longer waited for, 0..1."""
        asked = sum(self.jobs.values())
        return (self.done_count + self.failed_count) / asked if asked else 0.0

    @property
    def approved_count(self) -> int:
        return self.creatives.get(Creative.Status.APPROVED, 0)

    @property
    def in_review_count(self) -> int:
        return self.creatives.get(Creative.Status.IN_REVIEW, 0)

    @property
    def rejected_count(self) -> int:
        return self.creatives.get(Creative.Status.REJECTED, 0)


def progress_map(campaigns: Iterable[Campaign]) -> dict[UUID, CampaignProgress]:
    """The progress of many campaigns in four queries, whatever their number."""
    ids = [campaign.pk for campaign in campaigns]
    jobs: defaultdict[UUID, dict[str, int]] = defaultdict(dict)
    creatives: defaultdict[UUID, dict[str, int]] = defaultdict(dict)
    unrendered: dict[UUID, int] = {}
    variants = Variant.objects.filter(campaign_id__in=ids).order_by()
    for campaign_id, status, count in variants.values_list("campaign_id", "job__status").annotate(
        Count("pk")
    ):
        if status is None:
            unrendered[campaign_id] = count
        else:
            jobs[campaign_id][status] = count
    for campaign_id, status, count in (
        variants.filter(job__creatives__isnull=False)
        .values_list("campaign_id", "job__creatives__status")
        .annotate(Count("pk"))
    ):
        creatives[campaign_id][status] = count
    products = _link_counts(Campaign.products.through.objects.filter(campaign_id__in=ids))
    segments = _link_counts(Campaign.segments.through.objects.filter(campaign_id__in=ids))
    return {
        pk: CampaignProgress(
            product_count=products.get(pk, 0),
            segment_count=segments.get(pk, 0),
            jobs=jobs[pk],
            creatives=creatives[pk],
            unrendered_count=unrendered.get(pk, 0),
        )
        for pk in ids
    }


def _link_counts(links: QuerySet) -> dict[UUID, int]:
    return dict(links.order_by().values_list("campaign_id").annotate(Count("pk")))


def progress_get(*, campaign: Campaign) -> CampaignProgress:
    """The progress of one campaign."""
    return progress_map([campaign])[campaign.pk]


def facts_get(*, campaign: Campaign) -> CampaignFacts:
    """What the lifecycle's rules ask about a campaign."""
    placements = list(campaign.placements.filter(is_active=True))
    sizes = {(placement.width, placement.height) for placement in placements}
    approved = Creative.objects.filter(
        advertiser_id=campaign.advertiser_id,
        status=Creative.Status.APPROVED,
        job__variants__campaign=campaign,
    ).values_list("width", "height")
    return CampaignFacts(
        status=campaign.status,
        product_count=campaign.products.count(),
        placement_count=len(placements),
        approved_count=sum(size in sizes for size in approved),
        ends_at=campaign.ends_at,
    )


def placements_uncovered(*, campaign: Campaign) -> list[Placement]:
    """Active placements of the campaign for whose size no creative is approved yet."""
    approved = set(
        Creative.objects.filter(
            advertiser_id=campaign.advertiser_id,
            status=Creative.Status.APPROVED,
            job__variants__campaign=campaign,
        ).values_list("width", "height")
    )
    active = campaign.placements.filter(is_active=True).order_by("name")
    return [placement for placement in active if (placement.width, placement.height) not in approved]


def render_seconds_typical(*, advertiser_id: UUID, model: str) -> float | None:
    """Median seconds of the advertiser's recent pictures with ``model``; None before the first one.

    From start to finish where both are known: composing the sizes takes longer than a fast model.
    """
    recent = RenderJob.objects.filter(
        advertiser_id=advertiser_id, model=model, status=RenderJob.Status.SUCCEEDED
    ).order_by("-created_at")
    times = []
    for started_at, finished_at, render_ms in recent.values_list("started_at", "finished_at", "render_ms")[
        :RECENT_JOBS
    ]:
        if started_at and finished_at:
            times.append((finished_at - started_at).total_seconds())
        elif render_ms is not None:
            times.append(render_ms / 1000)
    return median(times) if times else None


def creatives_of(jobs: Sequence[UUID]) -> dict[UUID, list[Creative]]:
    """The creatives of many jobs, by job."""
    found: defaultdict[UUID, list[Creative]] = defaultdict(list)
    for creative in Creative.objects.filter(job_id__in=jobs).order_by("width", "height"):
        found[creative.job_id].append(creative)
    return found
