"""Reads of the review: what waits, what a creative was before, who did what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from django.db.models import QuerySet

from generation.creative_selectors import status_counts
from generation.models import Creative, CreativeVersion, RenderJob, ReviewRecord
from generation.version_diff import Change, changes_between

Status = Creative.Status


@dataclass(frozen=True)
class ReviewProgress:
    """How far the review is, counted in briefs (one decision each) and in creatives."""

    briefs_waiting: int
    waiting: int
    approved: int
    rejected: int


def review_queue(*, advertiser_id: UUID) -> QuerySet[RenderJob]:
    """Briefs with something left to review, oldest first."""
    waiting = Creative.objects.filter(advertiser_id=advertiser_id, status=Status.IN_REVIEW)
    return RenderJob.objects.filter(advertiser_id=advertiser_id, pk__in=waiting.values("job_id")).order_by(
        "created_at", "pk"
    )


def review_progress(*, advertiser_id: UUID) -> ReviewProgress:
    """How far the review is."""
    counts = status_counts(advertiser_id=advertiser_id)
    return ReviewProgress(
        briefs_waiting=review_queue(advertiser_id=advertiser_id).count(),
        waiting=counts[Status.IN_REVIEW],
        approved=counts[Status.APPROVED] + counts[Status.WITHDRAWN],
        rejected=counts[Status.REJECTED],
    )


def review_records(*, advertiser_id: UUID, job_id: UUID) -> QuerySet[ReviewRecord]:
    """Who did what to a brief's creatives, newest first."""
    return (
        ReviewRecord.objects.filter(advertiser_id=advertiser_id, creative__job_id=job_id)
        .select_related("creative")
        .order_by("-created_at", "-id")
    )


@dataclass(frozen=True)
class TrailLine:
    """What one person did at one time, to one size or to several."""

    record: ReviewRecord
    sizes: list[str]


def trail_lines(records: Iterable[ReviewRecord]) -> list[TrailLine]:
    """The records with neighbours that say the same in one line."""

    def key(record: ReviewRecord) -> tuple[str, ...]:
        return (record.who, record.action, record.from_status, record.reason, record.comment)

    groups = (list(group) for _, group in groupby(records, key=key))
    return [TrailLine(group[0], [record.creative.size for record in group]) for group in groups]


@dataclass(frozen=True)
class ReviewTile:
    """A brief in the grid with the sizes that wait, the largest first."""

    job: RenderJob
    waiting: list[Creative]

    @property
    def first(self) -> Creative:
        """The size that shows a brief best in a tile: neither a strip nor a tower."""
        return min(self.waiting, key=lambda c: abs(c.width / c.height - 1.2) + (c.width < 250))


def review_tiles(*, advertiser_id: UUID, jobs: Sequence[RenderJob]) -> list[ReviewTile]:
    """The tiles of some briefs of the queue, in their order."""
    waiting: dict[UUID, list[Creative]] = {job.pk: [] for job in jobs}
    rows = Creative.objects.filter(advertiser_id=advertiser_id, job__in=jobs, status=Status.IN_REVIEW)
    for creative in rows.order_by("-width", "-height"):
        waiting[creative.job_id].append(creative)
    return [ReviewTile(job, waiting[job.pk]) for job in jobs if waiting[job.pk]]


@dataclass(frozen=True)
class Comparison:
    """A creative beside what it was before: an earlier version, or the picture it takes the place of."""

    file: str
    sha256: str
    alt_text: str
    origin: str  # "version 1" or "the picture before"
    changes: list[Change]


def comparisons_get(*, job: RenderJob, creatives: Sequence[Creative]) -> dict[UUID, Comparison]:
    """By creative; one without a version before it is not there. Three queries at most."""
    found: dict[UUID, Comparison] = {}
    for version in CreativeVersion.objects.filter(creative__in=creatives).order_by("number"):
        version.creative = creative = next(c for c in creatives if c.pk == version.creative_id)
        found[creative.pk] = Comparison(  # the newest is the last to be written
            version.file,
            version.sha256,
            version.alt_text,
            f"version {version.number}",
            changes_between(_words(version), _words(creative)),
        )
    before = job.replaces
    if before is None:
        return found
    by_size = {creative.size: creative for creative in before.creatives.all()}
    for creative in creatives:
        old = by_size.get(creative.size)
        if creative.pk not in found and old is not None:
            changes = changes_between(
                _words(old) | _brief_words(before), _words(creative) | _brief_words(job)
            )
            found[creative.pk] = Comparison(old.file, old.sha256, old.alt_text, "the picture before", changes)
    return found


def _words(row: Creative | CreativeVersion) -> dict[str, str]:
    return {
        "Headline": row.headline,
        "Call to action": row.call_to_action,
        "Price": row.price_text,
        "Template": row.template,
    }


def _brief_words(job: RenderJob) -> dict[str, str]:
    brief = job.brief
    return {
        "Product": brief["product"]["title"],
        "Style": job.style_label,
        "Season": brief["season"],
        "Prompt": job.prompt,
        "Seed": str(job.seed),
    }
