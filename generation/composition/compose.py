"""The engine: one brief and one picture in, one finished file for each size out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from adplatform.lib.errors import DomainError
from generation import provenance
from generation.briefs import Brief
from generation.composition import contrast, paint
from generation.composition.around import around_product, kept_box
from generation.composition.copy import Words, words_make
from generation.composition.decor import decor_draw
from generation.composition.encode import encoded
from generation.composition.inspection import inspection_make
from generation.composition.labels import label_measure, legal_measure
from generation.composition.layouts import Layout, layout_solve
from generation.composition.lettering import Lettering
from generation.composition.motif import motif_prepare
from generation.composition.palette import Palette, palettes_make
from generation.composition.pictures import picture_read
from generation.composition.price import PriceText, price_text, saving_rate
from generation.composition.product import Placed, mask_of, product_draw, product_place_with_seal, shadow_draw
from generation.composition.saliency import GRID, saliency_map
from generation.composition.scene import scene_build
from generation.composition.sizes import SIZES, Size
from generation.composition.stacks import Texts, stack_solve
from generation.composition.templates import Template, template_choose, template_get
from generation.composition.typography import has_cjk
from generation.renderers.base import RenderError
from generation.styles import style_get
from generation.watermark import ID_DIGITS, watermark_embed

SCRIM_STRENGTH = 0.86
THIN_SPACE = "\u2009"


@dataclass(frozen=True)
class ComposedCreative:
    """One finished file and what the review page shows of it."""

    width: int
    height: int
    content: bytes
    extension: str
    pixels_sha256: str  # of what a reader decodes from ``content``
    headline: str
    price_text: str
    alt_text: str
    inspection: dict[str, Any]


@dataclass(frozen=True)
class Canvas:
    """A composed picture before it is encoded; tests look at it pixel by pixel."""

    picture: Image.Image  # RGB
    scene: Image.Image  # the same without product and words
    layout: Layout
    placed: Placed
    lettering: Lettering
    motif_visible: float
    subject_under_words: float


@dataclass(frozen=True)
class _Sources:
    """What all sizes of a brief share."""

    brief: Brief
    template: Template
    drawn: Image.Image  # as it came from the model
    picture: Image.Image  # made ready: a motif cut to what is there, or a whole scene
    cutout: Image.Image
    logo: Image.Image | None
    logo_dark: Image.Image | None
    palettes: dict[str, Palette]
    words: Words
    price: PriceText
    saliency: np.ndarray  # of a whole scene; zeros for a motif, which is placed by its outline

    @property
    def has_motif(self) -> bool:
        return self.picture.mode == "RGBA"

    @property
    def is_painted_around(self) -> bool:
        """The picture was painted around the product and holds it already."""
        return not self.has_motif and around_product(self.brief)

    @property
    def ground(self) -> str:
        return style_get(self.brief.style).ground if self.template.ground == "style" else self.template.ground

    @property
    def language(self) -> str:
        return "zh" if self.brief.language.startswith("zh") else "en"


def creatives_compose(
    *,
    brief: Brief,
    picture: Image.Image,
    extension: str = "webp",
    on_size: Callable[[int, int], None] | None = None,
) -> list[ComposedCreative]:
    """Compose every size of the brief; all or nothing. ``on_size`` hears (sizes done, sizes in all).

    ``picture``: RGBA is a motif that gets a scene, RGB a whole scene. Raises RenderError (permanent)
    with ``size_unknown``, ``template_unknown``, ``cutout_missing``, ``cutout_unreadable``,
    ``logo_missing``, ``logo_unreadable``, ``missing_glyph``, ``legal_line_too_long`` or ``over_weight``.
    """
    sources = _sources(brief, picture)
    composed = []
    for placement in [placement_of(size) for size in brief.sizes]:
        composed.append(_finish(sources, placement, extension))
        if on_size is not None:
            on_size(len(composed), len(brief.sizes))
    return composed


def canvas_compose(*, brief: Brief, picture: Image.Image, size: tuple[int, int]) -> Canvas:
    """One size, not yet encoded."""
    return _compose(_sources(brief, picture), placement_of(size))


def placement_of(size: tuple[int, int]) -> Size:
    """The size's row. Raises RenderError ``size_unknown``."""
    placement = SIZES.get((size[0], size[1]))
    if placement is None:
        raise RenderError("size_unknown", f"There is no layout for {size[0]}x{size[1]}.", permanent=True)
    return placement


def template_of(brief: Brief) -> Template:
    """The brief's template with the brand kit's fonts. Raises RenderError ``template_unknown``."""
    try:
        if brief.template:
            template = template_get(brief.template)
        else:
            saving = saving_rate(brief.product.price_cents, brief.product.sale_price_cents)
            template = template_choose(brief.style, saving)
    except DomainError as error:
        raise RenderError(error.code, error.message, permanent=True) from None
    fonts = {"headline": brief.brand.headline_font, "subline": brief.brand.text_font}
    regions = {
        name: replace(region, face=fonts[name]) if fonts.get(name) else region
        for name, region in template.regions.items()
    }
    return replace(template, regions=regions)


def _sources(brief: Brief, picture: Image.Image) -> _Sources:
    template = template_of(brief)
    drawn, picture = picture, motif_prepare(picture) if picture.mode == "RGBA" else picture.convert("RGB")
    cutout = picture_read(brief.product.cutout, "cutout")
    logo, logo_dark = (
        paint.trimmed(picture_read(name, "logo")) if name else None
        for name in (brief.brand.logo, brief.brand.logo_dark)
    )
    price = price_text(brief.product, brief.language)
    palettes = palettes_make(brief, template, cutout, picture)
    return _Sources(
        brief=brief,
        template=template,
        drawn=drawn,
        picture=picture,
        cutout=cutout,
        logo=logo,
        logo_dark=logo_dark,
        palettes=palettes,
        words=words_make(brief, price),
        price=price,
        saliency=saliency_map(picture) if picture.mode == "RGB" else np.zeros((GRID, GRID)),
    )


def _finish(sources: _Sources, placement: Size, extension: str) -> ComposedCreative:
    canvas = _compose(sources, placement)
    brief, words = sources.brief, sources.words
    file = encoded(
        canvas.picture,
        extension,
        placement.kilobytes * 1000,
        content_id=f"{brief.fingerprint[:32]}-{placement.width}x{placement.height}",
        producer=brief.brand.name,
    )
    inspection = inspection_make(
        canvas.layout,
        canvas.placed,
        canvas.scene,
        canvas.lettering.measures,
        picture=canvas.picture,
        words=(
            words.headline,
            words.call_to_action,
            words.legal_line,
            sources.template.sign.get(sources.language, ""),
        ),
        title=words.subline,
        brand=brief.brand,
        motif=sources.drawn if sources.has_motif else None,
        motif_visible=canvas.motif_visible,
        subject_under_words=canvas.subject_under_words,
        label_needed=provenance.label_height(placement.size),
        byte_count=len(file.content),
        quality=file.quality,
    )
    roles = {measure.role for measure in canvas.lettering.measures}
    return ComposedCreative(
        width=placement.width,
        height=placement.height,
        content=file.content,
        extension=file.extension,
        pixels_sha256=file.pixels_sha256,
        headline=words.headline,
        price_text=str(sources.price) if "price" in roles else "",
        alt_text=words.alt_text,
        inspection={
            **inspection,
            "template": sources.template.reference,
            "watermark": watermark_id(brief),
            **({"in_stead_of": extension} if file.extension != extension else {}),
        },
    )


def watermark_id(brief: Brief) -> str:
    """The start of the brief's fingerprint, as the pixels hold it."""
    return brief.fingerprint[:ID_DIGITS]


def _compose(sources: _Sources, placement: Size) -> Canvas:
    """Back to front: ground, motif, panels, scrim, shadow, words, product."""
    brief, template, language = sources.brief, sources.template, sources.language
    label = label_measure(provenance.label_text(brief.language, brief.market), placement, language)
    legal = legal_measure(sources.words.legal_line, template, placement, label, language)
    layout = layout_solve(template, placement, label=label.size, legal_height=legal.height if legal else 0)
    has_seal = template.badge.content == "price" or bool(sources.price.saving)
    placed, seal = product_place_with_seal(
        sources.cutout, layout, is_card=brief.product.cutout_kind == "card", has_seal=has_seal
    )
    if seal is not None and template.badge.content == "price":
        layout = layout.without("price")
    settings = [
        (setting, logo)
        for stack in layout.stacks
        for logo in [_logo_for(sources, stack.panel)]
        for setting in stack_solve(layout, stack, _texts(sources, logo))
    ]
    seed = brief.scene_seed
    kept = kept_box(sources.cutout) if sources.is_painted_around else None
    boxes = [setting.box for setting, _ in settings if not setting.panel]
    built = scene_build(
        layout,
        sources.palettes,
        placed,
        sources.picture,
        sources.ground,
        seed,
        words=boxes,
        saliency=sources.saliency,
        kept=kept,
    )
    scene = built.picture
    if not sources.has_motif:
        contrast.scrim_add(scene, boxes, sources.palettes[""].wall, SCRIM_STRENGTH)
    decor_draw(scene, layout, sources.palettes, [setting.box for setting, _ in settings], placed, seed)
    canvas = scene.copy()
    if kept is None:  # a scene painted around the product has the product's own shadow
        shadow_draw(canvas, placed, sources.palettes[layout.stage_panel])
    lettering = Lettering(canvas, layout, sources.palettes, language)
    for setting, logo in settings:
        lettering.setting(setting, logo)
    if seal is not None:
        lettering.badge(seal, sources.price)
    if legal is not None and layout.legal_box is not None:
        lettering.legal(legal, layout.legal_box)
    lettering.label(label)
    lettering.finish()
    product_draw(canvas, placed)
    canvas = watermark_embed(canvas, watermark_id(brief), mask_of(placed, canvas.size))
    return Canvas(canvas, scene, layout, placed, lettering, built.motif_visible, built.subject_under_words)


def _logo_for(sources: _Sources, panel: str) -> Image.Image | None:
    """The logo made for this ground, else the other one."""
    light, dark = sources.logo, sources.logo_dark
    return (dark or light) if sources.palettes[panel].is_dark else (light or dark)


def _texts(sources: _Sources, logo: Image.Image | None) -> Texts:
    words, template = sources.words, sources.template
    name = words.wordmark
    if not has_cjk(name) and name.isascii() and len(name) <= 16:
        name = THIN_SPACE.join(name.upper())  # letter-spaced capitals
    return Texts(
        words={
            "wordmark": name,
            "headline": words.headline,
            "subline": words.subline,
            "action": words.call_to_action,
            "sign": template.sign.get(sources.language, ""),
        },
        price=sources.price,
        logo=logo.size if logo is not None else None,
        language=sources.language,
        clear_space=sources.brief.brand.clear_space,
    )
