"""A generated motif made ready for the stage: firm edges, no stray specks, cut to what is there."""

from __future__ import annotations

from collections import deque

import numpy as np
from PIL import Image

from generation.composition import paint

ALPHA_LOW, ALPHA_HIGH = 64, 192  # below is air, above is solid: a hazy outline looks like a mistake
SMOOTHING = 0.006  # of the side: a jagged outline is rounded before it is made firm
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
    return paint.trimmed(ready)


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
