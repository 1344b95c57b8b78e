"""The name under which we know a shopper. Pure but for the keys, which never enter the database.

HMAC-SHA256 under a key derived per advertiser from a master key: the same e-mail at two shops gives
two names that cannot be joined, and a stolen database without the key names nobody. Master keys have
versions: new names are made under the newest, older ones are still found until ``pseudonyms_rotate`` has
moved every row.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

SHOPPER_KEY_LIMIT = 200
ID_LIMIT = 64  # characters of a sender's id
DIGEST = "digest:"  # what an id begins with that was stored as its digest, 228 bits of it
WORDING_KEY_LEAST = 6  # characters of a key that a consent's wording may not hold
_PHONE = re.compile(r"\+\d[\d ().-]{6,}")
# Its first character is a literal and what stands before comes last: three times faster to search for.
_CHINESE_MOBILE = re.compile(r"1[3-9]\d{9}(?<![0-9A-Za-z].{11})(?![0-9A-Za-z])")


@lru_cache(maxsize=1024)
def _derived(master: str, label: str) -> bytes:
    return hmac.new(master.encode(), label.encode(), "sha256").digest()


def _master_keys() -> dict[str, str]:
    """Version -> master key, newest first."""
    keys: dict[str, str] = settings.PROFILES_PSEUDONYM_KEYS
    return keys or {"1": settings.PROFILES_PSEUDONYM_KEY}


def key_version() -> str:
    """The version that new pseudonyms are made under."""
    return next(iter(_master_keys()))


def _pseudonym(advertiser_id: UUID | str, shopper_key: str, version: str, master: str) -> str:
    key = _derived(master, f"adplatform.pseudonym.v{version}:{advertiser_id}")
    return hmac.new(key, shopper_key.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def pseudonym_of(advertiser_id: UUID | str, shopper_key: str) -> str:
    """64 hexadecimal characters: stable for one key at one advertiser, unlinkable between two."""
    version, master = next(iter(_master_keys().items()))
    return _pseudonym(advertiser_id, shopper_key, version, master)


def pseudonyms_of(advertiser_id: UUID | str, shopper_key: str) -> tuple[str, ...]:
    """The names under every version of the key, newest first: a row may still have an older one."""
    return tuple(_pseudonym(advertiser_id, shopper_key, *item) for item in _master_keys().items())


def id_stored(advertiser_id: UUID | str, sent: str, shopper_key: str = "") -> str:
    """A sender's id of an event, a behaviour or an order; its keyed digest where it names a person.

    It does where it holds the shopper's own key, an e-mail address, or a telephone number written
    internationally or as a Chinese mobile's. Equal ids give equal digests for ever, so that what is sent
    twice is stored once: the key is that of the tombstones, which never changes.
    """
    if not _holds_contact(sent) and not holds_key(sent, shopper_key):
        return sent
    return id_digest(advertiser_id, sent)


def id_digest(advertiser_id: UUID | str, sent: str) -> str:
    """A sender's id without its text, whatever it holds."""
    key = _derived(settings.RIGHTS_TOMBSTONE_KEY, f"adplatform.id.v1:{advertiser_id}")
    digest = hmac.new(key, sent.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    return f"{DIGEST}{digest}"[:ID_LIMIT]


def _holds_contact(text: str) -> bool:
    return (
        "@" in text
        or "%40" in text
        or _PHONE.search(text) is not None
        or _CHINESE_MOBILE.search(text) is not None
    )


def holds_key(text: str, shopper_key: str) -> bool:
    """Whether an id holds the shop's own key, in whatever case; no key is in nothing."""
    return bool(shopper_key) and shopper_key.casefold() in text.casefold()


def wording_names_person(text: str, shopper_key: str) -> bool:
    """Whether the version of a consent's text, or the place that it was given at, names who gave it.

    As with an id, but a key has to stand for itself and be WORDING_KEY_LEAST long: shopper 11 has to be able
    to answer, and to withdraw, under the text of 2026-11.
    """
    if _holds_contact(text):
        return True
    if len(shopper_key) < WORDING_KEY_LEAST:
        return False
    key = re.escape(shopper_key.casefold())
    return re.search(rf"(?<![^\W_]){key}(?![^\W_])", text.casefold()) is not None


def _fernet(advertiser_id: UUID | str, version: str, master: str) -> Fernet:
    from cryptography.fernet import Fernet  # not for the decision's path, which never needs it

    key = _derived(master, f"adplatform.shopper-key.v{version}:{advertiser_id}")
    return Fernet(base64.urlsafe_b64encode(key))


def shopper_key_seal(advertiser_id: UUID | str, shopper_key: str) -> str:
    """The shop's own key, encrypted (Fernet) under the newest version."""
    version, master = next(iter(_master_keys().items()))
    plain = shopper_key.encode("utf-8", "surrogatepass")
    return _fernet(advertiser_id, version, master).encrypt(plain).decode()


def shopper_key_open(advertiser_id: UUID | str, sealed: str) -> str:
    """The shop's own key. Raises ValueError when no version of the master key opens it."""
    from cryptography.fernet import InvalidToken, MultiFernet

    keys = MultiFernet([_fernet(advertiser_id, *item) for item in _master_keys().items()])
    try:
        return keys.decrypt(sealed.encode()).decode("utf-8", "surrogatepass")
    except InvalidToken:
        raise ValueError("no key opens this") from None
