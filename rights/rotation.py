"""New pseudonyms for everybody, after a new version of their key was put in front of the old one.

Arms and holdouts are hashes of the pseudonym, so a rotation draws every shopper anew. In what is running at
that moment shoppers are then seen in two arms, and reports leave them out.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from analytics.erasure import events_rename
from campaigns.delivery_services import capped_forget
from campaigns.models import Campaign, Experiment
from profiles.models import Shopper, ShopperKey
from profiles.pseudonyms import key_version, pseudonym_of, shopper_key_open, shopper_key_seal

BATCH = 200


@dataclass(frozen=True)
class Rotated:
    """What a run did, and how many shoppers it cannot move because their key was never stored."""

    moved: int
    without_key: int


@dataclass(frozen=True)
class Running:
    """What goes by the pseudonyms that a rotation would take away; empty where it has nobody to move."""

    experiments: int = 0
    splits: int = 0
    learning: int = 0

    def __bool__(self) -> bool:
        return bool(self.experiments or self.splits or self.learning)


def running_get() -> Running:
    """Running experiments, standing splits and learning campaigns of advertisers with shoppers to move."""
    behind = ShopperKey.objects.exclude(key_version=key_version()).values("advertiser_id")
    campaigns = Campaign.objects.filter(advertiser_id__in=behind, status=Campaign.Status.LIVE)
    experiments = Experiment.objects.filter(advertiser_id__in=behind, status=Experiment.Status.RUNNING)
    return Running(
        experiments=experiments.count(),
        splits=campaigns.filter(dividend_rate__gt=0).count(),
        learning=campaigns.filter(learns=True).count(),
    )


def pseudonyms_rotate() -> Rotated:
    """Move every shopper to the newest version. May be stopped and run again; may run while shops send.

    Raises ValueError when the old version of the key is missing from the settings.
    """
    version, moved = key_version(), 0
    while True:
        rows = list(
            ShopperKey.objects.exclude(key_version=version).select_related("shopper").order_by("pk")[:BATCH]
        )
        for row in rows:
            _move(row, version)
            moved += 1
        if not rows:
            return Rotated(moved, Shopper.objects.filter(shop_key=None).count())


def _move(row: ShopperKey, version: str) -> None:
    key = shopper_key_open(row.advertiser_id, row.sealed)
    old, new = row.shopper.pseudonym, pseudonym_of(row.advertiser_id, key)
    with transaction.atomic():
        Shopper.objects.filter(pk=row.shopper_id).update(pseudonym=new)
        ShopperKey.objects.filter(pk=row.pk).update(
            sealed=shopper_key_seal(row.advertiser_id, key), key_version=version
        )
        if old != new:
            events_rename(advertiser_id=row.advertiser_id, old=old, new=new)
            capped_forget(advertiser_id=row.advertiser_id, pseudonyms=[old])
