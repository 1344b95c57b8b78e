"""The visible AI label and the legal line, measured before anything is laid out: room is kept for both."""

from __future__ import annotations

from dataclasses import dataclass

from generation.composition.layouts import LEAST_MARGIN, margin_of
from generation.composition.sizes import Size
from generation.composition.templates import Template
from generation.composition.typography import TextBlock, text_fit, text_mask
from generation.provenance import label_height
from generation.renderers.base import RenderError

LEGAL_HEIGHT_MOST = 0.36  # of the placement's height


@dataclass(frozen=True)
class LabelTab:
    """The label's text with the size of its tab and where the text starts in it."""

    block: TextBlock
    size: tuple[int, int]
    offset: tuple[int, int]
    needed: int


def label_measure(text: str, placement: Size, language: str) -> LabelTab:
    """The tab whose glyph box is as tall as the rule asks."""
    needed = size = label_height(placement.size)
    while True:
        block = text_fit(text, "text", *placement.size, max_size=size, min_size=size, language=language)
        canvas = block.width + 2 * size, block.height + 2 * size
        box = text_mask(block, canvas, size, size, block.width + 1, "left").getbbox() or (0, 0, 0, 0)
        if box[3] - box[1] >= needed:
            break
        size += 1
    pad_x, pad_y = max(4, round(needed * 0.45)), max(2, round(needed * 0.22))
    tab = box[2] - box[0] + 2 * pad_x, box[3] - box[1] + 2 * pad_y
    return LabelTab(block, tab, (pad_x - box[0] + size, pad_y - box[1] + size), needed)


def legal_measure(
    text: str, template: Template, placement: Size, label: LabelTab, language: str
) -> TextBlock | None:
    """The legal line as a block; None without one. It is mandatory, so it is never cut.

    Raises RenderError ``legal_line_too_long``.
    """
    if not text:
        return None
    region = template.regions["legal"]
    inner = max(margin_of(placement) * 0.6, LEAST_MARGIN * placement.scale * 0.7)
    width = placement.width - 2 * inner
    if template.label.startswith("bottom"):
        width -= label.size[0]
    least = round(region.least * placement.scale)
    block = text_fit(
        text,
        region.face,
        width,
        LEGAL_HEIGHT_MOST * placement.height,
        max_size=max(round(region.size * placement.unit), least),
        min_size=least,
        max_lines=region.lines,
        leading=region.leading,
        language=language,
    )
    if block.is_truncated:
        raise RenderError(
            "legal_line_too_long",
            f"The legal line does not fit into {placement.width}x{placement.height}; shorten it.",
            permanent=True,
        )
    return block
