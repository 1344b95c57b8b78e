"""A pictures folder as ``dataset_build`` leaves one, at the size of a test."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image, ImageDraw

from generation.training.pictures import PictureObject


def write_pictures(folder: Path, count: int = 4, held_out: int = 0) -> Path:
    """``count`` objects that are trained on and ``held_out`` that are not."""
    rows: list[str] = []
    number = 0
    wanted = {False: count, True: held_out}
    while any(wanted.values()):
        number += 1
        name = f"thing{number}"
        is_held_out = PictureObject(name, name, "", (), "", {}).held_out
        if not wanted[is_held_out]:
            continue
        wanted[is_held_out] -= 1
        row: dict[str, object] = {"id": name, "name": f"red thing {number}", "group": f"group {number % 2}"}
        row |= {"keywords": ["red", f"word{number}"], "name_zh": "东西"}
        for style in ("volumetric", "flat"):
            image = Image.new("RGBA", (64, 64))
            ImageDraw.Draw(image).ellipse(
                (8, 8, 50, min(60, 30 + 4 * number)), fill=(255, 30 * number % 256, 0, 255)
            )
            path = folder / style / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
            row[style] = f"{style}/{name}.png"
        rows.append(json.dumps(row))
    (folder / "captions.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder
