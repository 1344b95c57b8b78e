"""The part of the nightly scan that reads what pictures say and what they are made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from adplatform.lib.errors import DomainError
from adplatform.lib.sensitive import sensitive_found
from campaigns.models import Campaign, Experiment, Product, Variant
from generation.models import BrandKit, Creative, RenderBatch, RenderJob
from generation.personal_words import personal_words
from generation.review import creative_reject, creative_withdraw
from rights.models import SensitiveFinding

log = structlog.get_logger(__name__)
Kind = SensitiveFinding.Kind
Place = SensitiveFinding.Place
CHUNK = 500
COMMENT = "Sensitive words in a picture for a segment (nightly scan)."


def creatives_scan() -> int:
    """Take out what was made for a segment in such words: approved ones are withdrawn, others rejected."""
    waiting = Creative.objects.filter(status__in=(Creative.Status.APPROVED, Creative.Status.IN_REVIEW))
    found = 0
    for creative in _each(waiting.exclude(job__brief__segment=None).select_related("job", "advertiser")):
        words = personal_words(
            creative.job.brief,
            creative.job.prompt,
            creative.job.motif,
            creative.headline,
            creative.call_to_action,
            creative.alt_text,
        )
        if not words:
            continue
        try:
            with transaction.atomic():
                _take_out(creative)
                _tell(creative, Kind.CREATIVE, Place.CREATIVE, words)
        except DomainError:
            continue  # somebody decided about it meanwhile: looked at again tomorrow
        found += 1
    return found


def _take_out(creative: Creative) -> None:
    who: dict[str, Any] = {
        "advertiser": creative.advertiser,
        "creative_id": creative.pk,
        "reviewer": None,
        "comment": COMMENT,
    }
    if creative.status == Creative.Status.APPROVED:
        creative_withdraw(**who)
    else:
        creative_reject(**who, reason=Creative.RejectReason.UNSUITABLE)


def jobs_scan(now: datetime) -> int:
    """Refuse what waits to be drawn for a segment from sensitive words; the worker would, too."""
    queued = RenderJob.objects.filter(status=RenderJob.Status.QUEUED)
    found = 0
    for job in _each(queued.exclude(brief__segment=None)):
        words = personal_words(job.brief, job.prompt, job.motif)
        if not words:
            continue
        with transaction.atomic():
            refused = queued.filter(pk=job.pk, lease_epoch=job.lease_epoch).update(
                status=RenderJob.Status.REJECTED,
                error_code="prompt_sensitive",
                error_message="No group is addressed by such words (nightly scan).",
                finished_at=now,
            )
            if refused:
                _tell(job, Kind.JOB, Place.JOB, words)
                found += 1
    return found


def words_scan() -> int:
    """Tell of words that reach segments or stand in what managers wrote; each row once."""
    return sum(_words_told(place, rows, texts) for place, rows, texts in _places())


def _places() -> Iterator[tuple[str, QuerySet[Any], tuple[str, ...]]]:
    """Where, which rows, and the columns to read."""
    personal = Variant.objects.filter(segment__isnull=False)
    yield Place.CAMPAIGN, Campaign.objects.all(), ("name", "headline")
    yield (
        Place.PRODUCT,
        Product.objects.filter(pk__in=personal.values("product")),
        ("title", "brand", "product_type", "description"),
    )
    yield (
        Place.BRAND,
        BrandKit.objects.all(),
        ("name", "call_to_action_en", "call_to_action_zh", "legal_lines"),
    )
    yield Place.EXPERIMENT, Experiment.objects.all(), ("name", "hypothesis")
    yield Place.BATCH, RenderBatch.objects.all(), ("name",)


def _words_told(place: str, rows: QuerySet[Any], texts: Iterable[str]) -> int:
    known = SensitiveFinding.objects.filter(kind=Kind.WORDS, place=place).values("subject_id")
    found = 0
    for row in _each(rows.exclude(pk__in=known)):
        words: dict[str, str] = {}
        for name in texts:
            value = getattr(row, name)
            for text in value.values() if isinstance(value, dict) else (value,):
                words |= sensitive_found(str(text))
        if words:
            _tell(row, Kind.WORDS, place, words)
            found += 1
    return found


def _each(rows: QuerySet[Any]) -> Iterator[Any]:
    """All rows, a page at a time by id: the loop may change what it is looking for."""
    last: UUID | None = None
    while True:
        page = list(rows.filter(Q(pk__gt=last) if last else Q()).order_by("pk")[:CHUNK])
        yield from page
        if len(page) < CHUNK:
            return
        last = page[-1].pk


def _tell(row: Any, kind: str, place: str, words: dict[str, str]) -> None:
    category = min(words.values())
    SensitiveFinding.objects.create(
        advertiser_id=row.advertiser_id, kind=kind, category=category, place=place, subject_id=row.pk
    )
    log.warning("words_sensitive", kind=kind, place=place, subject=str(row.pk), category=category)
