"""Reads of rights."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from profiles.consent import Use, allowed_rows
from profiles.models import ConsentRecord, Shopper
from rights.models import Erasure, RetentionRun, SensitiveFinding
from rights.retention import data_class_list


@dataclass(frozen=True)
class Retained:
    """A class of data, how long it is kept, and when it was last thinned out."""

    label: str
    what: str
    days: int
    ran_at: datetime | None
    removed: int
    removed_total: int
    is_complete: bool


@dataclass(frozen=True)
class ConsentSummary:
    """An advertiser's shoppers by what they allow."""

    shoppers: int
    personalised: int
    measured: int
    objected: int
    minors: int
    lines: int  # of the ledger


def retention_list() -> list[Retained]:
    """Every class, in the page's order."""
    runs = RetentionRun.objects.in_bulk()
    found = []
    for data_class in data_class_list():
        run = runs.get(data_class.name)
        found.append(
            Retained(
                data_class.label,
                data_class.what,
                data_class.days,
                run.ran_at if run else None,
                run.removed if run else 0,
                run.removed_total if run else 0,
                run.is_complete if run else True,
            )
        )
    return found


def erasure_list(*, advertiser_id: UUID | str) -> QuerySet[Erasure]:
    """The advertiser's erasures, newest first."""
    return Erasure.objects.filter(advertiser_id=advertiser_id).order_by("-created_at", "-pk")


def finding_list(*, advertiser_id: UUID | str) -> QuerySet[SensitiveFinding]:
    """What the nightly scan found, newest first."""
    found = SensitiveFinding.objects.filter(advertiser_id=advertiser_id)
    return found.select_related("segment").order_by("-created_at", "-pk")


def consent_summary_get(*, advertiser_id: UUID | str) -> ConsentSummary:
    """Two queries."""
    counts = Shopper.objects.filter(advertiser_id=advertiser_id).aggregate(
        shoppers=Count("pk"),
        personalised=Count("pk", filter=Q(**allowed_rows(Use.PERSONALISATION))),
        measured=Count("pk", filter=Q(**allowed_rows(Use.MEASUREMENT))),
        objected=Count("pk", filter=Q(has_objected=True)),
        minors=Count("pk", filter=Q(is_minor=True)),
    )
    return ConsentSummary(**counts, lines=ConsentRecord.objects.filter(advertiser_id=advertiser_id).count())
