"""From a claimed job to its picture: the request in the model's terms, and what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from PIL import Image

from generation.briefs import Brief
from generation.models import RenderJob
from generation.renderers.base import OnStep, Renderer, RenderError, RenderRequest


@dataclass(frozen=True)
class Drawn:
    """The picture of a job. ``details`` is what a passport tells besides: seed, scheduler, device, ..."""

    image: Image.Image
    model_hash: str
    render_ms: int
    details: dict[str, Any]


def picture_draw(job: RenderJob, renderer: Renderer, on_step: OnStep) -> Drawn:
    """Draw the job's picture. Raises RenderError, or what ``on_step`` raised."""
    started = time.monotonic()
    request = request_make(job)
    result = renderer.render(request, on_step)
    _refuse_blank(result.image)
    return Drawn(
        image=result.image,
        model_hash=result.model_hash,
        render_ms=round((time.monotonic() - started) * 1000),
        details={**result.details, "seed": request.seed, "steps": result.steps},
    )


def request_make(job: RenderJob) -> RenderRequest:
    """What the renderer is asked for. Raises RenderError ``cutout_missing`` or ``cutout_unreadable``."""
    brief = Brief.from_dict(job.brief)
    side = settings.GENERATION_PICTURE_SIZE
    return RenderRequest(
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


def _keep(brief: Brief, side: int) -> Image.Image | None:
    from generation.composition.around import around_product, keep_make
    from generation.composition.pictures import picture_read

    if not around_product(brief):
        return None
    return keep_make(picture_read(brief.product.cutout, "cutout"), side)


def _refuse_blank(image: Image.Image) -> None:
    """A picture of one colour, or a motif that is not there, is a broken render."""
    is_invisible = image.mode == "RGBA" and image.getchannel("A").getbbox() is None
    if is_invisible or len(image.resize((64, 64)).getcolors(64 * 64) or ()) == 1:
        raise RenderError("blank_picture", "The model drew an empty picture.", permanent=True)
