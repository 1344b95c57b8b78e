"""What was measured on a finished creative, and the codes of what is not as it should be.

``block`` codes mean that the creative must not be shown; ``warn`` codes are for the reviewer's eye.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any

import numpy as np
from PIL import Image

from generation.composition.contrast import MINIMUM
from generation.composition.layouts import Layout
from generation.composition.product import Placed

COVERAGE_LOW, COVERAGE_HIGH = 0.02, 0.60
BLANK_DEVIATION = 3.0  # of 255: a scene flatter than this shows nothing
MOTIF_OPAQUE_LOW = 0.02
INDISTINCT_DISTANCE = 14.0  # mean channel distance between the product's rim and what lies around it
ENLARGEMENT_HIGH = 2.2


class Code(StrEnum):
    """Stable inspection codes."""

    CONTRAST_LOW = "contrast_low"
    TEXT_OVERFLOW = "text_overflow"
    TEXT_OVER_PRODUCT = "text_over_product"
    TEXT_OVERLAP = "text_overlap"
    TEXT_TRUNCATED = "text_truncated"
    PRODUCT_TOO_SMALL = "product_too_small"
    PRODUCT_TOO_LARGE = "product_too_large"
    PRODUCT_ENLARGED = "product_enlarged"
    INDISTINCT_PRODUCT = "indistinct_product"
    BLANK_SCENE = "blank_scene"
    MOTIF_EMPTY = "motif_empty"
    LABEL_TOO_SMALL = "label_too_small"
    OVER_WEIGHT = "over_weight"


BLOCKING = frozenset(
    {
        Code.CONTRAST_LOW,
        Code.TEXT_OVERFLOW,
        Code.TEXT_OVER_PRODUCT,
        Code.TEXT_OVERLAP,
        Code.LABEL_TOO_SMALL,
        Code.OVER_WEIGHT,
    }
)


@dataclass(frozen=True)
class TextMeasure:
    """One text as it was drawn."""

    role: str
    contrast: float
    plate: float  # strength of the plate that was needed, 0 for none
    size: int
    ink: tuple[int, int, int, int]  # bounding box of the drawn letters
    fits: bool
    is_truncated: bool


def blank_deviation(scene: Image.Image) -> float:
    """How much the scene varies: the standard deviation of its grey values at a coarse scale."""
    return float(np.asarray(scene.convert("L").resize((32, 32), Image.Resampling.BOX), np.float32).std())


def rim_distance(scene: Image.Image, placed: Placed) -> float:
    """How far the product's rim is from the scene behind it, as a mean channel distance."""
    alpha = np.asarray(placed.picture.getchannel("A")) > 200
    inner = alpha.copy()
    step = max(1, min(alpha.shape) // 30)
    inner[step:] &= alpha[:-step]
    inner[:-step] &= alpha[step:]
    inner[:, step:] &= alpha[:, :-step]
    inner[:, :-step] &= alpha[:, step:]
    rim = alpha & ~inner
    if not rim.any():
        return 0.0
    behind = np.asarray(scene.crop(placed.box), np.float32)[rim]
    own = np.asarray(placed.picture.convert("RGB"), np.float32)[rim]
    return float(np.abs(behind - own).mean(axis=1).mean())


def coverage_of(layout: Layout, placed: Placed) -> float:
    """The product's share of the whole placement."""
    opaque = int((np.asarray(placed.picture.getchannel("A")) > 128).sum())
    return opaque / (layout.width * layout.height)


def motif_opaque_share(motif: Image.Image) -> float:
    """How much of an RGBA motif is there at all."""
    return float((np.asarray(motif.getchannel("A").resize((64, 64))) > 100).mean())


def inspection_make(
    layout: Layout,
    placed: Placed,
    scene: Image.Image,
    texts: list[TextMeasure],
    *,
    motif: Image.Image | None,
    motif_visible: float,
    label_needed: int,
    byte_count: int,
    quality: int,
) -> dict[str, Any]:
    """Measured values and codes, as stored with the creative."""
    coverage = coverage_of(layout, placed)
    contrast = min(text.contrast for text in texts)
    deviation, rim = blank_deviation(scene), rim_distance(scene, placed)
    label = next(text for text in texts if text.role == "label")
    label_height = label.ink[3] - label.ink[1]
    found = {
        Code.CONTRAST_LOW: contrast < MINIMUM,
        Code.TEXT_OVERFLOW: not all(text.fits for text in texts),
        Code.TEXT_OVER_PRODUCT: any(_overlap(text.ink, placed.box) for text in texts),
        Code.TEXT_OVERLAP: any(_overlap(one.ink, other.ink) for one, other in combinations(texts, 2)),
        Code.TEXT_TRUNCATED: any(text.is_truncated for text in texts if text.role != "subline"),
        Code.PRODUCT_TOO_SMALL: coverage < COVERAGE_LOW,
        Code.PRODUCT_TOO_LARGE: coverage > COVERAGE_HIGH,
        Code.PRODUCT_ENLARGED: placed.enlargement > ENLARGEMENT_HIGH,
        Code.INDISTINCT_PRODUCT: not placed.is_card and rim < INDISTINCT_DISTANCE,
        Code.BLANK_SCENE: deviation < BLANK_DEVIATION,
        Code.MOTIF_EMPTY: motif is not None and motif_opaque_share(motif) < MOTIF_OPAQUE_LOW,
        Code.LABEL_TOO_SMALL: label_height < label_needed,
        Code.OVER_WEIGHT: byte_count > layout.kilobytes * 1000,
    }
    codes = [code.value for code, is_so in found.items() if is_so]
    return {
        "codes": codes,
        "is_blocked": any(found[code] for code in BLOCKING),
        "contrast": round(contrast, 2),
        "contrasts": {text.role: round(text.contrast, 2) for text in texts},
        "plates": {text.role: text.plate for text in texts if text.plate},
        "text_sizes": {text.role: text.size for text in texts},
        "product_coverage": round(coverage, 4),
        "product_enlargement": round(placed.enlargement, 2),
        "product_rim": round(rim, 1),
        "scene_deviation": round(deviation, 1),
        "motif_visible": round(motif_visible, 2),
        "label_height": label_height,
        "label_needed": label_needed,
        "kilobytes": round(byte_count / 1000, 1),
        "quality": quality,
    }


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
