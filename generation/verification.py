"""Is this file ours, and is it as we made it? A free detector, as article 50 of the EU AI Act wants one.

The witnesses, from the strictest: the hash of the stored bytes, the C2PA signature over the file, the seal
over the decoded pixels, and the watermark in them, which outlives a re-save. Nothing is written.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db.models import QuerySet
from PIL import Image

from adplatform.lib.errors import DomainError
from adplatform.lib.files import sha256_hex
from generation import provenance
from generation.c2pa_signing import Manifest, ManifestState, manifest_read
from generation.models import Creative
from generation.watermark import ID_DIGITS, watermark_read

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 20_000_000  # 60 MB decoded; our largest format at twice its density has 8.3 million
FORMATS = {"WEBP": "webp", "JPEG": "jpg", "PNG": "png", "AVIF": "avif"}
_CONTENT_ID = re.compile(r"[0-9a-f]{32}-\d{1,5}x\d{1,5}")


class Verdict(StrEnum):
    """The answer in one word. Stable codes."""

    UNTOUCHED = "untouched"  # ours, byte for byte
    REMARKED = "remarked"  # every pixel as we made it; the marking was taken off or changed
    ALTERED = "altered"  # speaks of one of our creatives, and is not as we made it
    UNKNOWN = "unknown"  # nothing in it speaks of us


class SealState(StrEnum):
    """What the XMP packet's seal says. Stable codes."""

    INTACT = "intact"
    BROKEN = "broken"  # other pixels than were sealed, or sealed by somebody else
    ABSENT = "absent"


@dataclass(frozen=True)
class Verification:
    """What was found. ``creative`` only when it is the advertiser's own."""

    verdict: Verdict
    creative: Creative | None
    sha256: str
    is_stored_file: bool  # the bytes equal the creative's
    manifest: Manifest
    seal: SealState
    watermark: str  # the id in the pixels; only one that a creative of the advertiser has
    content_id: str  # as the packet or the manifest names it; a claim, unless one of them holds
    ai_label: str  # the packet's own: "1" is generated; empty without a packet


def file_verify(*, advertiser_id: UUID, content: bytes) -> Verification:
    """Look at a file that somebody found somewhere.

    Raises DomainError ``file_too_large``, ``not_a_picture``, ``picture_too_large``, ``picture_animated``
    or ``picture_broken``.
    """
    picture, extension = picture_open(content)
    manifest, marking = manifest_read(content, extension), provenance.marking_read(picture)
    pixels, digest = provenance.pixels_sha256(picture), sha256_hex(content)
    seal = SealState.ABSENT
    if marking is not None:
        seal = SealState.INTACT if provenance.seal_holds(marking, pixels) else SealState.BROKEN
    content_id = marking.aigc.get("ProduceID", "") if marking is not None else manifest.title

    rows = Creative.objects.filter(advertiser_id=advertiser_id)
    same = list(rows.filter(pixels_sha256=pixels).order_by("created_at"))
    stored = next((creative for creative in same if creative.sha256 == digest), None)
    named = content_id if _CONTENT_ID.fullmatch(content_id) else ""
    mark = watermark_read(picture) or ""
    marked = _creative_of(rows, mark, picture.size) if mark else None
    creative = stored or (same[0] if same else marked or _creative_of(rows, named, picture.size))
    if stored is not None or manifest.state == ManifestState.OURS:
        verdict = Verdict.UNTOUCHED
    elif same or seal == SealState.INTACT:
        verdict = Verdict.REMARKED
    else:
        verdict = Verdict.ALTERED if creative is not None else Verdict.UNKNOWN
    return Verification(
        verdict=verdict,
        creative=creative,
        sha256=digest,
        is_stored_file=stored is not None,
        manifest=manifest,
        seal=seal,
        watermark=mark if marked is not None else "",
        content_id=content_id[:100],
        ai_label=marking.aigc.get("Label", "")[:10] if marking is not None else "",
    )


def picture_open(content: bytes) -> tuple[Image.Image, str]:
    """A decoded still picture of somebody's file, and its extension; refuses before it decodes too much."""
    if len(content) > MAX_BYTES:
        raise DomainError("file_too_large", f"The file is over {MAX_BYTES // 2**20} MB.", status=413)
    try:
        picture = Image.open(io.BytesIO(content), formats=tuple(FORMATS))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large() from None
    except Exception:  # parsers of headers raise OSError, SyntaxError, ValueError, struct.error and more
        raise DomainError(
            "not_a_picture", "This is not a WebP, PNG, JPEG or AVIF picture.", status=422
        ) from None
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_large()
    if getattr(picture, "n_frames", 1) > 1 or picture.format not in FORMATS:
        raise DomainError("picture_animated", "The file holds more than one picture.", status=422)
    try:
        picture.load()
    except Exception:
        raise DomainError("picture_broken", "The picture is cut off or damaged.", status=422) from None
    return picture, FORMATS[picture.format]


def _too_large() -> DomainError:
    return DomainError(
        "picture_too_large", f"The picture has over {MAX_PIXELS // 1_000_000} megapixels.", status=422
    )


def _creative_of(rows: QuerySet[Creative], content_id: str, size: tuple[int, int]) -> Creative | None:
    """The creative with this id, in the shape nearest to the picture's; None for the empty id."""
    found = list(rows.filter(inspection__watermark=content_id[:ID_DIGITS]))
    shape = size[0] / size[1]
    return min(
        found, key=lambda row: (abs(row.width / row.height - shape), abs(row.width - size[0])), default=None
    )
