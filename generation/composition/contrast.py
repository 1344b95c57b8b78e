"""Legibility by measurement: WCAG contrast on the very pixels under the letters, and what mends it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from generation.composition import paint
from generation.composition.colour import RGB, contrast_ratio, luminance, oklch_of, rgb_from

MINIMUM = 4.5
TARGET = 4.75  # compression moves pixels a little afterwards
_LINEAR = np.array(
    [v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in range(256)], np.float32
)


def contrast_measured(canvas: Image.Image, ink: RGB, mask: Image.Image) -> float:
    """The lowest contrast between the ink and any pixel under or right beside the letters."""
    box = mask.getbbox()
    if box is None:
        return 21.0
    box = max(box[0] - 2, 0), max(box[1] - 2, 0), min(box[2] + 2, mask.width), min(box[3] + 2, mask.height)
    under = np.asarray(mask.crop(box).filter(ImageFilter.MaxFilter(3))) > 40
    linear = _LINEAR[np.asarray(canvas.crop(box).convert("RGB"))]
    ground = (linear @ np.array([0.2126, 0.7152, 0.0722], np.float32))[under]
    letters = luminance(ink)
    light, dark = np.maximum(ground, letters), np.minimum(ground, letters)
    return float(((light + 0.05) / (dark + 0.05)).min())


def ink_adapted(canvas: Image.Image, ink: RGB, mask: Image.Image) -> RGB:
    """The ink, made darker or lighter until it reads on the pixels it meets; unchanged where it does.

    Keeps the side it is on: dark ink stays dark. Where even black or white would not do, a plate must.
    """
    box = mask.getbbox()
    if box is None or contrast_measured(canvas, ink, mask) >= TARGET:
        return ink
    pixels = np.asarray(canvas.crop(box).convert("RGB"))[np.asarray(mask.crop(box)) > 40]
    if not len(pixels):
        return ink
    light = _LINEAR[pixels] @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    is_dark_ink = luminance(ink) < float(np.median(light))
    worst = pixels[int(light.argmin() if is_dark_ink else light.argmax())]
    ground: RGB = (int(worst[0]), int(worst[1]), int(worst[2]))
    start = oklch_of(ink)
    for step in range(1, 60):
        shade = start.with_(lightness=start.lightness + (-0.01 if is_dark_ink else 0.01) * step)
        if not 0.12 <= shade.lightness <= 0.99:
            return ink
        if contrast_ratio(rgb_from(shade), ground) >= TARGET + 0.15:
            return rgb_from(shade)
    return ink


def plate_add(canvas: Image.Image, ink: RGB, mask: Image.Image, wall: RGB) -> tuple[float, float]:
    """Lay the weakest soft plate under the text that makes it legible; (contrast, plate strength).

    The plate takes the wall's colour when that carries the ink, else black or white.
    """
    ratio = contrast_measured(canvas, ink, mask)
    box = mask.getbbox()
    if ratio >= TARGET or box is None:
        return ratio, 0.0
    tall = box[3] - box[1]
    pad = max(5.0, min(tall * 0.35, 0.05 * max(canvas.size)))
    area = paint.rounded(canvas.size, (box[0] - pad, box[1] - pad, box[2] + pad, box[3] + pad), pad * 1.1)
    soft = paint.blurred(area, pad * 0.35)
    solid = Image.fromarray(np.maximum(np.asarray(soft), np.asarray(mask.filter(ImageFilter.MaxFilter(5)))))
    extreme: RGB = (255, 255, 255) if luminance(ink) < 0.18 else (0, 0, 0)
    for colour in (wall, extreme):
        for strength in (0.35, 0.5, 0.65, 0.8, 0.9, 1.0):
            trial = canvas.copy()
            paint.paste(trial, colour, solid, strength)
            ratio = contrast_measured(trial, ink, mask)
            if ratio >= TARGET:
                canvas.paste(trial)
                return ratio, strength
    canvas.paste(trial)
    return ratio, 1.0


def scrim_add(
    canvas: Image.Image, boxes: list[tuple[int, int, int, int]], wall: RGB, strength: float
) -> None:
    """Calm a photograph where text will stand: the wall's colour, very soft around all text boxes."""
    area = Image.new("L", canvas.size, 0)
    for left, top, width, height in boxes:
        area.paste(255, (left, top, left + width, top + height))
    radius = 0.09 * max(min(canvas.size), 0.35 * max(canvas.size))
    grown = area.resize((max(8, canvas.width // 4), max(8, canvas.height // 4)), Image.Resampling.BOX)
    grown = grown.filter(ImageFilter.MaxFilter(2 * round(radius / 8) + 1)).resize(canvas.size)
    paint.paste(canvas, wall, paint.blurred(grown, radius), strength)
