"""The log of erasures outside the database: what has to be done again after a restore from a backup.

Append-only lines of JSON, each synced to the disk before anything is deleted. A line holds a keyed hash and
nothing that a person could be found by without the key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings


@dataclass(frozen=True)
class Tombstone:
    """One erased shopper."""

    at: datetime
    advertiser_id: UUID
    subjects: tuple[str, ...]  # one for each version of the pseudonyms' key


def subject_of(advertiser_id: UUID | str, pseudonym: str) -> str:
    """64 hexadecimal characters under ``RIGHTS_TOMBSTONE_KEY``, which has to stay the same for ever."""
    label = f"adplatform.tombstone.v1:{advertiser_id}:{pseudonym}"
    return hmac.new(settings.RIGHTS_TOMBSTONE_KEY.encode(), label.encode(), hashlib.sha256).hexdigest()


def tombstone_write(tombstone: Tombstone) -> None:
    """On the disk when this returns. Appending one short line is atomic, so several processes may."""
    path = Path(settings.RIGHTS_TOMBSTONE_LOG)
    line = {
        "at": tombstone.at.isoformat(),
        "advertiser": str(tombstone.advertiser_id),
        "subjects": list(tombstone.subjects),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, (json.dumps(line, separators=(",", ":")) + "\n").encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tombstone_list() -> Iterator[Tombstone]:
    """Every line of the log; one that a power cut broke off is passed over. None without a log."""
    path = Path(settings.RIGHTS_TOMBSTONE_LOG)
    if not path.is_file():
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                value = json.loads(line)
                yield Tombstone(
                    datetime.fromisoformat(value["at"]),
                    UUID(value["advertiser"]),
                    tuple(map(str, value["subjects"])),
                )
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
