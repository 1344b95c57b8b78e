"""Writes of the catalogue: preview a feed, apply it.

Pictures are prepared before the transaction that writes the rows, and each result is kept under the
picture's fingerprint, so an import that was interrupted does no picture twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.db import transaction
from django.utils import timezone

from accounts.models import Advertiser, User
from adplatform.lib.errors import DomainError
from adplatform.lib.files import content_read, content_store
from campaigns.catalog_images import MAX_ZIP_BYTES, FolderImages, ImageSource, ZipImages
from campaigns.catalog_pictures import PictureError, fingerprint, prepare_picture
from campaigns.catalog_plan import ROW_FIELDS, Change, Plan, chunks, parse_feed, plan_import
from campaigns.feeds.base import MAX_BYTES, FeedError
from campaigns.feeds.rows import Problem, ProductRow, RowCode, Severity
from campaigns.models import CatalogImport, Product
from campaigns.prepared_pictures import (
    PICTURE_FIELDS,
    StoredPicture,
    picture_note,
    picture_noted,
    picture_store,
)
from campaigns.price_services import prices_refresh
from campaigns.remote_pictures import remote_pictures_follow
from campaigns.services import serving_version_bump

MAX_PROBLEMS = 1_000  # kept of each import
PICTURE_THREADS = 2
Progress = Callable[[int, int], None]


def catalog_preview(
    *,
    advertiser: Advertiser,
    source_name: str,
    content: bytes,
    images: ImageSource | None = None,
    user: User | None = None,
) -> CatalogImport:
    """Read a feed and record what its import would do; changes no product.

    A feed that is refused as a whole is recorded too, with status FAILED and its reason.
    """
    record = CatalogImport(advertiser=advertiser, source_name=source_name[-255:] or "feed", created_by=user)
    try:
        parsed = parse_feed(content, source_name, default_currency=advertiser.currency)
    except FeedError as error:
        return _refused(record, error)
    plan = plan_import(advertiser.pk, parsed.rows, images)
    record.feed, _ = content_store(content, folder="feeds", extension=parsed.format)
    if isinstance(images, ZipImages):
        record.images, _ = content_store(images.content, folder="feeds", extension="zip")
    record.format = parsed.format
    record.total, record.failed = parsed.total, parsed.failed
    _record_plan(record, plan, (*parsed.problems, *plan.problems))
    record.pictures_total = len(plan.pictures)
    record.save()
    return record


def catalog_preview_upload(
    *, advertiser: Advertiser, feed: File[Any], images: File[Any] | None = None, user: User | None = None
) -> CatalogImport:
    """Preview an uploaded feed with, perhaps, a zip of its pictures."""
    name = Path(feed.name or "feed").name
    try:
        zipped = ZipImages(images.read(MAX_ZIP_BYTES + 1)) if images is not None else None
    except FeedError as error:
        record = CatalogImport(advertiser=advertiser, source_name=name[-255:], created_by=user)
        return _refused(record, error)
    return catalog_preview(
        advertiser=advertiser, source_name=name, content=feed.read(MAX_BYTES + 1), images=zipped, user=user
    )


def catalog_apply(
    *,
    catalog_import: CatalogImport,
    images: ImageSource | None = None,
    progress: Progress | None = None,
    seconds: float | None = None,
) -> CatalogImport:
    """Write a previewed feed into the catalogue; an import that was applied before is left as it is.

    ``images`` is needed only for a folder: a zip was kept by the preview. With ``seconds`` the call
    stops working on pictures after that time and returns the import still in PREVIEW; call it again
    to go on (``pictures_done`` of ``pictures_total``). Raises DomainError.
    """
    record = catalog_import
    if record.status == CatalogImport.Status.APPLIED:
        return record
    if record.status == CatalogImport.Status.FAILED:
        raise DomainError(
            "import_refused", "This feed was refused; correct it and upload it again.", status=409
        )
    advertiser = record.advertiser
    try:
        content = content_read(record.feed)
        if images is None and record.images:
            images = ZipImages(content_read(record.images))
        parsed = parse_feed(content, record.source_name, default_currency=advertiser.currency)
    except (FileNotFoundError, FeedError):
        raise DomainError(
            "import_file_gone", "The uploaded file is no longer here; upload it again.", status=409
        ) from None
    plan = plan_import(advertiser.pk, parsed.rows, images)
    until = None if seconds is None else time.monotonic() + seconds
    pictures = _prepare_pictures(advertiser.pk, plan, images, progress, until)
    if len(pictures) < len({change.fingerprint for change in plan.pictures}):
        done = sum(change.fingerprint in pictures for change in plan.pictures)
        mine = CatalogImport.objects.filter(pk=record.pk, status=CatalogImport.Status.PREVIEW)
        mine.update(pictures_done=done, pictures_total=len(plan.pictures))
        record.refresh_from_db()
        return record
    broken = [
        Problem(
            c.row.line, c.row.external_id, "image_link", stored.problem_code, stored.problem, Severity.NOTICE
        )
        for c in plan.pictures
        if (stored := pictures[str(c.fingerprint)]).problem_code
    ]
    _record_plan(record, plan, (*parsed.problems, *plan.problems, *broken))
    _write(record, plan, pictures, parsed.rows)
    # Also when no row changed: an import that was killed right here is healed by the next one.
    prices_refresh(advertiser=advertiser, requested_by=record.created_by)
    record.refresh_from_db()
    return record


def catalog_preview_file(
    *, advertiser: Advertiser, path: Path, images_dir: Path | None = None, user: User | None = None
) -> tuple[CatalogImport, ImageSource]:
    """Preview a feed of this machine; also the source that its apply needs. Raises OSError."""
    images = FolderImages(images_dir or path.parent)
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    record = catalog_preview(
        advertiser=advertiser, source_name=path.name, content=content, images=images, user=user
    )
    return record, images


# --- the record


def _refused(record: CatalogImport, error: FeedError) -> CatalogImport:
    record.status = CatalogImport.Status.FAILED
    record.error_code, record.error_message = error.code, error.message[:500]
    record.save()
    return record


def _record_plan(record: CatalogImport, plan: Plan, problems: Iterable[Problem]) -> None:
    record.created, record.updated, record.unchanged = plan.created, plan.updated, plan.unchanged
    # Errors first: of a feed with thousands of remarks the first 1,000 must hold the reasons.
    ordered = sorted(problems, key=lambda p: (p.severity != Severity.ERROR, p.line))
    record.problems = [problem.as_dict() for problem in ordered[:MAX_PROBLEMS]]


# --- pictures


def _prepare_pictures(
    advertiser_id: UUID,
    plan: Plan,
    images: ImageSource | None,
    progress: Progress | None,
    until: float | None,
) -> dict[str, StoredPicture]:
    """What each wanted fingerprint became; fewer of them when the time ran out."""
    wanted = {str(change.fingerprint): change for change in plan.pictures}
    ready = {key: stored for key in wanted if (stored := picture_noted(advertiser_id, key)) is not None}
    missing = [change for key, change in wanted.items() if key not in ready]
    if images is None:
        return ready
    with ThreadPoolExecutor(PICTURE_THREADS) as pool:
        for chunk in chunks(missing, PICTURE_THREADS * 4):
            for change, stored in zip(chunk, pool.map(partial(_prepared, images), chunk), strict=True):
                key = str(change.fingerprint)
                if stored.problem_code != RowCode.IMAGE_NOT_FOUND:
                    picture_note(advertiser_id, key, stored)
                ready[key] = stored
            if progress is not None:
                progress(len(ready), len(wanted))
            if until is not None and time.monotonic() > until:
                break
    return ready


def _prepared(images: ImageSource, change: Change) -> StoredPicture:
    try:
        content = images.read(change.row.image_link)
        if fingerprint(content) != change.fingerprint:
            raise PictureError(RowCode.IMAGE_NOT_FOUND, "The picture changed while it was imported.")
        return picture_store(prepare_picture(content))
    except PictureError as error:
        return StoredPicture(problem_code=error.code, problem=error.message)


# --- rows


@transaction.atomic
def _write(
    record: CatalogImport, plan: Plan, pictures: dict[str, StoredPicture], rows: tuple[ProductRow, ...]
) -> None:
    """All rows, the pictures to be fetched, the import's new state and the serving version, or nothing."""
    # Two imports of one shop go one after the other; on SQLite the transaction itself is the lock.
    Advertiser.objects.select_for_update().get(pk=record.advertiser_id)
    claimed = CatalogImport.objects.filter(pk=record.pk, status=CatalogImport.Status.PREVIEW).update(
        status=CatalogImport.Status.APPLIED,
        applied_at=timezone.now(),
        created=record.created,
        updated=record.updated,
        unchanged=record.unchanged,
        problems=record.problems,
        pictures_total=len(plan.pictures),
        pictures_done=len(plan.pictures),
    )
    if not claimed:
        return
    if plan.changes:
        changes_write(record.advertiser_id, plan.changes, pictures)
    # Also of rows that change nothing: their picture may be one that was refused until now.
    remote_pictures_follow(
        advertiser_id=record.advertiser_id,
        links={row.external_id: row.image_link for row in rows},
        catalog_import=record,
    )


def changes_write(advertiser_id: UUID, changes: list[Change], pictures: dict[str, StoredPicture]) -> None:
    """Write planned rows, with what the pictures among them became; the caller holds the transaction."""
    with_picture: list[Product] = []
    without: list[Product] = []
    only_noted: list[Product] = []
    for change in changes:
        product = Product(
            advertiser_id=advertiser_id,
            external_id=change.row.external_id,
            **{name: getattr(change.row, name) for name in ROW_FIELDS},
        )
        if change.fingerprint is None:
            without.append(product)
            continue
        stored = pictures[change.fingerprint] if change.fingerprint else StoredPicture()
        product.image_fingerprint = change.fingerprint
        if stored.problem_code:  # a picture that the product had before stays
            only_noted.append(product)
            continue
        for name in PICTURE_FIELDS:
            if name != "image_fingerprint":
                setattr(product, name, getattr(stored, name))
        product.palette = list(stored.palette)
        with_picture.append(product)
    _upsert(without, ROW_FIELDS)
    _upsert(only_noted, (*ROW_FIELDS, "image_fingerprint"))
    _upsert(with_picture, (*ROW_FIELDS, *PICTURE_FIELDS))
    serving_version_bump(advertiser_id)


def _upsert(products: list[Product], fields: tuple[str, ...]) -> None:
    # One statement for new and known products: bulk_update builds a CASE per row and column, which takes
    # minutes at 50,000 rows.
    Product.objects.bulk_create(
        products,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["advertiser", "external_id"],
        update_fields=[*fields, "updated_at"],
    )
