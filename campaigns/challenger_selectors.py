"""Reads of challengers: which pictures of a campaign have one, and what still has to be approved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from campaigns.briefing import sizes_of
from campaigns.models import Campaign, Variant
from campaigns.selectors import creatives_of
from generation.models import Creative, RenderJob
from generation.styles import STYLES

Size = tuple[int, int]
_THUMB_SIZES = ((300, 250), (1080, 1080), (970, 250), (728, 90), (160, 600), (320, 50))


def thumb_of(creatives: Iterable[Creative]) -> Creative | None:
    """The one that shows most of the picture."""
    rank = {size: place for place, size in enumerate(_THUMB_SIZES)}
    return min(creatives, key=lambda c: rank.get((c.width, c.height), len(rank)), default=None)


@dataclass(frozen=True)
class Look:
    """One of a variant's two pictures: its job and the creatives made of it."""

    job: RenderJob | None
    creatives: list[Creative]

    @property
    def thumb(self) -> Creative | None:
        return thumb_of(self.creatives)

    @property
    def approved(self) -> set[Size]:
        """Sizes with an approved creative."""
        return {(c.width, c.height) for c in self.creatives if c.status == Creative.Status.APPROVED}

    @property
    def waits_for_review(self) -> bool:
        return any(c.status == Creative.Status.IN_REVIEW for c in self.creatives)

    @property
    def words(self) -> str:
        """Its style, template and take, as its brief has them."""
        if self.job is None:
            return "none yet"
        brief = self.job.brief
        style = STYLES[brief["style"]].label_en if brief.get("style") in STYLES else ""
        template = str(brief.get("template") or "").partition("@")[0].replace("_", " ")
        take = f"take {int(brief.get('take') or 0) + 1}"
        state = "" if self.state == "approved" else self.state.replace("_", " ")
        return ", ".join(part for part in (style, template, self.job.model, take, state) if part)

    @property
    def state(self) -> str:
        """One word."""
        if self.job is None:
            return "none"
        if self.job.status not in RenderJob.TERMINAL:
            return "rendering"
        if self.job.status != RenderJob.Status.SUCCEEDED:
            return "failed"
        if self.waits_for_review:
            return "in_review"
        return "approved" if self.approved else "rejected"


@dataclass(frozen=True)
class Pair:
    """A variant's picture beside its challenger, for the sizes of the campaign's placements."""

    variant: Variant
    shown: Look
    challenger: Look
    sizes: tuple[Size, ...]

    @property
    def name(self) -> str:
        segment = self.variant.segment
        return f"{self.variant.product.title} for {segment.name if segment else 'everyone'}"

    @property
    def missing(self) -> list[str]:
        """What has to be approved before an experiment can compare the two."""
        if self.challenger.job is None:
            return []
        found = []
        for what, look in (("the present picture", self.shown), ("the challenger", self.challenger)):
            sizes = [f"{w}x{h}" for w, h in self.sizes if (w, h) not in look.approved]
            if sizes:
                found.append(f"{what} in {', '.join(sizes)}")
        return found

    @property
    def is_ready(self) -> bool:
        return self.challenger.job is not None and not self.missing


def pairs_get(
    *, campaign: Campaign, only_challenged: bool = False, variant_id: UUID | None = None
) -> list[Pair]:
    """The campaign's variants that have a picture, by product and segment."""
    rows = campaign.variants.filter(job__isnull=False)
    if only_challenged:
        rows = rows.filter(challenger_job__isnull=False)
    if variant_id is not None:
        rows = rows.filter(pk=variant_id)
    variants = list(
        rows.select_related("product", "segment", "job", "challenger_job").order_by(
            "product__title", "segment__name", "pk"
        )
    )
    jobs = [pk for variant in variants for pk in (variant.job_id, variant.challenger_job_id) if pk]
    creatives = creatives_of(jobs)
    sizes = sizes_of(campaign.placements.all())

    def look(job: RenderJob | None) -> Look:
        return Look(job, creatives.get(job.pk, []) if job is not None else [])

    return [Pair(v, look(v.job), look(v.challenger_job), sizes) for v in variants]


def challenger_unready(*, campaign: Campaign) -> list[str]:
    """What has to be approved before the campaign's challengers can be compared, a sentence each."""
    return [
        f"{pair.name}: {' and '.join(pair.missing)}"
        for pair in pairs_get(campaign=campaign, only_challenged=True)
        if pair.missing
    ]
