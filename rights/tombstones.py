"""The log of erasures outside the database: what has to be done again after a restore from a backup.

Append-only lines of JSON, each synced to the disk before anything is deleted. A line holds a keyed hash and
nothing that a person could be found by without the key. With a bucket, and no file named, each line is an
object of its own: machines that share a bucket share no disk, and a disk of their own ends with them.
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
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from adplatform.lib.files import content_read

FOLDER = "erasures"  # of the bucket


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
    """On the disk, or in the bucket, when this returns. Raises OSError when it is not.

    Several processes may write at once: appending one short line is atomic, and every object has a name of
    its own. A power cut or a full disk leaves part of a line: each begins on a new one, so the next is whole.
    """
    line = json.dumps(
        {
            "at": tombstone.at.isoformat(),
            "advertiser": str(tombstone.advertiser_id),
            "subjects": list(tombstone.subjects),
        },
        separators=(",", ":"),
    )
    if not settings.RIGHTS_TOMBSTONE_LOG:
        default_storage.save(f"{FOLDER}/{uuid4().hex}.json", ContentFile(line.encode()))
        return
    path = Path(settings.RIGHTS_TOMBSTONE_LOG)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        content = f"\n{line}\n".encode()
        while os.write(descriptor, content) < len(content):
            pass  # part of a line is none: once more from its start, until it is whole or no room is left
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tombstone_file() -> Path:
    """Where the log lies as a file; with a bucket, one from the time before it."""
    return Path(settings.RIGHTS_TOMBSTONE_LOG or settings.VAR_DIR / "erasures.log")


def tombstone_list() -> Iterator[Tombstone]:
    """Every line of the log; one that a power cut broke off is passed over. None without a log."""
    for line in _lines():
        try:
            value = json.loads(line)
            yield Tombstone(
                datetime.fromisoformat(value["at"]),
                UUID(value["advertiser"]),
                tuple(map(str, value["subjects"])),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            continue


def _lines() -> Iterator[str]:
    path = tombstone_file()
    if path.is_file():
        with open(path, encoding="utf-8", errors="replace") as file:
            yield from file
    if settings.S3_BUCKET:
        for name in default_storage.listdir(FOLDER)[1]:
            yield content_read(f"{FOLDER}/{name}").decode(errors="replace")
