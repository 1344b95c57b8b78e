"""What a brand kit and a template look like before anything is made: one real creative, composed live.

It is built on the advertiser's latest picture and product; a shop that has none yet sees a jar and a leaf
that are drawn here.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

from django.core.files.storage import default_storage
from PIL import Image, ImageDraw

from adplatform.lib.files import content_read, content_store
from generation.brand import brief_brand
from generation.briefs import Brief, BriefProduct
from generation.composition import creatives_compose
from generation.composition.templates import template_get
from generation.models import BrandKit, RenderJob
from generation.styles import DEFAULT_STYLE

PICTURE_SIDE = 512  # of the picture behind a preview: no preview is looked at in full size


def preview_make(*, kit: BrandKit, template: str, size: tuple[int, int], language: str) -> bytes:
    """The labelled WebP of one size. Raises DomainError ``template_unknown``, RenderError."""
    advertiser = kit.advertiser
    brief, picture = _latest(kit) or sample_make()
    brief = replace(
        brief,
        brand=brief_brand(kit, language=language, market=advertiser.market),
        template=template_get(template).reference,
        language=language,
        market=advertiser.market,
        headline="",
        sizes=(size,),
        keeps_product=False,
    )
    (creative,) = creatives_compose(brief=brief, picture=picture)
    return creative.content


def _latest(kit: BrandKit) -> tuple[Brief, Image.Image] | None:
    """The brief and picture of the advertiser's latest render, when its files are still there."""
    job = (
        RenderJob.objects.filter(advertiser=kit.advertiser, status=RenderJob.Status.SUCCEEDED)
        .exclude(picture="")
        .order_by("-finished_at")
        .first()
    )
    if job is None:
        return None
    brief = Brief.from_dict(job.brief)
    try:
        with Image.open(io.BytesIO(content_read(job.picture))) as image:
            image.load()
            picture = image.convert("RGBA" if image.mode == "RGBA" else "RGB")
    except OSError:
        return None
    if not default_storage.exists(brief.product.cutout):
        return None
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    return brief, picture


def sample_make() -> tuple[Brief, Image.Image]:
    """A drawn product and picture, for a shop that has none yet."""
    buffer = io.BytesIO()
    _jar().save(buffer, "PNG")
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    name = f"cutouts/{digest[:2]}/{digest}.png"
    if not default_storage.exists(name):
        name, digest = content_store(content, folder="cutouts", extension="png")
    product = BriefProduct(
        external_id="sample",
        title="Sample product",
        product_type="Home",
        brand="",
        price_cents=2490,
        sale_price_cents=1890,
        currency="EUR",
        cutout=name,
        cutout_sha256=digest,
        cutout_kind="alpha",
    )
    brand = brief_brand(BrandKit(name="Sample"), language="en", market="intl")
    brief = Brief(
        product=product,
        segment=None,
        brand=brand,
        style=DEFAULT_STYLE,
        season="spring",
        language="en",
        market="intl",
        sizes=(),
        model="",
    )
    return brief, leaf()


def _jar() -> Image.Image:
    """A stoneware jar with a cork, lit from the left."""
    side = 480
    shape = Image.new("L", (side, side))
    pen = ImageDraw.Draw(shape)
    pen.rounded_rectangle((90, 130, 390, 470), 56, fill=255)
    light = Image.linear_gradient("L").rotate(90).resize((side, side))
    body = Image.composite(
        Image.new("RGB", (side, side), "#e9e2d4"), Image.new("RGB", (side, side), "#8d8474"), light
    )
    jar = Image.new("RGBA", (side, side))
    jar.paste(body, (0, 0), shape)
    pen = ImageDraw.Draw(jar)
    pen.rounded_rectangle((150, 70, 330, 150), 18, fill="#b98b59")
    pen.rounded_rectangle((130, 128, 350, 166), 14, fill="#d8d0c0")
    pen.rectangle((90, 262, 389, 372), fill="#35504a")
    pen.ellipse((206, 283, 274, 351), outline="#e9e2d4", width=7)
    return jar.crop(jar.getbbox()).resize((300, 402), Image.Resampling.LANCZOS)


def leaf() -> Image.Image:
    """A monstera-like leaf, the stand-in for a motif."""
    leaf = Image.new("RGBA", (512, 512))
    pen = ImageDraw.Draw(leaf)
    pen.ellipse((96, 40, 416, 420), fill="#4c8f63")
    pen.polygon([(110, 250), (402, 250), (256, 490)], fill="#4c8f63")
    for y in (150, 230, 310):
        pen.line((256, y + 40, 380, y - 40), fill="#3a7450", width=9)
        pen.line((256, y + 40, 132, y - 40), fill="#3a7450", width=9)
    pen.line((256, 60, 256, 500), fill="#3a7450", width=12)
    return leaf.resize((256, 256), Image.Resampling.LANCZOS)
