"""The composed dataset on disk: JPEG pictures, and one line of ``composed.jsonl`` for each.

Splits. ``train``: what the image models learn from. ``held_out_combination``: trained objects in
(object, palette, scene) combinations that no model ever saw. ``held_out_object``: objects that no image
model ever saw. ``judge``: more pictures of those, for the match encoder alone, which could not recognise
a thing that it was never shown.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from generation.chinese import to_english
from generation.training.pictures import DatasetError, PictureObject, read_objects
from generation.training.scenes.painting import paint_recipe
from generation.training.scenes.recipes import Recipe, caption_en, caption_zh, motif_words, recipe_draw

LISTING = "composed.jsonl"
SPLITS = ("train", "held_out_combination", "held_out_object", "judge")
LEAST = 8  # pictures of any split, so that every figure can be computed
# Of each hundred pictures to train on, so many more in the other splits.
SHARES = {"train": 1.0, "held_out_combination": 0.035, "held_out_object": 0.035, "judge": 0.11}
# Share of the training captions that were Chinese, read as the product reads it: through the lexicon.
CHINESE_RATE = 0.2
JPEG_QUALITY = 95  # about 12 kB; 2 ms to write, where lossless WebP takes 60


@dataclass(frozen=True)
class Composed:
    """One line of the listing. ``caption`` is English, or what the lexicon makes of the Chinese one."""

    file: str
    split: str
    caption: str
    caption_zh: str
    motif: str
    recipe: dict[str, Any]


def recipe_of(row: Composed) -> Recipe:
    """The recipe that a line was painted from."""
    return Recipe(**{**row.recipe, "objects": tuple(row.recipe["objects"])})


def recipes_of(split: str, objects: Sequence[PictureObject], count: int, seed: int) -> Iterator[Recipe]:
    """``count`` recipes of a split, in an order fixed by the seed."""
    source = random.Random(f"{seed}:{split}")
    unseen = {index for index, item in enumerate(objects) if item.held_out}
    made = 0
    while made < count:
        recipe = recipe_draw(objects, source)
        shown_unseen = [index in unseen for index in recipe.objects]
        if split in ("train", "held_out_combination"):
            fits = not any(shown_unseen) and recipe.held_out(objects) == (split == "held_out_combination")
        else:
            fits = all(shown_unseen)
        if fits:
            made += 1
            yield recipe


def _write(task: tuple[Path, str, int, Recipe, int]) -> Composed:
    folder, split, number, recipe, seed = task
    objects = _objects(folder)
    file = f"{split}/{number // 1000:03d}/{number:06d}.jpg"
    target = folder / file
    target.parent.mkdir(parents=True, exist_ok=True)
    paint_recipe(recipe, objects).save(target, quality=JPEG_QUALITY, subsampling=0)
    source = random.Random(f"{seed}:{file}")
    chinese = caption_zh(recipe, objects)
    english = caption_en(recipe, objects, source.randrange(3))
    if split in ("train", "judge") and source.random() < CHINESE_RATE:
        english = to_english(chinese)
    return Composed(file, split, english, chinese, motif_words(recipe, objects), asdict(recipe))


_cache: dict[Path, list[PictureObject]] = {}


def _objects(folder: Path) -> list[PictureObject]:
    if folder not in _cache:
        _cache[folder] = read_objects(folder)
    return _cache[folder]


def compose_dataset(
    folder: Path, count: int, *, seed: int = 0, workers: int = 1, say: Callable[[str], None] = print
) -> int:
    """Compose ``count`` training pictures of a pictures folder's objects, and the other splits in proportion,
    into the same folder; the number of all.

    The listing is written last and renamed: a folder with a listing is whole.
    """
    objects = read_objects(folder)
    if count < 1:
        raise DatasetError(f"the number of pictures to compose must be at least 1, not {count}")
    tasks = [
        (folder, split, number, recipe, seed)
        for split in SPLITS
        for number, recipe in enumerate(
            recipes_of(split, objects, max(LEAST, round(count * SHARES[split])), seed)
        )
    ]
    lines: list[str] = []
    with ProcessPoolExecutor(workers) as pool:
        for row in pool.map(_write, tasks, chunksize=64):
            lines.append(json.dumps(asdict(row), ensure_ascii=False))
            if len(lines) % 2000 == 0:
                say(f"{len(lines)} of {len(tasks)} pictures")
    partial = folder / f"{LISTING}.partial"
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.replace(folder / LISTING)
    return len(lines)


def read_composed(folder: Path, split: str) -> list[Composed]:
    """The lines of one split. Raises DatasetError."""
    listing = folder / LISTING
    if not listing.is_file():
        raise DatasetError(f"no composed pictures: {listing} does not exist; run manage.py dataset_build")
    rows = []
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = Composed(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise DatasetError(f"{listing}, line {number}: not a composed picture ({error})") from error
        if row.split == split:
            rows.append(row)
    if not rows:
        raise DatasetError(f"{listing} holds no picture of the split {split!r}")
    return rows
