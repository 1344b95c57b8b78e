"""The adversarial side of a run: discriminator, its loss and penalty, adaptive augmentation.

Each technique is a switch of ``AdversaryConfig``, so that a run can be repeated with one of them off;
``generation.training.ablation`` does, and docs/models.md has the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from generation.gan.discriminator import MultiScaleDiscriminator

LOSSES = ("non-saturating", "hinge", "wasserstein", "relativistic")
PENALTIES = ("none", "r1", "r2", "r1+r2", "wgan-gp")
AUGMENTATIONS = ("none", "fixed", "adaptive")
# Adaptive augmentation (Karras et al. 2020): the share of real pictures that the discriminator is sure
# of should stay near 0.6; above it memorises, so pictures are changed more often.
ADAPTIVE_TARGET = 0.6
ADAPTIVE_STEP = 0.005
MAX_CHANCE = 0.8  # beyond it the changes leak into what the generator makes
# Updates over which the discriminator's say grows to its full weight: a fresh one knows nothing, and a
# generator that can already draw would unlearn from it.
RAMP_STEPS = 200


@dataclass(frozen=True)
class AdversaryConfig:
    """``weight`` 0 means: no discriminator at all. Raises ValueError that names the field."""

    weight: float = 0.0
    lr: float = 1e-3
    base: int = 32  # channels of the first layer; each further one doubles them up to ``top``
    top: int = 256
    loss: str = "non-saturating"
    penalty: str = "r1"
    penalty_weight: float = 1.0
    penalty_every: int = 4  # steps; the penalty is multiplied by it, so its mean strength stays
    scales: int = 2
    # Share of the run over which the resolution that is judged grows from 7 or 8 pixels to the full one.
    progressive: float = 0.0
    augmentation: str = "adaptive"

    def __post_init__(self) -> None:
        for name, choices in (("loss", LOSSES), ("penalty", PENALTIES), ("augmentation", AUGMENTATIONS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {choices}, not {getattr(self, name)!r}")
        if self.penalty_every < 1 or self.scales not in (1, 2):
            raise ValueError("penalty_every must be at least 1, scales 1 or 2")
        if not 0.0 <= self.progressive <= 1.0:
            raise ValueError(f"progressive must lie between 0 and 1, not {self.progressive}")


def augment(pictures: Tensor, chance: float, random: torch.Generator) -> Tensor:
    """Mirror, shift by up to an eighth and dim, each with ``chance`` per picture; differentiable.

    pictures: (B, C, H, W), premultiplied RGBA or grey on black, so that zero padding is ground. One batch
    shares one shift, each picture has its own switches and brightness. Half of the chosen are mirrored.
    """
    if chance <= 0.0:
        return pictures
    count, channels, height, width = pictures.shape

    def drawn() -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=random).to(pictures.device)

    pictures = torch.where(drawn() < 0.5 * chance, pictures.flip(3), pictures)
    reach = max(1, height // 8)
    down, right = torch.randint(0, 2 * reach + 1, (2,), generator=random).tolist()
    padded = F.pad(pictures, (reach, reach, reach, reach))
    shifted = padded[:, :, down : down + height, right : right + width]
    pictures = torch.where(drawn() < chance, shifted, pictures)
    brightness = torch.where(drawn() < chance, 1.0 - 0.3 * drawn(), 1.0)
    colours = min(channels, 3)
    return torch.cat((pictures[:, :colours] * brightness, pictures[:, colours:]), dim=1)


def soften(pictures: Tensor, halvings: float) -> Tensor:
    """The picture as it is at a lower resolution, at its own size: 0 is untouched, 1.5 between a half and a
    quarter. Fading from high to 0 is progressive growing (Karras et al. 2018) without growing networks."""
    if halvings <= 0.0:
        return pictures
    lower = int(halvings)

    def averaged(level: int) -> Tensor:
        if level == 0:
            return pictures
        return F.interpolate(F.avg_pool2d(pictures, 2**level), scale_factor=float(2**level))

    share = halvings - lower
    return averaged(lower) if share == 0.0 else torch.lerp(averaged(lower), averaged(lower + 1), share)


def halvings_at(config: AdversaryConfig, size: int, done: float) -> float:
    """How often the judged resolution is halved after the share ``done`` of a run."""
    most = 0
    while size >> (most + 1) >= 7:
        most += 1
    return most * (1.0 - done / config.progressive) if done < config.progressive else 0.0


def gradient_norms(scores: Tensor, pictures: Tensor) -> Tensor:
    """Squared norm of each picture's gradient of its score, (B,)."""
    (gradient,) = torch.autograd.grad(scores.sum(), pictures, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1)


class Adversary:
    """Holds the discriminator; the trainer asks it for the generator's loss and for its own update."""

    def __init__(
        self,
        config: AdversaryConfig,
        condition_dim: int,
        size: int,
        picture_channels: int,
        seed: int,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.config, self.size, self.device, self.dtype = config, size, device, dtype
        self.network = MultiScaleDiscriminator(
            condition_dim,
            size,
            config.scales,
            base=config.base,
            top=config.top,
            picture_channels=picture_channels,
        ).to(device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=config.lr, betas=(0.0, 0.99), fused=True
        )
        self.scaler = torch.amp.GradScaler(device.type, enabled=dtype is torch.float16)
        self.random = torch.Generator().manual_seed(seed + 1)
        self.chance = 0.3 if config.augmentation == "fixed" else 0.0
        self.step = 0

    def scores(self, pictures: Tensor, condition: Tensor, dtype: torch.dtype) -> Tensor:
        """Float32 scores (B,), computed in ``dtype``."""
        with torch.autocast(self.device.type, dtype, enabled=dtype is not torch.float32):
            return self.network(pictures, condition).float()

    def generator_loss(self, made: Tensor, real: Tensor, condition: Tensor, done: float) -> Tensor:
        """What the generator lowers, ramped up over the discriminator's first updates.

        made, real: (B, C, H, W) for the same texts; ``done``: share of the run, for ``progressive``.
        """
        halvings = halvings_at(self.config, self.size, done)
        made_scores = self.scores(
            augment(soften(made, halvings), self.chance, self.random), condition, self.dtype
        )
        if self.config.loss == "relativistic":
            with torch.no_grad():
                real = augment(soften(real, halvings), self.chance, self.random)
                real_scores = self.scores(real, condition, self.dtype)
            loss = F.softplus(real_scores - made_scores).mean()
        elif self.config.loss == "non-saturating":
            loss = F.softplus(-made_scores).mean()
        else:
            loss = -made_scores.mean()
        return loss * min(1.0, (self.step + 1) / RAMP_STEPS)

    def update(
        self, real: Tensor, made: Tensor, condition: Tensor, done: float, rate_factor: float
    ) -> dict[str, float]:
        """One step of the discriminator on a batch of real and made pictures, both (B, C, H, W)."""
        config = self.config
        penalise = config.penalty != "none" and self.step % config.penalty_every == 0
        halvings = halvings_at(config, self.size, done)
        real = augment(soften(real, halvings), self.chance, self.random)
        made = augment(soften(made, halvings), self.chance, self.random).detach()
        # The penalty differentiates twice, which half precision does not survive.
        dtype = torch.float32 if penalise else self.dtype
        if penalise:
            real, made = real.detach().requires_grad_(True), made.requires_grad_(True)
        real_scores = self.scores(real, condition, dtype)
        made_scores = self.scores(made, condition, dtype)
        loss = self._loss(real_scores, made_scores)
        judged = loss.item()
        if penalise:
            penalty = self._penalty(real, made, real_scores, made_scores, condition)
            loss = loss + config.penalty_weight * config.penalty_every * penalty
        if torch.isfinite(loss):
            self.optimizer.param_groups[0]["lr"] = config.lr * rate_factor
            self.optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self.step += 1
        sure = real_scores.detach().sign().mean().item()
        if config.augmentation == "adaptive":
            step = ADAPTIVE_STEP if sure > ADAPTIVE_TARGET else -ADAPTIVE_STEP
            self.chance = min(MAX_CHANCE, max(0.0, self.chance + step))
        return {"judge": judged, "sure": sure, "chance": self.chance}

    def _loss(self, real_scores: Tensor, made_scores: Tensor) -> Tensor:
        """What the discriminator lowers."""
        if self.config.loss == "relativistic":
            return F.softplus(made_scores - real_scores).mean()
        if self.config.loss == "wasserstein":
            return made_scores.mean() - real_scores.mean()
        if self.config.loss == "hinge":
            return F.relu(1.0 - real_scores).mean() + F.relu(1.0 + made_scores).mean()
        return F.softplus(-real_scores).mean() + F.softplus(made_scores).mean()

    def _penalty(
        self, real: Tensor, made: Tensor, real_scores: Tensor, made_scores: Tensor, condition: Tensor
    ) -> Tensor:
        """R1 and R2: half the squared gradient at real and at made pictures (Mescheder et al. 2018).
        WGAN-GP: the gradient's norm between the two should be 1 (Gulrajani et al. 2017)."""
        if self.config.penalty == "wgan-gp":
            share = torch.rand(len(real), 1, 1, 1, generator=self.random).to(self.device)
            between = torch.lerp(real, made, share).detach().requires_grad_(True)
            norms = gradient_norms(self.scores(between, condition, torch.float32), between)
            return ((norms + 1e-12).sqrt() - 1.0).square().mean()
        penalty = real.new_zeros(())
        if "r1" in self.config.penalty:
            penalty = penalty + 0.5 * gradient_norms(real_scores, real).mean()
        if "r2" in self.config.penalty:
            penalty = penalty + 0.5 * gradient_norms(made_scores, made).mean()
        return penalty

    def state(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": self.random.get_state(),
            "chance": self.chance,
            "step": self.step,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from ``state``. Raises KeyError, RuntimeError or ValueError when it does not fit."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scaler.is_enabled() and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.random.set_state(state["random"])
        self.chance, self.step = state["chance"], state["step"]
