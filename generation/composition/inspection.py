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

from generation.brand_safety import terms_found, unsafe_found
from generation.briefs import BriefBrand
from generation.composition.colour import oklch_of, rgb_of
from generation.composition.contrast import MINIMUM
from generation.composition.layouts import Layout
from generation.composition.product import Placed

COVERAGE_LOW, COVERAGE_HIGH = 0.02, 0.60
STAGE_SHARE_LOW = 0.28  # of the stage's shorter side: a product smaller than this is lost in it
FLOOR_GAP_HIGH = 0.05  # of the stage's height between a standing product and its floor
# Nothing to stand on: both many edges under a standing product (grey steps a pixel, with the product so many
# pixels tall that sizes and photographs compare) and more than elsewhere in the scene. Soft scenes have few
# anywhere, where twice as many mean nothing.
FOOT_HEIGHT = 96
FOOT_EDGES_HIGH = 12.0
FOOT_BUSY_HIGH = 2.0
FORBIDDEN_DISTANCE = 0.06  # in OKLab: the eye calls it the same colour
FORBIDDEN_SHARE = 0.04  # of the picture without the product
BLANK_DEVIATION = 3.0  # of 255: a scene flatter than this shows nothing
MOTIF_OPAQUE_LOW = 0.02
SUBJECT_COVERED_HIGH = 0.1  # of a whole scene's subject under the words
INDISTINCT_DISTANCE = 14.0  # mean channel distance between the product's rim and what lies around it
ENLARGEMENT_HIGH = 2.2
_TO_CONES = np.array(
    [
        (0.4122214708, 0.5363325363, 0.0514459929),
        (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    ]
)
_TO_LAB = np.array(
    [
        (0.2104542553, 0.7936177850, -0.0040720468),
        (1.9779984951, -2.4285922050, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.8086757660),
    ]
)


class Code(StrEnum):
    """Stable inspection codes."""

    CONTRAST_LOW = "contrast_low"
    TEXT_OVERFLOW = "text_overflow"
    TEXT_OVER_PRODUCT = "text_over_product"
    TEXT_OVER_SUBJECT = "text_over_subject"
    TEXT_OVERLAP = "text_overlap"
    TEXT_TRUNCATED = "text_truncated"
    PRODUCT_TOO_SMALL = "product_too_small"
    PRODUCT_TOO_LARGE = "product_too_large"
    PRODUCT_ENLARGED = "product_enlarged"
    PRODUCT_CROPPED = "product_cropped"
    SIZE_MISMATCH = "size_mismatch"
    SPACE_MISMATCH = "space_mismatch"
    INDISTINCT_PRODUCT = "indistinct_product"
    BLANK_SCENE = "blank_scene"
    MOTIF_EMPTY = "motif_empty"
    NEAR_DUPLICATE = "near_duplicate"  # found in the worker, which knows the advertiser's other pictures
    LOW_MATCH = "low_match"  # found in the worker, by the judge's score
    FORBIDDEN_WORD = "forbidden_word"
    FORBIDDEN_COLOUR = "forbidden_colour"
    LABEL_MISSING = "label_missing"
    LABEL_TOO_SMALL = "label_too_small"
    OVER_WEIGHT = "over_weight"


BLOCKING = frozenset(
    {
        Code.CONTRAST_LOW,
        Code.TEXT_OVERFLOW,
        Code.TEXT_OVER_PRODUCT,
        Code.TEXT_OVERLAP,
        Code.PRODUCT_CROPPED,
        Code.FORBIDDEN_WORD,
        Code.FORBIDDEN_COLOUR,
        Code.LABEL_MISSING,
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


def stage_share(layout: Layout, placed: Placed) -> float:
    """The product's longer side against its stage's shorter one."""
    return max(placed.picture.size) / min(layout.stage[2:])


def floor_gap(layout: Layout, placed: Placed) -> float:
    """How far a standing product is from its floor, as a share of the stage's height."""
    return abs(placed.box[3] - layout.floor) / layout.stage[3]


def foot_edges(scene: Image.Image, placed: Placed) -> tuple[float, float]:
    """Grey steps a pixel where a product stands, and their mean over the scene.

    A table or a floor is calmer than what stands behind it. Under a product that was put in front of a
    tree or a crowd it is not.
    """
    scale = FOOT_HEIGHT / placed.picture.height
    size = max(2, round(scene.width * scale)), max(2, round(scene.height * scale))
    seen = scene.convert("L").resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    grey = np.asarray(seen, np.float32)
    edges = np.abs(np.diff(grey, axis=0))[:, :-1] + np.abs(np.diff(grey, axis=1))[:-1]
    left, _, right, bottom = (round(value * scale) for value in placed.box)
    deep = FOOT_HEIGHT // 12
    strip = edges[max(0, bottom - deep // 2) : bottom + deep, max(0, left) : right]
    return float(strip.mean()) if strip.size else 0.0, float(edges.mean())


def forbidden_share(picture: Image.Image, placed: Placed, colours: tuple[str, ...]) -> float:
    """The largest share of the picture without its product that one of the colours ("#rrggbb") takes."""
    if not colours:
        return 0.0
    outside = Image.new("L", picture.size, 255)
    outside.paste(0, (placed.left, placed.top), placed.picture.getchannel("A"))
    cells = np.asarray(outside.resize((64, 64), Image.Resampling.BOX)) > 200
    lab = _oklab(np.asarray(picture.resize((64, 64), Image.Resampling.BOX), np.float64)[cells])
    return max(
        float((np.linalg.norm(lab - oklch_of(rgb_of(colour)).lab, axis=1) < FORBIDDEN_DISTANCE).mean())
        for colour in colours
    )


def words_refused(words: tuple[str, ...], title: str, brands_own: tuple[str, ...]) -> dict[str, str]:
    """Term -> who forbids it: a category of the brand-safety lists, or ``brand_kit``.

    The brand-safety lists are not asked about the product's title: it names what the shop sells, and a
    shop of toy handguns or cannabis-free creams would lose its whole feed to one word. Each text is looked
    at alone, for two that stand apart are not one term.
    """
    own = {term: "brand_kit" for text in (*words, title) for term in terms_found(text, brands_own)}
    return own | {term: category for text in words for term, category in unsafe_found(text).items()}


def _oklab(rgb: np.ndarray) -> np.ndarray:
    """Rows of sRGB 0-255 as OKLab (B. Ottosson, "A perceptual color space for image processing", 2020)."""
    unit = rgb / 255
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T


def inspection_make(
    layout: Layout,
    placed: Placed,
    scene: Image.Image,
    texts: list[TextMeasure],
    *,
    picture: Image.Image,
    words: tuple[str, ...],
    title: str,
    brand: BriefBrand,
    motif: Image.Image | None,
    motif_visible: float,
    subject_under_words: float,
    label_needed: int,
    byte_count: int,
    quality: int,
) -> dict[str, Any]:
    """Measured values and codes, as stored with the creative.

    ``words`` were written by people or come from the copy tables, ``title`` from the shop's feed.
    """
    coverage = coverage_of(layout, placed)
    contrast = min(text.contrast for text in texts)
    deviation, rim = blank_deviation(scene), rim_distance(scene, placed)
    label = next((text for text in texts if text.role == "label"), None)
    label_height = label.ink[3] - label.ink[1] if label is not None else 0
    stands = not placed.is_card and not layout.floats
    gap = floor_gap(layout, placed) if stands else 0.0
    foot, elsewhere = foot_edges(scene, placed) if stands and motif is None else (0.0, 0.0)
    share = stage_share(layout, placed)
    refused = words_refused(words, title, brand.forbidden_words)
    forbidden = forbidden_share(picture, placed, brand.forbidden_colours)
    found = {
        Code.CONTRAST_LOW: contrast < MINIMUM,
        Code.TEXT_OVERFLOW: not all(text.fits for text in texts),
        Code.TEXT_OVER_PRODUCT: any(_overlap(text.ink, placed.box) for text in texts),
        Code.TEXT_OVER_SUBJECT: subject_under_words > SUBJECT_COVERED_HIGH,
        Code.TEXT_OVERLAP: any(_overlap(one.ink, other.ink) for one, other in combinations(texts, 2)),
        Code.TEXT_TRUNCATED: any(text.is_truncated for text in texts if text.role != "subline"),
        Code.PRODUCT_TOO_SMALL: coverage < COVERAGE_LOW,
        Code.PRODUCT_TOO_LARGE: coverage > COVERAGE_HIGH,
        Code.PRODUCT_ENLARGED: placed.enlargement > ENLARGEMENT_HIGH,
        Code.PRODUCT_CROPPED: not _within(placed.box, layout.size),
        Code.SIZE_MISMATCH: share < STAGE_SHARE_LOW,
        Code.SPACE_MISMATCH: gap > FLOOR_GAP_HIGH or foot > max(FOOT_EDGES_HIGH, FOOT_BUSY_HIGH * elsewhere),
        Code.INDISTINCT_PRODUCT: not placed.is_card and rim < INDISTINCT_DISTANCE,
        Code.BLANK_SCENE: deviation < BLANK_DEVIATION,
        Code.MOTIF_EMPTY: motif is not None and motif_opaque_share(motif) < MOTIF_OPAQUE_LOW,
        Code.FORBIDDEN_WORD: bool(refused),
        Code.FORBIDDEN_COLOUR: forbidden > FORBIDDEN_SHARE,
        Code.LABEL_MISSING: label is None,
        Code.LABEL_TOO_SMALL: label is not None and label_height < label_needed,
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
        "stage_share": round(share, 2),
        "floor_gap": round(gap, 3),
        "foot_edges": round(foot, 1),
        "scene_edges": round(elsewhere, 1),
        "forbidden_colour_share": round(forbidden, 3),
        "scene_deviation": round(deviation, 1),
        "motif_visible": round(motif_visible, 2),
        "subject_under_words": round(subject_under_words, 3),
        "label_height": label_height,
        "label_needed": label_needed,
        "kilobytes": round(byte_count / 1000, 1),
        "quality": quality,
        **({"forbidden_words": refused} if refused else {}),
    }


def _within(box: tuple[int, int, int, int], size: tuple[int, int]) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= size[0] and box[3] <= size[1]


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
