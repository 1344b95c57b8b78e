"""Names and pictures for the ids in roll-ups. An id whose row is gone keeps its figures and a short id."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from campaigns.models import Campaign, Placement, Product, Variant
from generation.models import Creative
from generation.styles import STYLES
from profiles.models import Segment

GENERIC_LABEL = "Generic"


@dataclass(frozen=True)
class CreativeLabel:
    """What a table shows of a creative."""

    headline: str
    size: str
    file: str = ""  # storage name of the picture
    alt_text: str = ""
    status: str = ""


@dataclass(frozen=True)
class VariantLabel:
    """What a variant shows to whom."""

    product_id: UUID | None
    product: str


def short_id(value: UUID) -> str:
    """The last characters of an id: a time-ordered id's first ones are the same for a whole day."""
    return f"…{value.hex[-6:]}"


def creative_labels(*, advertiser_id: UUID, ids: Iterable[UUID]) -> dict[UUID, CreativeLabel]:
    """A label for every id given."""
    wanted = set(ids)
    rows = Creative.objects.filter(advertiser_id=advertiser_id, pk__in=wanted).order_by()
    found = {
        pk: CreativeLabel(headline, f"{width}x{height}", file, alt_text, status)
        for pk, headline, width, height, file, alt_text, status in rows.values_list(
            "pk", "headline", "width", "height", "file", "alt_text", "status"
        )
    }
    return {pk: found.get(pk, CreativeLabel(f"Deleted creative {short_id(pk)}", "")) for pk in wanted}


def creative_kinds(*, advertiser_id: UUID, ids: Iterable[UUID], kind: str) -> dict[UUID, str]:
    """Of every creative given its ``style``, its prompt's ``template`` or its ``size``; blank without one."""
    wanted = set(ids)
    rows = Creative.objects.filter(advertiser_id=advertiser_id, pk__in=wanted).values_list(
        "pk", "width", "height", "job__prompt_template", "job__brief__style"
    )
    found = {
        pk: {"size": f"{width}x{height}", "template": template, "style": style}[kind]
        for pk, width, height, template, style in rows
    }
    return {pk: found.get(pk) or "" for pk in wanted}


def kind_label(kind: str, value: str) -> str:
    """A style, template or size in words."""
    if kind == "style" and value in STYLES:
        return STYLES[value].label_en
    return value or "Deleted creatives"


def product_labels(*, advertiser_id: UUID, ids: Iterable[UUID]) -> dict[UUID, str]:
    """The title of every product that still is."""
    rows = Product.objects.filter(advertiser_id=advertiser_id, pk__in=set(ids))
    return dict(rows.order_by().values_list("pk", "title"))


def variant_labels(*, advertiser_id: UUID, ids: Iterable[UUID]) -> dict[UUID, VariantLabel]:
    """The product behind every variant id given."""
    wanted = set(ids)
    rows = Variant.objects.filter(advertiser_id=advertiser_id, pk__in=wanted).values_list(
        "pk", "product_id", "product__title"
    )
    found = {pk: VariantLabel(product_id, title) for pk, product_id, title in rows}
    return {pk: found.get(pk, VariantLabel(None, "Deleted product")) for pk in wanted}


def segment_labels(*, advertiser_id: UUID) -> dict[UUID, str]:
    """Every segment's name."""
    return dict(
        Segment.objects.filter(advertiser_id=advertiser_id).order_by("name").values_list("pk", "name")
    )


def campaign_labels(*, advertiser_id: UUID) -> dict[UUID, str]:
    """Every campaign's name, newest first."""
    return dict(Campaign.objects.filter(advertiser_id=advertiser_id).values_list("pk", "name"))


def placement_labels(*, advertiser_id: UUID) -> dict[UUID, str]:
    """Every placement's name."""
    rows = Placement.objects.filter(advertiser_id=advertiser_id)
    return {row.pk: str(row) for row in rows}


def label_of(labels: dict[UUID, str], pk: UUID | None, noun: str) -> str:
    """The name behind an id; the generic creative's segment is no segment."""
    if pk is None:
        return GENERIC_LABEL
    return labels.get(pk, f"Deleted {noun} {short_id(pk)}")
