"""The colours of one creative: brand, product and motif brought into one harmony in OKLCH."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from generation.briefs import Brief
from generation.composition import paint
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
from generation.composition.templates import Template
from generation.styles import style_get

SEPARATION = 0.14  # OKLab distance at which a product stands off its wall
TEXT_CONTRAST = 4.8  # aimed at before pictures and compression take their share; 4.5 is the bar
FORBIDDEN_DISTANCE = 0.11  # OKLab: nearer than this a colour reads as the forbidden one
BUTTON_CONTRAST = 1.9  # of a button to its wall, so that it is seen as one
WHITE: RGB = (255, 255, 255)
# Accents a template may bring, whatever the brand's.
ACCENTS = {"gold": Oklch(0.86, 0.145, 90), "champagne": Oklch(0.84, 0.065, 85)}
_WALLS_OF_GROUND = {
    "paper": ("paper", "tint", "deep"),
    "spotlight": ("deep", "tint", "bold"),
    "blocks": ("bold", "tint", "opposite", "deep"),
    "gradient": ("tint", "bold", "opposite", "paper", "deep"),
}


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


@dataclass(frozen=True)
class _Sources:
    """What the colours of a brief are made from."""

    primary: Oklch
    accent: Oklch
    background: Oklch
    motif: Oklch | None
    product: Oklch | None
    forbidden: tuple[Oklch, ...]

    def wall(self, name: str) -> Oklch:
        """The wall of that name."""
        mood = self.motif or self.product or self.primary
        tone = min(max(self.primary.chroma, 0.03), 0.09)
        walls = {
            "paper": self.background.with_(lightness=min(max(self.background.lightness, 0.93), 0.965)),
            "white": Oklch(0.975, min(self.background.chroma, 0.008), self.background.hue),
            "tint": Oklch(0.90, 0.055, mood.hue),
            "bold": Oklch(0.80, 0.095, mood.hue),
            "opposite": Oklch(0.88, 0.06, mood.hue + 180),
            "deep": Oklch(0.30, tone, self.primary.hue),
            "black": Oklch(0.19, min(self.primary.chroma, 0.025), self.primary.hue),
            "brand": Oklch(
                min(self.primary.lightness, 0.42), min(self.primary.chroma, 0.13), self.primary.hue
            ),
            "accent": _carrying(self.accent),
            "festive": Oklch(0.50, 0.2, 27),
        }
        return avoided(walls[name], self.forbidden)


def palettes_make(
    brief: Brief, template: Template, product: Image.Image, motif: Image.Image | None
) -> dict[str, Palette]:
    """The palette of the placement (under ``""``) and of each panel the template has.

    The wall is the first of the wanted ones on which the product stands out. No colour comes near one
    that the brand forbids.
    """
    product_colours = [rgb_of(colour) for colour in brief.product.palette[:3]] or dominant_colours(product)
    brand = brief.brand
    forbidden = tuple(oklch_of(rgb_of(colour)) for colour in brand.forbidden_colours)
    sources = _Sources(
        primary=avoided(oklch_of(rgb_of(brand.primary_colour)), forbidden),
        accent=avoided(ACCENTS.get(template.accent) or oklch_of(rgb_of(brand.accent_colour)), forbidden),
        background=avoided(oklch_of(rgb_of(brand.background_colour)), forbidden),
        motif=lead_hue(dominant_colours(motif)) if motif is not None else None,
        product=lead_hue(product_colours),
        forbidden=forbidden,
    )
    main = [oklch_of(colour) for colour in product_colours[:2]]

    def separation(wall: Oklch) -> float:
        return min(distance(wall, colour) for colour in main)

    ground = style_get(brief.style).ground
    names = template.walls or _WALLS_OF_GROUND.get(ground, _WALLS_OF_GROUND["gradient"])
    walls = [sources.wall(name) for name in names]
    wall = next((wall for wall in walls if separation(wall) >= SEPARATION), max(walls, key=separation))
    if motif is not None and motif.mode == "RGB" and template.picture == "cover":
        wall = avoided(_mist(motif), forbidden)  # what calms a photograph is of its own colour
    return {"": _around(wall, sources)} | {
        name: _around(sources.wall(name), sources) for name in template.panels()
    }


def avoided(colour: Oklch, forbidden: tuple[Oklch, ...]) -> Oklch:
    """The colour, turned in hue and then moved in lightness until it is none of the forbidden ones."""

    def is_free(candidate: Oklch) -> bool:
        return all(distance(candidate, other) >= FORBIDDEN_DISTANCE for other in forbidden)

    candidates = [colour]
    candidates += [colour.with_(hue=colour.hue + turn) for turn in (30, -30, 60, -60, 90, -90, 150, 180)]
    candidates += [
        colour.with_(lightness=min(max(colour.lightness + step, 0.12), 0.98))
        for step in (-0.12, 0.12, -0.25, 0.25, -0.4, 0.4)
    ]
    return next((candidate for candidate in candidates if is_free(candidate)), colour.with_(chroma=0.0))


def _mist(scene: Image.Image) -> Oklch:
    """A scene's own colour, pale or deep enough to write on; by what is seen in its upper two thirds."""
    upper = scene.crop((0, 0, scene.width, max(1, scene.height * 2 // 3)))
    mean = oklch_of(paint.mean_colour(upper))
    if mean.lightness >= 0.55:
        return Oklch(0.95, min(mean.chroma, 0.035), mean.hue)
    return Oklch(0.25, min(mean.chroma, 0.05), mean.hue)


def _carrying(colour: Oklch) -> Oklch:
    """The colour as a wall that carries white text, or dark text where it is a bright one."""
    if colour.lightness > 0.78:
        return colour
    return legible(colour, WHITE, TEXT_CONTRAST + 0.2)


def _around(wall: Oklch, sources: _Sources) -> Palette:
    """Every colour that goes with a wall."""
    ground = rgb_from(wall)
    dark = contrast_ratio(WHITE, ground) >= TEXT_CONTRAST
    sign = 1 if dark else -1
    accent, primary, motif = sources.accent, sources.primary, sources.motif
    tone = min(max(wall.chroma, 0.02), 0.09)
    vivid = wall.chroma > 0.11 and 0.35 < wall.lightness < 0.85
    if dark:
        ink = Oklch(0.985, 0.008, wall.hue)
        soft = Oklch(0.95 if vivid else 0.86, 0.02, wall.hue)
    else:
        ink = Oklch(0.24, min(max(primary.chroma, 0.02), 0.07), primary.hue)
        soft = Oklch(0.38, 0.035, primary.hue)
    disc_hue = motif.hue if motif is not None and motif.chroma > 0.05 else wall.hue + 24
    disc = Oklch(wall.lightness + sign * (0.13 if dark else 0.085), tone + 0.045, disc_hue)
    if vivid:
        disc = Oklch(min(wall.lightness + 0.13, 0.9), wall.chroma * 0.85, wall.hue + 14)
    is_drowned = vivid and distance(accent, wall) < 0.3  # the accent on itself
    action, action_ink = _action_colours(_action(wall, sources))
    return Palette(
        wall=ground,
        wall_light=rgb_from(wall.with_(lightness=min(wall.lightness + (0.10 if dark else 0.05), 0.985))),
        wall_deep=rgb_from(
            wall.with_(
                lightness=wall.lightness - (0.07 if dark else 0.05),
                chroma=wall.chroma if vivid else tone + 0.01,
            )
        ),
        floor=rgb_from(wall.with_(lightness=wall.lightness + sign * 0.055, chroma=max(tone, wall.chroma))),
        disc=rgb_from(avoided(disc, sources.forbidden)),
        podium=rgb_from(wall.with_(lightness=min(wall.lightness + (0.12 if dark else 0.045), 0.985))),
        shadow=rgb_from(Oklch(0.16 if dark else 0.28, 0.045, wall.hue)),
        ink=rgb_from(legible(ink, ground, TEXT_CONTRAST if vivid else TEXT_CONTRAST + 2)),
        ink_soft=rgb_from(legible(soft, ground, TEXT_CONTRAST)),
        accent_ink=rgb_from(ink if is_drowned else legible(accent, ground, TEXT_CONTRAST)),
        action=rgb_from(action),
        action_ink=action_ink,
        is_dark=dark,
    )


def _action(wall: Oklch, sources: _Sources) -> Oklch:
    """The button's colour: the accent where it is seen on this wall, else the next that is."""
    ground = rgb_from(wall)
    light = Oklch(0.975, 0.012, sources.background.hue)
    candidates = (sources.accent, sources.primary, light, Oklch(0.22, 0.03, sources.primary.hue))
    seen = (
        colour
        for colour in candidates
        if distance(colour, wall) > 0.2 and contrast_ratio(rgb_from(colour), ground) >= BUTTON_CONTRAST
    )
    return next(seen, candidates[-1])


def _action_colours(action: Oklch) -> tuple[Oklch, RGB]:
    """A pill colour as near the brand's as a legible label allows, and the label's colour."""
    dark = rgb_from(Oklch(0.2, 0.03, action.hue))
    if action.lightness > 0.78 and contrast_ratio(dark, rgb_from(action)) >= TEXT_CONTRAST:
        return action, dark
    return legible(action, WHITE, TEXT_CONTRAST), WHITE
