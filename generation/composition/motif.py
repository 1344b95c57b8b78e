"""A generated motif made ready for the stage: firm edges, no stray specks, cut to what is there."""

from __future__ import annotations

from collections import deque
from functools import reduce

import numpy as np
from PIL import Image

from generation.composition import paint

ALPHA_LOW, ALPHA_HIGH = 64, 192  # below is air, above is solid: a hazy outline looks like a mistake
SMOOTHING = 0.006  # of the side: a jagged outline is rounded before it is made firm
FLAT_RUN = 0.3  # of a side: an outline that runs along it for so long was cut there, as by a frame
FRAMED_WIDTH = 0.85  # of the picture's: a landscape fills it from side to side
FADE = 0.16  # of a landscape's width at either end; of its height at the foot
SPECK_SHARE = 0.03  # of the largest part; smaller islands are specks
GRID = 64


def motif_prepare(motif: Image.Image) -> Image.Image:
    """The motif as composition uses it; one with nothing in it is returned unchanged."""
    ready = motif.convert("RGBA")
    rounded = paint.blurred(ready.getchannel("A"), SMOOTHING * max(ready.size))
    firm = ((v - ALPHA_LOW) / (ALPHA_HIGH - ALPHA_LOW) for v in range(256))
    alpha = rounded.point([round(min(max(v, 0), 1) * 255) for v in firm])
    keep = _parts_kept(np.asarray(alpha.resize((GRID, GRID), Image.Resampling.BOX)) > 30)
    if keep is None:
        return motif
    mask = paint.field_image(keep.astype(np.float32), ready.size).point(
        [255 if v > 20 else 0 for v in range(256)]
    )
    ready.putalpha(paint.both(alpha, mask))
    trimmed = paint.trimmed(ready)
    if is_landscape(trimmed) and trimmed.width >= FRAMED_WIDTH * motif.width:
        return _cuts_faded(trimmed)
    return trimmed


def is_landscape(motif: Image.Image) -> bool:
    """A trimmed motif that was cut straight at both sides and the foot, and not at the top: a mountain, not a
    window or a telephone."""
    solid = np.asarray(motif.getchannel("A")) > ALPHA_LOW
    near = max(1, round(0.01 * max(motif.size)))
    left, right = solid[:, :near].any(1).mean(), solid[:, -near:].any(1).mean()
    foot, top = solid[-near:].any(0).mean(), solid[:near].any(0).mean()
    return min(left, right, foot) >= FLAT_RUN > top


def _cuts_faded(motif: Image.Image) -> Image.Image:
    """Where it was cut it goes out softly, as in a mist."""
    width, height = motif.size
    fades = (
        paint.ramp(motif.size, 0, FADE * width, vertical=False),
        paint.ramp(motif.size, width, (1 - FADE) * width, vertical=False),
        paint.ramp(motif.size, height, (1 - FADE) * height),
    )
    faded = motif.copy()
    faded.putalpha(reduce(paint.both, fades, motif.getchannel("A")))
    return faded


def _parts_kept(shape: np.ndarray) -> np.ndarray | None:
    """The connected parts of a coarse mask that are no specks; None for an empty mask."""
    labels = np.zeros(shape.shape, int)
    sizes: list[int] = [0]
    for start in zip(*np.nonzero(shape), strict=True):
        if labels[start]:
            continue
        sizes.append(0)
        waiting = deque([start])
        labels[start] = len(sizes) - 1
        while waiting:
            row, column = waiting.popleft()
            sizes[-1] += 1
            for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                inside = 0 <= near[0] < shape.shape[0] and 0 <= near[1] < shape.shape[1]
                if inside and shape[near] and not labels[near]:
                    labels[near] = len(sizes) - 1
                    waiting.append(near)
    if len(sizes) == 1:
        return None
    large = [index for index, size in enumerate(sizes) if index and size >= SPECK_SHARE * max(sizes)]
    return np.isin(labels, large)
