"""Training of the match encoder: each picture finds its own caption among the batch's, and the reverse.

It learns from composed scenes of all objects, but from no held-out combination; no image model is ever
trained with it, so it may judge them.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from generation.matching.networks import PICTURE_SIDE, ImageEncoder
from generation.renderers.weights import weights_share
from generation.training.gan_data import encode_captions
from generation.training.run import (
    Learner,
    RunConfig,
    config_given,
    run_arguments_add,
    run_begin,
    run_training,
)
from generation.training.scenes.dataset import Composed, read_composed
from generation.training.stop import NO_LIMITS, RunLimits, StopOnSignal

CROP_ROOM = 12  # pixels by which a training picture is larger than the encoder's, for random crops


@dataclass(frozen=True)
class MatchConfig(RunConfig):
    """Every number that a run depends on."""

    batch: int = 128
    alike: int = 64  # pictures of a batch on each ground
    steps: int = 2_700
    lr: float = 2e-3
    ema: float = 0.998


def small_pictures(folder: Path, rows: list[Composed], side: int) -> Tensor:
    """uint8 (N, 3, side, side) of the rows' pictures."""
    pictures = np.empty((len(rows), 3, side, side), dtype=np.uint8)
    for index, row in enumerate(rows):
        with Image.open(folder / row.file) as source:
            source.draft("RGB", (side, side))
            small = source.convert("RGB").resize((side, side), Image.Resampling.BOX)
        pictures[index] = np.asarray(small).transpose(2, 0, 1)
    return torch.from_numpy(pictures)


def batch_rows(groups: list[Tensor], config: MatchConfig) -> Tensor:
    """Rows of one batch, ``config.alike`` of each ground drawn.

    In a batch drawn evenly the grounds alone tell captions apart, and the encoder learned little else: among
    100 things in the same sentence it found the right one for 16 % of real pictures.
    """
    alike = min(config.alike, config.batch)
    drawn = torch.randint(len(groups), (config.batch // alike,)).tolist()
    return torch.cat([groups[one][torch.randint(len(groups[one]), (alike,))] for one in drawn])


def augment(pictures: Tensor, source: random.Random) -> Tensor:
    """uint8 (B, 3, S, S) -> float (B, 3, 96, 96) in [0, 1]: crop, light, and the softness of a made picture.

    Never mirrored: captions say "on the left".
    """
    top, left = source.randrange(CROP_ROOM + 1), source.randrange(CROP_ROOM + 1)
    x = pictures[:, :, top : top + PICTURE_SIDE, left : left + PICTURE_SIDE].float() / 255.0
    if source.random() < 0.5:  # image models draw softer than painting does
        factor = source.choice((2, 3))
        x = F.interpolate(F.avg_pool2d(x, factor), size=PICTURE_SIDE, mode="bilinear")
    light = 1.0 + 0.16 * (torch.rand(len(x), 1, 1, 1) - 0.5)
    return (x * light + 0.03 * torch.randn_like(x)).clamp(0.0, 1.0)


def train_match_encoder(
    folder: Path,
    out: Path,
    config: MatchConfig,
    limits: RunLimits = NO_LIMITS,
    say: Callable[[str], None] = print,
) -> ImageEncoder:
    """Train or resume on a composed dataset; the averaged encoder, saved to ``out/encoder``."""
    device = run_begin(config)
    rows = read_composed(folder, "train") + read_composed(folder, "judge")
    say(f"reading {len(rows)} pictures and captions")
    pictures = small_pictures(folder, rows, PICTURE_SIDE + CROP_ROOM)
    sentences = encode_captions([[row.caption for row in rows]], out.parent)
    encoder = ImageEncoder().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=config.lr, weight_decay=0.02, fused=True)

    grounds: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(rows):
        grounds.setdefault((row.recipe["palette"], row.recipe["scene"]), []).append(index)
    groups = [torch.tensor(members) for members in grounds.values()]
    learner = Learner("encoder", encoder, optimizer, config)

    def update(step: int) -> dict[str, Tensor | float]:
        chosen = batch_rows(groups, config)
        x = augment(pictures[chosen], random.Random(f"{config.seed}:{step}")).to(device)
        encoder.train()
        with torch.autocast(device.type, dtype=torch.bfloat16):
            made = encoder(x.contiguous(memory_format=torch.channels_last)).float()
        wanted = encoder.text_vectors(sentences[chosen].to(device))
        scores = encoder.log_scale.clamp(max=4.6).exp() * made @ wanted.T
        target = torch.arange(len(chosen), device=device)
        loss = 0.5 * (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target))
        learner.descend(loss, step)
        found = (scores.detach().argmax(1) == target).float().mean()
        return {"loss": loss.detach(), "found": found}

    run_training(out, learner, update, limits, say)
    return learner.average.model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``manage.py train_match_encoder``."""
    parser.add_argument("--data", type=Path, default=Path("var/pictures"), help="folder of dataset_build")
    parser.add_argument("--out", type=Path, default=Path("var/training/match"))
    parser.add_argument("--folder", type=Path, help="write the finished encoder here, as fp16")
    run_arguments_add(parser)


def run(options: argparse.Namespace, say: Callable[[str], None] = print) -> None:
    """Train or resume; the finished encoder goes to ``--folder``."""
    limits = RunLimits(options.max_seconds, StopOnSignal())
    encoder = train_match_encoder(options.data, options.out, config_given(MatchConfig, options), limits, say)
    if options.folder is not None:
        encoder.to(torch.float16).save_pretrained(options.folder, safe_serialization=True)
        weights_share(options.folder)
