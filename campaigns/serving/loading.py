"""Reads an advertiser's snapshot from the database: five queries, and one for the arms of experiments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse

from accounts.models import Advertiser
from campaigns.models import Campaign, Experiment, Placement, Product, ServingVersion, Variant
from campaigns.serving.experiments import Arm, RunningExperiment
from campaigns.serving.snapshot import (
    Candidate,
    Size,
    SlotFacts,
    Snapshot,
    SnapshotCreative,
    snapshot_make,
)
from generation.models import Creative, ReviewRecord

# What a shop can sell today; a preorder or a backorder can be ordered, so it may be shown.
BUYABLE = frozenset(
    {Product.Availability.IN_STOCK, Product.Availability.PREORDER, Product.Availability.BACKORDER}
)

# A decision that says what everybody sees from now on; a roll-back undoes an earlier shipping.
SETTLING = (Experiment.Outcome.SHIP, Experiment.Outcome.ROLL_BACK)

Version = tuple[Any, ...]


def version_read(advertiser_id: UUID) -> Version:
    """A value that moves with every edit and every review, in one query.

    Edits bump ``ServingVersion``. Reviews live in ``generation``, which may not name campaigns, so the
    append-only trail itself is watched: its newest id, and its length, because two workers' ids may arrive
    out of order and then the newest alone would miss one.
    """
    reviews = ReviewRecord.objects.filter(advertiser_id=OuterRef("pk"))
    newest = reviews.order_by("-id").values("id")[:1]  # PostgreSQL 15 has no max() of a UUID
    length = reviews.order_by().values("advertiser_id").annotate(length=Count("id")).values("length")
    row = (
        Advertiser.objects.filter(pk=advertiser_id)
        .values_list(
            Coalesce(
                Subquery(ServingVersion.objects.filter(advertiser_id=OuterRef("pk")).values("number")),
                Value(0),
            ),
            Subquery(newest),
            Coalesce(Subquery(length), Value(0)),
        )
        .first()
    )
    return tuple(row) if row is not None else ()


def snapshot_load(advertiser_id: UUID) -> Snapshot:
    """The advertiser's placements and every variant of a campaign that has not ended."""
    placements = [
        SlotFacts(*row)
        for row in Placement.objects.filter(advertiser_id=advertiser_id).values_list(
            "id", "code", "width", "height", "is_active"
        )
    ]
    variants = list(
        Variant.objects.filter(advertiser_id=advertiser_id, campaign__advertiser_id=advertiser_id)
        .exclude(campaign__status=Campaign.Status.ENDED)
        .values(
            "id",
            "job_id",
            "segment_id",
            "weight",
            "campaign_id",
            "campaign__name",
            "campaign__status",
            "campaign__priority",
            "campaign__starts_at",
            "campaign__ends_at",
            "campaign__language",
            "product_id",
            "product__external_id",
            "product__title",
            "product__is_active",
            "product__availability",
            "product__price_cents",
            "product__sale_price_cents",
            "product__currency",
            drawn_price=F("job__brief__product__price_cents"),
            drawn_sale_price=F("job__brief__product__sale_price_cents"),
            drawn_currency=F("job__brief__product__currency"),
        )
    )
    campaign_placements: dict[UUID, set[UUID]] = defaultdict(set)
    for campaign_id, placement_id in Campaign.placements.through.objects.filter(
        campaign__advertiser_id=advertiser_id
    ).values_list("campaign_id", "placement_id"):
        campaign_placements[campaign_id].add(placement_id)
    approved, unapproved = _creatives(advertiser_id)
    return snapshot_make(
        advertiser_id,
        placements,
        [
            _candidate(
                row,
                frozenset(campaign_placements[row["campaign_id"]]),
                approved.get(row["job_id"], {}),
                frozenset(unapproved.get(row["job_id"], ())),
            )
            for row in variants
        ],
        _experiments(advertiser_id),
    )


def _experiments(advertiser_id: UUID) -> list[RunningExperiment]:
    """Running ones; for a campaign without one, the newest decided one, if an arm of it was shipped."""
    found: dict[UUID, RunningExperiment] = {}
    is_running = Q(status=Experiment.Status.RUNNING)
    rows = (
        Experiment.objects.filter(advertiser_id=advertiser_id, campaign__advertiser_id=advertiser_id)
        .filter(is_running | Q(status=Experiment.Status.DECIDED, outcome__in=SETTLING))
        .exclude(campaign__status=Campaign.Status.ENDED)
        .prefetch_related("arms")
        .order_by(Case(When(is_running, then=1), default=0), "decided_at")
    )
    for row in rows:
        is_shipped = row.status != Experiment.Status.RUNNING
        arms = [arm for arm in row.arms.all() if not is_shipped or arm.key == row.decided_arm]
        total = sum(arm.weight for arm in arms)
        if total <= 0:
            found.pop(row.campaign_id, None)
            continue
        found[row.campaign_id] = RunningExperiment(
            id=row.pk,
            campaign_id=row.campaign_id,
            salt=row.salt,
            arms=tuple(Arm(arm.key, arm.rule, arm.weight / total) for arm in arms),
            traffic_rate=row.traffic_rate,
            starts_at=row.decided_at if is_shipped else row.started_at,
            ends_at=None if is_shipped else row.planned_end_at,
            is_shipped=is_shipped,
        )
    return list(found.values())


def _creatives(
    advertiser_id: UUID,
) -> tuple[dict[UUID, dict[Size, SnapshotCreative]], dict[UUID, set[Size]]]:
    """By render job: the approved creatives of each size, and the sizes that wait or were refused."""
    approved: dict[UUID, dict[Size, SnapshotCreative]] = defaultdict(dict)
    unapproved: dict[UUID, set[Size]] = defaultdict(set)
    jobs = Variant.objects.filter(advertiser_id=advertiser_id).exclude(campaign__status=Campaign.Status.ENDED)
    rows = Creative.objects.filter(advertiser_id=advertiser_id, job_id__in=jobs.values("job_id"))
    for creative in rows.only(
        "job_id", "width", "height", "file", "sha256", "approved_sha256", "status", "alt_text", "headline"
    ).order_by("id"):
        size = (creative.width, creative.height)
        if creative.status == Creative.Status.APPROVED and creative.approved_sha256 == creative.sha256:
            approved[creative.job_id][size] = SnapshotCreative(
                id=creative.id,
                width=creative.width,
                height=creative.height,
                file=creative.file,
                sha256=creative.sha256,
                path=media_path(creative.id, creative.sha256, creative.file),
                alt_text=creative.alt_text,
                headline=creative.headline,
            )
        else:
            unapproved[creative.job_id].add(size)
    return approved, unapproved


def media_path(creative_id: UUID, sha256: str, file: str) -> str:
    """The public address of an approved creative's bytes; new bytes get a new address."""
    extension = file.rpartition(".")[2]
    return reverse("creative-media", args=[creative_id, sha256[:16], extension])


def _candidate(
    row: Mapping[str, Any],
    placement_ids: frozenset[UUID],
    creatives: dict[Size, SnapshotCreative],
    unapproved_sizes: frozenset[Size],
) -> Candidate:
    drawn = (row["drawn_price"], row["drawn_sale_price"], row["drawn_currency"])
    current = (row["product__price_cents"], row["product__sale_price_cents"], row["product__currency"])
    return Candidate(
        variant_id=row["id"],
        campaign_id=row["campaign_id"],
        campaign_name=row["campaign__name"],
        campaign_status=row["campaign__status"],
        priority=row["campaign__priority"],
        starts_at=row["campaign__starts_at"],
        ends_at=row["campaign__ends_at"],
        placement_ids=placement_ids,
        language=row["campaign__language"],
        product_id=row["product_id"],
        product_external_id=row["product__external_id"],
        product_title=row["product__title"],
        is_product_active=row["product__is_active"],
        is_buyable=row["product__availability"] in BUYABLE,
        has_price_changed=row["drawn_price"] is not None and drawn != current,
        segment_id=row["segment_id"],
        weight=row["weight"],
        creatives=creatives,
        unapproved_sizes=unapproved_sizes,
    )
