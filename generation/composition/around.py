"""A scene that was painted around the product: what the model keeps, and the scene moved to each layout.

The model paints one square in which the product stands at a known place. In every size that square is
scaled and moved until its product lies exactly under the layout's, whose own pixels are then drawn over it.
"""

from __future__ import annotations

from PIL import Image

from generation.briefs import Brief
from generation.composition import paint
from generation.composition.product import Placed

KEPT_SIDE = 0.5  # the product's longer side, of the square's: there is scene on all sides of it
KEPT_FLOOR = 0.82  # where the product stands, from the top

Fractions = tuple[float, float, float, float]  # left, top, right, bottom, of the square's side


def around_product(brief: Brief) -> bool:
    """Whether the scene is painted around the product. A photo in its own background has no outline."""
    return brief.keeps_product and brief.product.cutout_kind != "card"


def kept_box(cutout: Image.Image) -> Fractions:
    """Where the product stands in the painted square; a function of its shape alone."""
    width, height = paint.trimmed(cutout.convert("RGBA"), 8).size
    scale = KEPT_SIDE / max(width, height)
    half = width * scale / 2
    return 0.5 - half, KEPT_FLOOR - height * scale, 0.5 + half, KEPT_FLOOR


def keep_make(cutout: Image.Image, side: int) -> Image.Image:
    """The transparent square with the product in it: what an inpainting model keeps."""
    left, top, right, bottom = (round(edge * side) for edge in kept_box(cutout))
    size = max(1, right - left), max(1, bottom - top)
    square = Image.new("RGBA", (side, side))
    square.paste(paint.resized(paint.trimmed(cutout.convert("RGBA"), 8), size), (left, top))
    return square


def scene_around(size: tuple[int, int], picture: Image.Image, kept: Fractions, placed: Placed) -> Image.Image:
    """The painted square moved under the placed product; beyond its edges they go on, out of focus."""
    scale = placed.picture.width / ((kept[2] - kept[0]) * picture.width)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    corner = placed.left - round(kept[0] * width), placed.top - round(kept[1] * height)
    return paint.extended(picture.convert("RGB"), corner, scale, size)
