"""Reads of the catalogue."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from adplatform.lib.errors import NotFound
from campaigns.models import Campaign, CatalogImport, Product


def product_list(
    *,
    advertiser_id: UUID,
    search: str = "",
    product_type: str = "",
    availability: str = "",
    has_picture: bool | None = None,
    picture_status: str = "",
) -> QuerySet[Product]:
    """The advertiser's products by external id; ``product_type`` also finds what lies below it.

    ``picture_status`` is what became of a picture with a web address.
    """
    products = Product.objects.filter(advertiser_id=advertiser_id)
    for word in search.replace("\0", "").split()[:8]:
        products = products.filter(
            Q(title__icontains=word) | Q(brand__icontains=word) | Q(external_id__icontains=word)
        )
    if product_type:
        kind = product_type.replace("\0", "")
        products = products.filter(Q(product_type=kind) | Q(product_type__startswith=f"{kind} >"))
    if availability:
        products = products.filter(availability=availability)
    if has_picture is not None:
        products = products.exclude(image="") if has_picture else products.filter(image="")
    if picture_status:
        products = products.filter(remote_picture__status=picture_status)
    return products.select_related("remote_picture").order_by("external_id")


def product_get(*, advertiser_id: UUID, product_id: UUID) -> Product:
    """One product. Raises NotFound for another advertiser's as for none."""
    product = (
        Product.objects.select_related("remote_picture")
        .filter(advertiser_id=advertiser_id, pk=product_id)
        .first()
    )
    if product is None:
        raise NotFound("product")
    return product


def product_campaign_list(*, product: Product) -> QuerySet[Campaign]:
    """The campaigns that show a product, newest first."""
    return Campaign.objects.filter(advertiser_id=product.advertiser_id, products=product).order_by(
        "-created_at"
    )


def product_type_list(*, advertiser_id: UUID) -> list[str]:
    """The kinds of product in the catalogue, with the kinds above them, for a filter."""
    kinds = (
        Product.objects.filter(advertiser_id=advertiser_id)
        .exclude(product_type="")
        .order_by()
        .values_list("product_type", flat=True)
        .distinct()
    )
    found: set[str] = set()
    for kind in kinds:
        parts = [part.strip() for part in kind.split(">") if part.strip()]
        found.update(" > ".join(parts[: depth + 1]) for depth in range(len(parts)))
    return sorted(found)


def catalog_import_list(*, advertiser_id: UUID) -> QuerySet[CatalogImport]:
    """The advertiser's imports, newest first, without their problems."""
    return (
        CatalogImport.objects.filter(advertiser_id=advertiser_id)
        .select_related("created_by")
        .defer("problems")
        .order_by("-created_at")
    )


def catalog_import_get(*, advertiser_id: UUID, import_id: UUID) -> CatalogImport:
    """One import. Raises NotFound for another advertiser's as for none."""
    found = (
        CatalogImport.objects.select_related("advertiser", "created_by")
        .filter(advertiser_id=advertiser_id, pk=import_id)
        .first()
    )
    if found is None:
        raise NotFound("import")
    return found
