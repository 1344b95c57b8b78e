"""Brushes: soft fields, smooth shapes and shadows. They know pixels and nothing else."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from generation.composition.colour import RGB

BLENDED = 0.08  # of a picture's longer side: the strip within its edges that goes out of focus
SMOOTH = 3  # shapes are drawn this much larger and averaged down
Size = tuple[int, int]
Rect = tuple[float, float, float, float]  # left, top, right, bottom


def field_image(field: np.ndarray, size: Size) -> Image.Image:
    """A 0..1 field of any resolution as a mask of the wanted size."""
    mask = Image.fromarray((np.clip(field, 0, 1) * 255).astype(np.uint8))
    return mask if mask.size == size else mask.resize(size, Image.Resampling.BILINEAR)


def _grid(size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres on a coarse grid: a smooth field needs no more."""
    step = max(1.0, max(size) / 360)
    columns, rows = max(2, round(size[0] / step)), max(2, round(size[1] / step))
    x = (np.arange(columns, dtype=np.float32) + 0.5) * (size[0] / columns)
    y = (np.arange(rows, dtype=np.float32) + 0.5) * (size[1] / rows)
    return x[None, :], y[:, None]


def glow(
    size: Size, centre: tuple[float, float], radius: tuple[float, float], power: float = 1.6
) -> Image.Image:
    """A mask: 1 in the centre, falling smoothly to 0 at the radii."""
    x, y = _grid(size)
    distance = np.sqrt(((x - centre[0]) / radius[0]) ** 2 + ((y - centre[1]) / radius[1]) ** 2)
    return field_image(np.maximum(np.cos(np.clip(distance, 0, 1) * np.pi / 2), 0) ** power, size)


def ramp(size: Size, start: float, end: float, *, vertical: bool = True) -> Image.Image:
    """A mask: 0 before ``start``, 1 after ``end`` (pixels), eased in between."""
    x, y = _grid(size)
    along = (y + 0 * x) if vertical else (x + 0 * y)
    t = np.clip((along - start) / ((end - start) or 1e-6), 0, 1)
    return field_image(t * t * (3 - 2 * t), size)


def paste(canvas: Image.Image, colour: RGB, mask: Image.Image, strength: float = 1.0) -> None:
    """Lay a colour over the canvas through a mask."""
    box = mask.getbbox()
    if box is None:
        return
    if box != (0, 0, *mask.size):  # most shapes are small: touch only their pixels
        mask = mask.crop(box)
    if strength < 1:
        mask = mask.point([round(value * strength) for value in range(256)])
    canvas.paste(colour, box[:2], mask)


def _shape(size: Size, box: Rect, draw_it: str, radius: float = 0.0) -> Image.Image:
    """Draw only the shape's own area enlarged, so that a small shape on a large canvas stays cheap."""
    left, top = int(max(box[0] - 2, 0)), int(max(box[1] - 2, 0))
    right, bottom = int(min(box[2] + 3, size[0])), int(min(box[3] + 3, size[1]))
    mask = Image.new("L", size, 0)
    if right <= left or bottom <= top:
        return mask
    large = Image.new("L", ((right - left) * SMOOTH, (bottom - top) * SMOOTH), 0)
    moved = tuple(
        (value - origin) * SMOOTH for value, origin in zip(box, (left, top, left, top), strict=True)
    )
    pen = ImageDraw.Draw(large)
    if draw_it == "ellipse":
        pen.ellipse(moved, fill=255)
    else:
        pen.rounded_rectangle(moved, radius * SMOOTH, fill=255)
    mask.paste(large.reduce(SMOOTH), (left, top))
    return mask


def ellipse(size: Size, box: Rect) -> Image.Image:
    return _shape(size, box, "ellipse")


def rounded(size: Size, box: Rect, radius: float) -> Image.Image:
    limit = min(box[2] - box[0], box[3] - box[1]) / 2
    return _shape(size, box, "rounded", min(radius, limit))


def ring(size: Size, box: Rect, radius: float, thickness: float) -> Image.Image:
    """The outline of a rounded rectangle."""
    inner = (box[0] + thickness, box[1] + thickness, box[2] - thickness, box[3] - thickness)
    hole = rounded(size, inner, max(radius - thickness, 0)).point([255 - v for v in range(256)])
    return both(rounded(size, box, radius), hole)


def burst(size: Size, box: Rect, points: int = 18) -> Image.Image:
    """A seal with a zigzag edge."""
    left, top = int(box[0]), int(box[1])
    side = round(box[2] - box[0]) + 1
    large = Image.new("L", (side * SMOOTH, side * SMOOTH), 0)
    middle = side * SMOOTH / 2
    corners = [
        (
            middle + middle * (1 if index % 2 else 0.89) * math.cos(math.pi * index / points),
            middle + middle * (1 if index % 2 else 0.89) * math.sin(math.pi * index / points),
        )
        for index in range(2 * points)
    ]
    ImageDraw.Draw(large).polygon(corners, fill=255)
    mask = Image.new("L", size, 0)
    mask.paste(large.reduce(SMOOTH), (left, top))
    return mask


def blurred(picture: Image.Image, radius: float) -> Image.Image:
    """Gaussian blur of a mask or picture; a wide one is done on a smaller copy, which looks the same and
    costs a tenth."""
    if radius <= 0.3:
        return picture
    shrink = max(1, int(radius / 4))
    if shrink == 1:
        return picture.filter(ImageFilter.GaussianBlur(radius))
    small = picture.resize(
        (max(1, picture.width // shrink), max(1, picture.height // shrink)), Image.Resampling.BOX
    )
    return small.filter(ImageFilter.GaussianBlur(radius / shrink)).resize(
        picture.size, Image.Resampling.BILINEAR
    )


def stamp(
    canvas: Image.Image, colour: RGB, shape: Image.Image, at: tuple[int, int], blur: float, strength: float
) -> None:
    """Lay a small blurred shape on the canvas, working on its own area only."""
    margin = round(3 * blur) + 1
    mask = Image.new("L", (shape.width + 2 * margin, shape.height + 2 * margin), 0)
    mask.paste(shape, (margin, margin))
    mask = blurred(mask, blur).point([round(value * strength) for value in range(256)])
    canvas.paste(colour, (at[0] - margin, at[1] - margin), mask)


def both(one: Image.Image, other: Image.Image) -> Image.Image:
    """The product of two masks."""
    product = np.asarray(one, np.uint16) * np.asarray(other, np.uint16) // 255
    return Image.fromarray(product.astype(np.uint8))


def resized(picture: Image.Image, size: Size) -> Image.Image:
    """Resize RGBA with premultiplied alpha, so that no dark or white fringe creeps in."""
    if picture.mode != "RGBA":
        return picture.resize(size, Image.Resampling.LANCZOS)
    return picture.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")


def extended(picture: Image.Image, corner: tuple[float, float], scale: float, size: Size) -> Image.Image:
    """The RGB picture scaled, with its top left at ``corner``; beyond its edges they go on, out of focus."""
    width, height = (max(1, round(side * scale)) for side in picture.size)
    left, top = round(corner[0]), round(corner[1])
    scaled = np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))
    x, y = np.arange(size[0]) - left, np.arange(size[1]) - top
    rows, columns = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    scene = Image.fromarray(scaled[rows][:, columns], "RGB")
    # How far a pixel lies outside the picture; negative inside.
    outside = np.maximum(np.maximum(-x, x - width + 1)[None, :], np.maximum(-y, y - height + 1)[:, None])
    if outside.max() <= 0:
        return scene
    reach = max(2.0, BLENDED * max(width, height))
    share = np.clip(1 + outside / reach, 0, 1)
    return Image.composite(blurred(scene, reach), scene, field_image(share, size))


def trimmed(picture: Image.Image, threshold: int = 24) -> Image.Image:
    """Cut an RGBA picture to where something is to be seen."""
    box = picture.getchannel("A").point([0] * threshold + [255] * (256 - threshold)).getbbox()
    return picture.crop(box) if box else picture


def mean_colour(picture: Image.Image) -> RGB:
    """The average colour of the opaque pixels."""
    pixels = np.asarray(picture.convert("RGBA"))
    opaque = pixels[pixels[..., 3] > 128][:, :3]
    if not len(opaque):
        return 128, 128, 128
    red, green, blue = (round(float(value)) for value in opaque.mean(axis=0))
    return red, green, blue


def grain(canvas: Image.Image, seed: int, amount: float = 0.9) -> Image.Image:
    """A breath of noise, so that soft gradients do not band after compression."""
    rng = np.random.default_rng(seed)
    tile = rng.normal(0, amount, (128, 128, 1)).astype(np.float32)
    repeats = (-(-canvas.height // 128), -(-canvas.width // 128), 1)
    noise = np.tile(tile, repeats)[: canvas.height, : canvas.width]
    pixels = np.asarray(canvas, np.float32) + noise
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
