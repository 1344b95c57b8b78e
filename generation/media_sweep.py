"""Files that nobody needs: halves that a kill left, and pictures whose transaction never came.

Only for files on a disk of ours. On an object store an upload is whole or absent, and a picture too many
costs less than looking for it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import structlog
from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage

from generation.models import Creative, CreativeVersion, RenderJob

log = structlog.get_logger(__name__)

TEMPORARY_MAX_AGE_SECONDS = 3600
ORPHAN_MAX_AGE_SECONDS = 24 * 3600  # far longer than any render between its file and its row
FOLDERS = ("renders", "creatives")  # what the render queue writes


def media_sweep(*, now: float) -> dict[str, int]:
    """Delete both kinds of left-overs, ``now`` in seconds since 1970; how many of each. Idempotent."""
    if not isinstance(default_storage, FileSystemStorage):
        return {}
    root = Path(settings.MEDIA_ROOT)
    deleted = {
        "temporary": temporary_files_delete(root=root, older_than=now - TEMPORARY_MAX_AGE_SECONDS),
        "orphans": orphans_delete(root=root, older_than=now - ORPHAN_MAX_AGE_SECONDS),
    }
    log.info("media_swept", **deleted)
    return deleted


def temporary_files_delete(*, root: Path, older_than: float) -> int:
    """Delete half-written files (``.<hex>.tmp``) last touched before ``older_than``; how many."""
    deleted = 0
    for path in root.rglob(".*.tmp"):
        with contextlib.suppress(FileNotFoundError):  # finished, or swept by another worker
            if path.stat().st_mtime < older_than:
                path.unlink()
                deleted += 1
    return deleted


def orphans_delete(*, root: Path, older_than: float) -> int:
    """Delete old files of the render queue that no row names; how many.

    One question to the database for each of the (at most 256) shards of a folder. A render that stores
    the same bytes again replaces the file, which makes it young.
    """
    deleted = 0
    for folder in FOLDERS:
        for shard in sorted((root / folder).glob("??")):
            old = {
                path.relative_to(root).as_posix(): path
                for path in shard.iterdir()
                if not path.name.startswith(".") and path.stat().st_mtime < older_than
            }
            for name in _unnamed(set(old)):
                deleted += _delete_if_still_old(old[name], older_than)
    return deleted


def _unnamed(names: set[str]) -> set[str]:
    for model, column in ((RenderJob, "picture"), (Creative, "file"), (CreativeVersion, "file")):
        if names:
            names -= set(model.objects.filter(**{f"{column}__in": names}).values_list(column, flat=True))
    return names


def _delete_if_still_old(path: Path, older_than: float) -> bool:
    """Delete the file unless a render replaced it just now: out of the way first, then looked at again."""
    aside = path.with_name(f".{path.name}.tmp")  # should this process die here, the next sweep deletes it
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, aside)
        if aside.stat().st_mtime >= older_than:
            os.rename(aside, path)
            return False
        aside.unlink()
        return True
    return False
