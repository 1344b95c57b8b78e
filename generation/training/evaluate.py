"""Evaluation of a model folder with an encoder that no image model was trained with.

``manage.py evaluate_model FOLDER`` draws one picture for each caption of a composed dataset's split, seed by
seed, and measures: does the picture find its caption among all of the split, how far are made and real
pictures apart, are made pictures copies of training ones, how long does one take. A model that draws a
motif on transparent ground gets its scene painted by code, as in the product.
"""

from __future__ import annotations

import json
import random
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from generation.diffusion.draft import trimmed
from generation.matching.networks import PICTURE_SIDE, ImageEncoder
from generation.renderers.base import Renderer, RenderRequest
from generation.text_encoder import TextEncoder
from generation.training.measures import frechet_distance, nearest_distance, precision_recall, retrieval_rates
from generation.training.scenes.dataset import Composed, read_composed, recipe_of
from generation.training.scenes.painting import SIZE, paint
from generation.training.scenes.recipes import Recipe

SPLITS = ("train", "held_out_combination", "held_out_object")
# Captions differ in place, palette and style too, which alone tell most of 500 apart; so the thing is asked
# for on its own, among so many names in the very same sentence, for so many pictures.
NAMES, NAMED = 100, 100
TRAINING_SAMPLE = 5_000  # training pictures among which the nearest one is looked for


@dataclass
class Evaluation:
    """Figures by split, and what holds for the model as a whole."""

    model: str
    count: int
    splits: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds_a_picture: float = 0.0
    peak_memory_mib: float = 0.0

    def to_markdown(self) -> str:
        """The model card's table."""
        head: tuple[str, ...] = (
            "split",
            "top-1",
            "top-5",
            "top-5 of real pictures",
            "names its thing (real pictures)",
        )
        head += ("Frechet", "precision", "recall", "nearest training picture (of real ones)")
        lines = [
            f"{self.count} captions a split, one seed each; {self.seconds_a_picture:.2f} s a picture, warm; "
            f"peak memory {self.peak_memory_mib:.0f} MiB.",
            "",
            f"| {' | '.join(head)} |",
            "|" + " --- |" * len(head),
        ]
        for name, figures in self.splits.items():
            cells = (
                name.replace("_", " "),
                *(f"{figures[key]:.1%}" for key in ("top1_rate", "top5_rate")),
                f"{figures['real_top5_rate']:.1%}",
                f"{figures['thing_rate']:.0%} ({figures['real_thing_rate']:.0%})",
                f"{figures['frechet']:.2f}",
                *(f"{figures[key]:.2f}" for key in ("precision", "recall")),
                f"{figures['nearest']:.2f} ({figures['real_nearest']:.2f})",
            )
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)


class Judge:
    """The match encoder and the sentence encoder, for many pictures and texts."""

    def __init__(self, folder: Path) -> None:
        self._encoder = ImageEncoder.from_pretrained(str(folder), local_files_only=True).float().eval()
        self._sentences = TextEncoder()

    @torch.inference_mode()
    def pictures(self, images: Sequence[Image.Image]) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors (N, 384) and features (N, D)."""
        vectors, features = [], []
        for start in range(0, len(images), 64):
            small = [
                np.asarray(image.convert("RGB").resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BOX))
                for image in images[start : start + 64]
            ]
            batch = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 255.0
            vectors.append(self._encoder(batch).numpy())
            features.append(self._encoder.features(batch).numpy())
        return np.concatenate(vectors), np.concatenate(features)

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors (N, 384)."""
        return self._encoder.text_vectors(self._sentences.encode(texts)).numpy()


def draw(renderer: Renderer, row: Composed, seed: int) -> Image.Image:
    """The model's RGB picture of a caption."""
    recipe = recipe_of(row)
    request = RenderRequest(prompt=row.caption, motif=row.motif, seed=seed, width=SIZE, height=SIZE)
    image = renderer.render(request, lambda done, total: None).image
    if image.mode != "RGBA":
        return image
    # One motif however many things the caption names: this model draws one.
    return paint(Recipe(**{**vars(recipe), "objects": recipe.objects[:1]}), [trimmed(image)])


def evaluate(
    renderer: Renderer,
    name: str,
    composed: Path,
    judge: Judge,
    *,
    count: int = 500,
    say: Callable[[str], None] = print,
) -> tuple[Evaluation, dict[str, list[Image.Image]]]:
    """Figures of every split, and the pictures drawn for them."""
    evaluation = Evaluation(model=name, count=count)
    made: dict[str, list[Image.Image]] = {}
    draw(renderer, read_composed(composed, "train")[0], 0)  # the first picture loads things
    training = read_composed(composed, "train")[-TRAINING_SAMPLE:]
    names = sorted({row.motif for row in training if len(row.recipe["objects"]) == 1})
    _, training_features = judge.pictures([_open(composed, row) for row in training])
    for split in SPLITS:
        rows = read_composed(composed, split)[:count]
        started = time.perf_counter()
        made[split] = [draw(renderer, row, seed) for seed, row in enumerate(rows)]
        evaluation.seconds_a_picture = (time.perf_counter() - started) / len(rows)
        vectors, features = judge.pictures(made[split])
        real_vectors, real_features = judge.pictures([_open(composed, row) for row in rows])
        texts = judge.texts([row.caption for row in rows])
        evaluation.splits[split] = {
            **retrieval_rates(vectors, texts),
            **{f"real_{key}": value for key, value in retrieval_rates(real_vectors, texts).items()},
            "thing_rate": thing_rate(vectors, rows, names, judge),
            "real_thing_rate": thing_rate(real_vectors, rows, names, judge),
            "frechet": frechet_distance(features, real_features),
            **precision_recall(features, real_features),
            "nearest": nearest_distance(features, training_features),
            "real_nearest": nearest_distance(real_features, training_features),
        }
        say(f"{split}: {json.dumps({k: round(v, 3) for k, v in evaluation.splits[split].items()})}")
    evaluation.peak_memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return evaluation, made


def thing_rate(vectors: np.ndarray, rows: Sequence[Composed], names: Sequence[str], judge: Judge) -> float:
    """How often a picture's own thing beats all of NAMES - 1 other things in the same caption."""
    found: list[int] = []
    for vector, row in zip(vectors, rows, strict=True):
        if len(found) == NAMED:
            break
        if len(row.recipe["objects"]) > 1 or row.motif not in row.caption:
            continue
        others = [name for name in names if name != row.motif]
        drawn = random.Random(row.file).sample(others, min(NAMES - 1, len(others)))
        texts = judge.texts([row.caption, *(row.caption.replace(row.motif, name) for name in drawn)])
        found.append(int((texts @ vector).argmax() == 0))
    return float(np.mean(found)) if found else 0.0


def _open(folder: Path, row: Composed) -> Image.Image:
    with Image.open(folder / row.file) as source:
        return source.convert("RGB")
