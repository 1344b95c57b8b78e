"""Erasure: one shopper out of every table, file and buffer, while the sums stay what they were.

Every step may run again. The tombstone is on the disk first; then the shopper's row goes, and from its commit
on nothing new is written of them; then the rows that carry the pseudonym, in small batches. The second pass,
``erasures_settle``, does it all once more: it finishes what an error or a kill broke off, catches an event
that was being stored at that very moment, and then forgets the pseudonym itself.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction

from accounts.models import Advertiser
from analytics.erasure import STAND_IN, events_unlink
from campaigns.delivery_services import capped_forget
from profiles.pseudonyms import pseudonyms_of
from profiles.services import shoppers_forget
from profiles.shopper_services import shopper_key_checked
from rights.models import Erasure
from rights.tombstones import Tombstone, subject_of, tombstone_write

log = structlog.get_logger(__name__)

# Longer than any request that stores events may take to commit; settled well within a minute.
SETTLES_AFTER = timedelta(seconds=20)
IN_FLIGHT = timedelta(seconds=2)  # between the look at the clock and the commit that lets nothing new in
MOST_SETTLED = 200  # in one run of the task, which runs every ten seconds


def shopper_erase(
    *, advertiser: Advertiser, shopper_key: str, origin: Erasure.Origin, now: datetime
) -> Erasure:
    """Erase by the shop's own key. An unknown shopper is erased as well: a backup may know them."""
    key = shopper_key_checked(shopper_key)
    pseudonyms = pseudonyms_of(advertiser.pk, key)
    subjects = tuple(subject_of(advertiser.pk, pseudonym) for pseudonym in pseudonyms)
    tombstone_write(Tombstone(now, advertiser.pk, subjects))
    return pseudonyms_erase(
        advertiser_id=advertiser.pk, pseudonyms=pseudonyms, origin=origin, now=now, shopper_key=key
    )


def pseudonyms_erase(
    *,
    advertiser_id: UUID,
    pseudonyms: Sequence[str],
    origin: Erasure.Origin,
    now: datetime,
    before: datetime | None = None,
    shopper_key: str = "",
) -> Erasure:
    """Erase one shopper by their names, newest first. ``before`` spares what came later (a replay)."""
    erasure = Erasure.objects.create(
        advertiser_id=advertiser_id,
        subject=subject_of(advertiser_id, pseudonyms[0]),
        origin=origin,
        pseudonyms=list(pseudonyms),
        stand_in=STAND_IN + secrets.token_hex(32)[len(STAND_IN) :],
        until_at=before or now + IN_FLIGHT,
    )
    counts = shoppers_forget(
        advertiser_id=advertiser_id, pseudonyms=pseudonyms, tombstone=erasure.subject, before=before
    )
    erasure.counts = dict(Counter(counts) + Counter(_unlink(erasure, before, shopper_key)))
    erasure.save(update_fields=["counts"])
    log.info("shopper_erased", erasure=str(erasure.pk), origin=origin)
    return erasure


def _unlink(erasure: Erasure, before: datetime | None, shopper_key: str = "") -> dict[str, int]:
    return {
        "capped": capped_forget(advertiser_id=erasure.advertiser_id, pseudonyms=erasure.pseudonyms),
        "events_unlinked": events_unlink(
            advertiser_id=erasure.advertiser_id,
            pseudonyms=erasure.pseudonyms,
            stand_in=erasure.stand_in,
            before=before,
            shopper_key=shopper_key,
        ),
    }


def erasures_settle(*, now: datetime) -> int:
    """The second pass over what is old enough, and the end of what we knew of whom; how many.

    One that ends in an error is tried again in the next call and keeps no other from its turn.
    """
    due = Erasure.objects.filter(settled_at=None, created_at__lte=now - SETTLES_AFTER)
    settled = 0
    for pk in list(due.order_by("created_at").values_list("pk", flat=True)):
        try:
            settled += _settle(due.get(pk=pk), now)
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            log.exception("erasure_failed", erasure=str(pk))
        if settled == MOST_SETTLED:
            break
    if settled and connection.vendor == "sqlite" and not connection.in_atomic_block:
        # The write-ahead log still holds the pages as they were; what is in use elsewhere goes the next time.
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return settled


def _settle(erasure: Erasure, now: datetime) -> int:
    late = Counter(
        shoppers_forget(
            advertiser_id=erasure.advertiser_id,
            pseudonyms=erasure.pseudonyms,
            tombstone=erasure.subject,
            # Not until_at, which is a little later: who comes back at once, or objects, is not erased again.
            before=min(erasure.created_at, erasure.until_at),
        )
    )
    late += Counter(_unlink(erasure, erasure.until_at))
    with transaction.atomic():
        return Erasure.objects.filter(pk=erasure.pk, settled_at=None).update(
            pseudonyms=[],
            stand_in="",
            settled_at=now,
            counts=dict(Counter(erasure.counts) + late),
        )
