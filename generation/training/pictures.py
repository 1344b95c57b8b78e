"""The training pictures: a folder with ``captions.jsonl`` and one picture per object and style.

Reads the folder, decides which objects are held out, and turns pictures into arrays. No torch here:
the arrays are numpy, so the dataset command and the tests stay light.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

STYLES = ("volumetric", "flat")
HELD_OUT_RATE = 0.10
# Of the salts 0, 1, 2 ... the first whose split keeps some fifty words that shops need most (running
# shoe, backpack, luggage, lipstick ...) in the training part. So the shipped model can draw them, and
# the held-out part is still decided by nothing but the object's id.
HELD_OUT_SALT = "held-out-1466:"


class DatasetError(Exception):
    """The pictures folder is missing, empty or broken; the message names the file."""


@dataclass(frozen=True)
class PictureObject:
    """One object: its words in two languages and its picture files by style."""

    id: str
    name: str
    group: str
    keywords: tuple[str, ...]
    name_zh: str
    files: dict[str, Path]

    @property
    def held_out(self) -> bool:
        """Never trained on. Decided by a hash of the id, so it never depends on order or versions."""
        digest = hashlib.sha256((HELD_OUT_SALT + self.id).encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32 < HELD_OUT_RATE


def read_objects(folder: Path) -> list[PictureObject]:
    """All objects of a pictures folder, in the file's order."""
    listing = folder / "captions.jsonl"
    if not listing.is_file():
        raise DatasetError(f"no training pictures: {listing} does not exist")
    objects: list[PictureObject] = []
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            files = {style: folder / row[style] for style in STYLES if row.get(style)}
            item = PictureObject(
                id=row["id"],
                name=row["name"],
                group=row.get("group", ""),
                keywords=tuple(row.get("keywords", ())),
                name_zh=row.get("name_zh", ""),
                files=files,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"{listing}, line {number}: not a picture record ({error!r})") from error
        if files:
            objects.append(item)
    if not objects:
        raise DatasetError(f"the dataset is empty: {listing} names no picture")
    return objects


def load_premultiplied(path: Path, size: int) -> np.ndarray:
    """One picture as uint8 premultiplied RGBA, shape (4, size, size).

    Scaled after premultiplying ("RGBa"), so that the colour of invisible pixels cannot leak in.
    """
    try:
        with Image.open(path) as source:
            image = source.convert("RGBA").convert("RGBa")
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read the picture {path}: {error}") from error
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    array = np.asarray(image, dtype=np.uint8).transpose(2, 0, 1)
    # Lanczos rings: a colour may overshoot its alpha by a few levels.
    return np.minimum(array, array[3:4])


def load_pictures(objects: list[PictureObject], size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pictures of the objects: uint8 (N, 4, size, size), object index (N,), style index (N,)."""
    pictures, owners, styles = [], [], []
    for index, item in enumerate(objects):
        for style, path in item.files.items():
            pictures.append(load_premultiplied(path, size))
            owners.append(index)
            styles.append(STYLES.index(style))
    if not pictures:
        raise DatasetError("the dataset is empty: no object has a picture")
    return np.stack(pictures), np.array(owners), np.array(styles)
