"""The autoencoder: diffusers' AutoencoderTiny, 256 x 256 RGB <-> 32 x 32 x 4, trained on crops of scenes.

Small on purpose: 16 channels at full size, since an output pixel's cost is what a CPU pays for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from torch import Tensor
from torch.nn import functional as F

from generation.training.losses import gradient_loss
from generation.training.pictures import PictureObject
from generation.training.run import Learner, RunConfig, run_begin, run_training
from generation.training.scenes.painting import SIZE, paint_recipe
from generation.training.scenes.recipes import Recipe, recipe_draw
from generation.training.stop import NO_LIMITS, RunLimits


@dataclass(frozen=True)
class AutoencoderConfig(RunConfig):
    """Every number that a run depends on."""

    width: int = 32
    latent_channels: int = 4
    crop: int = 128
    batch: int = 2
    steps: int = 5_200
    lr: float = 1.2e-3
    warmup: int = 50
    noise: float = 0.1  # on the latents while training: neighbours must decode alike
    size_weight: float = 0.01
    guided_steps: int = 1_000
    ema: float = 0.998
    decoder_only: bool = False  # a longer run may go on polishing the decoder under a settled latent space


def build_autoencoder(config: AutoencoderConfig) -> AutoencoderTiny:
    """An untrained autoencoder: three halvings, so one latent pixel stands for 8 x 8."""
    width = (config.width,) * 4
    return AutoencoderTiny(
        encoder_block_out_channels=width,
        decoder_block_out_channels=width,
        num_encoder_blocks=(0, 1, 2, 3),
        num_decoder_blocks=(3, 2, 1, 0),
        latent_channels=config.latent_channels,
        scaling_factor=1.0,
    )


def picture_of(recipe: Recipe, objects: Sequence[PictureObject]) -> np.ndarray:
    """The painted recipe as uint8 (3, SIZE, SIZE)."""
    return np.asarray(paint_recipe(recipe, objects), dtype=np.uint8).transpose(2, 0, 1)


def training_recipe(objects: Sequence[PictureObject], source: random.Random) -> Recipe:
    """A recipe that is not held out."""
    while (recipe := recipe_draw(objects, source)).held_out(objects):
        pass
    return recipe


def crop_batch(objects: Sequence[PictureObject], config: AutoencoderConfig, source: random.Random) -> Tensor:
    """Random crops (B, 3, crop, crop) in [-1, 1], more often of the middle, where the objects are."""
    crops = []
    for _ in range(config.batch):
        picture = picture_of(training_recipe(objects, source), objects)
        room = SIZE - config.crop
        top, left = (round(room * source.betavariate(1.6, 1.6)) for _ in range(2))
        crops.append(picture[:, top : top + config.crop, left : left + config.crop])
    return torch.from_numpy(np.stack(crops)).float() / 127.5 - 1.0


def train_autoencoder(
    objects: Sequence[PictureObject],
    out: Path,
    config: AutoencoderConfig,
    limits: RunLimits = NO_LIMITS,
    say: Callable[[str], None] = print,
) -> AutoencoderTiny:
    """Train or resume; the averaged autoencoder, also saved to ``out/vae`` at each checkpoint."""
    device = run_begin(config)
    vae = build_autoencoder(config).to(device, memory_format=torch.channels_last)
    if config.decoder_only:
        vae.encoder.requires_grad_(False)
    trained = [p for p in vae.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=config.lr, betas=(0.9, 0.99), weight_decay=1e-4, fused=True)
    learner = Learner("vae", vae, optimizer, config)

    def update(step: int) -> dict[str, Tensor | float]:
        pictures = crop_batch(objects, config, random.Random(f"{config.seed}:{step}"))
        pictures = pictures.to(device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            latents = vae.encode(pictures).latents.float()
            made = vae.decode(latents + config.noise * torch.randn_like(latents)).sample.float()
        l1, edges = (made - pictures).abs().mean(), gradient_loss(made, pictures)
        coarse = (F.avg_pool2d(made, 4) - F.avg_pool2d(pictures, 4)).abs().mean()
        # Kept near unit size: what is far larger hides from the noise.
        size = (latents.square().mean() - 1.0).relu()
        # Left alone, the latents hold brightness only for thousands of steps (15 dB); so at first three of
        # the channels are told to be the picture's colours, made small.
        guide = max(0.0, 1.0 - step / config.guided_steps)
        colours = (latents[:, :3] - F.avg_pool2d(pictures, 8)).abs().mean()
        loss = l1 + edges + coarse + config.size_weight * size + guide * colours
        learner.descend(loss, step)
        psnr = -10 * ((made.detach() - pictures) / 2).square().mean().log10()
        return {
            "l1": l1.detach(),
            "edges": edges.detach(),
            "size": latents.detach().square().mean(),
            "psnr": psnr,
        }

    run_training(out, learner, update, limits, say)
    return learner.average.model
