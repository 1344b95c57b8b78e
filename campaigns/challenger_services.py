"""Challengers: a second picture of a variant, made to be compared with the first by an experiment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Advertiser, User
from adplatform.lib.errors import DomainError, NotFound
from campaigns.briefing import LOOKS, brief_make, sizes_of
from campaigns.challenger_selectors import challenger_unready
from campaigns.models import Campaign, Experiment, ExperimentArm, Variant
from campaigns.selectors import campaign_get
from campaigns.serving_version import serving_version_bump
from campaigns.variant_services import SEGMENT_PRIORITY, formers_set, jobs_release, take_of
from generation.composition.templates import templates_read
from generation.models import RenderJob
from generation.review import creatives_recall
from generation.services import RETRYABLE, render_request, render_retry
from generation.styles import STYLES

ASKED_AT_ONCE = 200  # challengers in one call
UNREADY_NAMED = 5  # variants that an error names
# From the start until somebody has decided, what is compared must not change.
COMPARED = (Experiment.Status.RUNNING, Experiment.Status.STOPPED)


@transaction.atomic
def challengers_request(
    *,
    advertiser: Advertiser,
    campaign_id: UUID,
    variant_ids: Collection[UUID],
    style: str = "",
    template: str = "",
    model: str = "",
    requested_by: User | None = None,
    now: datetime | None = None,
) -> list[Variant]:
    """Ask for a second picture of each variant; where nothing is named to differ, with another seed.

    A challenger that there was is replaced. Raises NotFound for a variant of another campaign, DomainError
    ``invalid`` with a sentence a field, ``variant_without_picture``, ``challenger_compared`` or
    ``campaign_ended``.
    """
    campaign = campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)
    if campaign.status == Campaign.Status.ENDED:
        raise DomainError("campaign_ended", "An ended campaign compares nothing any more.", status=409)
    look = {name: value for name, value in zip(LOOKS, (style, template, model), strict=True) if value}
    _request_check(variant_ids, look)
    _compared_check(campaign)
    variants = _variants(campaign, variant_ids)
    bare = [variant for variant in variants if variant.job is None]
    if bare:
        raise DomainError(
            "variant_without_picture",
            f"{bare[0].product.title} has no picture yet that a challenger could be compared with.",
            status=409,
        )
    sizes = sizes_of(campaign.placements.all())
    before = [variant.challenger_job_id for variant in variants]
    for variant in variants:
        variant.challenger_look = {**variant.look, **look}
        variant.challenger_job = _job(campaign, variant, sizes, requested_by, now or timezone.now())
    Variant.objects.bulk_update(variants, ["challenger_job", "challenger_look"])
    creatives_recall(
        advertiser=advertiser, job_ids=[v.challenger_job_id for v in variants if v.challenger_job_id],
        by=requested_by,
    )  # fmt: skip
    jobs_release(advertiser=advertiser, job_ids=before, by=requested_by)
    serving_version_bump(advertiser.pk)
    return variants


def _job(
    campaign: Campaign,
    variant: Variant,
    sizes: tuple[tuple[int, int], ...],
    requested_by: User | None,
    now: datetime,
) -> RenderJob:
    brief = brief_make(
        campaign=campaign,
        product=variant.product,
        segment=variant.segment,
        sizes=sizes,
        now=now,
        take=take_of(variant),
        look=variant.challenger_look,
    )
    # Never the variant's own picture, nor the challenger that somebody wants another one instead of.
    taken = {job.fingerprint for job in (variant.job, variant.challenger_job) if job is not None}
    while brief.fingerprint in taken:
        brief = replace(brief, take=brief.take + 1)
    job = render_request(
        advertiser=campaign.advertiser,
        brief=brief,
        requested_by=requested_by,
        priority=SEGMENT_PRIORITY,
        replaces=variant.job,
    )
    if job.status in RETRYABLE:
        return render_retry(advertiser=campaign.advertiser, job_id=job.pk)
    return job


@transaction.atomic
def challenger_drop(
    *, advertiser: Advertiser, campaign_id: UUID, variant_id: UUID, by: User | None = None
) -> None:
    """Take a variant's challenger back; what was made of it stays in the gallery.

    Raises NotFound, DomainError ``challenger_compared``.
    """
    campaign = campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)
    _compared_check(campaign)
    variants = _variants(campaign, [variant_id])
    if variants[0].challenger_job_id is None:
        raise NotFound("challenger")
    _drop(campaign, variants, by)


def challengers_ship(*, campaign: Campaign, by: User | None) -> int:
    """Each challenger becomes its variant's picture, and keeps what it won by; in the caller's transaction.

    The picture before stays on the air in a size whose challenger is not approved (any more).
    """
    variants = list(_challenged(campaign))
    formers_set(variants)
    released = [variant.job_id for variant in variants]
    for variant in variants:
        job = variant.challenger_job
        if job is None:  # _challenged has none
            continue
        variant.job, variant.challenger_job = job, None
        variant.look, variant.challenger_look = variant.challenger_look, {}
    Variant.objects.bulk_update(variants, ["job", "former_job", "challenger_job", "look", "challenger_look"])
    jobs_release(advertiser=campaign.advertiser, job_ids=released, by=by)
    return len(variants)


def challengers_drop(*, campaign: Campaign, by: User | None) -> int:
    """All challengers of a campaign go; in the caller's transaction."""
    variants = list(_challenged(campaign))
    _drop(campaign, variants, by)
    return len(variants)


def challengers_check(experiment: Experiment) -> None:
    """Whether an experiment with a challenger's arm has both pictures of everything, in every size.

    Raises DomainError ``challenger_missing`` or ``challenger_not_approved``, which says what to approve.
    """
    if not experiment.arms.filter(rule=ExperimentArm.Rule.CHALLENGER).exists():
        return
    if not _challenged(experiment.campaign).exists():
        raise DomainError(
            "challenger_missing", "No picture of the campaign has a challenger yet: ask for one.", status=409
        )
    unready = challenger_unready(campaign=experiment.campaign)
    if unready:
        more = len(unready) - UNREADY_NAMED
        named = "; ".join(unready[:UNREADY_NAMED]) + (f"; and {more} more" if more > 0 else "")
        raise DomainError(
            "challenger_not_approved",
            f"Approve both pictures in every size first, or take the challenger back. Missing: {named}.",
            status=409,
            errors={"pictures": unready},
        )


def _request_check(variant_ids: Collection[UUID], look: Mapping[str, str]) -> None:
    problems = {}
    if not 1 <= len(variant_ids) <= ASKED_AT_ONCE:
        problems["variant_ids"] = [f"Between 1 and {ASKED_AT_ONCE} pictures are asked for at once."]
    known: dict[str, Mapping[str, Any]] = {
        "style": STYLES,
        "template": templates_read(),
        "model": settings.GENERATION_MODELS,
    }
    for name, value in look.items():
        if value not in known[name]:
            problems[name] = [f"There is no {name} of this name."]
    if problems:
        raise DomainError("invalid", "The challenger has invalid fields.", errors=problems)


def _compared_check(campaign: Campaign) -> None:
    compared = Experiment.objects.filter(
        campaign=campaign, status__in=COMPARED, arms__rule=ExperimentArm.Rule.CHALLENGER
    )
    if compared.exists():
        raise DomainError(
            "challenger_compared",
            "An experiment compares these pictures: decide it before you exchange one.",
            status=409,
        )


def _variants(campaign: Campaign, variant_ids: Iterable[UUID]) -> list[Variant]:
    wanted = set(variant_ids)
    rows = campaign.variants.select_for_update(of=("self",)).filter(pk__in=wanted)
    found = list(rows.select_related("product", "segment", "job", "challenger_job").order_by("pk"))
    if len(found) < len(wanted):
        raise NotFound("variant")
    return found


def _challenged(campaign: Campaign) -> QuerySet[Variant]:
    rows = campaign.variants.filter(challenger_job__isnull=False, job__isnull=False)
    return rows.select_related("challenger_job").order_by("pk")


def _drop(campaign: Campaign, variants: list[Variant], by: User | None) -> None:
    released = [variant.challenger_job_id for variant in variants]
    campaign.variants.filter(pk__in=[variant.pk for variant in variants]).update(
        challenger_job=None, challenger_look={}
    )
    jobs_release(advertiser=campaign.advertiser, job_ids=released, by=by)
    serving_version_bump(campaign.advertiser_id)
