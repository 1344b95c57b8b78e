"""A product's picture -> the product alone on a transparent ground. Pure: Pillow and numpy, no Django.

Three ways, the first that holds: transparency that came with the picture; a plain background, removed
by a flood fill from the border; otherwise the photo itself as a rounded card. The fill is checked
hard and refused when in doubt, because a bad cut-out looks worse in a creative than a card.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from campaigns.palettes import dominant_colours

VERSION = "1"  # part of a product's image fingerprint: raise it and every picture is cut out again
MAX_SIDE = 1024
MASK_SIDE = 400  # the fill works on a small copy: 1 MP would take most of a second
STABLE = 0.8  # pixels of the small copy by which the outline may move between two tolerances
STUDIO_SPREAD = 4.0  # a border as even as this is a studio's; a home photo's strays more
TRANSPARENT_SHARE = 0.02  # a picture with less transparency than this has none on purpose

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CutOut:
    """``kind`` is a campaigns.models.Product.CutoutKind value; ``reason`` says why a fill was refused."""

    image: Image.Image  # RGBA, trimmed to the product
    kind: str
    palette: tuple[str, ...]  # 3 to 5 colours where the picture has as many, strongest first
    reason: str = ""


class Refused(Exception):
    """The background is not plain enough, or the product cannot be told from it."""


def cut_out(picture: Image.Image) -> CutOut:
    """Cut the product out of an upright RGB or RGBA picture; never raises on a readable one."""
    picture = picture.copy()
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    if picture.mode == "RGBA" and _has_transparency(picture):
        return _finished(_trimmed(picture), "alpha")
    photo = picture.convert("RGB")
    try:
        return _finished(_trimmed(_without_background(photo)), "flood_fill")
    except Refused as refusal:
        return _finished(rounded_card(photo), "card", reason=str(refusal))


def rounded_card(photo: Image.Image) -> Image.Image:
    """The whole photo with rounded, smooth corners."""
    scale = 4  # drawn larger and reduced, because ImageDraw does not smooth
    radius = round(min(photo.size) * 0.07)
    mask = Image.new("L", (photo.width * scale, photo.height * scale))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), radius * scale, fill=255)
    card = photo.convert("RGBA")
    card.putalpha(mask.resize(photo.size, Image.Resampling.BOX))
    return card


def _finished(image: Image.Image, kind: str, reason: str = "") -> CutOut:
    return CutOut(image, kind, dominant_colours(image, centre_only=kind == "card"), reason)


def _has_transparency(picture: Image.Image) -> bool:
    histogram = picture.getchannel("A").histogram()
    pixels = picture.width * picture.height
    clear, solid = sum(histogram[:128]), sum(histogram[200:])
    return clear > pixels * TRANSPARENT_SHARE and solid > pixels * 0.005


def _trimmed(image: Image.Image) -> Image.Image:
    """Without the empty margins; faint pixels (alpha below 8) do not count."""
    box = image.getchannel("A").point([0] * 8 + [255] * 248).getbbox()
    return image.crop(box) if box else image


# --- the plain background


class Ground(NamedTuple):
    """What the border says of the background: its colour at each pixel, and how much it strays."""

    colour: Floats  # height x width x 3
    spread: float
    is_coloured: bool


def _without_background(photo: Image.Image) -> Image.Image:
    scale = MASK_SIDE / max(photo.size)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    small = photo.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    pixels = np.asarray(small, np.float32)
    ground = _ground(pixels)
    product = _product_mask(pixels, ground)
    return _refined(photo, product)


def _border(array: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    """The pixels of the frame, as one row."""
    middle = array[width:-width]
    parts = (array[:width], array[-width:], middle[:, :width], middle[:, -width:])
    return np.concatenate([part.reshape(-1, *array.shape[2:]) for part in parts])


def _ground(pixels: Floats) -> Ground:
    """Fit a colour that may change slowly over the picture (uneven light) to the border's pixels."""
    height, width = pixels.shape[:2]
    if min(height, width) < 24:
        raise Refused("too_small")
    ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(xs), xs, ys, xs * ys, xs * xs, ys * ys], axis=-1)
    frame = max(2, min(height, width) // 50)
    at, colours = _border(terms, frame), _border(pixels, frame)
    distance = np.linalg.norm(colours - np.median(colours, axis=0), axis=1)
    keep = distance <= max(float(np.percentile(distance, 60)), 12.0)
    for _ in range(3):  # the product may touch the border: fit, drop what strays, fit again
        # A ridge keeps the curved terms at rest where the border says little about them.
        ridge = np.diag([0, 1, 1, 1, 1, 1]).astype(np.float32) * keep.sum() * 0.02
        factors = np.linalg.solve(at[keep].T @ at[keep] + ridge, at[keep].T @ colours[keep])
        distance = np.linalg.norm(colours - at @ factors, axis=1)
        keep = distance <= max(3 * float(np.median(distance[keep])), 6.0)
    if keep.mean() < 0.7:
        raise Refused("border_not_plain")
    spread = float(np.percentile(distance[keep], 90))
    if spread > 24:
        raise Refused("border_not_plain")
    colour = np.clip(terms @ factors, 0, 255)
    mean = colours[keep].mean(axis=0)
    return Ground(colour, spread, is_coloured=float(np.ptp(mean)) > 60)


def _product_mask(pixels: Floats, ground: Ground) -> Mask:
    """Fill from the border at rising tolerances; take the widest whose outline is still stable.

    A fill that leaks into the product (a white carton on white) changes its area at each step, so
    an area that stays the same over neighbouring tolerances is the sign of a real outline. Of the
    stable ones the widest leaves the least noise of compression around the product.
    """
    distance = np.linalg.norm(pixels - ground.colour, axis=2)
    if ground.is_coloured:  # on a coloured cloth folds and shadows only scale the colour
        distance = np.minimum(distance, _distance_to_shades(pixels, ground))
    low = max(10.0, ground.spread * 1.3)
    tolerances = [low * factor for factor in (1.0, 1.35, 1.8, 2.4, 3.2) if low * factor <= 62]
    masks = [_filled(distance <= tolerance) for tolerance in tolerances]
    best = None
    for i in range(1, len(masks)):
        before, after = masks[i - 1], masks[i]
        outline = (before & ~_shrunk(before, 1)).sum()
        moved = (before & ~after).sum() / max(outline, 1)
        if moved <= STABLE:
            best = i
        elif best is not None:
            break  # stable until here; what follows eats into the product
    if best is None:
        raise Refused("leaks")
    product = _smoothed(masks[best], 3)
    if ground.is_coloured:  # what is enclosed (between sleeve and body) and looks the same goes too
        product &= ~_large_parts(product & (distance <= tolerances[best]), 0.004 * product.sum())
    _check(product, pixels, ground)
    return product


def _distance_to_shades(pixels: Floats, ground: Ground) -> Floats:
    """How far each pixel's hue and saturation are from its ground's, whatever its brightness."""
    brightness, ground_brightness = pixels.mean(axis=2), ground.colour.mean(axis=2)
    hue = pixels - brightness[..., None]
    ground_hue = ground.colour - ground_brightness[..., None]
    # In shadow a hue fades with the brightness; in strong light it does not grow beyond the ground's.
    scale = np.clip(brightness / np.maximum(ground_brightness, 1.0), 0.4, 1.3)
    along = np.sum(hue * ground_hue, axis=2) / np.maximum(np.sum(ground_hue**2, axis=2), 1.0)
    across = np.linalg.norm(hue - along[..., None] * ground_hue, axis=2)
    paler = np.maximum(scale * 0.85 - along, 0) * np.linalg.norm(ground_hue, axis=2)
    return (across + paler) * 2


def _filled(background: Mask) -> Mask:
    """The product: what the background, flowing in from the border, does not reach.

    The flow is kept to channels at least five pixels wide, so that a thin gap in an outline is no leak.
    """
    wide = _shrunk(np.pad(background, 4, constant_values=True), 2)
    labels = _labelled(wide)
    outside = labels == labels[0, 0]
    flowed = _grown(outside, 2)[4:-4, 4:-4] & background
    product = _shrunk(_grown(~flowed, 1), 1)
    return _without_specks(product)


def _without_specks(product: Mask) -> Mask:
    """Drop parts smaller than a fiftieth of the whole: dust, marks, crumbs of shadow."""
    return _large_parts(product, 0.02 * product.sum())


def _large_parts(mask: Mask, pixels: float) -> Mask:
    labels = _labelled(np.pad(mask, 1))[1:-1, 1:-1]
    counts = np.bincount(labels[mask], minlength=1)
    return mask & (counts >= max(pixels, 1))[np.where(mask, labels, 0)]


def _check(product: Mask, pixels: Floats, ground: Ground) -> None:
    """Refuse an outline that a person would not have drawn."""
    share = float(product.mean())
    if share < 0.05:
        raise Refused("nothing_found")
    if share > 0.90:
        raise Refused("nothing_removed")
    if _border(product, 1).mean() > (0.4 if ground.spread < STUDIO_SPREAD else 0.03):
        raise Refused("touches_border")
    opened = _grown(_shrunk(product, 3), 3)
    ragged = (product & ~opened).sum() / product.sum()
    faint = _faint_outline(product, pixels)
    if ragged > 0.06:
        raise Refused("ragged")
    if faint > (0.45 if ground.spread < STUDIO_SPREAD else 0.07):
        raise Refused("faint_outline")


def _faint_outline(product: Mask, pixels: Floats) -> float:
    """The share of the outline across which the colour hardly changes."""
    inner, outer = product & ~_shrunk(product, 1), _grown(product, 4) & ~_grown(product, 2)
    photo = Image.fromarray(pixels.astype(np.uint8))
    around, known = _nearby(photo, outer, 2)
    inside, _ = _nearby(photo, _shrunk(product, 2), 2)
    at = inner & (known > 0)
    if not at.any():
        return 1.0
    return float((np.linalg.norm(inside[at] - around[at], axis=1) < 24).mean())


# --- small image morphology


def _grown(mask: Mask, radius: int) -> Mask:
    """Each pixel that has one of the mask in the square of ``radius`` around it."""
    for axis in (0, 1):
        grown = mask.copy()
        for step in range(1, min(radius, mask.shape[axis] - 1) + 1):
            near, far = slice(None, -step), slice(step, None)
            low, high = (near, far) if axis == 0 else ((slice(None), near), (slice(None), far))
            grown[high] |= mask[low]
            grown[low] |= mask[high]
        mask = grown
    return mask


def _shrunk(mask: Mask, radius: int) -> Mask:
    """Each pixel whose whole square of ``radius`` is of the mask; what lies outside counts as mask."""
    return ~_grown(~mask, radius)


def _smoothed(mask: Mask, radius: int) -> Mask:
    """The majority in the square around each pixel: straightens an outline frayed by noise."""
    return np.asarray(_as_image(mask).filter(ImageFilter.BoxBlur(radius))) > 127


def _as_image(mask: Mask) -> Image.Image:
    return Image.fromarray(mask.astype(np.uint8) * 255)


def _labelled(mask: Mask) -> npt.NDArray[np.int32]:
    """Number the connected parts (4-neighbours): each takes its smallest pixel index; outside: -1.

    Whole runs of a row, then of a column, are settled at once, so a picture takes a dozen passes.
    """
    labels = np.where(mask, np.arange(mask.size, dtype=np.int32).reshape(mask.shape), -1).astype(np.int32)
    while True:
        along_rows = _settled(labels)
        after = np.ascontiguousarray(_settled(np.ascontiguousarray(along_rows.T)).T)
        if np.array_equal(after, labels):
            return after
        labels = after


def _settled(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    inside = labels >= 0
    breaks = np.ones(labels.shape, bool)
    breaks[:, 1:] = inside[:, 1:] != inside[:, :-1]
    starts = np.flatnonzero(breaks)
    lowest = np.minimum.reduceat(labels.ravel(), starts)
    lengths = np.diff(np.append(starts, labels.size))
    return np.repeat(lowest, lengths).reshape(labels.shape)


# --- the edge


def _refined(photo: Image.Image, product: Mask) -> Image.Image:
    """Full-size alpha: sure inside, sure outside, and between them how much of each a pixel mixes.

    The colour of a mixed pixel is then solved for the product's part, so that no fringe of the old
    background shows on a new one.
    """
    mask = _as_image(product)
    step = max(photo.size) / max(mask.size)
    full = mask.resize(photo.size, Image.Resampling.BICUBIC)
    covered = np.asarray(full)
    outer, inner = max(2, round(1.5 * step)), max(3, round(2 * step))
    inside, outside = _shrunk(covered > 250, inner), _shrunk(covered < 5, outer)
    colours = np.asarray(photo, np.float32)
    front, front_known = _nearby(photo, inside, inner)
    back, back_known = _nearby(photo, outside, outer)
    soft = np.asarray(full.filter(ImageFilter.GaussianBlur(0.7 * step)), np.float32) / 255
    between = front - back
    contrast = np.sum(between * between, axis=2)
    mixed = np.sum((colours - back) * between, axis=2) / np.maximum(contrast, 1.0)
    # Where product and background look alike (below ~24 levels) the mixture says nothing: blur instead.
    trust = np.clip((np.sqrt(contrast) - 24) / 40, 0, 1) * front_known * back_known
    alpha = np.clip(mixed, 0, 1) * trust + soft * (1 - trust)
    alpha = np.where(inside, 1.0, np.where(outside, 0.0, alpha))
    alpha = np.clip((alpha - 0.08) / 0.87, 0, 1)  # lift off the noise of compression
    solid = np.maximum(alpha, 0.25)[..., None]
    clean = np.where(
        ((alpha > 0) & (alpha < 1) & (back_known > 0))[..., None],
        (colours - (1 - solid) * back) / solid,
        colours,
    )
    clean = np.where((alpha > 0)[..., None], clean, front)
    rgba = np.dstack([np.clip(clean, 0, 255), alpha * 255]).round().astype(np.uint8)
    return Image.fromarray(rgba, "RGBA")


def _nearby(photo: Image.Image, region: Mask, radius: int) -> tuple[Floats, Floats]:
    """For each pixel the mean colour of ``region`` around it, and 1 where there is any."""
    blur = ImageFilter.BoxBlur(radius * 2)
    stencil = _as_image(region)
    weight = np.asarray(stencil.filter(blur), np.float32) / 255
    painted = Image.composite(photo, Image.new("RGB", photo.size), stencil)
    total = np.asarray(painted.filter(blur), np.float32)
    known = (weight > 0.02).astype(np.float32)
    return (total / np.maximum(weight, 0.02)[..., None]).astype(np.float32), known
