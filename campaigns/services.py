"""Writes of campaigns and placements, and the front door to those of variants."""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from accounts.models import Advertiser, User
from adplatform.lib.errors import DomainError, NotFound
from campaigns.briefing import LOOKS
from campaigns.delivery_services import delivery_forget
from campaigns.lifecycle import TARGETS, Action, Code, Status, blockers
from campaigns.limit_checks import CAP_FIELDS, LIMIT_FIELDS, limit_errors
from campaigns.models import DEVICES, Campaign, Placement, Product, Variant
from campaigns.planning import campaign_plan, variants_outdated
from campaigns.selectors import campaign_get, facts_get, placement_get
from campaigns.serving_version import serving_version_bump
from campaigns.variant_services import (
    campaign_generate,
    campaign_refresh,
    campaign_retry,
    jobs_release,
    variant_regenerate,
)
from generation.composition.sizes import SIZES
from generation.composition.templates import templates_read
from generation.composition.typography import undrawable
from generation.renderers import can_inpaint
from generation.styles import DEFAULT_STYLE, STYLES
from profiles.models import Segment

__all__ = [
    "campaign_create",
    "campaign_delete",
    "campaign_end",
    "campaign_generate",
    "campaign_launch",
    "campaign_pause",
    "campaign_plan",
    "campaign_refresh",
    "campaign_retry",
    "campaign_update",
    "placement_create",
    "placement_deactivate",
    "placement_update",
    "serving_version_bump",
    "variant_regenerate",
    "variants_outdated",
]

CAMPAIGN_FIELDS = (
    "name", "language", "style", "template", "model", "keeps_product", "headline", "starts_at", "ends_at",
    "priority", *LIMIT_FIELDS,
)  # fmt: skip
CAMPAIGN_SETS = ("products", "segments", "placements")


# --- campaigns


@transaction.atomic
def campaign_create(
    *,
    advertiser: Advertiser,
    name: str,
    created_by: User | None = None,
    language: str = "",
    style: str = "",
    **changes: Any,
) -> Campaign:
    """A new draft. ``changes`` as in ``campaign_update``; everything but the name may come later."""
    in_china = advertiser.market == Advertiser.Market.CHINA
    default_language = Campaign.Language.CHINESE if in_china else Campaign.Language.ENGLISH
    campaign = Campaign(advertiser=advertiser, created_by=created_by)
    _campaign_apply(
        campaign,
        {"name": name, "language": language or default_language, "style": style or DEFAULT_STYLE} | changes,
    )
    return campaign


@transaction.atomic
def campaign_update(*, advertiser: Advertiser, campaign_id: UUID, **changes: Any) -> Campaign:
    """Change a campaign that has not ended: any of CAMPAIGN_FIELDS, and CAMPAIGN_SETS as lists of ids.

    Taking a product or segment out of a campaign takes its variants off the air at once. Raises
    DomainError with one message a field.
    """
    campaign = _campaign_locked(advertiser, campaign_id)
    if campaign.status == Status.ENDED:
        raise DomainError(
            Code.CAMPAIGN_ENDED, "The campaign has ended and can no longer be changed.", status=409
        )
    _campaign_apply(campaign, changes)
    return campaign


def _campaign_apply(campaign: Campaign, changes: dict[str, Any]) -> None:
    unknown = set(changes) - set(CAMPAIGN_FIELDS) - set(CAMPAIGN_SETS)
    if unknown:
        raise TypeError(f"not a field of a campaign: {', '.join(sorted(unknown))}")
    caps_before = [getattr(campaign, name) for name in CAP_FIELDS]
    looks_before = {name: getattr(campaign, name) for name in LOOKS}
    for name in CAMPAIGN_FIELDS:
        if name in changes:
            value = changes[name]
            setattr(campaign, name, value.strip() if isinstance(value, str) else value)
    errors = _field_errors(campaign)
    sets: dict[str, list[Any]] = {}
    for name in CAMPAIGN_SETS:
        if name in changes:
            sets[name], sentence = _members(campaign.advertiser_id, name, changes[name])
            if sentence:
                errors[name] = [sentence]
    segments = sets["segments"] if "segments" in sets else campaign.segments.exists()
    if campaign.is_house and segments:
        errors["is_house"] = ["A house campaign is for everybody: take its segments out first."]
    if errors:
        raise DomainError("campaign_invalid", "The campaign has invalid fields.", errors=errors)
    campaign.save()
    _looks_forget(campaign, {name for name, old in looks_before.items() if old != getattr(campaign, name)})
    for name, members in sets.items():
        getattr(campaign, name).set(members)
    if caps_before != [getattr(campaign, name) for name in CAP_FIELDS]:
        delivery_forget(campaign=campaign)
    if {"products", "segments"} & sets.keys():
        _variants_trim(campaign)
    if campaign.status != Status.DRAFT:  # a draft is in no snapshot
        serving_version_bump(campaign.advertiser_id)


def _looks_forget(campaign: Campaign, names: Set[str]) -> None:
    """A style, template or model that is chosen for all of the campaign comes after what a challenger won."""
    rows = [row for row in campaign.variants.exclude(look={}) if names & row.look.keys()] if names else []
    for row in rows:
        row.look = {name: value for name, value in row.look.items() if name not in names}
    Variant.objects.bulk_update(rows, ["look"])


def _field_errors(campaign: Campaign) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    try:
        campaign.clean_fields(exclude=["advertiser", "created_by"])
    except ValidationError as error:
        errors = {name: [str(m) for m in messages] for name, messages in error.message_dict.items()}
    if campaign.style not in STYLES:
        errors["style"] = [f"There is no style {campaign.style!r}."]
    if refusal := undrawable(campaign.headline):
        errors["headline"] = [refusal]
    if campaign.template and campaign.template not in templates_read():
        errors["template"] = [f"There is no template {campaign.template!r}."]
    if campaign.model and campaign.model not in settings.GENERATION_MODELS:
        errors["model"] = [f"There is no image model {campaign.model!r}."]
    model = campaign.model or settings.GENERATION_DEFAULT_MODEL
    if campaign.keeps_product and model in settings.GENERATION_MODELS and not can_inpaint(model):
        errors["keeps_product"] = [f"{model} cannot paint around a product; choose a model that can inpaint."]
    if campaign.starts_at and campaign.ends_at and campaign.ends_at <= campaign.starts_at:
        errors["ends_at"] = ["The end lies before the start."]
    return {**limit_errors(campaign, DEVICES), **errors}


def _members(advertiser_id: UUID, name: str, ids: Iterable[Any]) -> tuple[list[Model], str]:
    """The advertiser's rows behind ``ids``, and a sentence when some may not be used.

    An id of another advertiser reads exactly like an id of nothing.
    """
    wanted = {row.pk if isinstance(row, Model) else row for row in ids}
    rows: list[Any]
    if name == "products":
        rows = list(Product.objects.filter(advertiser_id=advertiser_id, pk__in=wanted))
        bare = [row.external_id for row in rows if not row.cutout]
        if bare:
            return rows, f"Without a picture: {', '.join(sorted(bare)[:5])}."
    elif name == "segments":
        rows = list(Segment.objects.filter(advertiser_id=advertiser_id, pk__in=wanted))
    else:
        rows = list(Placement.objects.filter(advertiser_id=advertiser_id, pk__in=wanted))
    missing = wanted - {row.pk for row in rows}
    if missing:
        return rows, f"No such {name[:-1]}: {', '.join(sorted(map(str, missing))[:5])}."
    return rows, ""


def _variants_trim(campaign: Campaign) -> None:
    """Take variants that the campaign no longer asks for off the air.

    Tokens out there may still name a variant, so one that may have been shown keeps its row (a click
    must find its landing page) and loses its pictures; a draft's is simply deleted.
    """
    kept_products = set(campaign.products.values_list("pk", flat=True))
    kept_segments = {None, *campaign.segments.values_list("pk", flat=True)}
    stale = [
        pk
        for pk, product_id, segment_id in campaign.variants.values_list("pk", "product_id", "segment_id")
        if product_id not in kept_products or segment_id not in kept_segments
    ]
    gone = campaign.variants.filter(pk__in=stale)
    jobs = _jobs_of(gone)
    if campaign.status == Status.DRAFT:
        gone.delete()
    else:
        gone.update(job=None, former_job=None, challenger_job=None, challenger_look={})
    jobs_release(advertiser=campaign.advertiser, job_ids=jobs)


def _jobs_of(variants: QuerySet[Variant]) -> list[UUID | None]:
    return [pk for pair in variants.values_list("job_id", "challenger_job_id") for pk in pair]


def campaign_launch(*, advertiser: Advertiser, campaign_id: UUID, now: datetime | None = None) -> Campaign:
    """Put a draft on the air, or a paused campaign back. Raises DomainError (lifecycle codes)."""
    return _campaign_move(advertiser, campaign_id, Action.LAUNCH, now)


def campaign_pause(*, advertiser: Advertiser, campaign_id: UUID, now: datetime | None = None) -> Campaign:
    """Take a live campaign off the air for now."""
    return _campaign_move(advertiser, campaign_id, Action.PAUSE, now)


def campaign_end(*, advertiser: Advertiser, campaign_id: UUID, now: datetime | None = None) -> Campaign:
    """Take a campaign off the air for good."""
    return _campaign_move(advertiser, campaign_id, Action.END, now)


@transaction.atomic
def _campaign_move(
    advertiser: Advertiser, campaign_id: UUID, action: Action, now: datetime | None
) -> Campaign:
    campaign = _campaign_locked(advertiser, campaign_id)
    found = blockers(facts_get(campaign=campaign), action, now or timezone.now())
    if found:
        raise DomainError(found[0].code, " ".join(blocker.sentence for blocker in found), status=409)
    campaign.status = TARGETS[Status(campaign.status), action]
    campaign.save(update_fields=["status", "updated_at"])
    serving_version_bump(advertiser.pk)
    return campaign


@transaction.atomic
def campaign_delete(*, advertiser: Advertiser, campaign_id: UUID) -> None:
    """Throw a draft away. Its pictures stay in the gallery. Raises DomainError ``not_a_draft``."""
    campaign = _campaign_locked(advertiser, campaign_id)
    if campaign.status != Status.DRAFT:
        raise DomainError("not_a_draft", "Only a draft can be deleted; end the campaign instead.", status=409)
    jobs = _jobs_of(campaign.variants.all())
    campaign.delete()
    jobs_release(advertiser=advertiser, job_ids=jobs)


def _campaign_locked(advertiser: Advertiser, campaign_id: UUID) -> Campaign:
    """The row, locked where the database can: SQLite's immediate transaction is the lock already."""
    if not Campaign.objects.select_for_update().filter(advertiser=advertiser, pk=campaign_id).exists():
        raise NotFound("campaign")
    return campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)


# --- placements


@transaction.atomic
def placement_create(*, advertiser: Advertiser, name: str, code: str, width: int, height: int) -> Placement:
    """A new place in the storefront. Raises DomainError ``placement_code_taken``, ``placement_invalid``."""
    placement = Placement(
        advertiser=advertiser, name=name.strip(), code=code.strip(), width=width, height=height
    )
    return _placement_save(placement)


@transaction.atomic
def placement_update(
    *,
    advertiser: Advertiser,
    placement_id: UUID,
    name: str | None = None,
    code: str | None = None,
    is_active: bool | None = None,
) -> Placement:
    """Rename, recode, close or reopen a placement. Its size stays: creatives were made for it."""
    placement = placement_get(advertiser_id=advertiser.pk, placement_id=placement_id)
    placement.name = placement.name if name is None else name.strip()
    placement.code = placement.code if code is None else code.strip()
    placement.is_active = placement.is_active if is_active is None else is_active
    return _placement_save(placement)


def placement_deactivate(*, advertiser: Advertiser, placement_id: UUID) -> Placement:
    """Stop filling a placement; the storefront gets ``placement_inactive`` for it."""
    return placement_update(advertiser=advertiser, placement_id=placement_id, is_active=False)


def _placement_save(placement: Placement) -> Placement:
    errors: dict[str, list[str]] = {}
    if not placement.name or len(placement.name) > 80:
        errors["name"] = ["A name of 1 to 80 characters is needed."]
    try:
        validate_slug(placement.code)
        if len(placement.code) > 60:
            raise ValidationError("")
    except ValidationError:
        errors["code"] = ["Up to 60 letters, digits, hyphens and underscores, without spaces."]
    if (placement.width, placement.height) not in SIZES:
        known = ", ".join(f"{width}x{height}" for width, height in SIZES)
        errors["size"] = [f"There is no layout for {placement.size}; there are {known}."]
    if errors:
        raise DomainError("placement_invalid", "The placement has invalid fields.", errors=errors)
    try:
        with transaction.atomic():
            placement.save()
    except IntegrityError:
        raise DomainError(
            "placement_code_taken",
            f"There is already a placement with the code {placement.code!r}.",
            status=409,
            errors={"code": ["This code is taken."]},
        ) from None
    serving_version_bump(placement.advertiser_id)
    return placement
