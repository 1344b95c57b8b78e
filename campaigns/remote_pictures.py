"""Pictures from web addresses: asked for when a feed names them, fetched later by workers, taken over once.

The rows are the queue: losing every message delays a picture by one turn of the beat, and a message that
arrives twice finds nothing left to do. A worker that dies leaves its row due again.
"""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F
from django.utils import timezone

from accounts.models import Advertiser
from adplatform.lib.commit import queue_on_commit
from adplatform.lib.errors import DomainError
from campaigns.feeds.rows import is_remote
from campaigns.models import CatalogImport, Product, RemotePicture
from campaigns.remote_words import FetchCode
from campaigns.tasks import pictures_fetch

Status = RemotePicture.Status
CHUNK = 500


@transaction.atomic
def remote_pictures_follow(
    *, advertiser_id: UUID, links: dict[str, str], catalog_import: CatalogImport | None = None
) -> int:
    """Bring the queue in line with what products (external id -> ``image_link``) say now; how many pictures
    were asked for. A new address is asked for from the start; one that is known is left as it is; a product
    whose picture is no web address any more leaves the queue."""
    asked = 0
    ids = sorted(links)
    for start in range(0, len(ids), CHUNK):
        products = list(
            Product.objects.filter(
                advertiser_id=advertiser_id, external_id__in=ids[start : start + CHUNK]
            ).values_list("pk", "external_id", "image_link")
        )
        wanted = {
            pk: link for pk, external_id, link in products if link == links[external_id] and is_remote(link)
        }
        # Locked: a worker that takes a row meanwhile would share its new epoch.
        rows = RemotePicture.objects.select_for_update().filter(product_id__in=[pk for pk, *_ in products])
        local = {pk for pk, _, link in products if not is_remote(link)}
        if gone := [row.pk for row in rows if row.product_id in local]:
            RemotePicture.objects.filter(pk__in=gone).delete()
        known = [row for row in rows if row.product_id in wanted]
        stale = [row for row in known if row.url != wanted[row.product_id]]
        new = wanted.keys() - {row.product_id for row in known}
        fresh = [RemotePicture(advertiser_id=advertiser_id, product_id=pk) for pk in new]
        for row in (*fresh, *stale):
            _ask(row, wanted[row.product_id], catalog_import)
        RemotePicture.objects.bulk_create(fresh, ignore_conflicts=True)  # of two imports one was first
        RemotePicture.objects.bulk_update(
            stale,
            ["url", "host", "status", "code", "attempts", "epoch", "available_at", "etag", "last_modified",
             "catalog_import"],
        )  # fmt: skip
        asked += len(fresh) + len(stale)
    if asked:
        queue_on_commit(pictures_fetch)
    return asked


def _ask(row: RemotePicture, url: str, catalog_import: CatalogImport | None) -> None:
    row.url, row.host = url, host_of(url)
    row.status, row.code, row.attempts = Status.WAITING, "", 0
    row.epoch += 1
    row.available_at = timezone.now()
    row.etag = row.last_modified = ""
    row.catalog_import = catalog_import


def host_of(url: str) -> str:
    """The host whose turn it is, in lower case; empty when the address names none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()[:255]
    except ValueError:
        return ""


def remote_pictures_retry(*, advertiser: Advertiser, product_id: UUID | None = None) -> int:
    """Ask again from the start: for one product's picture, whatever became of it, or for all refused ones."""
    rows = RemotePicture.objects.filter(advertiser=advertiser)
    if product_id is not None:
        rows = rows.filter(product_id=product_id)
        if not rows.exists():
            raise DomainError(
                "picture_not_remote", "This product's picture does not come from a web address.", status=409
            )
    else:
        rows = rows.filter(status=Status.REFUSED)
    asked = rows.update(
        status=Status.WAITING,
        code="",
        attempts=0,
        epoch=F("epoch") + 1,
        available_at=timezone.now(),
        etag="",
        last_modified="",
    )
    if asked:
        queue_on_commit(pictures_fetch)
    return asked


def fetching_switched_on() -> int:
    """What was refused while fetching was off waits again; how many. Nothing while it is off."""
    if not settings.REMOTE_PICTURES:
        return 0
    return RemotePicture.objects.filter(status=Status.REFUSED, code=FetchCode.FETCHING_OFF).update(
        status=Status.WAITING, code="", attempts=0, available_at=timezone.now()
    )


def remote_picture_counts(
    *, advertiser_id: UUID, catalog_import: CatalogImport | None = None
) -> dict[str, int]:
    """How many pictures are in each state; of those that one import asked for, or of all."""
    rows = RemotePicture.objects.filter(advertiser_id=advertiser_id)
    if catalog_import is not None:
        rows = rows.filter(catalog_import=catalog_import)
    found = dict(rows.order_by().values_list("status").annotate(n=Count("pk")))
    return {status: found.get(status, 0) for status in Status.values}
