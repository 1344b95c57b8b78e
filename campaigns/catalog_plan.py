"""What an import would do: each valid row beside the product it would become or change. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from campaigns.catalog_images import ImageSource
from campaigns.catalog_pictures import PictureError, check_picture, fingerprint
from campaigns.feeds.base import MAX_ROWS, FeedError
from campaigns.feeds.reading import read_feed
from campaigns.feeds.rows import (
    REQUIRED,
    Problem,
    ProductRow,
    RowCode,
    Severity,
    is_remote,
    parse_rows,
)
from campaigns.models import Product

# Columns of a product that the feed decides, by their names in ProductRow as well.
ROW_FIELDS = (
    "title", "description", "link", "image_link", "brand", "product_type", "availability", "price_cents",
    "sale_price_cents", "currency",
)  # fmt: skip
CHUNK = 500


@dataclass(frozen=True)
class ParsedFeed:
    """All rows of a feed: the valid ones, and what there is to say of the others."""

    format: str
    total: int
    rows: tuple[ProductRow, ...]
    problems: tuple[Problem, ...]

    @property
    def failed(self) -> int:
        return self.total - len(self.rows)


@dataclass(frozen=True)
class Change:
    """One row that makes a product or changes one.

    ``fingerprint`` None leaves the product's picture alone; "" takes it away; else it is the new one's.
    """

    row: ProductRow
    is_new: bool
    fingerprint: str | None


@dataclass
class Plan:
    """What an import would do."""

    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)  # of pictures

    @property
    def created(self) -> int:
        return sum(change.is_new for change in self.changes)

    @property
    def updated(self) -> int:
        return len(self.changes) - self.created

    @property
    def pictures(self) -> list[Change]:
        """The changes that need a picture worked on."""
        return [change for change in self.changes if change.fingerprint]


def parse_feed(content: bytes, name: str, *, default_currency: str) -> ParsedFeed:
    """Read and check a whole feed. Raises FeedError when it is refused as a whole."""
    feed = read_feed(content, name)
    missing = [column for column in REQUIRED if column not in feed.columns] if feed.columns else []
    if missing:
        raise FeedError("missing_columns", f"The feed has no column {', '.join(missing)}.")
    rows: list[ProductRow] = []
    problems: list[Problem] = []
    total = 0
    for parsed in parse_rows(feed.rows, default_currency=default_currency):
        total += 1
        if total > MAX_ROWS:
            raise FeedError("too_many_rows", f"The feed has more than {MAX_ROWS:,} rows.")
        problems.extend(parsed.problems)
        if parsed.product is not None:
            rows.append(parsed.product)
    if not total:
        raise FeedError("empty_feed", "The feed holds no products.")
    return ParsedFeed(feed.format, total, tuple(rows), tuple(problems))


def plan_import(advertiser_id: UUID, rows: tuple[ProductRow, ...], images: ImageSource | None) -> Plan:
    """Compare the rows, and the pictures they name, with the advertiser's products.

    Pictures with a web address are no part of it: ``remote_pictures`` fetches them afterwards.
    """
    plan = Plan()
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        existing = {
            product.external_id: product
            for product in Product.objects.filter(
                advertiser_id=advertiser_id, external_id__in=[row.external_id for row in chunk]
            ).only("external_id", *ROW_FIELDS, "image", "image_fingerprint")
        }
        for row in chunk:
            _plan_row(plan, row, existing.get(row.external_id), images)
    return plan


def _plan_row(plan: Plan, row: ProductRow, product: Product | None, images: ImageSource | None) -> None:
    is_same = product is not None and all(getattr(product, name) == getattr(row, name) for name in ROW_FIELDS)
    picture = _picture(plan, row, product, images)
    if is_same and picture is None:
        plan.unchanged += 1
    else:
        plan.changes.append(Change(row, is_new=product is None, fingerprint=picture))


def _picture(plan: Plan, row: ProductRow, product: Product | None, images: ImageSource | None) -> str | None:
    """The fingerprint of the row's picture when it is another than the product has."""
    if is_remote(row.image_link):  # comes later, from its address; until then the product keeps what it has
        return None
    keeps = product is not None and product.image != "" and product.image_link == row.image_link
    gone = None if product is None or keeps or not product.image_fingerprint else ""
    if images is None:
        if not keeps:
            _note(plan, row, RowCode.IMAGE_NOT_FOUND, "No pictures came with the feed.")
        return gone
    try:
        content = images.read(row.image_link)
        found = fingerprint(content)
        if product is not None and product.image_fingerprint == found:
            if not product.image:  # it was broken last time, and it is the same file
                check_picture(content)
                raise PictureError(RowCode.IMAGE_BROKEN, "The picture cannot be decoded.")
            return None
        check_picture(content)
    except PictureError as error:
        if error.code == RowCode.IMAGE_NOT_FOUND and keeps:
            return None  # a zip with only the new pictures
        _note(plan, row, error.code, error.message)
        if product is not None and not product.image and error.code != RowCode.IMAGE_NOT_FOUND:
            return None
        return gone
    return found


def _note(plan: Plan, row: ProductRow, code: str, message: str) -> None:
    plan.problems.append(Problem(row.line, row.external_id, "image_link", code, message, Severity.NOTICE))


def chunks(changes: list[Change], size: int) -> Iterator[list[Change]]:
    """The changes in pieces of at most ``size``."""
    for start in range(0, len(changes), size):
        yield changes[start : start + size]
