"""One product written by itself, with the rules of a feed's row."""

from __future__ import annotations

from collections import defaultdict

from django.db import transaction

from accounts.models import Advertiser, User
from adplatform.lib.errors import DomainError
from campaigns.catalog_plan import plan_import
from campaigns.catalog_services import changes_write
from campaigns.feeds.base import RawRow
from campaigns.feeds.rows import ProductRow, Severity, is_remote, parse_row
from campaigns.models import Product
from campaigns.price_services import prices_refresh
from campaigns.remote_pictures import remote_pictures_follow


def product_save(
    *, advertiser: Advertiser, values: dict[str, str], user: User | None = None
) -> tuple[Product, bool]:
    """Create or replace the product with the id in ``values`` (Google's columns as text); whether it is new.

    The product is there at once; its picture comes later from ``image_link``. Writing the same again changes
    nothing. Raises DomainError with one list of sentences for each column.
    """
    parsed = parse_row(RawRow(1, values), default_currency=advertiser.currency)
    errors: defaultdict[str, list[str]] = defaultdict(list)
    for found in parsed.problems:
        if found.severity == Severity.ERROR:
            errors[found.field].append(found.message)
    row = parsed.product
    if row is not None and not is_remote(row.image_link) and not _has_picture(advertiser, row):
        errors["image_link"].append("image_link must be a web address; files come with an import.")
    if row is None or errors:
        raise DomainError("invalid", "The product has invalid fields.", errors=dict(errors))
    with transaction.atomic():
        # As an import does: two writes of one shop's catalogue go one after the other.
        Advertiser.objects.select_for_update().get(pk=advertiser.pk)
        plan = plan_import(advertiser.pk, (row,), None)
        if plan.changes:
            changes_write(advertiser.pk, plan.changes, {})
        remote_pictures_follow(advertiser_id=advertiser.pk, links={row.external_id: row.image_link})
    prices_refresh(advertiser=advertiser, requested_by=user)
    return Product.objects.get(advertiser=advertiser, external_id=row.external_id), bool(plan.created)


def _has_picture(advertiser: Advertiser, row: ProductRow) -> bool:
    """Whether the product has the picture that the row names: a file that came with an import stays."""
    products = Product.objects.filter(advertiser=advertiser, external_id=row.external_id)
    return products.filter(image_link=row.image_link).exclude(image="").exists()
