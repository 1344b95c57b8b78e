"""Bit errors of the watermark after what happens to pictures, its distance in decibels, and its time.

    python benchmarks/watermark.py FOLDER     # of creatives; without: the ones in docs/images

Each picture is cut to every placement size, marked, and read again; a third of each is a "product" that
must not change. Errors are of 64 bits, summed over the pictures; "read" counts ids that came back whole.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from generation import watermark  # noqa: E402
from generation.composition.sizes import STANDARD_SIZES  # noqa: E402

ID = "a5f01234beef"
ATTACKS = ("webp 80", "webp 45", "jpeg 70", "half", "half, jpeg 70")


def coded(picture: Image.Image, form: str, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, form, quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


def bit_errors(picture: Image.Image) -> int:
    """The fewest of the grids that a reader tries."""
    wanted, fewest = watermark._bits_of(ID), watermark.BITS
    for area in watermark.AREAS:
        grid = watermark._grid_of(picture.size, area)
        if grid[0] <= picture.width and grid[1] <= picture.height:
            places = watermark._projections(watermark._small(picture, grid), watermark._code_of(grid))
            read = np.where(places / watermark.STEP % 1 < 0.5, 1, -1)
            fewest = min(fewest, int((read != wanted).sum()))
    return fewest


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    paths = sorted(folder.glob("creatives*.webp")) or sorted(folder.glob("*.webp"))
    sources = [Image.open(path).convert("RGB") for path in paths[:4]]
    print(f"{len(sources)} pictures; bit errors of {64 * len(sources)} (ids read of {len(sources)})")
    print("size".ljust(10), "ms".rjust(5), "dB".rjust(6), *(name.rjust(14) for name in ATTACKS))
    for size in STANDARD_SIZES:
        width, height = size
        mask = Image.new("L", size, 0)
        mask.paste(255, (width * 55 // 100, height * 3 // 10, width * 9 // 10, height * 8 // 10))
        seconds, decibels = 0.0, []
        errors, read = [0] * len(ATTACKS), [0] * len(ATTACKS)
        for source in sources:
            box = (20, 20, 20 + min(width, source.width - 20), 20 + min(height, source.height - 20))
            picture = source.crop(box).resize(size)
            watermark.watermark_embed(picture, ID, mask)  # the code of this size is made once a process
            started = time.process_time()
            marked = watermark.watermark_embed(picture, ID, mask)
            seconds += time.process_time() - started
            before, after = np.asarray(picture, np.float64), np.asarray(marked, np.float64)
            assert (before == after)[np.asarray(mask) > 0].all()
            decibels.append(10 * np.log10(255**2 / ((before - after) ** 2).mean()))
            made = coded(marked, "WEBP", 80)
            half = made.resize((width // 2, height // 2), Image.Resampling.BICUBIC)
            copies = (made, coded(marked, "WEBP", 45), coded(made, "JPEG", 70), half, coded(half, "JPEG", 70))
            for place, copy in enumerate(copies):
                errors[place] += bit_errors(copy)
                read[place] += watermark.watermark_read(copy) == ID
        cells = (f"{wrong} ({whole})".rjust(14) for wrong, whole in zip(errors, read, strict=True))
        print(
            f"{width}x{height}".ljust(10),
            f"{1000 * seconds / len(sources):5.0f}",
            f"{np.mean(decibels):6.1f}",
            *cells,
        )


if __name__ == "__main__":
    main()
