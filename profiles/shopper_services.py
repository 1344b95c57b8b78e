"""The shopper behind a shop's key: checked, found or made."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError
from profiles.models import (
    Shopper,
    ShopperKey,
)
from profiles.pseudonyms import (
    SHOPPER_KEY_LIMIT,
    key_version,
    pseudonym_of,
    pseudonyms_of,
    shopper_key_seal,
)


def shopper_key_checked(shopper_key: str) -> str:
    """The key as it will be hashed. Raises DomainError ``shopper_invalid``."""
    key = shopper_key.strip()
    if not key or len(key) > SHOPPER_KEY_LIMIT or "\x00" in key:
        raise DomainError("shopper_invalid", f"A shopper key has 1 to {SHOPPER_KEY_LIMIT} characters.")
    return key


@transaction.atomic
def shopper_ensure(
    *, advertiser: Advertiser, shopper_key: str, language: str = "", is_simulated: bool = False
) -> Shopper:
    """The shopper behind the shop's key, made when new, locked until the caller's transaction ends.

    It may do nothing until consent is recorded.
    """
    key = shopper_key_checked(shopper_key)
    while (shopper := _locked(advertiser, key)) is None:  # and once more, should an erasure come between
        new = Shopper(
            advertiser=advertiser,
            pseudonym=pseudonym_of(advertiser.pk, key),
            language=language,
            is_simulated=is_simulated,
        )
        Shopper.objects.bulk_create([new], ignore_conflicts=True)
    if not ShopperKey.objects.filter(shopper=shopper).exists():
        ShopperKey.objects.create(
            shopper=shopper,
            advertiser=advertiser,
            sealed=shopper_key_seal(advertiser.pk, key),
            key_version=key_version_of(shopper, key),
        )
    if language and shopper.language != language:
        shopper.language = language
        shopper.save(update_fields=["language"])
    return shopper


def _locked(advertiser: Advertiser, key: str) -> Shopper | None:
    """By every version of the pseudonyms' key at once: a rotation may rename the row while we wait for it."""
    names = pseudonyms_of(advertiser.pk, key)
    rows = list(
        Shopper.objects.select_for_update().filter(advertiser=advertiser, pseudonym__in=names).order_by("pk")
    )
    return min(rows, key=lambda row: names.index(row.pseudonym), default=None)


def key_version_of(shopper: Shopper, shopper_key: str) -> str:
    """The newest version when the pseudonym is of it, else empty: a rotation has to look at the row."""
    is_newest = shopper.pseudonym == pseudonym_of(shopper.advertiser_id, shopper_key)
    return key_version() if is_newest else ""
