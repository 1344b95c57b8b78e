"""Puts the words on the canvas: each text fitted to its slot, made legible by measurement, recorded."""

from __future__ import annotations

from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from generation.composition import paint
from generation.composition.colour import RGB, oklch_of, rgb_from
from generation.composition.contrast import contrast_measured, ink_adapted, plate_add
from generation.composition.inspection import TextMeasure
from generation.composition.layouts import Layout, TextSlot
from generation.composition.palette import Palette
from generation.composition.price import PriceText
from generation.composition.typography import (
    TextBlock,
    has_cjk,
    measured_width,
    text_fit,
    text_mask,
)
from generation.provenance import label_height

THIN_SPACE = "\u2009"
WAS_SHARE = 0.56  # the size of the price before, beside the price now


@dataclass
class Lettering:
    """Draws on one canvas and keeps what it measured."""

    canvas: Image.Image
    layout: Layout
    palette: Palette
    language: str
    measures: list[TextMeasure] = field(default_factory=list)

    def write(
        self, role: str, text: str, slot: TextSlot, face: str, ink: RGB, *, leading: float = 1.12
    ) -> int:
        """Fit one text into its slot and draw it, with a plate when the ground asks for one.

        Returns where the block ends, so that the next text can follow it.
        """
        left, top, width, height = slot.box
        block = text_fit(
            text,
            face,
            width,
            height,
            max_size=slot.max_size,
            min_size=slot.min_size,
            max_lines=slot.max_lines,
            leading=leading,
            language=self.language,
        )
        spare = height - block.height
        y = top + {"top": 0, "middle": spare // 2, "bottom": spare}[slot.anchor]
        self._ink(role, block, ink, left, y, width, slot.align, (left, top, left + width, top + height))
        return y + block.height

    def _ink(
        self,
        role: str,
        block: TextBlock,
        ink: RGB,
        x: float,
        y: float,
        width: float,
        align: str,
        bounds: tuple[float, float, float, float],
        *,
        may_plate: bool = True,
    ) -> tuple[Image.Image, RGB]:
        mask = text_mask(block, self.canvas.size, x, y, width, align)
        if may_plate:
            ink = ink_adapted(self.canvas, ink, mask)
            contrast, plate = plate_add(self.canvas, ink, mask, self.palette.wall)
        else:
            contrast, plate = contrast_measured(self.canvas, ink, mask), 0.0
        paint.paste(self.canvas, ink, mask)
        box = mask.getbbox() or (0, 0, 0, 0)
        fits = (
            box[0] >= bounds[0] - 1.5
            and box[1] >= bounds[1] - 1.5
            and box[2] <= bounds[2] + 1.5
            and box[3] <= bounds[3] + 1.5
        )
        self.measures.append(TextMeasure(role, contrast, plate, block.size, box, fits, block.is_truncated))
        return mask, ink

    def wordmark(self, name: str, slot: TextSlot) -> None:
        """The brand's name, letter-spaced capitals where the script has them."""
        if not has_cjk(name) and len(name) <= 16:
            name = THIN_SPACE.join(name.upper())
        self.write("wordmark", name, slot, "strong", self.palette.accent_ink)

    def logo(self, logo: Image.Image, slot: TextSlot) -> None:
        """The brand's logo on the wordmark's place, on a white plate when it would drown."""
        left, top, width, height = slot.box
        height = round(height * 1.25)
        mark = paint.trimmed(logo.convert("RGBA"))
        scale = min(width / mark.width, height / mark.height, 2.0)
        mark = paint.resized(mark, (max(1, round(mark.width * scale)), max(1, round(mark.height * scale))))
        at = left, max(2, top - round(slot.box[3] * 0.125))
        alpha = mark.getchannel("A")
        mean = paint.mean_colour(mark)
        mask = Image.new("L", self.canvas.size, 0)
        mask.paste(alpha, at)
        if contrast_measured(self.canvas, mean, mask) < 2.0:
            pad = max(3, mark.height // 5)
            area = (at[0] - pad, at[1] - pad, at[0] + mark.width + pad, at[1] + mark.height + pad)
            light = oklch_of(mean).lightness < 0.6
            plate = (255, 255, 255) if light else (24, 24, 28)
            paint.paste(self.canvas, plate, paint.rounded(self.canvas.size, area, pad))
        self.canvas.paste(mark, at, mark)

    def price(self, price: PriceText, slot: TextSlot) -> None:
        """The price now; on sale in the accent with the price before struck through beside or above it.

        Where both do not fit, the price before gives way: the price to pay is what must be read.
        """
        ink = self.palette.accent_ink if price.is_sale else self.palette.ink
        boxes = self._price_boxes(price, slot) if price.is_sale else None
        if boxes is None:
            self.write("price", price.now, slot, "strong", ink)
            return
        left, top, width, height = slot.box
        bounds = (left, top, left + width, top + height)
        size, align, now_at, was_at = boxes
        for role, text, face, at, points, colour in (
            ("price", price.now, "strong", now_at, size, ink),
            ("price_before", price.was, "text", was_at, self._was_size(size), self.palette.ink_soft),
        ):
            room = width if align != "left" else width - (at[0] - left)
            block = text_fit(
                text, face, room, 2 * points, max_size=points, min_size=points, language=self.language
            )
            mask, drawn = self._ink(role, block, colour, at[0], at[1], room, align, bounds)
            box = mask.getbbox()
            if role == "price_before" and box:
                thick = max(1, round(points / 13))
                line = round((box[1] + box[3] - thick) / 2)
                ImageDraw.Draw(self.canvas).rectangle(
                    (box[0] - 2, line, box[2] + 1, line + thick - 1), fill=drawn
                )

    def _price_boxes(
        self, price: PriceText, slot: TextSlot
    ) -> tuple[int, str, tuple[int, int], tuple[int, int]] | None:
        """The size, the alignment and where both prices start; None when they do not fit together."""
        left, top, width, height = slot.box
        is_stacked = height >= 1.75 * slot.max_size
        for size in range(slot.max_size, slot.min_size - 1, -1):
            small = self._was_size(size)
            now = measured_width(price.now, "strong", size, self.language)
            was = measured_width(price.was, "text", small, self.language)
            if is_stacked and max(now, was) <= width:
                y = top + (height - 1.02 * size - 1.25 * small) / 2
                return size, slot.align, (left, round(y + 1.25 * small)), (left, round(y))
            if not is_stacked and now + was + 0.30 * size + 2 <= width:
                y = top + (0 if slot.anchor == "top" else (height - 1.02 * size) / 2)
                beside = round(left + now + 0.30 * size)
                return size, "left", (left, round(y)), (beside, round(y + 0.8 * (size - small)))
        return None

    @staticmethod
    def _was_size(size: int) -> int:
        return max(9, round(size * WAS_SHARE))

    def action(self, text: str) -> None:
        """The call to action: a pill with a soft shadow and, where there is room, a chevron."""
        left, top, most, height = self.layout.action
        size, palette = self.canvas.size, self.palette
        chevron = height * 0.16 if height >= 30 else 0.0
        inset = height * (0.42 if chevron else 0.3)
        points = self.layout.action_size
        wanted = measured_width(text, "strong", points, self.language)
        if wanted + 2 * inset + 3.2 * chevron > most and chevron:
            chevron, inset = 0.0, height * 0.34  # a long call needs the room more than an arrow
        block = text_fit(
            text,
            "strong",
            most - 2 * inset - 3.2 * chevron,
            height,
            max_size=points,
            min_size=8,
            language=self.language,
        )
        total = block.width + 3.2 * chevron
        width = (
            most
            if self.layout.action_align == "fill"
            else round(min(most, max(total + 2 * inset, height * 2.9)))
        )
        left += (most - width) // 2 if self.layout.action_align == "centre" else 0
        pill = paint.rounded(size, (left, top, left + width - 1, top + height - 1), height / 2)
        drop = paint.rounded(
            size, (left + 2, top + height * 0.18, left + width - 3, top + height * 1.10), height / 2
        )
        paint.paste(self.canvas, palette.shadow, paint.blurred(drop, height * 0.16), 0.30)
        paint.paste(self.canvas, palette.action, pill)
        # Centred by the letters' bodies, not by a line box with room for descenders.
        y = top + height / 2 - (0.51 if has_cjk(text) else 0.445) * block.size
        x = left + (width - total) / 2
        bounds = (left, top, left + width, top + height)
        self._ink("action", block, palette.action_ink, x, y, block.width, "left", bounds, may_plate=False)
        if chevron:
            self._chevron(x + block.width + 1.9 * chevron, top + height / 2, chevron, palette.action_ink)

    def _chevron(self, x: float, y: float, reach: float, ink: RGB) -> None:
        large = Image.new("L", (round(reach * 8), round(reach * 12)), 0)
        pen = ImageDraw.Draw(large)
        points = [(reach * 1.6, reach * 2.4), (reach * 5.2, reach * 6), (reach * 1.6, reach * 9.6)]
        pen.line(points, fill=255, width=max(3, round(reach * 1.25)), joint="curve")
        small = large.reduce(4)
        mask = Image.new("L", self.canvas.size, 0)
        mask.paste(small, (round(x - small.width / 2), round(y - small.height / 2)))
        paint.paste(self.canvas, ink, mask)

    def badge(self, text: str) -> None:
        """The saving in a round seal."""
        if self.layout.badge is None or not text:
            return
        left, top, width, height = self.layout.badge
        seal = paint.ellipse(self.canvas.size, (left, top, left + width - 1, top + height - 1))
        paint.paste(self.canvas, self.palette.action, seal)
        side = width * 0.74
        block = text_fit(text, "strong", side, height, max_size=round(width * 0.36), min_size=7)
        y = top + height / 2 - 0.445 * block.size
        bounds = (left, top, left + width, top + height)
        self._ink("badge", block, self.palette.action_ink, left, y, width, "centre", bounds, may_plate=False)

    def label(self, text: str) -> None:
        """The AI label in its corner: a quiet tab, its glyph box as tall as the rule asks."""
        needed = label_height(self.canvas.size)
        width, height = self.canvas.size
        size = needed
        while True:
            block = text_fit(
                text, "text", width, height, max_size=size, min_size=size, language=self.language
            )
            box = text_mask(block, self.canvas.size, 0, 0, width, "left").getbbox() or (0, 0, 0, 0)
            if box[3] - box[1] >= needed:
                break
            size += 1
        pad_x, pad_y = max(4, round(needed * 0.45)), max(2, round(needed * 0.22))
        tab_width, tab_height = box[2] - box[0] + 2 * pad_x, box[3] - box[1] + 2 * pad_y
        at_left = self.layout.label.endswith("left")
        at_top = self.layout.label.startswith("top")
        left = 0 if at_left else width - tab_width
        top = 0 if at_top else height - tab_height
        over = max(4, needed * 0.4)
        area = (
            left - over if at_left else left,
            top - over if at_top else top,
            left + tab_width + (0 if at_left else over),
            top + tab_height + (0 if at_top else over),
        )
        wall = oklch_of(self.palette.wall)
        ground = (
            rgb_from(wall.with_(lightness=0.2, chroma=min(wall.chroma, 0.03)))
            if self.palette.is_dark
            else None
        )
        ground = ground or rgb_from(wall.with_(lightness=0.965, chroma=min(wall.chroma, 0.015)))
        paint.paste(self.canvas, ground, paint.rounded(self.canvas.size, area, over), 0.82)
        ink = (226, 226, 230) if self.palette.is_dark else (58, 58, 64)
        x, y = left + pad_x - box[0], top + pad_y - box[1]
        self._ink(
            "label",
            block,
            ink,
            x,
            y,
            block.width + 1,
            "left",
            (left, top, width, height) if not at_left else (0, top, tab_width, height),
        )
