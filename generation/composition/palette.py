"""The colours of one creative: brand, product and motif brought into one harmony in OKLCH."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from generation.briefs import Brief
from generation.composition.colour import (
    RGB,
    Oklch,
    contrast_ratio,
    distance,
    legible,
    oklch_of,
    rgb_from,
    rgb_of,
)
from generation.styles import style_get

SEPARATION = 0.14  # OKLab distance at which a product stands off its wall
TEXT_CONTRAST = 4.8  # aimed at before pictures and compression take their share; 4.5 is the bar


@dataclass(frozen=True)
class Palette:
    """Named by use, so that no ground or layout chooses a colour of its own."""

    wall: RGB  # behind everything
    wall_light: RGB  # where the light falls
    wall_deep: RGB  # the far corners
    floor: RGB
    disc: RGB  # the large shape behind the product
    podium: RGB
    shadow: RGB
    ink: RGB  # headline
    ink_soft: RGB  # subline
    accent_ink: RGB  # price on sale, wordmark
    action: RGB  # the call to action's pill
    action_ink: RGB
    is_dark: bool


def dominant_colours(picture: Image.Image, count: int = 3) -> list[RGB]:
    """The strongest colours of the opaque part, most frequent first."""
    small = picture.convert("RGBA").resize((48, 48), Image.Resampling.BOX)
    pixels = np.asarray(small)
    opaque = pixels[pixels[..., 3] > 160][:, :3]
    if not len(opaque):
        return [(128, 128, 128)]
    strip = Image.fromarray(opaque[None, :, :])
    quantised = strip.quantize(count, method=Image.Quantize.MEDIANCUT)
    colours = quantised.getpalette() or []
    counts = np.bincount(np.asarray(quantised).ravel(), minlength=1)
    ranked = [int(index) for index in counts.argsort()[::-1] if counts[index]]
    return [(colours[3 * i], colours[3 * i + 1], colours[3 * i + 2]) for i in ranked]


def lead_hue(colours: list[RGB]) -> Oklch | None:
    """The most colourful of the colours, None when all are greys."""
    best = max((oklch_of(colour) for colour in colours), key=lambda c: c.chroma, default=None)
    return best if best is not None and best.chroma > 0.035 else None


def _walls(brief: Brief, motif: Oklch | None, product: Oklch | None) -> list[Oklch]:
    """Candidate walls, the most wanted first."""
    primary = oklch_of(rgb_of(brief.brand.primary_colour))
    background = oklch_of(rgb_of(brief.brand.background_colour))
    mood = motif or product or primary
    deep = Oklch(0.30, min(max(primary.chroma, 0.03), 0.09), primary.hue)
    paper = background.with_(lightness=min(max(background.lightness, 0.93), 0.965))
    tint = Oklch(0.90, 0.055, mood.hue)
    bold = Oklch(0.80, 0.095, mood.hue)
    opposite = Oklch(0.88, 0.06, mood.hue + 180)
    by_ground = {
        "paper": [paper, tint, deep],
        "spotlight": [deep.with_(lightness=0.27), tint.with_(lightness=0.87, chroma=0.03), bold],
        "blocks": [bold, tint, opposite, deep],
    }
    return by_ground.get(style_get(brief.style).ground, [tint, bold, opposite, paper, deep])


def palette_make(brief: Brief, product: Image.Image, motif: Image.Image | None) -> Palette:
    """Choose the wall on which the product stands out, then every other colour from it."""
    product_colours = [rgb_of(colour) for colour in brief.product.palette[:3]] or dominant_colours(product)
    motif_hue = lead_hue(dominant_colours(motif)) if motif is not None else None
    walls = _walls(brief, motif_hue, lead_hue(product_colours))
    main = [oklch_of(colour) for colour in product_colours[:2]]

    def separation(wall: Oklch) -> float:
        return min(distance(wall, colour) for colour in main)

    wall = next((wall for wall in walls if separation(wall) >= SEPARATION), max(walls, key=separation))
    return _around(wall, brief, motif_hue)


def _around(wall: Oklch, brief: Brief, motif_hue: Oklch | None) -> Palette:
    dark = wall.lightness < 0.55
    sign = 1 if dark else -1
    ground = rgb_from(wall)
    accent = oklch_of(rgb_of(brief.brand.accent_colour))
    primary = oklch_of(rgb_of(brief.brand.primary_colour))
    tone = min(max(wall.chroma, 0.02), 0.09)
    if dark:
        ink, soft = Oklch(0.975, 0.012, wall.hue), Oklch(0.86, 0.03, wall.hue)
    else:
        ink = Oklch(0.24, min(max(primary.chroma, 0.02), 0.07), primary.hue)
        soft = Oklch(0.38, 0.035, primary.hue)
    disc_hue = motif_hue.hue if motif_hue is not None and motif_hue.chroma > 0.05 else wall.hue + 24
    disc = Oklch(wall.lightness + sign * (0.13 if dark else 0.085), tone + 0.045, disc_hue)
    action = accent if distance(accent, wall) > 0.14 else primary
    if distance(action, wall) <= 0.14:
        action = ink
    action, action_ink = _action_colours(action)
    return Palette(
        wall=ground,
        wall_light=rgb_from(wall.with_(lightness=min(wall.lightness + (0.10 if dark else 0.05), 0.985))),
        wall_deep=rgb_from(
            wall.with_(lightness=wall.lightness - (0.07 if dark else 0.05), chroma=tone + 0.01)
        ),
        floor=rgb_from(wall.with_(lightness=wall.lightness + sign * 0.055, chroma=tone + 0.015)),
        disc=rgb_from(disc),
        podium=rgb_from(wall.with_(lightness=min(wall.lightness + (0.12 if dark else 0.045), 0.985))),
        shadow=rgb_from(Oklch(0.16 if dark else 0.28, 0.045, wall.hue)),
        ink=rgb_from(legible(ink, ground, TEXT_CONTRAST + 2)),
        ink_soft=rgb_from(legible(soft, ground, TEXT_CONTRAST)),
        accent_ink=rgb_from(legible(accent, ground, TEXT_CONTRAST)),
        action=rgb_from(action),
        action_ink=action_ink,
        is_dark=dark,
    )


def _action_colours(action: Oklch) -> tuple[Oklch, RGB]:
    """A pill colour as near the brand's as a legible label allows, and the label's colour."""
    white, dark = (255, 255, 255), rgb_from(Oklch(0.2, 0.03, action.hue))
    if action.lightness > 0.78 and contrast_ratio(dark, rgb_from(action)) >= TEXT_CONTRAST:
        return action, dark
    return legible(action, white, TEXT_CONTRAST), white
