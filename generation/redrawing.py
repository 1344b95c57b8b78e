"""Draws a job's picture until it passes the inspection, or the tries are used up.

All tries happen within one lease, so the render queue's states know nothing of them. What a new seed cannot
mend (a text that is too long, a label that is too small) is no reason to draw again.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, replace
from typing import Any, Protocol

from django.conf import settings
from PIL import Image

from adplatform.lib.tracing import span
from generation.brand_safety import has_prompt_syntax, unsafe_found
from generation.briefs import Brief
from generation.composition import ComposedCreative, creatives_compose
from generation.composition.inspection import Code
from generation.drawing import Drawn, picture_draw
from generation.kept_copy import kept_copy
from generation.models import RenderJob
from generation.perceptual_hash import NEAR_BITS, difference_hash, nearest_bits
from generation.personal_words import personal_words
from generation.prompts import seed_of
from generation.renderers import renderer_get
from generation.renderers.base import RenderError

COMPARED_JOBS = 2000  # the newest of the advertiser: some milliseconds
BOX_AREA = 300 * 250  # creatives are compared in the size nearest to it, where scene and words both count
# What another seed may mend. A motif's ground and place are the product's own doing, so of a composed motif
# only its absence counts; a whole scene is the model's work altogether.
MOTIF_CODES = frozenset({Code.LOW_MATCH, Code.MOTIF_EMPTY})
SCENE_CODES = frozenset(
    {
        Code.LOW_MATCH,
        Code.BLANK_SCENE,
        Code.INDISTINCT_PRODUCT,
        Code.SPACE_MISMATCH,
        Code.TEXT_OVER_SUBJECT,
        Code.FORBIDDEN_COLOUR,
        Code.NEAR_DUPLICATE,
    }
)


class Progress(Protocol):
    """How a worker shows where it is; both raise to stop the work."""

    def enter(self, stage: str) -> None: ...

    def on_step(self, step: int, steps: int) -> None: ...


@dataclass(frozen=True)
class Settled:
    """The picture that is kept, its creatives, and why others were not kept."""

    drawn: Drawn
    composed: list[ComposedCreative]
    brief: Brief  # in the words that are on them
    # For the job's render_details: "first_seed" that this picture's candidates count from, "gist" ("300x250:"
    # and a difference hash), "kept_copy" (words of an earlier edit), "discarded" [{"seed", "codes",
    # "match_score"}] in the order drawn.
    details: dict[str, Any]


@dataclass(frozen=True)
class _Try:
    seed: int
    drawn: Drawn | None
    faults: list[str]  # what another seed may mend
    codes: tuple[str, ...] = ()
    composed: tuple[ComposedCreative, ...] = ()
    gist: str = ""


def prompt_refuse_unsafe(job: RenderJob) -> None:
    """Raises RenderError (permanent) ``prompt_unsafe``, ``prompt_sensitive`` or ``prompt_syntax``.

    Made for a segment, a picture may not speak of people's most personal matters; the generic one of a
    prayer mat may, for it says nothing of who sees it.

    Looked at here, in the worker, so that a prompt is judged by today's lists whenever it was written.
    """
    found = unsafe_found(f"{job.prompt} | {job.motif}")
    if found:
        named = ", ".join(f"{term} ({category})" for term, category in found.items())
        raise RenderError("prompt_unsafe", f"The prompt is not brand-safe: {named}.", permanent=True)
    personal = personal_words(job.brief, job.prompt, job.motif)
    if personal:
        named = ", ".join(f"{term} ({category})" for term, category in personal.items())
        raise RenderError("prompt_sensitive", f"No group is addressed by this: {named}.", permanent=True)
    if has_prompt_syntax(job.prompt) or has_prompt_syntax(job.motif):
        raise RenderError("prompt_syntax", "The prompt holds weights or LoRA tags.", permanent=True)


def picture_settle(job: RenderJob, progress: Progress, drawn: Drawn | None = None) -> Settled:
    """The first picture without a fault, or the one with the fewest. Raises as drawing and composing do.

    ``drawn`` is the first one where a microbatch has drawn it already.
    """
    kept = kept_copy(job)
    brief = kept.on(Brief.from_dict(job.brief))
    seed = job.seed
    tries: list[_Try] = []
    started = time.monotonic()
    while True:
        # Only in memory: the row keeps the brief's own seed, and the picture's goes into its details.
        job.seed = seed if not tries else seed_of(f"{job.fingerprint}:{seed}:{len(tries)}")
        made = _try(job, brief, progress, None if tries else drawn)
        tries.append(made)
        if not made.faults:
            break
        seconds_each = (time.monotonic() - started) / len(tries)
        has_time = seconds_each * (len(tries) + 1) < settings.CELERY_TASK_SOFT_TIME_LIMIT
        if len(tries) > settings.GENERATION_REDRAWS_MAX or not has_time:
            break
    shown = [made for made in tries if made.composed]
    if not shown:
        raise RenderError("blank_picture", f"The model drew {len(tries)} empty pictures.", permanent=True)
    best = min(shown, key=lambda made: len(made.faults))
    assert best.drawn is not None  # noqa: S101 - a composed try was drawn
    discarded = [
        {
            "seed": made.seed,
            "codes": made.faults,
            "match_score": made.drawn.match_score if made.drawn else None,
        }
        for made in tries
        if made is not best
    ]
    return Settled(
        drawn=best.drawn,
        composed=[_coded(creative, best.codes) for creative in best.composed],
        brief=brief,
        details={"first_seed": best.seed, "gist": best.gist, "discarded": discarded, **kept.details()},
    )


def _coded(creative: ComposedCreative, codes: tuple[str, ...]) -> ComposedCreative:
    """The creative with the codes of its picture as a whole beside its own."""
    found = dict.fromkeys((*creative.inspection["codes"], *codes))
    return replace(creative, inspection={**creative.inspection, "codes": list(found)})


def _try(job: RenderJob, brief: Brief, progress: Progress, drawn: Drawn | None) -> _Try:
    if drawn is None:
        with span("render.load"):  # nothing, where the model stays loaded
            renderer = renderer_get(job.model)
        progress.enter("rendering")
        try:
            with span("render.draw"):
                drawn = picture_draw(job, renderer, progress.on_step)
        except RenderError as error:
            if error.code != "blank_picture":
                raise
            return _Try(job.seed, None, [error.code])
    progress.enter("composing")
    with span("render.compose"):
        composed = creatives_compose(
            brief=brief,
            picture=drawn.image,
            extension=settings.GENERATION_FORMAT,
            on_size=progress.on_step,
        )
    codes: list[str] = []
    if drawn.is_low_match:
        codes.append(Code.LOW_MATCH)
    gist = _gist(composed)
    if _is_near_another(job, gist):
        codes.append(Code.NEAR_DUPLICATE)
    found = {*codes, *(code for creative in composed for code in creative.inspection["codes"])}
    mendable = MOTIF_CODES if drawn.image.mode == "RGBA" else SCENE_CODES
    return _Try(job.seed, drawn, sorted(found & mendable), tuple(codes), tuple(composed), gist)


def _gist(composed: list[ComposedCreative]) -> str:
    chosen = min(composed, key=lambda creative: abs(creative.width * creative.height - BOX_AREA))
    with Image.open(io.BytesIO(chosen.content)) as picture:
        return f"{chosen.width}x{chosen.height}:{difference_hash(picture)}"


def _is_near_another(job: RenderJob, gist: str) -> bool:
    """Whether one of the advertiser's newest other creatives of the size looks like this one."""
    size, _, mine = gist.partition(":")
    rows = RenderJob.objects.filter(advertiser_id=job.advertiser_id, status=RenderJob.Status.SUCCEEDED)
    gists = rows.exclude(pk=job.pk).values_list("render_details__gist", flat=True)[:COMPARED_JOBS]
    others = [other.partition(":")[2] for other in gists if other and other.startswith(f"{size}:")]
    return nearest_bits(mine, others) <= NEAR_BITS
