"""Looks again at every stored file: is it there, are they the bytes that were made, is all marking in it?"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from PIL import Image

from adplatform.lib.files import content_read, sha256_hex
from generation import provenance
from generation.c2pa_signing import ManifestState, manifest_read
from generation.composition.sizes import SIZES
from generation.models import Creative, CreativeVersion, RenderJob

LEAST_LABEL_SHARE = 0.05  # of the short side: the rule's own figure, whatever we aim at


class Finding(StrEnum):
    """What can be wrong with a stored file. Stable codes."""

    FILE_MISSING = "file_missing"
    BYTES_CHANGED = "bytes_changed"  # other bytes than were stored
    UNREADABLE = "unreadable"
    SIZE_WRONG = "size_wrong"
    MARKING_MISSING = "marking_missing"  # not exactly one XMP packet with the seven keys
    SEAL_BROKEN = "seal_broken"
    C2PA_MISSING = "c2pa_missing"
    C2PA_INVALID = "c2pa_invalid"
    C2PA_FOREIGN = "c2pa_foreign"  # signed with another certificate than this installation's
    LABEL_TOO_SMALL = "label_too_small"
    OVER_WEIGHT = "over_weight"


@dataclass(frozen=True)
class AuditedFile:
    """One stored file and what is wrong with it; empty when nothing is."""

    name: str
    owner: str  # "creative <id>", "version <number> of creative <id>" or "render job <id>"
    findings: tuple[Finding, ...]


def files_audit(*, advertiser_id: UUID | None = None) -> Iterator[AuditedFile]:
    """Every creative, every earlier version of one and every raw render, of one advertiser or (None, for the
    operator) of all."""
    creatives = Creative.objects.all()
    versions = CreativeVersion.objects.select_related("creative")
    jobs = RenderJob.objects.exclude(picture="")
    if advertiser_id is not None:
        creatives = creatives.filter(advertiser_id=advertiser_id)
        versions = versions.filter(advertiser_id=advertiser_id)
        jobs = jobs.filter(advertiser_id=advertiser_id)
    for creative in creatives.order_by("pk").iterator(chunk_size=200):
        findings = _creative_findings(creative, (creative.width, creative.height))
        yield AuditedFile(creative.file, f"creative {creative.pk}", tuple(findings))
    for version in versions.order_by("pk").iterator(chunk_size=200):
        findings = _creative_findings(version, (version.creative.width, version.creative.height))
        owner = f"version {version.number} of creative {version.creative_id}"
        yield AuditedFile(version.file, owner, tuple(findings))
    rows = jobs.order_by("pk").values_list("pk", "picture", "picture_sha256")
    for job_id, name, digest in rows.iterator(chunk_size=200):
        yield AuditedFile(name, f"render job {job_id}", tuple(_raw_findings(name, digest)))


def _creative_findings(creative: Creative | CreativeVersion, box: tuple[int, int]) -> Iterator[Finding]:
    """``box`` is (width, height)."""
    measured = creative.inspection.get("label_height", 0)
    if measured < LEAST_LABEL_SHARE * min(box):
        yield Finding.LABEL_TOO_SMALL
    content = _read(creative.file)
    if content is None:
        yield Finding.FILE_MISSING
        return
    if sha256_hex(content) != creative.sha256:
        yield Finding.BYTES_CHANGED
    size = SIZES.get(box)
    if size is not None and len(content) > size.kilobytes * 1000:
        yield Finding.OVER_WEIGHT
    yield from _marking_findings(content, size=box)
    manifest = manifest_read(content, creative.file.rpartition(".")[2])
    if manifest.state == ManifestState.ABSENT:
        yield Finding.C2PA_MISSING
    elif manifest.state == ManifestState.INVALID:
        yield Finding.C2PA_INVALID
    elif manifest.state == ManifestState.FOREIGN:
        yield Finding.C2PA_FOREIGN


def _raw_findings(name: str, digest: str) -> Iterator[Finding]:
    content = _read(name)
    if content is None:
        yield Finding.FILE_MISSING
        return
    if sha256_hex(content) != digest:
        yield Finding.BYTES_CHANGED
    yield from _marking_findings(content)


def _marking_findings(content: bytes, size: tuple[int, int] | None = None) -> Iterator[Finding]:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            marking = provenance.marking_read(picture)
            pixels = provenance.pixels_sha256(picture)
            has_size = size is None or picture.size == size
    except Exception:  # decoders raise OSError, SyntaxError, ValueError, struct.error and more
        yield Finding.UNREADABLE
        return
    if not has_size:
        yield Finding.SIZE_WRONG
    if marking is None or tuple(marking.aigc) != provenance.AIGC_KEYS or marking.aigc["Label"] != "1":
        yield Finding.MARKING_MISSING
    elif not provenance.seal_holds(marking, pixels):
        yield Finding.SEAL_BROKEN


def _read(name: str) -> bytes | None:
    try:
        return content_read(name)
    except OSError:
        return None
