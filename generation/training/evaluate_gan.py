"""How good a motif-GAN folder is, in numbers: trained and held-out objects apart.

    python -m generation.training.evaluate_gan FOLDER --data DIR

Retrieval asks: of all real pictures of a style (849), how far up the list is the picture of the object
that was asked for, when they are ordered by likeness to the made one? Likeness is the distance of small
premultiplied pictures and of their edges: nothing learned, so nothing that training could have flattered.

Sharpness is the mean second difference of neighbouring pixels, as a share of the real pictures'. The Frechet
distance is between features of an untrained convolutional network with fixed weights: it sees texture and
colour, knows no objects, and compares only two models on the same pictures.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from generation.gan.pipeline import MotifGanPipeline
from generation.training.gan_data import encode_captions
from generation.training.measures import frechet_distance
from generation.training.picture_judge import PictureJudge
from generation.training.pictures import STYLES, load_pictures, read_objects

FEATURE_SIZE = 16


def features(pictures: Tensor) -> Tensor:
    """(N, 4, 64, 64) -> (N, F) unit vectors of a 16 x 16 thumbnail and the edges of the 32 x 32 one."""
    small = F.adaptive_avg_pool2d(pictures, FEATURE_SIZE)
    middle = F.adaptive_avg_pool2d(pictures, 2 * FEATURE_SIZE)
    across = (middle[..., :, 1:] - middle[..., :, :-1]).abs()
    down = (middle[..., 1:, :] - middle[..., :-1, :]).abs()
    edges = torch.cat(
        (F.adaptive_avg_pool2d(across, FEATURE_SIZE), F.adaptive_avg_pool2d(down, FEATURE_SIZE)), 1
    )
    vectors = torch.cat((small.flatten(1), 3.0 * edges.flatten(1)), dim=1)
    return F.normalize(vectors - vectors.mean(dim=1, keepdim=True), dim=1)


def ranks(made: Tensor, real: Tensor, own: Tensor) -> Tensor:
    """Rank (0 is best) of each made picture's own real picture among all real ones."""
    similarity = features(made) @ features(real).T
    mine = similarity.gather(1, own[:, None])
    return (similarity > mine).sum(dim=1)


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


def evaluate(
    pipeline: MotifGanPipeline, data: Path, cache_folder: Path, *, seeds: int = 1
) -> dict[str, dict[str, float]]:
    """L1, retrieval, sharpness and 1,000 times the Frechet distance, by style, trained and held out apart."""
    objects = read_objects(data)
    text = encode_captions([[item.name for item in objects]], cache_folder)
    table: dict[str, dict[str, float]] = {}
    for style in STYLES:
        chosen = [index for index, item in enumerate(objects) if style in item.files]
        pictures, _, styles = load_pictures([objects[index] for index in chosen], pipeline.generator.size)
        real = torch.from_numpy(pictures[styles == STYLES.index(style)]).float() / 255.0
        made = torch.cat(
            [pipeline.draw(text[index], style, seed) for seed in range(seeds) for index in chosen]
        )
        own = torch.arange(len(chosen)).repeat(seeds)
        place = ranks(made, real, own)
        error = (made - real[own]).abs().mean(dim=(1, 2, 3))
        made_features, real_features = random_features(made), random_features(real[own])
        held_out = torch.tensor([objects[index].held_out for index in chosen]).repeat(seeds)
        for name, mask in (("trained", ~held_out), ("held_out", held_out)):
            if mask.any():
                table[f"{style}, {name}"] = {
                    "objects": int(mask.sum()) // seeds,
                    "l1": round(float(error[mask].mean()), 4),
                    "top1": round(float((place[mask] < 1).float().mean()), 3),
                    "top5": round(float((place[mask] < 5).float().mean()), 3),
                    "median_rank": float(place[mask].float().median()),
                    "sharpness": round(sharpness(made[mask]) / sharpness(real[own[mask]]), 3),
                    "frechet": round(
                        1000.0 * frechet_distance(made_features[mask.numpy()], real_features[mask.numpy()]), 3
                    ),
                }
    return table


def seconds_per_picture(folder: Path, say: Callable[[str], None]) -> float:
    """Warm time of one whole render, the median of ten."""
    from generation.renderers.base import RenderRequest
    from generation.renderers.gan import GanRenderer

    started = time.perf_counter()
    renderer = GanRenderer(folder)
    say(f"load: {time.perf_counter() - started:.1f} s")
    taken = []
    for seed in range(11):
        request = RenderRequest(prompt="coffee", motif="coffee", seed=seed, width=256, height=256)
        started = time.perf_counter()
        renderer.render(request, lambda done, total: None)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken[1:]))


def main() -> None:
    """Print the table as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("var/training"), help="for text vectors")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--anchor-share", type=float, help="in place of the folder's own")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pipeline = MotifGanPipeline.load(arguments.folder)
    if arguments.anchor_share is not None:
        pipeline.anchor_share = arguments.anchor_share
    print(json.dumps(evaluate(pipeline, arguments.data, arguments.cache, seeds=arguments.seeds), indent=2))
    print(f"seconds a picture: {seconds_per_picture(arguments.folder, print):.3f}")


if __name__ == "__main__":
    main()
