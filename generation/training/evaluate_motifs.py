"""How well a motif GAN draws the objects themselves: trained and held-out ones apart, style by style.

``manage.py evaluate_model FOLDER --motifs``. Where ``evaluate`` judges whole pictures by their captions, this
compares each motif, drawn at the generator's own size by the object's bare name, with the real picture of
that object.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from generation.gan.pipeline import MotifGanPipeline
from generation.text_encoder import TextEncoder
from generation.training.measures import frechet_distance, retrieval_rates
from generation.training.picture_judge import PictureJudge
from generation.training.pictures import STYLES, load_pictures, read_objects

THUMBNAIL = 16  # pixels of a side
EDGE_WEIGHT = 3.0  # of the edges' share in a likeness, against the thumbnail's


@dataclass(frozen=True)
class MotifFigures:
    """Of the objects of one style.

    Retrieval: of all real pictures of the style, is the asked one the nearest, or among the five nearest, by
    thumbnail and edges? Nothing learned, so nothing that training could have flattered. ``sharpness`` is the
    real pictures' share. ``frechet`` is 1,000 times the distance on features of an untrained network: it sees
    texture and colour, knows no objects, and compares only two models on the same pictures.
    """

    objects: int
    l1: float
    top1_rate: float
    top5_rate: float
    sharpness: float
    frechet: float


def likeness_features(pictures: Tensor) -> np.ndarray:
    """(N, 4, 64, 64) -> (N, F) unit vectors of a 16 x 16 thumbnail and the edges of the 32 x 32 one."""
    small = F.adaptive_avg_pool2d(pictures, THUMBNAIL)
    middle = F.adaptive_avg_pool2d(pictures, 2 * THUMBNAIL)
    across = (middle[..., :, 1:] - middle[..., :, :-1]).abs()
    down = (middle[..., 1:, :] - middle[..., :-1, :]).abs()
    edges = torch.cat([F.adaptive_avg_pool2d(part, THUMBNAIL) for part in (across, down)], dim=1)
    vectors = torch.cat((small.flatten(1), EDGE_WEIGHT * edges.flatten(1)), dim=1)
    return F.normalize(vectors - vectors.mean(dim=1, keepdim=True), dim=1).numpy()


def sharpness(pictures: Tensor) -> float:
    """Mean absolute second difference to the four neighbours, over (N, C, H, W)."""
    middle = pictures[..., 1:-1, 1:-1]
    around = pictures[..., :-2, 1:-1] + pictures[..., 2:, 1:-1] + pictures[..., 1:-1, :-2]
    around = around + pictures[..., 1:-1, 2:]
    return (4.0 * middle - around).abs().mean().item()


def random_features(pictures: Tensor) -> np.ndarray:
    """(N, 4, H, W) -> (N, 64) by a network that never learned anything; the same one in every call."""
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(0)
        network = PictureJudge(pictures.shape[1], 1).eval()
        return torch.cat([network(part)[0] for part in pictures.split(64)]).double().numpy()


def evaluate_motifs(pipeline: MotifGanPipeline, data: Path) -> dict[str, MotifFigures]:
    """Figures by style, of trained and of held-out objects; one motif of seed 0 for each name."""
    objects = read_objects(data)
    text = TextEncoder().encode([item.name for item in objects])
    figures: dict[str, MotifFigures] = {}
    for style in STYLES:
        chosen = [index for index, item in enumerate(objects) if style in item.files]
        pictures, _, styles = load_pictures([objects[index] for index in chosen], pipeline.generator.size)
        real = torch.from_numpy(pictures[styles == STYLES.index(style)]).float() / 255.0
        made = torch.cat([pipeline.draw(text[index], style, 0) for index in chosen])
        likeness = likeness_features(made), likeness_features(real)
        texture = random_features(made), random_features(real)
        held_out = np.array([objects[index].held_out for index in chosen])
        for name, mask in (("trained", ~held_out), ("held out", held_out)):
            if not mask.any():
                continue
            rates = retrieval_rates(likeness[0][mask], likeness[1], np.flatnonzero(mask))
            figures[f"{name}, {style}"] = MotifFigures(
                objects=int(mask.sum()),
                l1=(made[mask] - real[mask]).abs().mean().item(),
                top1_rate=rates["top1_rate"],
                top5_rate=rates["top5_rate"],
                sharpness=sharpness(made[mask]) / sharpness(real[mask]),
                frechet=1000.0 * frechet_distance(texture[0][mask], texture[1][mask]),
            )
    return figures


def motifs_table(figures: dict[str, MotifFigures]) -> str:
    """As the model's card shows them."""
    lines = [
        "| objects | number | L1 | top-1 | top-5 | sharpness | Frechet |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in figures.items():
        rates = f"{row.top1_rate:.1%} | {row.top5_rate:.1%}"
        lines.append(
            f"| {name} | {row.objects} | {row.l1:.3f} | {rates} | {row.sharpness:.2f} | {row.frechet:.1f} |"
        )
    return "\n".join(lines)
