"""How good made pictures are, by a small network that saw real pictures only.

The ablation's own judge, for any preset's size and channels; shipped models are measured by
``generation.training.evaluate``. ``PictureJudge`` learns to name real pictures: its feature vector, through
one linear layer, must lie nearest to the text vector of its own object's name. A generator never meets it in
training. Two figures come of it:

* Frechet distance between the feature vectors of made and of real pictures (the formula of FID, on 64
  features in place of Inception's 2,048; values compare only under the same judge);
* retrieval: does the judge name a made picture by the name that it was drawn from?
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generation.training.adversary import augment
from generation.training.measures import frechet_distance

FEATURES = 64
SCALE = 20.0  # of cosines before the softmax over the names
SLOPE = 0.1


class PictureJudge(nn.Module):
    """Pictures (B, C, size, size) -> features (B, 64) and points in the text space (B, T)."""

    def __init__(self, picture_channels: int, text_dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = picture_channels
        for width, stride in ((24, 2), (48, 1), (64, 2), (96, 2)):
            layers += [nn.Conv2d(before, width, 3, stride, padding=1), nn.GroupNorm(4, width)]
            layers += [nn.LeakyReLU(SLOPE)]
            before = width
        # 3 x 3 places are kept: where a handle sits tells a mug from a bowl.
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(3), nn.Flatten())
        self.features = nn.Linear(before * 9, FEATURES)
        self.to_text = nn.Linear(FEATURES, text_dim)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Feature vectors and unit vectors in the text space."""
        features = self.features(self.body(pictures.contiguous(memory_format=torch.channels_last)))
        return features, F.normalize(self.to_text(F.leaky_relu(features, SLOPE)), dim=1)


def blur(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Each picture blurred by a random share, so that a soft picture is named as a sharp one is."""
    share = torch.rand(len(pictures), 1, 1, 1, generator=random)
    return torch.lerp(pictures, F.avg_pool2d(pictures, 3, stride=1, padding=1), share)


def train_judge(
    pictures: Tensor,
    owner: Tensor,
    names: Tensor,
    *,
    steps: int = 1500,
    batch: int = 64,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> PictureJudge:
    """pictures: uint8 (N, C, S, S), all real; owner: (N,) row of ``names`` (K, T), unit vectors."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    judge = PictureJudge(pictures.shape[1], names.shape[1]).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    started = time.monotonic()
    right = 0.0
    for step in range(steps):
        rows = torch.randint(len(pictures), (batch,), generator=random)
        shown = augment(blur(pictures[rows].float() / 255.0, random), 0.7, random)
        _, points = judge(shown)
        logits = points @ names.T * SCALE
        loss = F.cross_entropy(logits, owner[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        right += 0.02 * ((logits.argmax(dim=1) == owner[rows]).float().mean().item() - right)
        if (step + 1) % 500 == 0:
            say(f"judge: step {step + 1}, names {right:.0%} rightly, {time.monotonic() - started:.0f} s")
    return judge.requires_grad_(False).eval()


@dataclass(frozen=True)
class Judgement:
    """Lower ``frechet`` is better; ``top1`` is a share."""

    frechet: float
    top1: float


def judge_pictures(
    judge: PictureJudge, made: Tensor, asked: Tensor, real_features: Tensor, names: Tensor
) -> Judgement:
    """made: (N, C, S, S) in [0, 1]; asked: (N,) the row of ``names`` (K, T) that each was drawn from."""
    with torch.inference_mode():
        features, points = judge(made)
    right = (points @ names.T).argmax(dim=1) == asked
    return Judgement(
        frechet_distance(features.double().numpy(), real_features.double().numpy()),
        float(right.float().mean()),
    )
