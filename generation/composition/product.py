"""The product: scaled once, grounded by a shadow, never cropped, never redrawn.

Inside the mask (alpha 255) the canvas holds exactly the pixels of ``Placed.picture``, the scaled source.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from generation.composition import paint
from generation.composition.layouts import Layout
from generation.composition.palette import Palette

MAX_ENLARGEMENT = 3.0  # a 200 px packshot stays a packshot; beyond this it turns to mush
CARD_BORDER = 0.045  # of the photo's longer side


@dataclass(frozen=True)
class Placed:
    """The scaled product and where its top left stands. ``is_card``: a photo with a border of its own."""

    picture: Image.Image  # RGBA
    left: int
    top: int
    enlargement: float
    is_card: bool

    @property
    def box(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.left + self.picture.width, self.top + self.picture.height


def product_place(cutout: Image.Image, layout: Layout, *, is_card: bool) -> Placed:
    """Scale the cut-out into the layout's product box, standing on its floor."""
    picture = cutout.convert("RGBA") if is_card else paint.trimmed(cutout.convert("RGBA"), 8)
    left, top, width, height = layout.product
    inset = round(max(2, CARD_BORDER * min(width, height))) if is_card else 0
    scale = min((width - 2 * inset) / picture.width, (height - 2 * inset) / picture.height, MAX_ENLARGEMENT)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    scaled = paint.resized(picture, size)
    x = left + (width - size[0]) // 2
    spare = height - size[1]
    y = top + spare // 2 if is_card else top + spare
    return Placed(scaled, x, y, scale, is_card)


def shadow_draw(canvas: Image.Image, placed: Placed, palette: Palette) -> None:
    """What makes it stand: a tight dark line where it touches, and a wide soft one to the right."""
    if placed.is_card:
        _card_draw(canvas, placed, palette)
        return
    alpha = placed.picture.getchannel("A")
    width, height = alpha.size
    foot = alpha.crop((0, int(height * 0.72), width, height))
    floor = placed.top + height
    for stretch, squash, shift, blur, strength in (
        (1.16, 0.16, 0.05, 0.055, 0.30),
        (1.00, 0.075, 0.01, 0.018, 0.62),
    ):
        size = max(2, round(width * stretch)), max(2, round(min(height, width) * squash))
        at = (placed.left + round(width * (0.5 + shift)) - size[0] // 2, floor - round(size[1] * 0.62))
        print_ = foot.resize(size, Image.Resampling.BILINEAR)
        paint.stamp(canvas, palette.shadow, print_, at, max(0.8, width * blur), strength)


def _card_draw(canvas: Image.Image, placed: Placed, palette: Palette) -> None:
    """A white mount around an uncut photo."""
    left, top, right, bottom = placed.box
    border = max(2, round(CARD_BORDER * max(placed.picture.size)))
    box = left - border, top - border, right + border - 1, bottom + border - 1
    mount = paint.rounded(canvas.size, box, border * 0.9)
    drop = paint.rounded(
        canvas.size, (box[0] + border, box[1] + 2 * border, box[2] + border, box[3] + 2 * border), border
    )
    paint.paste(canvas, palette.shadow, paint.blurred(drop, border * 2.2), 0.38)
    paint.paste(canvas, (255, 255, 255), mount)


def product_draw(canvas: Image.Image, placed: Placed) -> None:
    """Put the product's own pixels down, untouched."""
    canvas.paste(placed.picture, (placed.left, placed.top), placed.picture)
