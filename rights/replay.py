"""Erasures once more, after the database was restored from a backup that still knew the erased."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from analytics.models import Event, ExperimentShopper
from campaigns.models import CappedShopper
from profiles.models import Shopper
from profiles.pseudonyms import pseudonyms_of, shopper_key_open
from rights.erasure import pseudonyms_erase
from rights.models import Erasure
from rights.tombstones import Tombstone, subject_of, tombstone_list

Names = tuple[str, ...]


@dataclass(frozen=True)
class Replayed:
    """How many a replay erased, and how many it tried under one name only: no key of ours opens theirs."""

    erased: int
    without_key: int


def erasures_replay(*, now: datetime) -> Replayed:
    """Erase again whom the log names and the database knows. Twice changes nothing.

    A backup from before a rotation knows the erased under an older name than the log does, so every shopper
    is tried under the names of all versions of the pseudonyms' key, by the shop's key sealed beside them.
    Spared is what is newer than the tombstone: a shopper who was erased may have come back.
    """
    wanted: dict[tuple[UUID, str], Tombstone] = {}
    for tombstone in tombstone_list():
        for subject in tombstone.subjects:
            known = wanted.get((tombstone.advertiser_id, subject))
            if known is None or known.at < tombstone.at:
                wanted[tombstone.advertiser_id, subject] = tombstone
    if not wanted:
        return Replayed(0, 0)
    without_key = 0
    found: dict[tuple[UUID, str], tuple[Names, Tombstone]] = {}
    for advertiser_id, names, is_whole in _known({advertiser_id for advertiser_id, _ in wanted}):
        without_key += not is_whole
        subjects = (subject_of(advertiser_id, name) for name in names)
        named = [wanted[advertiser_id, subject] for subject in subjects if (advertiser_id, subject) in wanted]
        newest = max(named, key=lambda tombstone: tombstone.at, default=None)
        if newest is not None and _is_older(advertiser_id, names, newest.at):
            for name in names:
                found.setdefault((advertiser_id, name), (names, newest))
    again = {(advertiser_id, names): tombstone for (advertiser_id, _), (names, tombstone) in found.items()}
    for (advertiser_id, names), tombstone in again.items():
        pseudonyms_erase(
            advertiser_id=advertiser_id,
            pseudonyms=names,
            origin=Erasure.Origin.REPLAY,
            now=now,
            before=tombstone.at,
        )
    return Replayed(len(again), without_key)


def _known(advertisers: set[UUID]) -> Iterator[tuple[UUID, Names, bool]]:
    """Who stands anywhere, some more than once: shoppers by all their names, and whether these are all."""
    for advertiser_id in sorted(advertisers):
        mine = {"advertiser": advertiser_id}
        shoppers = Shopper.objects.filter(**mine).values_list("pseudonym", "shop_key__sealed")
        for pseudonym, sealed in shoppers.iterator(chunk_size=5_000):
            others = _names(advertiser_id, sealed)
            yield advertiser_id, tuple(dict.fromkeys((*others, pseudonym))), bool(others or not sealed)
        for found in (
            CappedShopper.objects.filter(**mine).values_list("shopper_pseudonym", flat=True).distinct(),
            ExperimentShopper.objects.filter(**mine).values_list("shopper_pseudonym", flat=True).distinct(),
            Event.objects.filter(**mine)
            .exclude(shopper_pseudonym="")
            .order_by()
            .values_list("shopper_pseudonym", flat=True)
            .distinct(),
        ):
            for pseudonym in found.iterator(chunk_size=5_000):
                yield advertiser_id, (pseudonym,), True


def _names(advertiser_id: UUID, sealed: str | None) -> Names:
    """The names under every version of the key, newest first; none where the shop's key cannot be opened."""
    try:
        return pseudonyms_of(advertiser_id, shopper_key_open(advertiser_id, sealed or ""))
    except ValueError:
        return ()


def _is_older(advertiser_id: UUID, names: Names, at: datetime) -> bool:
    mine = {"advertiser": advertiser_id}
    return (
        Shopper.objects.filter(**mine, pseudonym__in=names, created_at__lte=at).exists()
        or Event.objects.filter(**mine, shopper_pseudonym__in=names, received_at__lte=at).exists()
        or CappedShopper.objects.filter(**mine, shopper_pseudonym__in=names, created_at__lte=at).exists()
        or ExperimentShopper.objects.filter(**mine, shopper_pseudonym__in=names, created_at__lte=at).exists()
    )
