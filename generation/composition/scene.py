"""What stands behind the product: a motif set into a built scene, or a whole picture cropped to cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from generation.composition import paint
from generation.composition.around import Fractions, scene_around
from generation.composition.grounds import GROUNDS, SOFTNESS, opening
from generation.composition.layouts import Box, Layout
from generation.composition.palette import Palette
from generation.composition.product import Placed
from generation.composition.saliency import frame_choose, scene_framed

WANTED_VISIBLE = 0.6  # share of the motif that should not hide behind the product
TALL = 1.2  # a stage this much taller than wide has room above the product: there the motif shows whole
MOTIF_LARGEST = 0.98  # of the product's longer side: the product is the hero
FLAT = frozenset({"blocks", "halo", "rays"})  # poster grounds: no air between motif and lens
AIR = 0.10  # how much of the wall's colour lies over the motif

Corners = tuple[int, int, int, int]


@dataclass(frozen=True)
class Prop:
    """The motif as it stands in one size: scaled, and how much of it the product leaves visible."""

    picture: Image.Image
    left: int
    top: int
    visible: float

    @property
    def box(self) -> Corners:
        return self.left, self.top, self.left + self.picture.width, self.top + self.picture.height


@dataclass(frozen=True)
class Scene:
    """What stands behind product and words."""

    picture: Image.Image
    motif_visible: float  # share of a motif that the product does not hide; 1 without one
    subject_under_words: float  # share of a whole scene's subject that words will cover


def scene_build(
    layout: Layout,
    palettes: dict[str, Palette],
    placed: Placed,
    picture: Image.Image,
    ground: str,
    seed: int,
    *,
    words: list[Box],
    saliency: np.ndarray,
    kept: Fractions | None = None,
) -> Scene:
    """What stands behind product and words.

    An RGBA picture is a motif for the template's ground; an RGB picture is a scene of its own, which fills
    the placement or the stage. ``words`` are the boxes that will be written in and
    ``saliency`` says where a whole scene draws the eye: it is framed so that its subject keeps out of them.
    ``kept`` says where the product stands in a scene painted around it.
    """
    palette = palettes[layout.stage_panel]
    visible, under_words = 1.0, 0.0
    if picture.mode != "RGBA":
        canvas, under_words = _scene_paste(layout, palette, placed, picture, kept, words, saliency)
    else:
        prop = motif_place(picture, layout, placed) if layout.template.motif == "beside" else None
        group = _union(placed.box, prop.box) if prop else placed.box
        canvas = GROUNDS[ground](layout, palette, placed, group)
        if ground in ("gradient", "spotlight") or prop is None:
            _haze_draw(canvas, layout, picture)
        if prop is not None:
            bare = canvas.copy()
            _prop_draw(canvas, layout, palette, prop, ground)
            through = opening(ground, layout, group)
            if through is not None:
                canvas = Image.composite(canvas, bare, through)
            visible = prop.visible
        canvas = paint.grain(canvas, seed & 0xFFFF)
    for (left, top, width, height), name in layout.panels:
        canvas.paste(palettes[name].wall, (left, top, left + width, top + height))
    return Scene(canvas, visible, under_words)


def _scene_paste(
    layout: Layout,
    palette: Palette,
    placed: Placed,
    picture: Image.Image,
    kept: Fractions | None,
    words: list[Box],
    saliency: np.ndarray,
) -> tuple[Image.Image, float]:
    """A whole picture in the placement or its stage: under the product it was painted around, or framed; and
    how much of its subject words will cover."""
    under_words = 0.0
    is_cover = layout.template.picture == "cover"
    left, top, width, height = (0, 0, *layout.size) if is_cover else layout.stage
    if kept is not None:
        scene = scene_around(layout.size, picture, kept, placed)
        scene = scene.crop((left, top, left + width, top + height))
    else:
        moved = [(x - left, y - top, wide, tall) for x, y, wide, tall in words]
        product = (placed.left - left, placed.top - top, *placed.picture.size)
        frame = frame_choose(picture.size, saliency, (width, height), moved, product)
        scene, under_words = scene_framed(picture, frame, (width, height)), frame.under_words
    canvas = Image.new("RGB", layout.size, palette.wall)
    canvas.paste(scene, (left, top))
    return canvas, under_words


def _union(one: Corners, other: Corners) -> Corners:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def motif_place(motif: Image.Image, layout: Layout, placed: Placed) -> Prop:
    """Where the motif stands: large, but smaller than the product, and mostly not hidden by it.

    Tries a few sizes and places within the layout's motif box and keeps the best; measured on the alpha
    of both pictures at a coarse scale, so a bottle leaves room at its side and a shoe above it.
    """
    box_left, box_top, box_width, box_height = layout.motif
    coarse = max(1, max(layout.size) // 270)
    cover = np.zeros((layout.height // coarse + 2, layout.width // coarse + 2), bool)
    left, top, right, bottom = (value // coarse for value in placed.box)
    shrunk = placed.picture.getchannel("A").resize((max(1, right - left), max(1, bottom - top)))
    cover[top : top + shrunk.height, left : left + shrunk.width] = np.asarray(shrunk) > 100
    alpha = motif.getchannel("A")
    base = round(min(layout.floor - layout.stage[3] * 0.025, box_top + box_height))
    largest = MOTIF_LARGEST * max(placed.picture.size)
    fit = min(box_width / motif.width, box_height / motif.height, largest / max(motif.size))
    wanted = 1.0 if layout.stage[3] > TALL * layout.stage[2] else WANTED_VISIBLE
    best_score, best = -1.0, (0, 0, 4, 4, 0.0)
    for share in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5):
        size = max(4, round(motif.width * fit * share)), max(4, round(motif.height * fit * share))
        shape = alpha.resize((max(1, size[0] // coarse), max(1, size[1] // coarse)), Image.Resampling.BOX)
        mask = np.asarray(shape) > 100
        area = max(int(mask.sum()), 1)
        for step in range(9):
            x = box_left + round((box_width - size[0]) * step / 8)
            above = placed.top - round(0.92 * size[1])
            for y in {max(top, box_top) for top in (base - size[1], box_top, above)} | {
                box_top + (box_height - size[1]) // 3
            }:
                window = cover[
                    y // coarse : y // coarse + mask.shape[0], x // coarse : x // coarse + mask.shape[1]
                ]
                seen = 1 - float((mask & window).sum()) / area
                standing = 0.3 if y + size[1] == base else 0.0
                score = min(seen, wanted) / wanted + 0.6 * share + standing
                if score > best_score:
                    best_score, best = score, (x, y, size[0], size[1], seen)
    x, y, width, height, seen = best
    return Prop(paint.resized(motif, (width, height)), x, y, seen)


def _haze_draw(canvas: Image.Image, layout: Layout, motif: Image.Image) -> None:
    """The motif once more, huge and far out of focus: its colours in the air."""
    _, _, stage_width, stage_height = layout.stage
    side = min(stage_width, stage_height) * 1.25
    coarse = max(1.0, side / 96)  # nothing sharp is left of it, so a small copy will do
    scale = side / coarse / max(motif.size)
    small = motif.resize((max(4, round(motif.width * scale)), max(4, round(motif.height * scale))))
    margin = round(side / coarse * 0.25)
    large = Image.new("RGBA", (small.width + 2 * margin, small.height + 2 * margin))
    large.paste(small, (margin, margin))
    soft = large.convert("RGBa").filter(ImageFilter.GaussianBlur(side / coarse * 0.09)).convert("RGBA")
    soft = soft.resize((round(soft.width * coarse), round(soft.height * coarse)), Image.Resampling.BICUBIC)
    left, top, width, height = layout.motif
    x, y = left + width * 0.62 - soft.width / 2, top + height * 0.40 - soft.height / 2
    canvas.paste(
        soft, (round(x), round(y)), soft.getchannel("A").point([round(v * 0.26) for v in range(256)])
    )


def _prop_draw(canvas: Image.Image, layout: Layout, palette: Palette, prop: Prop, ground: str) -> None:
    """Set the motif into the room: its shadow on the floor, the air between it and the lens."""
    picture, (left, top), (width, height) = prop.picture, (prop.left, prop.top), prop.picture.size
    alpha = picture.getchannel("A")
    stands = abs(top + height - layout.floor) <= layout.stage[3] * 0.06
    if stands:
        size = max(2, round(width * 0.96)), max(2, round(min(width, height) * 0.11))
        foot = alpha.crop((0, int(height * 0.7), width, height)).resize(size)
        at = (left + round(width * 0.04), top + height - round(size[1] * 0.6))
        paint.stamp(canvas, palette.shadow, foot, at, max(0.8, width * 0.035), 0.5)
    elif ground not in FLAT:
        at = (left + round(width * 0.03), top + round(height * 0.06))
        paint.stamp(canvas, palette.shadow, alpha, at, max(1.0, width * 0.06), 0.22)
    margin = 8
    padded = Image.new("RGBA", (width + 2 * margin, height + 2 * margin))
    padded.paste(picture, (margin, margin))
    padded = paint.blurred(padded.convert("RGBa"), height * SOFTNESS.get(ground, 0.004)).convert("RGBA")
    if ground not in FLAT:
        tint = Image.new("RGB", padded.size, palette.wall)
        colours = Image.blend(padded.convert("RGB"), tint, AIR)
        colours.putalpha(padded.getchannel("A"))
        padded = colours
    canvas.paste(padded, (left - margin, top - margin), padded)
