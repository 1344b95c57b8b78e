"""Takes a shopper off their events. The sums stay: a stand-in that belongs to nobody takes the place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat

from accounts.idempotency import answers_replace
from analytics.experiment_sums import shoppers_renamed
from analytics.models import Event
from analytics.orders import chunks, events_of_orders
from profiles.pseudonyms import DIGEST, holds_key

STAND_IN = "erased"
BATCH = 1_000  # rows a transaction: some milliseconds of write lock
ROUTES = ("api-conversion", "api-refund")  # whose kept answers name an order
_FRESH = Concat(Value(f"{STAND_IN}:"), Cast("pk", CharField()))  # still unique, no longer the sender's


class _Row(NamedTuple):
    pk: UUID
    event_id: str
    order_id: str

    def is_replaced(self, shopper_key: str) -> bool:
        """Whether the event's id may name the shopper; where the key is not known, every id may that could.

        An order's cannot but as a digest: it came with the key.
        """
        if self.event_id.startswith(DIGEST) or holds_key(self.event_id, shopper_key):
            return True
        return not shopper_key and not self.order_id


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
    replaced, an order's on its refunds as well; only a refund that comes later then finds no order. Without
    ``shopper_key`` every id goes that a sender could have put it into. What waits in the buffer is unlinked
    when it is stored, because its shopper is unknown by then.
    """
    mine = Event.objects.filter(advertiser_id=advertiser_id, shopper_pseudonym__in=pseudonyms)
    if before is not None:
        mine = mine.filter(received_at__lte=before)
    total = 0
    while True:
        with transaction.atomic():
            rows = [_Row(*row) for row in mine.values_list("pk", "event_id", "order_id")[:BATCH]]
            if not rows:
                break
            _ids_replace(advertiser_id, rows, shopper_key)
            total += Event.objects.filter(pk__in=[row.pk for row in rows]).update(shopper_pseudonym=stand_in)
    shoppers_renamed(advertiser_id=advertiser_id, names=pseudonyms, new=stand_in)
    return total


def _ids_replace(advertiser_id: UUID, rows: Sequence[_Row], shopper_key: str) -> None:
    named = [row for row in rows if row.is_replaced(shopper_key)]
    if named:
        Event.objects.filter(pk__in=[row.pk for row in named]).update(event_id=_FRESH)
    orders = {row.order_id: row.pk for row in rows if row.order_id.startswith(DIGEST)}
    gone = orders.keys() | {row.event_id for row in named if row.order_id}
    for order_id, pk in orders.items():
        of_order = events_of_orders(advertiser_id, [order_id])
        refunds = of_order.filter(kind=Event.Kind.REFUND, event_id__startswith=DIGEST)
        gone |= set(refunds.values_list("event_id", flat=True))
        refunds.update(event_id=_FRESH)
        of_order.update(order_id=f"{STAND_IN}:{pk}")
    for old in chunks(sorted(gone)):
        answers_replace(
            advertiser_id=advertiser_id, routes=ROUTES, names=("event_id", "order_id"), old=old, new=STAND_IN
        )


def events_rename(*, advertiser_id: UUID, old: str, new: str) -> int:
    """The same shopper's events under another pseudonym; the number of events."""
    mine = Event.objects.filter(advertiser_id=advertiser_id, shopper_pseudonym=old)
    number = mine.update(shopper_pseudonym=new)
    shoppers_renamed(advertiser_id=advertiser_id, names=[old], new=new)
    return number
