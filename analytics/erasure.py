"""Takes a shopper off their events. The sums stay: a stand-in that belongs to nobody takes the place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from analytics.models import Event

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
    is rebuilt. ``before`` spares what was received later. A sender's event id that holds the shop's key
    loses it.
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
            for event in rows.filter(event_id__contains=shopper_key) if shopper_key else ():
                event.event_id = f"{STAND_IN}:{event.pk}"  # still unique, no longer the sender's
                event.save(update_fields=["event_id"])
            total += rows.update(shopper_pseudonym=stand_in)
    if settings.EVENTS_BUFFER_URL:
        from analytics import event_buffer  # brings redis: not for a web process without a buffer

        total += event_buffer.refused_unlink(pseudonyms)
    return total


def events_rename(*, advertiser_id: UUID, old: str, new: str) -> int:
    """The same shopper's events under another pseudonym; the number of events."""
    mine = Event.objects.filter(advertiser_id=advertiser_id, shopper_pseudonym=old)
    return mine.update(shopper_pseudonym=new)
