"""The nightly scan: sensitive words that came in before today's lists knew them, or past them.

A segment that is about something so personal is switched off; a behaviour's text and what it was taken for
are emptied; what was made, or waits to be made, for a segment in such words is taken out. Words that may be
harmless where they stand (a brand's name, a product's title) are only told of, once. Each leaves a finding
that names the category, never the text.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from adplatform.lib.sensitive import sensitive_found
from profiles import segments
from profiles.models import Behaviour, Segment, Shopper
from rights.models import SensitiveFinding
from rights.scan_words import creatives_scan, jobs_scan, words_scan

log = structlog.get_logger(__name__)
Kind = SensitiveFinding.Kind


def sensitive_scan(*, now: datetime) -> int:
    """Look at everything that is stored; how many findings. Twice changes nothing."""
    return _segments_scan() + _behaviours_scan(now) + creatives_scan() + jobs_scan(now) + words_scan()


def _segments_scan() -> int:
    number = 0
    for segment in Segment.objects.filter(is_active=True).order_by("pk").iterator(chunk_size=500):
        said = f"{segment.name} | {segment.slug.replace('-', ' ')} | {segment.interests}"
        words = sensitive_found(said) | sensitive_found(_words(segment.rule))
        categories = set(words.values())
        _, problems = segments.rule_clean(segment.rule)
        if any(problem.code == "interest_sensitive" for problem in problems):
            categories.add("rule")
        if not categories:
            continue
        with transaction.atomic():
            if Segment.objects.filter(pk=segment.pk, is_active=True).update(is_active=False):
                number += 1
                SensitiveFinding.objects.create(
                    advertiser_id=segment.advertiser_id,
                    kind=Kind.SEGMENT,
                    category=min(categories),
                    segment=segment,
                )
                log.warning("segment_sensitive", segment=str(segment.pk), categories=sorted(categories))
    return number


def _words(rule: Any) -> str:
    """Every text in a rule, whatever its shape."""
    if isinstance(rule, dict):
        return " | ".join(_words(value) for value in rule.values())
    if isinstance(rule, list):
        return " | ".join(_words(value) for value in rule)
    return rule.replace("_", " ") if isinstance(rule, str) else ""


def _behaviours_scan(now: datetime) -> int:
    found: Counter[tuple[UUID, str]] = Counter()
    texts = Behaviour.objects.exclude(text="").order_by().values_list("text", flat=True).distinct()
    for text in list(texts.iterator(chunk_size=2_000)):
        words = sensitive_found(text)
        if not words:
            continue
        with transaction.atomic():
            rows = list(Behaviour.objects.filter(text=text).values_list("pk", "advertiser", "shopper"))
            Behaviour.objects.filter(pk__in=[row[0] for row in rows]).update(text="", interests={})
            Shopper.objects.filter(pk__in={row[2] for row in rows}).update(stale_since=now)
            found.update((advertiser_id, min(words.values())) for _, advertiser_id, _ in rows)
    for (advertiser_id, category), number in found.items():
        SensitiveFinding.objects.create(
            advertiser_id=advertiser_id, kind=Kind.BEHAVIOUR, category=category, rows=number
        )
        log.warning("behaviours_sensitive", advertiser=str(advertiser_id), category=category, rows=number)
    return len(found)
