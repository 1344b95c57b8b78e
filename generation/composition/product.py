"""The product: scaled once, grounded by a shadow, never cropped, never redrawn.

Inside the mask (alpha 255) the canvas holds exactly the pixels of ``Placed.picture``, the scaled source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from generation.composition import paint
from generation.composition.layouts import Box, Layout
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


def product_place(cutout: Image.Image, layout: Layout, *, is_card: bool, share: float = 1.0) -> Placed:
    """Scale the cut-out into the layout's product box, standing on its floor.

    ``share`` of the largest size that fits leaves room for a seal.
    """
    picture = cutout.convert("RGBA") if is_card else paint.trimmed(cutout.convert("RGBA"), 8)
    left, top, width, height = layout.product
    inset = round(max(2, CARD_BORDER * min(width, height))) if is_card else 0
    scale = min(
        share * (width - 2 * inset) / picture.width,
        share * (height - 2 * inset) / picture.height,
        MAX_ENLARGEMENT * layout.placement.scale,
    )
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    scaled = paint.resized(picture, size)
    x = left + (width - size[0]) // 2
    spare = height - size[1]
    y = top + spare // 2 if is_card or layout.floats else top + spare
    return Placed(scaled, x, y, scale, is_card)


SEAL_SHARES = (1.0, 0.93, 0.86, 0.79, 0.72)  # of the product's size, tried until a corner is free
SEAL_LEAST = 30  # pixels on the shopper's screen


def product_place_with_seal(
    cutout: Image.Image, layout: Layout, *, is_card: bool, has_seal: bool
) -> tuple[Placed, Box | None]:
    """The product, and a corner of the stage that its outline leaves to the seal.

    The product gives way a little for the seal; where that is not enough there is no seal.
    """
    badge = layout.template.badge
    across = round(badge.size * layout.unit)
    if not has_seal or across < SEAL_LEAST * layout.placement.scale:
        return product_place(cutout, layout, is_card=is_card), None
    for share in SEAL_SHARES:
        placed = product_place(cutout, layout, is_card=is_card, share=share)
        shape = np.asarray(placed.picture.getchannel("A").reduce(max(1, placed.picture.width // 96))) > 40
        for box in _corners(layout, across, badge.corner):
            if not _touches(box, placed, shape):
                return placed, box
    return product_place(cutout, layout, is_card=is_card), None


def _corners(layout: Layout, across: int, wanted: str) -> list[Box]:
    left, top, width, height = layout.stage
    pad = 1.4 * layout.unit
    edge = max(2.6 * layout.unit, 4 * layout.placement.scale)
    x0 = left + (edge if left == 0 else pad)
    x1 = left + width - across - (edge if left + width == layout.width else pad)
    y0 = top + (edge if top == 0 else pad)
    y1 = top + height - across - (edge if top + height == layout.height else pad)
    places = {"top-left": (x0, y0), "top-right": (x1, y0), "bottom-left": (x0, y1), "bottom-right": (x1, y1)}
    order = [wanted, *(name for name in ("top-right", "top-left", "bottom-left", "bottom-right"))]
    boxes = [(round(x), round(y), across, across) for x, y in (places[name] for name in order)]
    taken = [layout.label_box, *([layout.legal_box] if layout.legal_box else [])]
    return [box for box in boxes if x1 >= x0 and y1 >= y0 and not any(_meet(box, other) for other in taken)]


def _meet(one: Box, other: Box) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )


def _touches(box: Box, placed: Placed, shape: np.ndarray) -> bool:
    """Whether the seal's disc comes over the product's outline, or its words into the product's box."""
    left, top, across, _ = box
    words = (
        left + round(0.1 * across),
        top + round(0.26 * across),
        round(0.8 * across),
        round(0.48 * across),
    )
    card = placed.is_card
    if _meet(box if card else words, (placed.left, placed.top, placed.picture.width, placed.picture.height)):
        return True
    step = placed.picture.width / shape.shape[1]
    rows, columns = np.nonzero(shape)
    x = placed.left + (columns + 0.5) * step - (left + across / 2)
    y = placed.top + (rows + 0.5) * step - (top + across / 2)
    return bool((np.hypot(x, y) < across * 0.53).any())


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


def mask_of(placed: Placed, size: tuple[int, int]) -> Image.Image:
    """Where the product is in a canvas of ``size`` (L): above 0 on every pixel that it has a share in."""
    mask = Image.new("L", size, 0)
    mask.paste(placed.picture.getchannel("A"), (placed.left, placed.top))
    return mask
