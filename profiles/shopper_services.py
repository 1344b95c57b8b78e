"""The shopper behind a shop's key: checked, found or made."""

from __future__ import annotations

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
    shopper_key_seal,
)
from profiles.selectors import shopper_find


def shopper_key_checked(shopper_key: str) -> str:
    """The key as it will be hashed. Raises DomainError ``shopper_invalid``."""
    key = shopper_key.strip()
    if not key or len(key) > SHOPPER_KEY_LIMIT or "\x00" in key:
        raise DomainError("shopper_invalid", f"A shopper key has 1 to {SHOPPER_KEY_LIMIT} characters.")
    return key


def shopper_ensure(
    *,
    advertiser: Advertiser,
    shopper_key: str,
    language: str = "",
    is_simulated: bool = False,
    is_minor: bool | None = None,
) -> Shopper:
    """The shopper behind the shop's key, made when new. It may do nothing until consent is recorded."""
    key = shopper_key_checked(shopper_key)
    shopper, is_new = shopper_find(advertiser_id=advertiser.pk, shopper_key=key), False
    if shopper is None:
        shopper, is_new = Shopper.objects.get_or_create(
            advertiser=advertiser,
            pseudonym=pseudonym_of(advertiser.pk, key),
            defaults={"language": language, "is_simulated": is_simulated, "is_minor": bool(is_minor)},
        )
    if is_new or not ShopperKey.objects.filter(shopper=shopper).exists():
        ShopperKey.objects.get_or_create(
            shopper=shopper,
            defaults={
                "advertiser": advertiser,
                "sealed": shopper_key_seal(advertiser.pk, key),
                "key_version": key_version_of(shopper, key),
            },
        )
    changes: dict[str, str | bool] = {}
    if not is_new and language and shopper.language != language:
        changes["language"] = language
    if not is_new and is_minor is not None and shopper.is_minor != is_minor:
        changes["is_minor"] = is_minor
    if changes:
        for name, value in changes.items():
            setattr(shopper, name, value)
        shopper.save(update_fields=list(changes))
    return shopper


def key_version_of(shopper: Shopper, shopper_key: str) -> str:
    """The newest version when the pseudonym is of it, else empty: a rotation has to look at the row."""
    is_newest = shopper.pseudonym == pseudonym_of(shopper.advertiser_id, shopper_key)
    return key_version() if is_newest else ""
