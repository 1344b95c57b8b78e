"""From a claimed job to its picture: candidates in the model's terms, and the one that matches best."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from PIL import Image

from generation.briefs import Brief
from generation.matching.base import Match
from generation.matching.scoring import match_score, scorer_get, wanted_of
from generation.models import RenderJob
from generation.renderers.base import OnStep, Renderer, RenderError, RenderRequest, RenderResult


@dataclass(frozen=True)
class Drawn:
    """The picture of a job. ``details`` is what a passport tells besides: seed, scheduler, device, ..."""

    image: Image.Image
    model_hash: str
    render_ms: int
    match_score: float | None
    is_low_match: bool
    details: dict[str, Any]


def picture_draw(job: RenderJob, renderer: Renderer, on_step: OnStep) -> Drawn:
    """Draw the job's candidates and keep the best. Raises RenderError, or what ``on_step`` raised."""
    started = time.monotonic()
    requests = requests_make(job)
    if len(requests) > 1:
        results = renderer.render_many(requests, on_step)
    else:
        results = [renderer.render(requests[0], on_step)]
    return picture_choose(job, requests, results, round((time.monotonic() - started) * 1000))


def requests_make(job: RenderJob) -> list[RenderRequest]:
    """What the renderer is asked for: one request a candidate, alike but for the seed.

    Without a judge there is nothing to choose by, so one is enough. Raises RenderError of the judge,
    ``cutout_missing`` or ``cutout_unreadable``.
    """
    brief = Brief.from_dict(job.brief)
    side = settings.GENERATION_PICTURE_SIZE
    first = RenderRequest(
        prompt=job.prompt,
        motif=job.motif,
        seed=job.seed,
        width=side,
        height=side,
        negative_prompt=job.negative_prompt,
        steps=settings.GENERATION_STEPS or None,
        lora=brief.brand.lora,
        keep=_keep(brief, side),
    )
    count = max(1, settings.GENERATION_CANDIDATES) if scorer_get() is not None else 1
    return [replace(first, seed=job.seed + number) for number in range(count)]


def picture_choose(
    job: RenderJob, requests: list[RenderRequest], results: list[RenderResult], render_ms: int
) -> Drawn:
    """The candidate that matches its brief best, or the first where nobody judges.

    Raises RenderError ``blank_picture`` when every candidate is empty.
    """
    shown = [
        (request, result, _match(job, result.image))
        for request, result in zip(requests, results, strict=True)
        if not _is_blank(result.image)
    ]
    if not shown:
        raise RenderError("blank_picture", "The model drew an empty picture.", permanent=True)
    request, result, match = max(shown, key=lambda row: row[2].score if row[2] else 0.0)
    details: dict[str, Any] = {**result.details, "seed": request.seed, "steps": result.steps}
    if match is not None:
        details["match"] = {
            "scorer": match.scorer,
            "version": match.version,
            "text": match.text,
            "scores": [row[2].score for row in shown if row[2]],
        }
    return Drawn(
        image=result.image,
        model_hash=result.model_hash,
        render_ms=render_ms,
        match_score=match.score if match else None,
        is_low_match=match is not None and match.is_low,
        details=details,
    )


def _match(job: RenderJob, picture: Image.Image) -> Match | None:
    scorer = scorer_get()
    if scorer is None:
        return None
    return match_score(scorer, picture, wanted_of(job.prompt, job.prompt_parts, job.motif))


def _keep(brief: Brief, side: int) -> Image.Image | None:
    from generation.composition.around import around_product, keep_make
    from generation.composition.pictures import picture_read

    if not around_product(brief):
        return None
    return keep_make(picture_read(brief.product.cutout, "cutout"), side)


def _is_blank(image: Image.Image) -> bool:
    """A picture of one colour, or a motif that is not there, is a broken render."""
    is_invisible = image.mode == "RGBA" and image.getchannel("A").getbbox() is None
    return is_invisible or len(image.resize((64, 64)).getcolors(64 * 64) or ()) == 1
