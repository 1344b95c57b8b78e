"""The worker of the queue of remote pictures. Every change of a row is one guarded UPDATE.

Fair twice: a host is asked for one picture at a time, by any worker for anybody, and pauses in between; and
advertisers take turns, so that a feed of 100,000 pictures delays another shop's by one picture. A host that
fails rests longer, from that advertiser's pictures only: else one shop's bad address stops a shared host.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from adplatform.lib.failpoints import failpoint
from campaigns.catalog_pictures import PictureError, fingerprint, prepare_picture
from campaigns.models import PictureHost, PictureRest, Product, RemotePicture
from campaigns.prepared_pictures import (
    PICTURE_FIELDS,
    StoredPicture,
    picture_note,
    picture_noted,
    picture_store,
)
from campaigns.remote_fetching import Fetched, FetchError, picture_fetch
from campaigns.remote_pictures import fetching_switched_on
from campaigns.remote_words import FetchCode
from campaigns.serving_version import serving_version_bump

log = structlog.get_logger(__name__)

Status = RemotePicture.Status
BUDGET_SECONDS = 5.0  # of one call: a small installation's worker has pictures to render as well
LEASE = timedelta(minutes=2)  # longer than a fetch and the work on its picture can take
DELAYS = (
    timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6),
)  # fmt: skip
TROUBLE_REST = timedelta(seconds=10)  # of a host that does not answer an advertiser as it should
STORAGE_REST = timedelta(minutes=1)
REST_LONGEST = 1.0  # seconds that a call waits for a host to have paused
HOST_KEPT = timedelta(days=1)


def pictures_fetch(*, now: datetime | None = None) -> bool:
    """Work for a few seconds; whether more is due. ``now``: a fixed clock, for tests."""
    fetching_switched_on()
    until = time.monotonic() + BUDGET_SECONDS
    slow: set[UUID] = set()  # advertisers whose last fetch failed: their next turn is in a later call
    while time.monotonic() < until:
        at = now or timezone.now()
        due = _due(at).exclude(advertiser_id__in=slow)
        advertisers = list(due.order_by("advertiser_id").values_list("advertiser_id", flat=True).distinct())
        worked = [advertiser for advertiser in advertisers if _turn(advertiser, now, slow, until)]
        if not worked and (now is not None or not _rest(at, until)):
            break
    PictureHost.objects.filter(next_at__lt=(now or timezone.now()) - HOST_KEPT).delete()
    PictureRest.objects.filter(next_at__lte=now or timezone.now()).delete()
    return _due(now or timezone.now()).exclude(advertiser_id__in=slow).exists()


def _due(now: datetime) -> QuerySet[RemotePicture]:
    """What may be asked for now: ready, and its host has paused."""
    pausing = PictureHost.objects.filter(host=OuterRef("host"), next_at__gt=now)
    return _ready(now).exclude(Exists(pausing))


def _ready(now: datetime) -> QuerySet[RemotePicture]:
    """What waits for nothing but its host's pause between two pictures."""
    resting = PictureRest.objects.filter(
        advertiser=OuterRef("advertiser"), host=OuterRef("host"), next_at__gt=now
    )
    return RemotePicture.objects.filter(available_at__lte=now).exclude(Exists(resting))


def _rest(now: datetime, until: float) -> bool:
    """Wait for the next host that is done pausing; False when none is worth waiting for."""
    waiting = _ready(now).filter(host=OuterRef("host"))
    next_at = (
        PictureHost.objects.filter(Exists(waiting), next_at__gt=now)
        .order_by("next_at")
        .values_list("next_at", flat=True)
        .first()
    )
    if next_at is None:
        return False
    seconds = (next_at - timezone.now()).total_seconds()
    if seconds > min(REST_LONGEST, until - time.monotonic()):
        return False
    time.sleep(max(seconds, 0.0) + 0.01)
    return True


def _turn(advertiser_id: UUID, now: datetime | None, slow: set[UUID], until: float) -> bool:
    """One picture of one advertiser; False when there was none to have."""
    at = now or timezone.now()
    if time.monotonic() > until:
        return False
    row = _due(at).filter(advertiser_id=advertiser_id).order_by("available_at", "pk").first()
    if row is None or not _host_take(row.host, at):
        return False
    pause = timedelta(seconds=settings.REMOTE_PICTURES_HOST_PAUSE_SECONDS)
    try:
        if not _claim(row, at):
            return False
        failure = _work(row, at)
        if failure is not None:
            slow.add(advertiser_id)
            PictureRest.objects.update_or_create(
                advertiser_id=advertiser_id,
                host=row.host,
                defaults={"next_at": (now or timezone.now()) + (failure.retry_after or TROUBLE_REST)},
            )
    except (OSError, SoftTimeLimitExceeded):  # the disk's fault, or the task's time is over
        raise
    except Exception as error:
        # Nothing that one picture does may end the call for every shop: its row keeps the lease and the
        # attempt, as if the worker had died of it. The error's text may be the host's.
        slow.add(advertiser_id)
        log.error("picture_broke", picture=str(row.pk), error=type(error).__name__, attempt=row.attempts)
    finally:
        PictureHost.objects.filter(host=row.host).update(next_at=(now or timezone.now()) + pause)
    return True


def _host_take(host: str, now: datetime) -> bool:
    """Guarded by the time it pauses until: of two workers one gets the host."""
    PictureHost.objects.bulk_create([PictureHost(host=host, next_at=now)], ignore_conflicts=True)
    return bool(PictureHost.objects.filter(host=host, next_at__lte=now).update(next_at=now + LEASE))


def _claim(row: RemotePicture, now: datetime) -> bool:
    """Hold the row by its epoch. What ended its worker too often is refused rather than tried once more."""
    if row.attempts > len(DELAYS):
        _held(row).update(status=Status.REFUSED, code=FetchCode.WORKER_LOST, available_at=None)
        return False
    claimed = (
        _held(row)
        .filter(available_at__lte=now)
        .update(available_at=now + LEASE, attempts=F("attempts") + 1, epoch=F("epoch") + 1)
    )
    row.attempts += 1
    row.epoch += 1
    return bool(claimed)


def _held(row: RemotePicture) -> QuerySet[RemotePicture]:
    return RemotePicture.objects.filter(pk=row.pk, epoch=row.epoch, url=row.url)


def _work(row: RemotePicture, now: datetime) -> FetchError | None:
    """Fetch and take over; the failure, if any, is written down."""
    try:
        found = picture_fetch(row.url, etag=row.etag, last_modified=row.last_modified, now=now)
        failpoint("picture_fetched")
        if found.content is None:
            _held(row).update(**_settled(now))
        else:
            _take_over(row, found, now)
    except OSError:  # the disk is full: not the picture's fault, so it uses up no attempt
        _held(row).update(attempts=F("attempts") - 1, available_at=now + STORAGE_REST)
        raise
    except FetchError as failure:
        _fail(row, failure, now)
        log.info("picture_not_fetched", code=str(failure.code), attempt=row.attempts)
        return failure if failure.is_transient else None
    return None


def _take_over(row: RemotePicture, found: Fetched, now: datetime) -> None:
    """Draw the picture anew and give it to the product, unless the address has changed meanwhile."""
    content = found.content or b""
    key = fingerprint(content)
    stored = picture_noted(row.advertiser_id, key)
    if stored is None:
        stored = _stored(content)
        picture_note(row.advertiser_id, key, stored)
    if stored.problem_code:
        raise FetchError(stored.problem_code)
    with transaction.atomic():
        marks = {"etag": found.etag, "last_modified": found.last_modified, "fetched_at": now}
        if not _held(row).update(**_settled(now), **marks):
            return
        values = {name: getattr(stored, name) for name in PICTURE_FIELDS if name != "image_fingerprint"}
        values |= {"palette": list(stored.palette), "image_fingerprint": key, "updated_at": now}
        product = Product.objects.filter(pk=row.product_id, image_link=row.url)
        if product.exclude(image_fingerprint=key).update(**values):
            serving_version_bump(row.advertiser_id)


def _stored(content: bytes) -> StoredPicture:
    try:
        return picture_store(prepare_picture(content))
    except PictureError as error:
        return StoredPicture(problem_code=error.code, problem=error.message)


def _settled(now: datetime) -> dict[str, object]:
    return {
        "status": Status.FETCHED,
        "code": "",
        "attempts": 0,
        "checked_at": now,
        "available_at": _recheck_at(now),
    }


def _recheck_at(now: datetime) -> datetime | None:
    days = settings.REMOTE_PICTURES_RECHECK_DAYS
    return now + timedelta(days=days) if days else None


def _fail(row: RemotePicture, failure: FetchError, now: datetime) -> None:
    """Later, while it may pass by itself; else refused. A picture that we have is only asked about again."""
    if failure.is_transient and row.attempts <= len(DELAYS):
        delay = max(DELAYS[row.attempts - 1], failure.retry_after or timedelta())
        _held(row).update(code=failure.code, checked_at=now, available_at=now + delay)
    elif failure.is_transient and row.status == Status.FETCHED:
        _held(row).update(code=failure.code, checked_at=now, attempts=0, available_at=_recheck_at(now))
    else:
        _held(row).update(status=Status.REFUSED, code=failure.code, checked_at=now, available_at=None)
