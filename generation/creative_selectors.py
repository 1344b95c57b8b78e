"""Reads of creatives: what may be served, the gallery."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet

from adplatform.lib.errors import NotFound
from generation.models import Creative, RenderJob

Status = Creative.Status


def creative_list(
    *,
    advertiser_id: UUID,
    status: str = "",
    size: str = "",
    segment: str = "",
    product: str = "",
    job_id: UUID | None = None,
) -> QuerySet[Creative]:
    """The gallery: newest brief first, its sizes together. ``segment`` is a slug, ``-`` for generic."""
    rows = (
        Creative.objects.filter(advertiser_id=advertiser_id)
        .select_related("job", "reviewed_by")
        .order_by("-job__created_at", "job_id", "width", "height")
    )
    if status:
        rows = rows.filter(status=status)
    if size:
        rows = rows.filter(**_size_filter(size))
    if segment == "-":
        rows = rows.filter(job__brief__segment=None)
    elif segment:
        rows = rows.filter(job__brief__segment__slug=segment)
    if product:
        rows = rows.filter(
            Q(job__brief__product__title__icontains=product)
            | Q(job__brief__product__external_id__icontains=product)
            | Q(headline__icontains=product)
        )
    if job_id is not None:
        rows = rows.filter(job_id=job_id)
    return rows


def _size_filter(size: str) -> dict[str, int]:
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        return {"width": 0}  # no such size: an empty list, not an error
    return {"width": min(int(width), 32767), "height": min(int(height), 32767)}


def creative_get(*, advertiser_id: UUID, creative_id: UUID | str) -> Creative:
    """One creative with its job. Raises NotFound."""
    try:
        return Creative.objects.select_related("job", "job__requested_by", "reviewed_by").get(
            advertiser_id=advertiser_id, pk=creative_id
        )
    except (Creative.DoesNotExist, ValidationError, ValueError):
        raise NotFound("creative") from None


def status_counts(*, advertiser_id: UUID) -> dict[str, int]:
    """Creatives by status; every status is there."""
    rows = Creative.objects.filter(advertiser_id=advertiser_id).order_by().values_list("status")
    counts = dict(rows.annotate(count=Count("pk")))
    return {status: counts.get(status, 0) for status in Status.values}


def sizes_used(*, advertiser_id: UUID) -> list[str]:
    """The sizes there are creatives of, as ``300x250``."""
    rows = Creative.objects.filter(advertiser_id=advertiser_id).order_by("width", "height")
    return [f"{width}x{height}" for width, height in rows.values_list("width", "height").distinct()]


def segments_used(*, advertiser_id: UUID) -> list[tuple[str, str]]:
    """(slug, name) of the segments there are creatives for; generic ones as ``-``."""
    jobs = RenderJob.objects.filter(advertiser_id=advertiser_id, creatives__isnull=False).order_by()
    rows = jobs.values_list("brief__segment__slug", "brief__segment__name").distinct()
    return sorted(
        {(slug or "-", name or "Everyone (generic)") for slug, name in rows}, key=lambda row: row[1]
    )
