"""Puts the words on the canvas: solved stacks drawn, made legible by measurement, recorded."""

from __future__ import annotations

from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from generation.composition import paint
from generation.composition.colour import RGB, oklch_of, rgb_from
from generation.composition.contrast import contrast_measured, ink_adapted, plate_add
from generation.composition.inspection import TextMeasure
from generation.composition.labels import LabelTab
from generation.composition.layouts import Box, Layout
from generation.composition.palette import Palette
from generation.composition.price import PriceText
from generation.composition.stacks import Setting
from generation.composition.typography import TextBlock, has_cjk, text_fit, text_mask

Corners = tuple[int, int, int, int]  # left, top, right, bottom

BUTTON_RADIUS = {"pill": 0.5, "outline": 0.5, "block": 0.12}  # of the button's height
OPTICAL_MIDDLE = (0.445, 0.51)  # from a line's top to the middle of its letters, in its size: Latin, Han


@dataclass(frozen=True)
class _Ink:
    """A text that waits to be drawn until every plate is laid: a plate must not cover another text."""

    role: str
    block: TextBlock
    ink: RGB
    mask: Image.Image  # of ``area`` only
    area: Corners
    plate: float
    fits: bool


@dataclass
class Lettering:
    """Draws on one canvas and keeps what it measured. ``finish`` must be called last."""

    canvas: Image.Image
    layout: Layout
    palettes: dict[str, Palette]
    language: str
    measures: list[TextMeasure] = field(default_factory=list)
    waiting: list[_Ink] = field(default_factory=list)

    def setting(self, setting: Setting, logo: Image.Image | None) -> None:
        """Draw one text of a stack."""
        palette = self.palettes[setting.panel]
        if setting.name == "rule":
            left, top, width, height = _aligned(setting, round(8 * self.layout.unit))
            ink = getattr(palette, setting.region.ink)
            self.canvas.paste(ink, (left, top, left + width, top + height))
        elif setting.name == "action":
            self._action(setting, palette)
        elif setting.block is None:
            if logo is not None:
                self._logo(setting, logo)
        elif setting.name == "price":
            self._price(setting, palette)
        else:
            left, top, width, _ = setting.box
            ink = getattr(palette, setting.region.ink)
            self._ink(setting.name, setting.block, ink, left, top, width, setting.align, setting.box, palette)

    def finish(self) -> None:
        """Measure every text on its finished ground, then draw them all."""
        for text in self.waiting:
            contrast = contrast_measured(self.canvas.crop(text.area), text.ink, text.mask)
            left, top = text.area[:2]
            box = text.mask.getbbox() or (0, 0, 0, 0)
            ink = box[0] + left, box[1] + top, box[2] + left, box[3] + top
            self.measures.append(
                TextMeasure(
                    text.role, contrast, text.plate, text.block.size, ink, text.fits, text.block.is_truncated
                )
            )
        for text in self.waiting:
            self.canvas.paste(text.ink, text.area[:2], text.mask)

    def _ink(
        self,
        role: str,
        block: TextBlock,
        ink: RGB,
        x: float,
        y: float,
        width: float,
        align: str,
        room: Box,
        palette: Palette,
        *,
        is_struck: bool = False,
        is_underlined: bool = False,
        may_plate: bool = True,
    ) -> RGB:
        pad = round(0.8 * block.size + 0.4 * block.height) + 8
        area = self._area((x - pad, y - pad, x + width + pad, y + block.height + pad))
        patch = self.canvas.crop(area)
        mask = text_mask(block, patch.size, x - area[0], y - area[1], width, align)
        box = mask.getbbox() or (0, 0, 0, 0)
        left, top, wide, tall = room[0] - area[0], room[1] - area[1], room[2], room[3]
        fits = (
            box[0] >= left - 1.5
            and box[1] >= top - 1.5
            and box[2] <= left + wide + 1.5
            and box[3] <= top + tall + 1.5
        )
        thick = max(1, round(block.size / 13))
        if is_struck:
            line = round((box[1] + box[3] - thick) / 2)
            mask.paste(255, (box[0] - 2, line, box[2] + 2, line + thick))
        if is_underlined:
            line = box[3] + max(2, round(block.size * 0.1))
            mask.paste(255, (box[0], line, box[2], line + thick))
        plate = 0.0
        if may_plate:
            ink = ink_adapted(patch, ink, mask)
            _, plate = plate_add(patch, ink, mask, palette.wall)
            if plate:
                self.canvas.paste(patch, area[:2])
        self.waiting.append(_Ink(role, block, ink, mask, area, plate, fits))
        return ink

    def _area(self, rect: tuple[float, float, float, float]) -> Corners:
        """Whole pixels of the canvas around a rectangle."""
        return (
            max(int(rect[0]), 0),
            max(int(rect[1]), 0),
            min(int(rect[2]) + 1, self.canvas.width),
            min(int(rect[3]) + 1, self.canvas.height),
        )

    def _logo(self, setting: Setting, logo: Image.Image) -> None:
        """The brand's logo; on a plate when it would drown in its ground."""
        clear = setting.inset
        tall = max(1, round(setting.box[3] - clear))
        width = max(1, round(logo.width * tall / logo.height))
        mark = paint.resized(logo, (width, tall))
        left, top, _, _ = _aligned(setting, width)
        mean = paint.mean_colour(mark)
        mask = Image.new("L", self.canvas.size, 0)
        mask.paste(mark.getchannel("A"), (left, top))
        if contrast_measured(self.canvas, mean, mask) < 2.0:
            pad = max(3, tall // 5)
            area = (left - pad, top - pad, left + width + pad, top + tall + pad)
            plate = (255, 255, 255) if oklch_of(mean).lightness < 0.6 else (24, 24, 28)
            paint.paste(self.canvas, plate, paint.rounded(self.canvas.size, area, pad))
        self.canvas.paste(mark, (left, top), mark)

    def _price(self, setting: Setting, palette: Palette) -> None:
        """The price to pay; on sale in the accent, with the price before struck through."""
        block, before, box = _block_of(setting), setting.before, setting.box
        left, top, width, height = box
        if before is None:
            ink = getattr(palette, setting.region.ink)
            if setting.is_sale:
                ink = palette.accent_ink
            self._ink("price", block, ink, left, top, width, setting.align, box, palette)
            return
        ink, soft = palette.accent_ink, palette.ink_soft
        if setting.is_above:
            y = top + height - block.height
            self._ink(
                "price_before", before, soft, left, top, width, setting.align, box, palette, is_struck=True
            )
            self._ink("price", block, ink, left, y, width, setting.align, box, palette)
            return
        gap = 0.32 * block.size
        used = block.width + gap + before.width
        x = left + {"left": 0.0, "centre": (width - used) / 2, "right": width - used}[setting.align]
        self._ink("price", block, ink, x, top, block.width, "left", box, palette)
        x += block.width + gap
        level = top + block.ascent - before.ascent  # on one baseline
        room = (left, top, width + 2, height)
        self._ink("price_before", before, soft, x, level, before.width, "left", room, palette, is_struck=True)

    def _action(self, setting: Setting, palette: Palette) -> None:
        """The call to action: a pill, a block, an outline, or a link with a line under it."""
        block, shape = _block_of(setting), setting.region.shape
        tall = setting.box[3]
        width = round(block.width + 2 * setting.inset + 3.2 * setting.chevron)
        width = max(width, round(2.6 * tall)) if shape != "link" and 2.6 * tall <= setting.box[2] else width
        left, top, _, _ = _aligned(setting, width)
        area = self._area((left - tall, top - tall, left + width + tall, top + 2 * tall))
        patch = self.canvas.crop(area)
        size, x0, y0 = patch.size, left - area[0], top - area[1]
        button = (x0, y0, x0 + width - 1, y0 + tall - 1)
        ink = palette.action_ink
        if shape in ("pill", "block"):
            radius = BUTTON_RADIUS[shape] * tall
            drop = paint.rounded(size, (x0 + 2, y0 + tall * 0.18, x0 + width - 3, y0 + tall * 1.08), radius)
            paint.paste(patch, palette.shadow, paint.blurred(drop, tall * 0.14), 0.24)
            paint.paste(patch, palette.action, paint.rounded(size, button, radius))
            self.canvas.paste(patch, area[:2])
        else:
            ink = palette.accent_ink if shape == "link" else palette.ink
        middle = OPTICAL_MIDDLE[has_cjk("".join(block.lines))]
        x = left + (width - block.width - 3.2 * setting.chevron) / 2
        y = top + tall / 2 - middle * block.size
        ink = self._ink(
            "action",
            block,
            ink,
            x,
            y,
            block.width,
            "left",
            (left, top, width, tall),
            palette,
            is_underlined=shape == "link",
            may_plate=shape in ("outline", "link"),
        )
        if shape == "outline":
            thick = max(self.layout.placement.scale, round(block.size / 13))
            edge = paint.ring(size, button, tall / 2, thick)
            self.canvas.paste(ink, area[:2], edge)
        if setting.chevron:
            self._chevron(x + block.width + 1.9 * setting.chevron, top + tall / 2, setting.chevron, ink)

    def _chevron(self, x: float, y: float, reach: float, ink: RGB) -> None:
        large = Image.new("L", (round(reach * 8), round(reach * 12)), 0)
        pen = ImageDraw.Draw(large)
        points = [(reach * 1.6, reach * 2.4), (reach * 5.2, reach * 6), (reach * 1.6, reach * 9.6)]
        pen.line(points, fill=255, width=max(3, round(reach * 1.25)), joint="curve")
        small = large.reduce(4)
        self.canvas.paste(ink, (round(x - small.width / 2), round(y - small.height / 2)), small)

    def badge(self, box: Box, price: PriceText) -> None:
        """The seal with the saving, or with the price."""
        palette, badge = self.palettes[self.layout.stage_panel], self.layout.template.badge
        left, top, width, height = box
        self._seal(box, badge.shape, palette)
        if badge.content == "saving":
            texts = [("badge", price.saving, 0.34)]
        elif price.is_sale:
            texts = [("price_before", price.was, 0.17), ("price", price.now, 0.32)]
        else:
            texts = [("price", price.now, 0.34)]
        blocks = []
        for role, text, share in texts:
            face = "text" if role == "price_before" else "heavy" if badge.shape == "burst" else "strong"
            size = round(width * share)
            least = min(7 * self.layout.placement.scale, size)
            block = text_fit(text, face, width * 0.78, height, max_size=size, min_size=least)
            blocks.append((role, block))
        tall = sum(block.height * 0.86 for _, block in blocks)
        y = top + (height - tall) / 2 - 0.04 * blocks[-1][1].size
        for role, block in blocks:
            is_struck = role == "price_before"
            self._ink(
                role,
                block,
                palette.action_ink,
                left,
                y,
                width,
                "centre",
                box,
                palette,
                is_struck=is_struck,
                may_plate=False,
            )
            y += block.height * 0.86

    def _seal(self, box: Box, shape: str, palette: Palette) -> None:
        left, top, width, height = box
        pad = width * 0.15
        area = self._area((left - pad, top - pad, left + width + pad, top + height + pad))
        patch = self.canvas.crop(area)
        x, y = left - area[0], top - area[1]
        corners = (x, y, x + width - 1, y + height - 1)
        if shape == "burst":
            seal = paint.burst(patch.size, corners)
        elif shape == "ticket":
            seal = paint.rounded(patch.size, corners, height * 0.16)
        else:
            seal = paint.ellipse(patch.size, corners)
        paint.paste(patch, palette.shadow, paint.blurred(seal, width * 0.035), 0.30)
        paint.paste(patch, palette.action, seal)
        self.canvas.paste(patch, area[:2])

    def legal(self, block: TextBlock, box: Box) -> None:
        """The mandatory line, at the foot."""
        left, top, width, height = box
        palette = self._palette_at(left, top + height / 2)
        self._ink("legal", block, palette.ink_soft, left, top, width, "left", box, palette)

    def label(self, tab: LabelTab) -> None:
        """The AI label in its corner: a quiet tab, its glyph box as tall as the rule asks."""
        left, top, width, height = self.layout.label_box
        palette = self._palette_at(left + width / 2, top + height / 2)
        over = max(4.0, tab.needed * 0.4)
        at_left = self.layout.label.endswith("left")
        at_top = self.layout.label.startswith("top")
        area = (
            left - over if at_left else left,
            top - over if at_top else top,
            left + width + (0 if at_left else over),
            top + height + (0 if at_top else over),
        )
        wall = oklch_of(palette.wall)
        light, chroma = (0.2, 0.03) if palette.is_dark else (0.965, 0.015)
        ground = rgb_from(wall.with_(lightness=light, chroma=min(wall.chroma, chroma)))
        paint.paste(self.canvas, ground, paint.rounded(self.canvas.size, area, over), 0.82)
        ink = (226, 226, 230) if palette.is_dark else (58, 58, 64)
        x, y = left + tab.offset[0], top + tab.offset[1]
        self._ink("label", tab.block, ink, x, y, tab.block.width + 1, "left", self.layout.label_box, palette)

    def _palette_at(self, x: float, y: float) -> Palette:
        """The palette of the panel at a point."""
        for (left, top, width, height), name in self.layout.panels:
            if left <= x < left + width and top <= y < top + height:
                return self.palettes[name]
        return self.palettes[self.layout.stage_panel]


def _aligned(setting: Setting, width: int) -> Box:
    """A box of that width within the setting's."""
    left, top, room, height = setting.box
    width = min(width, room)
    left += {"left": 0, "centre": (room - width) // 2, "right": room - width}[setting.align]
    return left, top, width, height


def _block_of(setting: Setting) -> TextBlock:
    """The words of a text that is never a picture."""
    if setting.block is None:
        raise ValueError(f"the {setting.name} has no words")
    return setting.block
