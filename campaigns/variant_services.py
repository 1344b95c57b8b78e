"""Writes that make pictures for a campaign's variants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import Advertiser, User
from adplatform.lib.errors import DomainError, NotFound
from campaigns.briefing import brief_make, sizes_of
from campaigns.lifecycle import SENTENCES, Code, Status
from campaigns.models import Campaign, Variant
from campaigns.planning import PlannedVariant, campaign_plan, take_of, variants_outdated
from campaigns.selectors import campaign_get, variant_get
from campaigns.serving_version import serving_version_bump
from generation.job_selectors import render_job_get
from generation.models import Creative, RenderBatch, RenderJob
from generation.render_batches import batch_create
from generation.review import creatives_recall, creatives_replace
from generation.services import Wanted, render_request, render_retry, renders_cancel, renders_request

CHUNK = 200  # variants a transaction, about 0.1 s: SQLite has one writer, and events must get their turn
GENERIC_PRIORITY, SEGMENT_PRIORITY = 4, 5  # the generic creative first: it is everybody's fallback


@dataclass(frozen=True)
class GenerateResult:
    """What a call of ``campaign_generate`` did."""

    variant_count: int  # of the campaign, all in all
    created_count: int  # new variants
    requested_count: int  # variants that got another render job
    current_count: int  # had the right job already
    outdated_count: int  # left as they are although their brief has changed
    batch_id: UUID | None  # of the new render jobs; None when no picture was asked for


def campaign_generate(
    *,
    advertiser: Advertiser,
    campaign_id: UUID,
    requested_by: User | None = None,
    include_outdated: bool | None = None,
    now: datetime | None = None,
) -> GenerateResult:
    """Create the missing variants and ask for their pictures; calling it twice does nothing twice.

    ``include_outdated`` replaces pictures whose brief has changed too. By default only a draft does
    that: what a live campaign shows is for a person to decide. Raises DomainError (codes of
    ``campaign_plan``, ``campaign_ended``).
    """
    now = now or timezone.now()
    campaign = _renderable(advertiser, campaign_id)
    if include_outdated is None:
        include_outdated = campaign.status == Status.DRAFT
    plan = campaign_plan(campaign=campaign, now=now)
    wanted = [p for p in plan.variants if p.is_missing or (include_outdated and p.changes)]
    batch = _batch_make(campaign, wanted, requested_by)
    created = sum(_variants_request(campaign, chunk, requested_by, batch) for chunk in _chunks(wanted))
    return GenerateResult(
        variant_count=plan.picture_count,
        created_count=created,
        requested_count=len(wanted),
        current_count=sum(not p.is_missing and not p.changes for p in plan.variants),
        outdated_count=0 if include_outdated else sum(bool(p.changes) for p in plan.variants),
        batch_id=batch.pk if batch is not None else None,
    )


def campaign_refresh(
    *,
    advertiser: Advertiser,
    campaign_id: UUID,
    variant_ids: Iterable[UUID] | None = None,
    requested_by: User | None = None,
    now: datetime | None = None,
) -> int:
    """Render outdated variants again (all, or those named); returns how many were asked for."""
    campaign = _renderable(advertiser, campaign_id)
    outdated = variants_outdated(campaign=campaign, now=now or timezone.now())
    if variant_ids is not None:
        chosen = set(variant_ids)
        outdated = [p for p in outdated if p.variant is not None and p.variant.pk in chosen]
    batch = _batch_make(campaign, outdated, requested_by)
    for chunk in _chunks(outdated):
        _variants_request(campaign, chunk, requested_by, batch)
    return len(outdated)


def variant_regenerate(
    *,
    advertiser: Advertiser,
    variant_id: UUID,
    requested_by: User | None = None,
    now: datetime | None = None,
) -> RenderJob:
    """Another take of the same brief: a new seed, a new picture, a new review.

    The old creatives stay on the air until the new ones are approved, size by size. Two clicks at once
    ask for one take, because both count up from the same job.
    """
    variant = variant_get(advertiser_id=advertiser.pk, variant_id=variant_id)
    campaign = _renderable(advertiser, variant.campaign_id)
    brief = brief_make(
        campaign=campaign,
        product=variant.product,
        segment=variant.segment,
        sizes=sizes_of(campaign.placements.all()),
        now=now or timezone.now(),
        take=take_of(variant) + 1 if variant.job is not None else 0,
        look=variant.look,
    )
    with transaction.atomic():
        job = render_request(
            advertiser=advertiser,
            brief=brief,
            requested_by=requested_by,
            priority=SEGMENT_PRIORITY,
            replaces=variant.job,
        )
        formers_set([variant])
        Variant.objects.filter(advertiser=advertiser, pk=variant.pk).update(
            job=job, former_job=variant.former_job_id
        )
        creatives_recall(advertiser=advertiser, job_ids=[job.pk], by=requested_by)
        jobs_release(advertiser=advertiser, job_ids=[variant.job_id], by=requested_by)
        serving_version_bump(advertiser.pk)
    return job


def picture_regenerate(
    *, advertiser: Advertiser, job_id: UUID, requested_by: User | None = None, now: datetime | None = None
) -> list[RenderJob]:
    """Another take for every variant that shows a picture. Raises NotFound or DomainError ``not_shown``."""
    job = render_job_get(advertiser_id=advertiser.pk, job_id=job_id)
    shown = job.variants.filter(advertiser=advertiser).exclude(campaign__status=Status.ENDED)
    takes = [
        variant_regenerate(advertiser=advertiser, variant_id=variant_id, requested_by=requested_by, now=now)
        for variant_id in shown.values_list("pk", flat=True)
    ]
    if not takes:
        raise DomainError("not_shown", "No campaign that runs or may run shows this picture.", status=409)
    return takes


def picture_take_next(
    *, advertiser: Advertiser, job_id: UUID, requested_by: User | None = None, now: datetime | None = None
) -> list[RenderJob]:
    """``picture_regenerate`` that may be repeated: the jobs of the next take, asked for now or before.

    Raises NotFound or DomainError ``not_shown``.
    """
    try:
        return picture_regenerate(advertiser=advertiser, job_id=job_id, requested_by=requested_by, now=now)
    except DomainError as error:
        job = render_job_get(advertiser_id=advertiser.pk, job_id=job_id)
        following = job.successors.filter(brief__take=int(job.brief.get("take") or 0) + 1)
        if error.code != "not_shown" or not following.exists():
            raise
        return list(following.order_by("created_at"))


def formers_set(variants: Iterable[Variant]) -> None:
    """Before these get another job: the one of which something is approved stays on the air meanwhile."""
    rows = list(variants)
    shown = set(
        Creative.objects.filter(
            job_id__in=[row.job_id for row in rows if row.job_id], status=Creative.Status.APPROVED
        ).values_list("job_id", flat=True)
    )
    for row in rows:
        if row.job_id in shown:
            row.former_job_id = row.job_id


def jobs_release(*, advertiser: Advertiser, job_ids: Iterable[UUID | None], by: User | None = None) -> int:
    """Stop the jobs that no variant wants any more, and take their pictures out of review; how many stopped.

    What is made stays in the gallery: it is paid for and may be wanted again.
    """
    unwanted = RenderJob.objects.filter(
        advertiser=advertiser,
        pk__in={pk for pk in job_ids if pk is not None},
        variants=None,
        challenged_variants=None,
    )
    ids = list(unwanted.values_list("pk", flat=True))
    stopped = renders_cancel(advertiser=advertiser, job_ids=ids)
    creatives_replace(advertiser=advertiser, job_ids=ids, by=by)
    return stopped


def campaign_retry(*, advertiser: Advertiser, campaign_id: UUID) -> int:
    """Queue the campaign's failed and cancelled pictures again; returns how many."""
    campaign = _renderable(advertiser, campaign_id)
    ended = (RenderJob.Status.DEAD, RenderJob.Status.REJECTED, RenderJob.Status.CANCELLED)
    ids = list(campaign.variants.filter(job__status__in=ended).values_list("job_id", flat=True).distinct())
    count = 0
    for job_id in ids:
        try:
            render_retry(advertiser=advertiser, job_id=job_id)
        except NotFound:
            continue
        count += 1
    return count


def _renderable(advertiser: Advertiser, campaign_id: UUID) -> Campaign:
    campaign = campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)
    if campaign.status == Status.ENDED:
        raise DomainError(Code.CAMPAIGN_ENDED, SENTENCES[Code.CAMPAIGN_ENDED], status=409)
    return campaign


def _chunks(planned: Sequence[PlannedVariant]) -> Iterable[Sequence[PlannedVariant]]:
    return (planned[start : start + CHUNK] for start in range(0, len(planned), CHUNK))


def _batch_make(
    campaign: Campaign, planned: Sequence[PlannedVariant], requested_by: User | None
) -> RenderBatch | None:
    if not planned:
        return None
    return batch_create(
        advertiser=campaign.advertiser,
        name=campaign.name,
        asked_count=len(planned),
        shared_count=sum(not p.is_new for p in planned),
        created_by=requested_by,
    )


@transaction.atomic
def _variants_request(
    campaign: Campaign,
    planned: Sequence[PlannedVariant],
    requested_by: User | None,
    batch: RenderBatch | None,
) -> int:
    """Variants and jobs of one chunk; returns how many variants are new."""
    before = campaign.variants.count()
    Variant.objects.bulk_create(
        [
            Variant(advertiser=campaign.advertiser, campaign=campaign, product=p.product, segment=p.segment)
            for p in planned
            if p.variant is None
        ],
        ignore_conflicts=True,  # a second click is creating the same rows
    )
    jobs = renders_request(
        advertiser=campaign.advertiser,
        wanted=[
            Wanted(
                p.brief,
                SEGMENT_PRIORITY if p.segment else GENERIC_PRIORITY,
                p.variant.job if p.variant is not None else None,
            )
            for p in planned
        ],
        requested_by=requested_by,
        batch=batch,
    )
    wanted = {(p.product.pk, p.segment.pk if p.segment else None): jobs[p.fingerprint] for p in planned}
    rows = list(campaign.variants.filter(product__in={p.product.pk for p in planned}))
    rows = [row for row in rows if (row.product_id, row.segment_id) in wanted]
    formers_set(row for row in rows if row.job_id != wanted[row.product_id, row.segment_id])
    for row in rows:
        row.job_id = wanted[row.product_id, row.segment_id]
    Variant.objects.bulk_update(rows, ["job", "former_job"], batch_size=CHUNK)
    creatives_recall(advertiser=campaign.advertiser, job_ids=wanted.values(), by=requested_by)
    jobs_release(
        advertiser=campaign.advertiser,
        job_ids=[p.variant.job_id for p in planned if p.variant is not None],
        by=requested_by,
    )
    if campaign.status != Status.DRAFT:
        serving_version_bump(campaign.advertiser_id)
    return campaign.variants.count() - before
