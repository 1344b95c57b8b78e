"""A contact sheet: many prompts, one picture each, with the prompt under it."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from generation.renderers.base import Renderer, RenderRequest

GROUND = (246, 246, 248)
INK = (40, 40, 48)
# The project's own web font: Pillow reads WOFF, and it has the Chinese characters.
FONT = Path(__file__).resolve().parents[2] / "static" / "fonts" / "noto-sans-sc-400.woff"

SOFT, FLAT = "soft 3D render", "flat illustration"
# What the README shows: names the model was trained on, phrases it never saw, Chinese, the flat style and,
# last, six objects that were held out of training altogether.
SHOWN = (
    *((motif, SOFT) for motif in ("running shoe", "hiking boot", "mountain with snow", "camping tent")),
    *((motif, SOFT) for motif in ("lipstick", "headphones", "travel suitcase", "coffee", "strawberry")),
    *((motif, SOFT) for motif in ("birthday cake", "electric guitar", "potted plant", "gift box")),
    *((motif, SOFT) for motif in ("trail running sneaker", "car", "teddy bear", "sunglasses", "palm beach")),
    *((motif, SOFT) for motif in ("咖啡", "露营", "火锅", "跑步鞋", "钻石戒指", "圣诞树")),
    *((motif, FLAT) for motif in ("running shoe", "camera", "red apple", "handbag", "wine glass", "披萨")),
    *((motif, SOFT) for motif in ("fox", "chair", "sailboat", "snowman", "video camera", "saxophone")),
)


def caption_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The project's Chinese font, or Pillow's own where it is not there."""
    return ImageFont.truetype(str(FONT), size) if FONT.is_file() else ImageFont.load_default(size)


def draw_contact_sheet(
    renderer: Renderer,
    motifs: Sequence[tuple[str, str]] = SHOWN,
    *,
    columns: int = 6,
    cell: int = 192,
    seed: int = 1,
) -> Image.Image:
    """One cell for each (motif, style words), all with the same seed."""
    pictures = []
    for motif, style in motifs:
        request = RenderRequest(prompt=f"{motif}, {style}", motif=motif, seed=seed, width=256, height=256)
        pictures.append(renderer.render(request, lambda done, total: None).image)
    return draw_sheet(pictures, [motif for motif, _ in motifs], columns=columns, cell=cell)


def draw_sheet(
    pictures: Sequence[Image.Image], captions: Sequence[str], *, columns: int = 6, cell: int = 192
) -> Image.Image:
    """Pictures with their captions under them, in as many lines as the longest one needs."""
    font = caption_font(13)
    texts = [textwrap.wrap(caption, 26) or [""] for caption in captions]
    label = 4 + 17 * max(map(len, texts))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * cell, rows * (cell + label)), GROUND)
    draw = ImageDraw.Draw(sheet)
    for index, (picture, lines) in enumerate(zip(pictures, texts, strict=True)):
        small = picture.resize((cell - 16, cell - 16), Image.Resampling.LANCZOS)
        left, top = index % columns * cell, index // columns * (cell + label)
        sheet.paste(small, (left + 8, top + 8), small if small.mode == "RGBA" else None)
        draw.text(
            (left + cell / 2, top + cell + 2),
            "\n".join(lines),
            fill=INK,
            font=font,
            anchor="ma",
            align="center",
        )
    return sheet


def main() -> None:
    """Draw the sheet of a model folder: ``python -m generation.training.contact_sheet FOLDER OUT.webp``."""
    from generation.renderers.gan import GanRenderer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    sheet = draw_contact_sheet(GanRenderer(arguments.folder), seed=arguments.seed)
    sheet.save(arguments.out, quality=88)


if __name__ == "__main__":
    main()
