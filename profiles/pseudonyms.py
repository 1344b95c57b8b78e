"""The name under which we know a shopper. Pure but for the key, which never enters the database.

HMAC-SHA256 under a key derived per advertiser from a master key: the same e-mail at two shops gives
two names that cannot be joined, and a stolen database without the key names nobody.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from uuid import UUID

from django.conf import settings

KEY_VERSION = "1"
SHOPPER_KEY_LIMIT = 200


@lru_cache(maxsize=1024)
def _advertiser_key(master: str, advertiser_id: str) -> bytes:
    return hmac.new(
        master.encode(), f"adplatform.pseudonym.v{KEY_VERSION}:{advertiser_id}".encode(), "sha256"
    ).digest()


def pseudonym_of(advertiser_id: UUID | str, shopper_key: str) -> str:
    """64 hexadecimal characters: stable for one key at one advertiser, unlinkable between two."""
    key = _advertiser_key(settings.PROFILES_PSEUDONYM_KEY, str(advertiser_id))
    return hmac.new(key, shopper_key.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
