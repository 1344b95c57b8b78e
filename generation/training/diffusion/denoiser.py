"""The denoiser: diffusers' UNet2DConditionModel on packed latents, trained by flow matching.

x_t = (1 - t) x_0 + t noise, and the network predicts the velocity noise - x_0 (Lipman et al. 2023; Liu et
al. 2023), which FlowMatchEulerDiscreteScheduler integrates. Token states enter by cross attention at 8 x 8
and 4 x 4; the motif's vector enters every block by scale and shift, as in the GAN's generator; the GAN's
draft of the picture enters beside the noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from generation.diffusion.conditioning import MOTIF_GAIN
from generation.diffusion.draft import DRAFT_CHANNELS, with_draft
from generation.training.diffusion.latents import EncodedDataset
from generation.training.run import Learner, RunConfig, run_begin, run_training
from generation.training.stop import NO_LIMITS, RunLimits


@dataclass(frozen=True)
class DenoiserConfig(RunConfig):
    """Every number that a run depends on."""

    channels: tuple[int, ...] = (64, 128, 192)
    batch: int = 16
    steps: int = 12_000
    lr: float = 8e-4
    text_dropout: float = 0.1  # for classifier-free guidance
    draft_dropout: float = 0.05
    jitter: float = 0.1  # length of the noise on motif vectors (they have 1)
    # Times are drawn logit-normal around this mean: above 0, more often where noise prevails and the
    # text decides what is to be seen.
    time_mean: float = 0.5
    ema: float = 0.9995


def build_denoiser(config: DenoiserConfig) -> UNet2DConditionModel:
    """An untrained denoiser for (B, 16, 16, 16) packed latents."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=16 + DRAFT_CHANNELS,
        out_channels=16,
        block_out_channels=config.channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        cross_attention_dim=384,
        attention_head_dim=tuple(width // 32 for width in config.channels),
        norm_num_groups=16,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=384,
        resnet_time_scale_shift="scale_shift",
    )


def noisy(clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """x_t for times (B,) in [0, 1]."""
    share = time[:, None, None, None]
    return (1 - share) * clean + share * noise


def train_denoiser(
    data: EncodedDataset,
    out: Path,
    config: DenoiserConfig,
    limits: RunLimits = NO_LIMITS,
    say: Callable[[str], None] = print,
) -> UNet2DConditionModel:
    """Train or resume; the averaged denoiser, also saved to ``out/unet`` at each checkpoint."""
    device = run_begin(config)
    unet = build_denoiser(config).to(device)
    optimizer = torch.optim.AdamW(
        unet.parameters(), lr=config.lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    learner = Learner("unet", unet, optimizer, config)

    def update(step: int) -> dict[str, Tensor | float]:
        batch = data.draw(torch.randint(len(data), (config.batch,))).to(device)
        clean, states, mask, cells = batch.latents, batch.states, batch.mask, batch.cells
        motifs = batch.motifs + config.jitter / batch.motifs.shape[1] ** 0.5 * torch.randn_like(batch.motifs)
        dropped = torch.rand(config.batch, device=device) < config.text_dropout
        states = states.masked_fill(dropped[:, None, None], 0.0)
        mask = mask & ~(dropped[:, None] & (torch.arange(mask.shape[1], device=device) > 0)[None])
        motifs = motifs.masked_fill(dropped[:, None], 0.0)
        undrafted = torch.rand(config.batch, 1, 1, 1, device=device) < config.draft_dropout
        cells = cells.masked_fill(undrafted, 0.0)
        time = torch.sigmoid(torch.randn(config.batch, device=device) + config.time_mean)
        noise = torch.randn_like(clean)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            velocity = unet(
                with_draft(noisy(clean, noise, time), cells),
                time * 1000,
                encoder_hidden_states=states,
                encoder_attention_mask=mask,
                class_labels=motifs * MOTIF_GAIN,
            ).sample.float()
        error = (velocity - (noise - clean)).square().mean(dim=(1, 2, 3))
        loss = error.mean()
        learner.descend(loss, step)
        late = time > 0.8
        return {
            "loss": loss.detach(),
            "late": error.detach()[late].mean() if late.any() else loss.detach(),
        }

    run_training(out, learner, update, limits, say)
    return learner.average.model
