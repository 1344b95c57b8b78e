"""The grounds a product can stand on: four that go with the styles, and three that templates bring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from generation.composition import paint
from generation.composition.layouts import Layout
from generation.composition.palette import Palette
from generation.composition.product import Placed

Corners = tuple[int, int, int, int]
# (layout, palette, the product, the box around product and motif) -> the picture behind them
Ground = Callable[[Layout, Palette, Placed, Corners], Image.Image]


def _wall(layout: Layout, palette: Palette, centre: tuple[float, float], reach: float) -> Image.Image:
    """Light falls on the stage and fades to the corners."""
    canvas = Image.new("RGB", layout.size, palette.wall)
    paint.paste(
        canvas, palette.wall_deep, paint.ramp(layout.size, layout.height * 0.35, layout.height * 1.25), 0.7
    )
    paint.paste(canvas, palette.wall_light, paint.glow(layout.size, centre, (reach, reach)), 0.9)
    return canvas


def podium(layout: Layout, palette: Palette, placed: Placed, group: Corners) -> Image.Image:
    """A soft studio with a big disc on the wall and a round podium under the product."""
    size = layout.size
    _, stage_top, stage_width, stage_height = layout.stage
    left, top, right, _ = placed.box
    centre = (left + right) / 2
    short = min(stage_width, stage_height)
    canvas = _wall(layout, palette, (centre, top), max(size) * 0.62)
    radius = short * 0.46
    middle = max(layout.floor - radius * 1.12, stage_top + radius * 0.4)
    heart = (centre + (group[0] + group[2]) / 2) / 2
    disc = paint.ellipse(size, (heart - radius, middle - radius, heart + radius, middle + radius))
    paint.paste(canvas, palette.disc, disc, 0.95)
    sheen = paint.both(disc, paint.ramp(size, middle + radius, middle - radius))
    paint.paste(canvas, palette.wall_light, sheen, 0.42)
    soft = size[1] * 0.02 + 1
    paint.paste(canvas, palette.floor, paint.ramp(size, layout.horizon - soft, layout.horizon + soft), 0.75)
    paint.paste(
        canvas,
        palette.wall_deep,
        paint.ramp(size, layout.horizon, size[1] * 1.1),
        0.55 if palette.is_dark else 0.35,
    )
    _podium_draw(canvas, layout, palette, placed)
    return canvas


def _podium_draw(canvas: Image.Image, layout: Layout, palette: Palette, placed: Placed) -> None:
    left, _, right, _ = placed.box
    centre = (left + right) / 2
    half = max((right - left) * 0.64, layout.product[2] * 0.42)
    depth = half * 0.17
    tall = max(4.0, layout.stage[3] * 0.055)
    top = layout.floor - depth * 0.25
    size = canvas.size
    drop = paint.ellipse(
        size, (centre - half * 1.05, top + tall - depth, centre + half * 1.12, top + tall + depth * 1.5)
    )
    paint.paste(canvas, palette.shadow, paint.blurred(drop, depth * 0.8 + 1), 0.36)
    body = paint.rounded(size, (centre - half, top, centre + half, top + tall), 0)
    base = paint.ellipse(size, (centre - half, top + tall - depth, centre + half, top + tall + depth))
    for mask in (body, base):
        paint.paste(canvas, palette.podium, mask)
        shade = paint.both(mask, paint.ramp(size, centre - half * 0.5, centre + half * 1.1, vertical=False))
        paint.paste(canvas, palette.shadow, shade, 0.26)
        paint.paste(canvas, palette.shadow, mask, 0.07)
    lid = paint.ellipse(size, (centre - half, top - depth, centre + half, top + depth))
    paint.paste(canvas, palette.podium, lid)
    paint.paste(
        canvas,
        palette.wall_light,
        paint.both(lid, paint.ramp(size, centre + half, centre - half, vertical=False)),
        0.7,
    )


def flat(layout: Layout, palette: Palette, placed: Placed, group: Corners) -> Image.Image:
    """Poster shapes: a large circle, a quarter disc from the edge, a few dots; no gradients."""
    size = layout.size
    canvas = Image.new("RGB", size, palette.wall)
    stage_left, _, stage_width, stage_height = layout.stage
    centre, short = (group[0] + group[2]) / 2, min(stage_width, stage_height)
    radius = short * 0.52
    middle = layout.floor - radius * 0.78
    circle = (centre - radius, middle - radius, centre + radius, middle + radius)
    paint.paste(canvas, palette.disc, paint.ellipse(size, circle))
    corner_x = stage_left + stage_width if stage_left > 0 or stage_width == size[0] else stage_left
    reach = short * 0.34
    corner = paint.ellipse(size, (corner_x - reach, size[1] - reach, corner_x + reach, size[1] + reach))
    paint.paste(canvas, palette.wall_deep, corner)
    half = max((group[2] - group[0]) * 0.60, radius * 0.8)
    rug = (centre - half, layout.floor - half * 0.13, centre + half, layout.floor + half * 0.12)
    paint.paste(canvas, palette.wall_light, paint.ellipse(size, rug))
    if short >= 150:
        _dots_draw(canvas, layout, palette)
    return canvas


def _dots_draw(canvas: Image.Image, layout: Layout, palette: Palette) -> None:
    """A small grid of dots in the stage's upper corner."""
    left, top, width, height = layout.motif
    step = min(layout.stage[2], layout.stage[3]) * 0.042
    radius = step * 0.17
    x0, y0 = left + width - step * 3.6, top + height * 0.36
    pen_layer = Image.new("L", (canvas.width * 2, canvas.height * 2), 0)
    pen = ImageDraw.Draw(pen_layer)
    for row in range(4):
        for column in range(4):
            x, y = (x0 + column * step) * 2, (y0 + row * step) * 2
            pen.ellipse((x - 2 * radius, y - 2 * radius, x + 2 * radius, y + 2 * radius), fill=255)
    paint.paste(canvas, palette.action, pen_layer.reduce(2), 0.75)


def sweep(layout: Layout, palette: Palette, placed: Placed, group: Corners) -> Image.Image:
    """A seamless paper sweep under one lamp, with the product mirrored in the table."""
    size = layout.size
    left, top, right, bottom = placed.box
    centre = (left + right) / 2
    reach = max(layout.stage[2], layout.stage[3]) * 0.75
    canvas = Image.new("RGB", size, palette.wall)
    paint.paste(canvas, palette.wall_deep, paint.ramp(size, 0, size[1]), 0.6)
    lamp = (top + bottom) / 2
    paint.paste(canvas, palette.disc, paint.glow(size, (centre, lamp), (reach, reach * 0.9)), 0.75)
    paint.paste(
        canvas, palette.wall_light, paint.glow(size, (centre, lamp), (reach * 0.5, reach * 0.45)), 0.35
    )
    table = paint.glow(size, (centre, layout.floor), (reach * 0.85, layout.stage[3] * 0.13))
    paint.paste(canvas, palette.podium, table, 0.6)
    if not placed.is_card:
        _mirror_draw(canvas, placed)
    return canvas


def _mirror_draw(canvas: Image.Image, placed: Placed) -> None:
    left, _, right, bottom = placed.box
    tall = max(2, round(placed.picture.height * 0.22))
    mirrored = placed.picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM).crop((0, 0, right - left, tall))
    fade = paint.ramp(mirrored.size, tall, -tall * 0.2)
    alpha = paint.both(mirrored.getchannel("A"), fade).point([round(v * 0.26) for v in range(256)])
    canvas.paste(mirrored.convert("RGB"), (left, bottom), alpha)


@dataclass(frozen=True)
class _Window:
    """An arched window and its frame; its lower end lies below ``base``, where the sill cuts it."""

    corners: paint.Rect
    half: float
    base: float
    gap: float  # between the glass and the line around it

    def glass(self, size: paint.Size) -> Image.Image:
        """The mask of what is seen through it."""
        return paint.both(paint.rounded(size, self.corners, self.half), self.above(size))

    def above(self, size: paint.Size) -> Image.Image:
        """The mask of everything above the sill."""
        mask = Image.new("L", size, 0)
        mask.paste(255, (0, 0, size[0], round(self.base)))
        return mask


def _window(layout: Layout, group: Corners) -> _Window:
    """The window around product and motif, within the stage."""
    size = layout.size
    stage_left, stage_top, stage_width, stage_height = layout.stage
    left, top, right, _ = group
    centre = (left + right) / 2
    base = layout.floor + (size[1] - layout.floor) * 0.16 + 2
    gap = max(3, min(size) * 0.022)
    edge = gap + 1.6 * layout.unit
    half = min(max(layout.product[2] * 0.56, (right - left) * 0.50), stage_width / 2 - edge)
    centre = min(max(centre, stage_left + half + edge), stage_left + stage_width - half - edge)
    crown = max(min(top - half * 0.30, base - half * 1.5), stage_top + stage_height * 0.045)
    return _Window((centre - half, crown, centre + half, base + half), half, base, gap)


def arch(layout: Layout, palette: Palette, placed: Placed, group: Corners) -> Image.Image:
    """A magazine page: calm paper and a tall arched window behind the product."""
    size = layout.size
    canvas = Image.new("RGB", size, palette.wall)
    window = _window(layout, group)
    glass = window.glass(size)
    paint.paste(canvas, palette.disc, glass)
    light = paint.both(glass, paint.ramp(size, window.base, window.corners[1]))
    paint.paste(canvas, palette.wall_light, light, 0.38)
    step = paint.both(glass, paint.ramp(size, layout.horizon, layout.horizon + 2))
    paint.paste(canvas, palette.floor, step, 0.55)
    line = max(1, round(min(size) / 300))
    outer, inner = (
        paint.rounded(
            size,
            (
                window.corners[0] - reach,
                window.corners[1] - reach,
                window.corners[2] + reach,
                window.corners[3],
            ),
            window.half + reach,
        )
        for reach in (window.gap, window.gap - line)
    )
    ring = paint.both(paint.both(outer, inner.point([255 - v for v in range(256)])), window.above(size))
    paint.paste(canvas, palette.accent_ink, ring, 0.6)
    return canvas


def opening(ground: str, layout: Layout, group: Corners) -> Image.Image | None:
    """The mask of the opening that a motif is seen through on this ground; None where it stands free."""
    return _window(layout, group).glass(layout.size) if ground == "paper" else None


def plain(layout: Layout, palette: Palette, placed: Placed, group: Corners) -> Image.Image:
    """A packshot's seamless white: light from above, the faintest step where wall meets table."""
    size = layout.size
    left, top, right, bottom = placed.box
    centre, short = (left + right) / 2, min(layout.stage[2], layout.stage[3])
    canvas = Image.new("RGB", size, palette.wall)
    paint.paste(canvas, palette.wall_deep, paint.ramp(size, layout.horizon, layout.height * 1.2), 0.6)
    light = paint.glow(size, (centre, (top + bottom) / 2), (short * 0.95, short * 0.8))
    paint.paste(canvas, palette.wall_light, light, 0.9)
    table = paint.glow(size, (centre, layout.floor), (short * 0.7, short * 0.09))
    paint.paste(canvas, palette.wall_deep, table, 0.7)
    return canvas


RAYS = 28


def rays(layout: Layout, palette: Palette, placed: Placed, group: Corners) -> Image.Image:
    """A sunburst from behind the product, and a bright disc to carry it."""
    size = layout.size
    left, top, right, bottom = placed.box
    centre = (left + right) / 2, (top + bottom) / 2
    canvas = Image.new("RGB", size, palette.wall)
    step = max(1.0, max(size) / 720)
    grid = round(size[0] / step), round(size[1] / step)
    x = (np.arange(grid[0], dtype=np.float32)[None, :] + 0.5) * size[0] / grid[0] - centre[0]
    y = (np.arange(grid[1], dtype=np.float32)[:, None] + 0.5) * size[1] / grid[1] - centre[1]
    far = np.hypot(x, y)
    wave = np.sin(np.arctan2(y, x) * RAYS / 2 + 0.4)
    edge = np.clip(wave * far / (3.0 * step * RAYS / 10) + 0.5, 0, 1)  # as sharp near the centre as far out
    fade = np.clip(1.15 - far / (0.75 * max(size)), 0.25, 1)
    paint.paste(canvas, palette.wall_deep, paint.field_image(edge * fade, size), 0.85)
    short = min(layout.stage[2], layout.stage[3])
    reach = max(right - left, bottom - top) * 0.9
    paint.paste(canvas, palette.disc, paint.glow(size, centre, (reach, reach), 1.2), 0.8)
    radius = min(short * 0.46, max(right - left, bottom - top) * 0.58)
    disc = paint.ellipse(size, _around(centre, radius))
    paint.paste(canvas, palette.disc, disc)
    paint.paste(canvas, palette.wall_light, paint.both(disc, paint.ramp(size, centre[1] + radius, top)), 0.35)
    return canvas


def halo(layout: Layout, palette: Palette, placed: Placed, group: Corners) -> Image.Image:
    """Three rings of light around the product, like a coin on a table."""
    size = layout.size
    left, top, right, bottom = placed.box
    centre = (left + right) / 2, (top + bottom) / 2
    short = min(layout.stage[2], layout.stage[3])
    radius = short * 0.49
    canvas = Image.new("RGB", size, palette.wall)
    for share, colour, strength in (
        (1.36, palette.wall_light, 0.45),
        (1.17, palette.wall_light, 0.6),
        (1.0, palette.disc, 1.0),
    ):
        paint.paste(canvas, colour, paint.ellipse(size, _around(centre, radius * share)), strength)
    inner = paint.ellipse(size, _around(centre, radius))
    sheen = paint.both(inner, paint.ramp(size, centre[1] + radius * 0.6, centre[1] - radius))
    paint.paste(canvas, palette.wall_light, sheen, 0.5)
    return canvas


def _around(centre: tuple[float, float], radius: float) -> tuple[float, float, float, float]:
    return centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius


# The first four by the ``ground`` of the brief's style (generation.styles), the others by templates.
GROUNDS: dict[str, Ground] = {
    "gradient": podium,
    "blocks": flat,
    "spotlight": sweep,
    "paper": arch,
    "plain": plain,
    "rays": rays,
    "halo": halo,
}
# How far out of focus the motif stands behind the product, as a share of its height.
SOFTNESS = {"blocks": 0.0, "halo": 0.0, "rays": 0.0, "spotlight": 0.014, "paper": 0.003}
