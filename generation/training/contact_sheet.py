"""A contact sheet: many prompts, one picture each, with the prompt under it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from generation.renderers.base import Renderer, RenderRequest

GROUND = (246, 246, 248)
INK = (40, 40, 48)
# Noto Sans CJK where the system has it; Pillow's own font draws no Chinese.
FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
)


def caption_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The first font of the list that this machine has."""
    for path in FONTS:
        if Path(path).is_file():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def draw_contact_sheet(
    renderer: Renderer,
    motifs: Sequence[tuple[str, str, int]],
    *,
    columns: int = 6,
    cell: int = 192,
    font_path: Path | None = None,
) -> Image.Image:
    """One cell for each (motif, style words, seed)."""
    label = 22
    rows = -(-len(motifs) // columns)
    sheet = Image.new("RGB", (columns * cell, rows * (cell + label)), GROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(str(font_path), 13) if font_path else caption_font(13)
    for index, (motif, style, seed) in enumerate(motifs):
        request = RenderRequest(prompt=f"{motif}, {style}", motif=motif, seed=seed, width=256, height=256)
        picture = renderer.render(request, lambda done, total: None).image
        picture = picture.resize((cell - 16, cell - 16), Image.Resampling.LANCZOS)
        left, top = index % columns * cell, index // columns * (cell + label)
        sheet.paste(picture, (left + 8, top + 8), picture)
        draw.text((left + cell / 2, top + cell + 2), motif, fill=INK, font=font, anchor="ma")
    return sheet
