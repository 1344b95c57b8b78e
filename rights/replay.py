"""Erasures once more, after the database was restored from a backup that still knew the erased."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from analytics.models import Event, ExperimentShopper
from campaigns.models import CappedShopper
from profiles.models import Shopper
from rights.erasure import pseudonyms_erase
from rights.models import Erasure
from rights.tombstones import Tombstone, subject_of, tombstone_list


def erasures_replay(*, now: datetime) -> int:
    """Erase again whom the log names and the database knows; how many that were. Twice changes nothing.

    Spared is what is newer than the tombstone: a shopper who was erased may have come back.
    """
    wanted: dict[tuple[UUID, str], Tombstone] = {}
    for tombstone in tombstone_list():
        for subject in tombstone.subjects:
            known = wanted.get((tombstone.advertiser_id, subject))
            if known is None or known.at < tombstone.at:
                wanted[tombstone.advertiser_id, subject] = tombstone
    if not wanted:
        return 0
    advertisers = {advertiser_id for advertiser_id, _ in wanted}
    found: dict[tuple[UUID, str], Tombstone] = {}
    for advertiser_id, pseudonym in _known(advertisers):
        named = wanted.get((advertiser_id, subject_of(advertiser_id, pseudonym)))
        if named is not None and _is_older(advertiser_id, pseudonym, named.at):
            found[advertiser_id, pseudonym] = named
    for (advertiser_id, pseudonym), tombstone in found.items():
        pseudonyms_erase(
            advertiser_id=advertiser_id,
            pseudonyms=(pseudonym,),
            origin=Erasure.Origin.REPLAY,
            now=now,
            before=tombstone.at,
        )
    return len(found)


def _known(advertisers: set[UUID]) -> Iterator[tuple[UUID, str]]:
    """Every pseudonym that stands anywhere, some more than once."""
    for advertiser_id in sorted(advertisers):
        mine = {"advertiser": advertiser_id}
        for names in (
            Shopper.objects.filter(**mine).values_list("pseudonym", flat=True),
            CappedShopper.objects.filter(**mine).values_list("shopper_pseudonym", flat=True).distinct(),
            ExperimentShopper.objects.filter(**mine).values_list("shopper_pseudonym", flat=True).distinct(),
            Event.objects.filter(**mine)
            .exclude(shopper_pseudonym="")
            .order_by()
            .values_list("shopper_pseudonym", flat=True)
            .distinct(),
        ):
            for pseudonym in names.iterator(chunk_size=5_000):
                yield advertiser_id, pseudonym


def _is_older(advertiser_id: UUID, pseudonym: str, at: datetime) -> bool:
    mine = {"advertiser": advertiser_id}
    return (
        Shopper.objects.filter(**mine, pseudonym=pseudonym, created_at__lte=at).exists()
        or Event.objects.filter(**mine, shopper_pseudonym=pseudonym, received_at__lte=at).exists()
        or CappedShopper.objects.filter(**mine, shopper_pseudonym=pseudonym, created_at__lte=at).exists()
        or ExperimentShopper.objects.filter(**mine, shopper_pseudonym=pseudonym, created_at__lte=at).exists()
    )
