"""Where a whole scene draws the eye, and how it is framed so that no words come to lie there. Pure.

The map is the spectral residual of X. Hou and L. Zhang, "Saliency detection: a spectral residual approach"
(CVPR 2007): what is left of a picture when the average shape of its spectrum is taken away, here in each
colour channel and joined with the distance to the colours at the picture's border, so that a plain body
counts as well as its outline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from generation.composition import paint
from generation.composition.layouts import Box

GRID = 64  # cells a side: the scale of objects, not of textures, as in the paper
SOFT = 3  # cells around an outline that belong to it
SURE = 1.0  # standard deviations above the mean: what stands out less is ground
ZOOMS = (1.0, 0.85, 0.7, 1.2)  # of the scale that just covers; below 1 the scene's edges go on out of focus
STEPS = 9  # places tried along each axis
UNDER_WORDS_MOST = 0.02  # of the subject: what rounding and a soft outline leave


@dataclass(frozen=True)
class Frame:
    """A scene's place in its region: where its top left lies there, and region pixels a scene pixel."""

    left: float
    top: float
    scale: float
    under_words: float  # share of the subject that words will cover, 0-1
    hidden: float  # share of it behind the product
    beyond: float  # share of the region that the scene does not reach


def saliency_map(picture: Image.Image) -> np.ndarray:
    """(64, 64) shares of the eye's attention, 1 in all; zeros where nothing stands out."""
    pixels = np.asarray(picture.convert("RGB").resize((GRID, GRID), Image.Resampling.BOX), np.float64)
    found = np.sum([_residual(pixels[..., channel]) for channel in range(3)], axis=0)
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    # The nearest of the border's colours: sky and floor are both ground.
    odd = np.min([np.linalg.norm(pixels - colour, axis=2) for colour in rim[::4]], axis=0)
    map_ = _unit(found) * 0.5 + _unit(odd)
    map_ *= _centred()
    cut = np.where(map_ > map_.mean() + SURE * map_.std(), map_, 0.0)
    return cut / cut.sum() if cut.sum() > 0 and odd.max() > 6 else np.zeros_like(cut)


def frame_choose(
    picture_size: tuple[int, int],
    saliency: np.ndarray,
    region: tuple[int, int],
    words: Sequence[Box],
    product: Box,
) -> Frame:
    """The frame that keeps the subject from under the words, then out from behind the product and whole.

    ``words`` and ``product`` are boxes in the region's pixels. Prefers a frame that the scene fills.
    """
    places = _places(picture_size, region)
    boxes = np.array([*words, product, (0, 0, *region)], float)
    shares = _shares(saliency, picture_size, places, boxes)
    under, hidden, cut = shares[:, :-2].sum(1).clip(max=1), shares[:, -2], saliency.sum() - shares[:, -1]
    ends = places[:, :2] + places[:, 2:] * picture_size
    shown = (ends.clip(max=region) - places[:, :2].clip(min=0)).clip(min=0).prod(1)
    beyond = 1 - shown / (region[0] * region[1])
    # Half of it behind the product still tells what it is.
    cost = np.maximum(hidden - 0.5, 0) + 0.3 * hidden + 1.5 * cut + 0.7 * beyond
    cost[under > max(UNDER_WORDS_MOST, under.min() + 0.01)] = np.inf
    best = int(cost.argmin())
    left, top, scale = (float(value) for value in places[best])
    return Frame(left, top, scale, float(under[best]), float(hidden[best]), float(beyond[best]))


def scene_framed(picture: Image.Image, frame: Frame, region: tuple[int, int]) -> Image.Image:
    """The region's pixels: the scene in its frame, and beyond it its edges out of focus."""
    return paint.extended(picture.convert("RGB"), (frame.left, frame.top), frame.scale, region)


def _places(picture: tuple[int, int], region: tuple[int, int]) -> np.ndarray:
    """Rows of (left, top, scale): every frame that is looked at, the plain one first."""
    cover = max(region[0] / picture[0], region[1] / picture[1])
    rows: list[tuple[float, float, float]] = []
    for zoom in ZOOMS:
        scale = cover * zoom
        spare = region[0] - picture[0] * scale, region[1] - picture[1] * scale
        bare = 0.3 if zoom <= 1 else 0.0  # how far it may leave an edge bare, of the region
        x = np.linspace(min(spare[0], 0) - bare * region[0], max(spare[0], 0) + bare * region[0], STEPS)
        y = np.linspace(
            min(spare[1], 0) - bare * region[1] / 2, max(spare[1], 0) + bare * region[1] / 2, STEPS
        )
        rows.append((spare[0] / 2, spare[1] * 0.45, scale))
        rows += [(left, top, scale) for left in x for top in y]
    return np.array(rows)


def _shares(
    saliency: np.ndarray, picture: tuple[int, int], places: np.ndarray, boxes: np.ndarray
) -> np.ndarray:
    """(places, boxes) of how much saliency each box of the region holds, from the summed-area table."""
    sums = np.pad(saliency.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    cells = GRID / np.array(picture) / places[:, None, 2:]  # a pixel of the region
    low = ((boxes[None, :, :2] - places[:, None, :2]) * cells).clip(0, GRID)
    high = ((boxes[None, :, :2] + boxes[None, :, 2:] - places[:, None, :2]) * cells).clip(0, GRID)
    left, top = np.floor(low).astype(int).transpose(2, 0, 1)
    right, bottom = np.ceil(high).astype(int).transpose(2, 0, 1)
    found: np.ndarray = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return found


def _residual(channel: np.ndarray) -> np.ndarray:
    """One channel's spectral residual, squared and smoothed."""
    spectrum = np.fft.fft2(channel)
    logarithm = np.log(np.abs(spectrum) + 1e-6)
    residual = logarithm - _averaged(logarithm, 1)
    map_ = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    return _averaged(_averaged(map_, SOFT), SOFT)


def _averaged(field: np.ndarray, reach: int) -> np.ndarray:
    """Each cell the mean of the square around it; the field goes on mirrored."""
    padded = np.pad(field, reach, mode="reflect")
    sums = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    side = 2 * reach + 1
    return (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2


def _unit(field: np.ndarray) -> np.ndarray:
    """From 0 to 1; one bright cell does not make the rest dark."""
    low, high = np.percentile(field, 5), np.percentile(field, 99)
    return np.clip((field - low) / max(high - low, 1e-9), 0, 1)


def _centred() -> np.ndarray:
    """A mild preference for the middle: the transform sees edges of its own at the border."""
    axis = np.linspace(-1, 1, GRID)
    return 1 - 0.35 * np.clip(np.hypot(axis[:, None], axis[None]), 0, 1)
