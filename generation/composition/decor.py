"""What a template adds to the ground: a fine frame, or confetti that keeps off words and product."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageDraw

from generation.composition import paint
from generation.composition.layouts import Box, Layout
from generation.composition.palette import Palette
from generation.composition.product import Placed

FRAME_INSET, FRAME_STRENGTH = 2.1, 0.7  # units; of the accent
CONFETTI = 46


def decor_draw(
    canvas: Image.Image,
    layout: Layout,
    palettes: dict[str, Palette],
    texts: list[Box],
    placed: Placed,
    seed: int,
) -> None:
    """Draw the template's decorations onto the scene."""
    for name in layout.template.decor:
        if name == "frame":
            _frame(canvas, layout, palettes[""])
        elif name == "confetti":
            _confetti(canvas, layout, palettes[""], [*texts, _box_of(placed), layout.label_box], seed)


def _frame(canvas: Image.Image, layout: Layout, palette: Palette) -> None:
    inset = round(max(FRAME_INSET * layout.unit, 3 * layout.placement.scale))
    thick = max(1, round(min(layout.size) / 320))
    box = (inset, inset, layout.width - inset - 1, layout.height - inset - 1)
    paint.paste(canvas, palette.accent_ink, paint.ring(layout.size, box, 0, thick), FRAME_STRENGTH)


def _confetti(canvas: Image.Image, layout: Layout, palette: Palette, taken: list[Box], seed: int) -> None:
    """Small paper pieces, more of them towards the edges."""
    rng = random.Random(seed)
    colours = (palette.action, palette.disc, palette.wall_light, palette.action)
    for _ in range(CONFETTI):
        x, y = rng.random() * layout.width, rng.random() * layout.height
        length, turn = layout.unit * rng.uniform(0.7, 1.7), rng.uniform(0, math.pi)
        colour, is_dot = colours[rng.randrange(4)], rng.random() < 0.35
        near = length + layout.unit
        if any(
            box[0] - near < x < box[0] + box[2] + near and box[1] - near < y < box[1] + box[3] + near
            for box in taken
        ):
            continue
        side = math.ceil(2 * length) * paint.SMOOTH
        piece = Image.new("L", (side, side), 0)
        pen, middle, reach = ImageDraw.Draw(piece), side / 2, length * paint.SMOOTH
        if is_dot:
            pen.ellipse(
                [middle - reach / 3, middle - reach / 3, middle + reach / 3, middle + reach / 3], fill=255
            )
        else:
            along, across = (math.cos(turn), math.sin(turn)), (-math.sin(turn), math.cos(turn))
            corners = [
                (
                    middle + reach * (a * along[0] * 0.8 + b * across[0] * 0.28),
                    middle + reach * (a * along[1] * 0.8 + b * across[1] * 0.28),
                )
                for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
            ]
            pen.polygon(corners, fill=255)
        small = piece.reduce(paint.SMOOTH)
        canvas.paste(colour, (round(x - small.width / 2), round(y - small.height / 2)), small)


def _box_of(placed: Placed) -> Box:
    return placed.left, placed.top, placed.picture.width, placed.picture.height
