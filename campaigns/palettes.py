"""The dominant colours of a picture. Pure: Pillow and numpy, no Django."""

from __future__ import annotations

import numpy as np
from PIL import Image

SIDE = 96  # enough for shares of colour
COLOURS = 5


def dominant_colours(image: Image.Image, *, centre_only: bool = False) -> tuple[str, ...]:
    """Three to five "#rrggbb" colours of the opaque pixels, strongest first; fewer in a flat picture.

    ``centre_only`` looks at the middle of a photo whose background was kept.
    """
    small = image.convert("RGBA")
    if centre_only:
        dx, dy = small.width // 5, small.height // 5
        small = small.crop((dx, dy, small.width - dx, small.height - dy))
    small.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small).reshape(-1, 4)
    opaque = pixels[pixels[:, 3] > 200][:, :3]
    if not len(opaque):
        return ()
    strip = Image.fromarray(np.ascontiguousarray(opaque[None]))
    reduced = strip.quantize(12, method=Image.Quantize.MEDIANCUT, kmeans=3)
    table = np.asarray(reduced.getpalette(), np.float32).reshape(-1, 3)
    counts = np.bincount(np.asarray(reduced).ravel(), minlength=len(table))
    shares = [(float(counts[i]) / len(opaque), table[i]) for i in np.argsort(-counts) if counts[i]]
    for apart in (60.0, 42.0, 28.0, 18.0):
        merged = _merged(shares, apart)
        if len(merged) >= 3:
            break
    return tuple("#{:02x}{:02x}{:02x}".format(*np.clip(c.round(), 0, 255).astype(int)) for c in merged)


def _merged(shares: list[tuple[float, np.ndarray]], apart: float) -> list[np.ndarray]:
    """Join colours closer than ``apart`` to the strongest of them; drop what covers under 2 %."""
    groups: list[list[tuple[float, np.ndarray]]] = []
    for share, colour in shares:
        for group in groups:
            if _distance(group[0][1], colour) < apart:
                group.append((share, colour))
                break
        else:
            groups.append([(share, colour)])
    totals = sorted(((sum(s for s, _ in group), i) for i, group in enumerate(groups)), reverse=True)
    return [groups[i][0][1] for total, i in totals if total >= 0.02][:COLOURS]


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Roughly as eyes see it ("redmean"), cheaper than Lab."""
    red = (float(a[0]) + float(b[0])) / 2
    weights = np.array([2 + red / 256, 4.0, 2 + (255 - red) / 256])
    return float(np.sqrt((weights * (a - b) ** 2).sum())) / 1.73
