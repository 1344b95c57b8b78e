"""Pictures and briefs for the composition tests; everything is drawn here, nothing is read from outside."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from PIL import Image, ImageDraw

from accounts.models import Advertiser, User
from adplatform.lib.files import content_store
from generation import provenance
from generation.briefs import Brief
from generation.composition.labels import label_measure
from generation.composition.layouts import Layout, layout_solve
from generation.composition.sizes import SIZES, STANDARD_SIZES
from generation.composition.templates import template_get
from generation.models import RenderJob
from tests import factories

ALL_SIZES = STANDARD_SIZES


def motif(colour: str = "#3f9d6a", side: int = 256) -> Image.Image:
    """A tent-like shape on a transparent ground."""
    image = Image.new("RGBA", (side, side))
    pen = ImageDraw.Draw(image)
    pen.polygon([(side * 0.1, side * 0.9), (side * 0.5, side * 0.12), (side * 0.9, side * 0.9)], fill=colour)
    pen.polygon(
        [(side * 0.4, side * 0.9), (side * 0.5, side * 0.45), (side * 0.6, side * 0.9)], fill="#20402e"
    )
    return image


def picture_store(picture: Image.Image, folder: str = "cutouts") -> tuple[str, str]:
    return content_store(factories.png_bytes(picture), folder=folder, extension="png")


def brief_for(
    shop: Advertiser, *, cutout: Image.Image | None = None, title: str = "", **fields: Any
) -> Brief:
    """A brief in all sizes; ``brand`` and ``product`` fields may be given with a prefix."""
    brief = factories.make_brief(factories.make_product(shop), sizes=ALL_SIZES)
    product = {key[8:]: fields.pop(key) for key in list(fields) if key.startswith("product_")}
    brand = {key[6:]: fields.pop(key) for key in list(fields) if key.startswith("brand_")}
    if cutout is not None:
        name, digest = picture_store(cutout)
        product |= {"cutout": name, "cutout_sha256": digest, "palette": ()}
    if title:
        product["title"] = title
    return replace(
        brief, product=replace(brief.product, **product), brand=replace(brief.brand, **brand), **fields
    )


def layout_of(size: tuple[int, int], template: str = "lifestyle") -> Layout:
    """The template solved for a size with an English AI label."""
    placement = SIZES[size]
    label = label_measure("AI-generated", placement, "en")
    return layout_solve(template_get(template), placement, label=label.size)


def random_colour(rng: random.Random) -> str:
    return f"#{rng.randrange(1 << 24):06x}"


def requested_job(shop: Advertiser, by: User) -> RenderJob:
    """A render job that somebody asked for, so that the rule against self-approval has a subject."""
    job = factories.make_render_job(shop)
    job.requested_by = by
    job.save(update_fields=["requested_by"])
    return job


def is_untouched(picture: Image.Image) -> bool:
    """Whether a file carries our seal over the very pixels that it holds."""
    marking = provenance.marking_read(picture)
    return marking is not None and provenance.seal_holds(marking, provenance.pixels_sha256(picture))
