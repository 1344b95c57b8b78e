"""The adversarial side of a run: discriminator, its loss and penalty, adaptive augmentation.

Each technique is a switch of ``AdversaryConfig``, so that a run can be repeated with one of them off.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from generation.gan.discriminator import MultiScaleDiscriminator

PENALTIES = ("r1", "wgan-gp", "none")
AUGMENTATIONS = ("none", "fixed", "adaptive")
# Adaptive augmentation (Karras et al. 2020): the share of real pictures that the discriminator is sure
# of should stay near 0.6; above it memorises, so pictures are shifted and dimmed more often.
ADAPTIVE_TARGET = 0.6
ADAPTIVE_STEP = 0.005


@dataclass(frozen=True)
class AdversaryConfig:
    """``weight`` 0 means: no discriminator at all."""

    weight: float = 0.0
    lr: float = 1e-3
    penalty: str = "r1"
    penalty_weight: float = 1.0
    penalty_every: int = 4  # steps; the penalty is multiplied by it, so its mean strength stays
    scales: int = 2
    augmentation: str = "adaptive"

    def __post_init__(self) -> None:
        if self.penalty not in PENALTIES:
            raise ValueError(f"penalty must be one of {PENALTIES}, not {self.penalty!r}")
        if self.augmentation not in AUGMENTATIONS:
            raise ValueError(f"augmentation must be one of {AUGMENTATIONS}, not {self.augmentation!r}")


def augment(pictures: Tensor, chance: float, random: torch.Generator) -> Tensor:
    """Shift by up to an eighth and dim, each with ``chance`` per picture; differentiable.

    One batch shares one shift (a roll over zero padding), each picture its own switch and brightness.
    """
    if chance <= 0.0:
        return pictures
    count, _, height, width = pictures.shape
    reach = max(1, height // 8)
    down, right = torch.randint(0, 2 * reach + 1, (2,), generator=random).tolist()
    padded = F.pad(pictures, (reach, reach, reach, reach))
    shifted = padded[:, :, down : down + height, right : right + width]
    chosen = (torch.rand(count, 1, 1, 1, generator=random) < chance).to(pictures.dtype)
    pictures = pictures + (shifted - pictures) * chosen
    dim = 1.0 - 0.3 * torch.rand(count, 1, 1, 1, generator=random)
    dim = torch.where(torch.rand(count, 1, 1, 1, generator=random) < chance, dim, torch.ones(()))
    return torch.cat((pictures[:, :3] * dim, pictures[:, 3:]), dim=1)


def r1_penalty(scores: Tensor, real: Tensor) -> Tensor:
    """Mean squared gradient norm of the discriminator at real pictures."""
    (gradient,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1).mean()


class Adversary:
    """Holds the discriminator; the trainer asks it for the generator's loss and for its own update."""

    def __init__(self, config: AdversaryConfig, condition_dim: int, size: int, seed: int) -> None:
        self.config = config
        self.network = MultiScaleDiscriminator(condition_dim, size, config.scales).to(
            memory_format=torch.channels_last
        )
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=config.lr, betas=(0.0, 0.99), fused=True
        )
        self.random = torch.Generator().manual_seed(seed + 1)
        self.chance = 0.3 if config.augmentation == "fixed" else 0.0
        self.step = 0

    def generator_loss(self, made: Tensor, condition: Tensor) -> Tensor:
        """What the generator lowers: non-saturating, or the plain critic's score for WGAN-GP."""
        scores = self.network(augment(made, self.chance, self.random), condition)
        return -scores.mean() if self.config.penalty == "wgan-gp" else F.softplus(-scores).mean()

    def update(self, real: Tensor, made: Tensor, condition: Tensor) -> dict[str, float]:
        """One step of the discriminator on a batch of real and made pictures (both (B, 4, H, W))."""
        config = self.config
        penalise = config.penalty == "r1" and self.step % config.penalty_every == 0
        real = augment(real, self.chance, self.random)
        made = augment(made.detach(), self.chance, self.random)
        if penalise:
            real = real.detach().requires_grad_(True)
        real_scores = self.network(real, condition)
        made_scores = self.network(made, condition)
        if config.penalty == "wgan-gp":
            loss = made_scores.mean() - real_scores.mean()
            share = torch.rand(len(real), 1, 1, 1, generator=self.random)
            between = (real + (made - real) * share).detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(
                self.network(between, condition).sum(), between, create_graph=True
            )
            norm = gradient.flatten(1).norm(dim=1)
            loss = loss + config.penalty_weight * (norm - 1.0).square().mean()
        else:
            loss = F.softplus(-real_scores).mean() + F.softplus(made_scores).mean()
            if penalise:
                penalty = 0.5 * config.penalty_weight * config.penalty_every
                loss = loss + penalty * r1_penalty(real_scores, real)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        sure = real_scores.detach().sign().mean().item()
        if config.augmentation == "adaptive":
            self.chance = min(
                0.8, max(0.0, self.chance + ADAPTIVE_STEP * (1 if sure > ADAPTIVE_TARGET else -1))
            )
        return {"judge": loss.item(), "sure": sure, "chance": self.chance}

    def state(self) -> dict:
        """For the checkpoint."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": self.random.get_state(),
            "chance": self.chance,
            "step": self.step,
        }

    def load(self, state: dict) -> None:
        """Continue from ``state``."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.random.set_state(state["random"])
        self.chance, self.step = state["chance"], state["step"]
