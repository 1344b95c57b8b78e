"""The numbers that tell serving processes to reload their snapshot, or the counts in it."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F

from campaigns.models import ServingVersion


def serving_version_bump(advertiser_id: UUID) -> None:
    """Tell every serving process to reload; call it inside the transaction of the edit itself."""
    _bump(advertiser_id, "number")


def delivery_version_bump(advertiser_id: UUID) -> None:
    """Tell every serving process that the counts of limited campaigns moved, and nothing else did."""
    _bump(advertiser_id, "delivery_number")


def _bump(advertiser_id: UUID, name: str) -> None:
    mine = ServingVersion.objects.filter(advertiser_id=advertiser_id)
    if mine.update(**{name: F(name) + 1}):
        return
    # The first edit of an advertiser: two of them may race here, so the insert may lose, the update not.
    ServingVersion.objects.bulk_create([ServingVersion(advertiser_id=advertiser_id)], ignore_conflicts=True)
    mine.update(**{name: F(name) + 1})
