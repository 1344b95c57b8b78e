"""Public pictures: an approved creative's bytes, and nothing that is in review, rejected or withdrawn."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from adplatform.lib.errors import DomainError
from adplatform.lib.files import content_read, sha256_hex
from campaigns.serving.snapshot import SnapshotCreative
from campaigns.serving.store import snapshots
from generation.models import Creative

log = structlog.get_logger(__name__)

CONTENT_TYPES = {"webp": "image/webp", "jpg": "image/jpeg", "png": "image/png", "avif": "image/avif"}
DIGEST_CHARS = 16


@require_safe
def creative_media(request: HttpRequest, creative_id: UUID, digest: str, extension: str) -> HttpResponse:
    """The creative's bytes while it is approved; 404 otherwise, whoever asks.

    The address holds the content's hash, so browsers may keep it for ever; after a withdrawal no decision
    names it any more.
    """
    file, sha256 = _approved_file(creative_id)
    if sha256[:DIGEST_CHARS] != digest or file.rpartition(".")[2] != extension:
        raise Http404
    return picture_response(file, sha256)


def picture_response(file: str, sha256: str) -> HttpResponse:
    """A stored picture with the headers of a name that never changes its bytes. Raises Http404."""
    content_type = CONTENT_TYPES.get(file.rpartition(".")[2])
    if content_type is None:
        raise Http404
    try:
        content = content_read(file)
    except OSError:
        log.error("media_file_missing", file=file)
        raise Http404 from None
    # Approval belongs to these very bytes: a file that someone changed on disk is not shown.
    if sha256_hex(content) != sha256:
        log.error("media_file_changed", file=file)
        raise Http404
    return HttpResponse(
        content,
        content_type=content_type,
        headers={
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "ETag": f'"{sha256[:DIGEST_CHARS]}"',
        },
    )


def _approved_file(creative_id: UUID) -> tuple[str, str]:
    """Storage name and hash of the creative if it is approved now. Raises Http404."""
    held = _held(creative_id)
    if held is not None:
        return held.file, held.sha256
    row = (
        Creative.objects.filter(pk=creative_id, status=Creative.Status.APPROVED)
        .values_list("file", "sha256", "approved_sha256")
        .first()
    )
    if row is None or row[1] != row[2]:
        raise Http404
    return row[0], row[1]


def _held(creative_id: UUID) -> SnapshotCreative | None:
    """The creative from a snapshot that is current, so that a shown picture usually costs no query."""
    found = snapshots.creative_find(creative_id)
    if found is None:
        return None
    try:
        return snapshots.get(found[0]).creatives.get(creative_id)
    except (DomainError, DatabaseError):
        return None
