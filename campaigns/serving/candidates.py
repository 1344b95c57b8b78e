"""A variant as a decision knows it: its facts, the creatives that may be shown, and its challenger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q
from django.urls import reverse

from campaigns.models import Campaign, Product, Variant
from campaigns.serving.limits import Limits
from campaigns.serving.snapshot import Candidate, Size, SnapshotCreative
from generation.models import Creative

# What a shop can sell today; a preorder or a backorder can be ordered, so it may be shown.
BUYABLE = frozenset(
    {Product.Availability.IN_STOCK, Product.Availability.PREORDER, Product.Availability.BACKORDER}
)
JOBS = ("job", "former_job", "challenger_job")
PRICE_FIELDS = ("price_cents", "sale_price_cents", "currency")

# What ``candidate_make`` reads of a variant.
VARIANT_FIELDS = (
    "id", "job_id", "former_job_id", "challenger_job_id", "segment_id", "segment__size", "segment__is_active",
    "weight", "campaign_id", "product_id", "product__external_id", "product__title",
    "product__link", "product__is_active", "product__availability",
    *(f"product__{name}" for name in PRICE_FIELDS),
)  # fmt: skip
DRAWN_PRICES = {f"{job}_{name}": F(f"{job}__brief__product__{name}") for job in JOBS for name in PRICE_FIELDS}


@dataclass
class Pictures:
    """The creatives of one render job, as serving sees them."""

    approved: dict[Size, SnapshotCreative] = field(default_factory=dict)
    waiting: set[Size] = field(default_factory=set)  # not decided about, or refused
    withdrawn: set[Size] = field(default_factory=set)


NO_PICTURES = Pictures()


def pictures_read(advertiser_id: UUID) -> dict[UUID, Pictures]:
    """By render job; of the jobs that variants show, showed before and compare with."""
    found: dict[UUID, Pictures] = defaultdict(Pictures)
    of = Variant.objects.filter(advertiser_id=advertiser_id).exclude(campaign__status=Campaign.Status.ENDED)
    wanted = Q(job_id__in=of.values("job_id"))
    for name in ("former_job_id", "challenger_job_id"):
        wanted |= Q(job_id__in=of.filter(**{f"{name}__isnull": False}).values(name))
    rows = Creative.objects.filter(wanted, advertiser_id=advertiser_id)
    for creative in rows.only(
        "job_id", "width", "height", "file", "sha256", "approved_sha256", "status", "alt_text", "headline"
    ).order_by("id"):
        size = (creative.width, creative.height)
        pictures = found[creative.job_id]
        if creative.status == Creative.Status.APPROVED and creative.approved_sha256 == creative.sha256:
            pictures.approved[size] = SnapshotCreative(
                id=creative.id,
                width=creative.width,
                height=creative.height,
                file=creative.file,
                sha256=creative.sha256,
                path=media_path(creative.id, creative.sha256, creative.file),
                alt_text=creative.alt_text,
                headline=creative.headline,
            )
        elif creative.status == Creative.Status.WITHDRAWN:
            pictures.withdrawn.add(size)
        else:
            pictures.waiting.add(size)
    return found


def media_path(creative_id: UUID, sha256: str, file: str) -> str:
    """The public address of an approved creative's bytes; new bytes get a new address."""
    extension = file.rpartition(".")[2]
    return reverse("creative-media", args=[creative_id, sha256[:16], extension])


def candidate_make(
    row: Mapping[str, Any],
    campaign: Campaign,
    limits: Limits | None,
    placement_ids: frozenset[UUID],
    pictures: Mapping[UUID, Pictures],
) -> Candidate:
    """From a row of ``VARIANT_FIELDS`` and ``DRAWN_PRICES``."""
    mine = pictures.get(row["job_id"], NO_PICTURES)
    candidate = Candidate(
        variant_id=row["id"],
        campaign_id=campaign.pk,
        campaign_name=campaign.name,
        campaign_status=campaign.status,
        priority=campaign.priority,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        placement_ids=placement_ids,
        language=campaign.language,
        product_id=row["product_id"],
        product_external_id=row["product__external_id"],
        product_title=row["product__title"],
        product_link=row["product__link"],
        is_product_active=row["product__is_active"],
        is_buyable=row["product__availability"] in BUYABLE,
        has_price_changed=_has_price_changed(row, "job"),
        segment_id=row["segment_id"],
        weight=row["weight"],
        creatives=_former(row, pictures, mine) | mine.approved,
        unapproved_sizes=frozenset(mine.waiting | mine.withdrawn),
        is_house=campaign.is_house,
        job_id=row["job_id"],
        limits=limits,
        is_segment_closed=row["segment_id"] is not None
        and (not row["segment__is_active"] or row["segment__size"] < settings.PROFILES_SEGMENT_MIN_SHOPPERS),
    )
    other = pictures.get(row["challenger_job_id"], NO_PICTURES).approved
    if not other or _has_price_changed(row, "challenger_job"):
        return candidate
    second = replace(candidate, creatives=other, job_id=row["challenger_job_id"], is_challenger=True)
    return replace(candidate, challenger=second)


def _former(
    row: Mapping[str, Any], pictures: Mapping[UUID, Pictures], mine: Pictures
) -> dict[Size, SnapshotCreative]:
    """What was shown before, in sizes where nobody has approved a replacement yet.

    Not where somebody withdrew the replacement: that meant to take the size off the air.
    """
    if row["job_id"] is None or row["former_job_id"] is None or _has_price_changed(row, "former_job"):
        return {}
    before = pictures.get(row["former_job_id"], NO_PICTURES).approved
    return {size: creative for size, creative in before.items() if size not in mine.withdrawn}


def _has_price_changed(row: Mapping[str, Any], job: str) -> bool:
    """Whether the price that was drawn into a job's picture is no longer the product's."""
    drawn = tuple(row[f"{job}_{name}"] for name in PRICE_FIELDS)
    current = tuple(row[f"product__{name}"] for name in PRICE_FIELDS)
    return drawn[0] is not None and drawn != current
