"""Takes a shopper off their events. The sums stay: a stand-in that belongs to nobody takes the place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from analytics.experiment_sums import shoppers_renamed
from analytics.models import Event
from analytics.orders import events_of_orders
from profiles.pseudonyms import DIGEST

STAND_IN = "erased"
BATCH = 1_000  # rows a transaction: some milliseconds of write lock


def events_unlink(
    *,
    advertiser_id: UUID,
    pseudonyms: Sequence[str],
    stand_in: str,
    before: datetime | None = None,
    shopper_key: str = "",
) -> int:
    """Give these shoppers' events the random name ``stand_in``; the number of events. May run again.

    One name for all of them, so that attribution, reach and experiments count as before whenever a roll-up
    is rebuilt. ``before`` spares what was received later. An id that holds the shop's key or is a digest is
    replaced, an order's on its refunds as well; only a refund that comes later then finds no order. What
    waits in the buffer is unlinked when it is stored, because its shopper is unknown by then.
    """
    mine = Event.objects.filter(advertiser_id=advertiser_id, shopper_pseudonym__in=pseudonyms)
    if before is not None:
        mine = mine.filter(received_at__lte=before)
    total = 0
    while True:
        with transaction.atomic():
            ids = list(mine.values_list("pk", flat=True)[:BATCH])
            if not ids:
                break
            rows = Event.objects.filter(pk__in=ids)
            _ids_replace(advertiser_id, rows, shopper_key)
            total += rows.update(shopper_pseudonym=stand_in)
    shoppers_renamed(advertiser_id=advertiser_id, names=pseudonyms, new=stand_in)
    return total


def _ids_replace(advertiser_id: UUID, rows: QuerySet[Event], shopper_key: str) -> None:
    named = Q(event_id__startswith=DIGEST) | Q(order_id__startswith=DIGEST)
    if shopper_key:
        named |= Q(event_id__contains=shopper_key) | Q(order_id__contains=shopper_key)
    for event in rows.filter(named):
        fresh = f"{STAND_IN}:{event.pk}"  # still unique, no longer the sender's
        Event.objects.filter(pk=event.pk, decision_id=event.decision_id).update(event_id=fresh)
        if event.order_id:
            events_of_orders(advertiser_id, [event.order_id]).update(order_id=fresh)


def events_rename(*, advertiser_id: UUID, old: str, new: str) -> int:
    """The same shopper's events under another pseudonym; the number of events."""
    mine = Event.objects.filter(advertiser_id=advertiser_id, shopper_pseudonym=old)
    number = mine.update(shopper_pseudonym=new)
    shoppers_renamed(advertiser_id=advertiser_id, names=[old], new=new)
    return number
