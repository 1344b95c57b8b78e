"""The engine: one brief and one picture in, one finished file for each size out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from generation import provenance
from generation.briefs import Brief
from generation.composition import contrast
from generation.composition.around import around_product, kept_box, scene_around
from generation.composition.copy import Words, words_make
from generation.composition.encode import encoded
from generation.composition.inspection import inspection_make
from generation.composition.layouts import LAYOUTS, Layout
from generation.composition.lettering import Lettering
from generation.composition.motif import motif_prepare
from generation.composition.palette import Palette, palette_make
from generation.composition.pictures import picture_read
from generation.composition.price import PriceText, price_text
from generation.composition.product import Placed, product_draw, product_place, shadow_draw
from generation.composition.scene import scene_build, scene_cover
from generation.renderers.base import RenderError
from generation.styles import style_get

# The letters' face for headlines: the style's voice. Chinese falls through to Noto Sans SC in each.
HEADLINE_FACE = {"paper": "serif", "spotlight": "serif"}
SCRIM_STRENGTH = 0.86


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
    placed: Placed
    lettering: Lettering
    motif_visible: float


@dataclass(frozen=True)
class _Sources:
    """What all sizes of a brief share."""

    brief: Brief
    picture: Image.Image
    cutout: Image.Image
    logo: Image.Image | None
    palette: Palette
    words: Words
    price: PriceText

    @property
    def has_motif(self) -> bool:
        return self.picture.mode == "RGBA"

    @property
    def is_painted_around(self) -> bool:
        """The picture was painted around the product and holds it already."""
        return not self.has_motif and around_product(self.brief)

    @property
    def ground(self) -> str:
        return style_get(self.brief.style).ground


def creatives_compose(
    *,
    brief: Brief,
    picture: Image.Image,
    extension: str = "webp",
    on_size: Callable[[int, int], None] | None = None,
) -> list[ComposedCreative]:
    """Compose every size of the brief; all or nothing. ``on_size`` hears (sizes done, sizes in all).

    ``picture``: RGBA is a motif that gets a scene, RGB a whole scene. Raises RenderError (permanent)
    with ``size_unknown``, ``cutout_missing``, ``cutout_unreadable``, ``logo_missing``,
    ``logo_unreadable``, ``missing_glyph`` or ``over_weight``.
    """
    sources = _sources(brief, picture)
    composed = []
    for layout in [layout_of(size) for size in brief.sizes]:
        composed.append(_finish(sources, layout, extension))
        if on_size is not None:
            on_size(len(composed), len(brief.sizes))
    return composed


def canvas_compose(*, brief: Brief, picture: Image.Image, size: tuple[int, int]) -> Canvas:
    """One size, not yet encoded."""
    return _compose(_sources(brief, picture), layout_of(size))


def layout_of(size: tuple[int, int]) -> Layout:
    """The layout of a size. Raises RenderError ``size_unknown``."""
    layout = LAYOUTS.get((size[0], size[1]))
    if layout is None:
        raise RenderError("size_unknown", f"There is no layout for {size[0]}x{size[1]}.", permanent=True)
    return layout


def _sources(brief: Brief, picture: Image.Image) -> _Sources:
    picture = motif_prepare(picture) if picture.mode == "RGBA" else picture.convert("RGB")
    cutout = picture_read(brief.product.cutout, "cutout")
    logo = picture_read(brief.brand.logo, "logo") if brief.brand.logo else None
    price = price_text(brief.product, brief.language)
    palette = palette_make(brief, cutout, picture)
    return _Sources(brief, picture, cutout, logo, palette, words_make(brief, price), price)


def _finish(sources: _Sources, layout: Layout, extension: str) -> ComposedCreative:
    canvas = _compose(sources, layout)
    brief, words = sources.brief, sources.words
    file = encoded(
        canvas.picture,
        extension,
        layout.kilobytes * 1000,
        content_id=f"{brief.fingerprint[:32]}-{layout.width}x{layout.height}",
        producer=brief.brand.name,
    )
    inspection = inspection_make(
        layout,
        canvas.placed,
        canvas.scene,
        canvas.lettering.measures,
        motif=sources.picture if sources.has_motif else None,
        motif_visible=canvas.motif_visible,
        label_needed=provenance.label_height(layout.size),
        byte_count=len(file.content),
        quality=file.quality,
    )
    return ComposedCreative(
        width=layout.width,
        height=layout.height,
        content=file.content,
        extension=extension,
        pixels_sha256=file.pixels_sha256,
        headline=words.headline,
        price_text=str(sources.price) if layout.price else "",
        alt_text=words.alt_text,
        inspection=inspection,
    )


def _compose(sources: _Sources, layout: Layout) -> Canvas:
    """Back to front: ground, motif, shadow, scrim, product, words, label."""
    brief, palette = sources.brief, sources.palette
    is_card = brief.product.cutout_kind == "card"
    placed = product_place(sources.cutout, layout, is_card=is_card)
    if sources.has_motif:
        seed = int(brief.fingerprint[8:16], 16)
        scene, visible = scene_build(layout, palette, placed, sources.picture, sources.ground, seed)
    else:
        scene, visible = _scene_of(sources, layout, placed), 1.0
        contrast.scrim_add(scene, _text_boxes(layout), palette.wall, SCRIM_STRENGTH)
    canvas = scene.copy()
    if not sources.is_painted_around:  # such a scene has the product's own shadow
        shadow_draw(canvas, placed, palette)
    lettering = Lettering(canvas, layout, palette, "zh" if brief.language.startswith("zh") else "en")
    _letter(lettering, sources)
    product_draw(canvas, placed)
    return Canvas(canvas, scene, placed, lettering, visible)


def _scene_of(sources: _Sources, layout: Layout, placed: Placed) -> Image.Image:
    if sources.is_painted_around:
        return scene_around(layout.size, sources.picture, kept_box(sources.cutout), placed)
    return scene_cover(layout, sources.picture)


def _letter(lettering: Lettering, sources: _Sources) -> None:
    """All words. They never touch the product: its box and the text boxes of a layout are disjoint."""
    layout, palette, words = lettering.layout, lettering.palette, sources.words
    if layout.wordmark is not None:
        if sources.logo is not None:
            lettering.logo(sources.logo, layout.wordmark)
        else:
            lettering.wordmark(words.wordmark, layout.wordmark)
    face = HEADLINE_FACE.get(sources.ground, "display")
    bottom = lettering.write("headline", words.headline, layout.headline, face, palette.ink, leading=1.08)
    if layout.subline is not None:
        left, top, width, height = layout.subline.box
        following = min(top, bottom + round(0.5 * layout.subline.max_size))
        slot = replace(layout.subline, box=(left, following, width, height))
        lettering.write("subline", words.subline, slot, "text", palette.ink_soft, leading=1.25)
    if layout.price is not None:
        lettering.price(sources.price, layout.price)
        lettering.badge(sources.price.saving)
    lettering.action(words.call_to_action)
    lettering.label(provenance.label_text(sources.brief.language, sources.brief.market))


def _text_boxes(layout: Layout) -> list[tuple[int, int, int, int]]:
    slots = (layout.wordmark, layout.headline, layout.subline, layout.price)
    return [slot.box for slot in slots if slot is not None]
