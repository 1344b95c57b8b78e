"""Discriminators. Training only: they are never shipped.

``MotifDiscriminator`` judges whole pictures against their text (projection discriminator, Miyato and
Koyama 2018); ``PatchDiscriminator`` judges small neighbourhoods for the upscaler.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2


class MotifDiscriminator(nn.Module):
    """Picture (B, C, size, size) + condition (B, text + style) -> score (B,).

    Strided 4 x 4 convolutions down to 4 x 4 (7 x 7 for 28 pixels); the condition enters as an inner
    product with the pooled features. The standard deviation over the batch is one more channel, against
    mode collapse.
    """

    def __init__(
        self,
        condition_dim: int,
        size: int = 64,
        base: int = 32,
        top: int = 256,
        picture_channels: int = 4,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, width = picture_channels, base
        while size > 7:
            layers += [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
            channels, width, size = width, min(top, width * 2), size // 2
        self.body = nn.Sequential(*layers)
        self.last = nn.Conv2d(channels + 1, top, 3, padding=1)
        self.score = nn.Linear(top, 1)
        self.project = nn.Linear(condition_dim, top)

    def forward(self, pictures: Tensor, condition: Tensor) -> Tensor:
        """Scores of shape (B,): high for real pictures that fit their text."""
        x = self.body(pictures.contiguous(memory_format=torch.channels_last))
        deviation = x.float().var(dim=0, unbiased=False).add(1e-8).sqrt().mean()
        x = torch.cat((x, deviation.expand(len(x), 1, *x.shape[2:])), dim=1)
        features = F.leaky_relu(self.last(x), SLOPE).mean(dim=(2, 3))
        fit = (features * self.project(condition)).sum(dim=1) / features.shape[1] ** 0.5
        return self.score(features).squeeze(1) + fit


class MultiScaleDiscriminator(nn.Module):
    """One discriminator for each of the sizes 64, 32, ...: the small one sees shape, not texture."""

    def __init__(
        self,
        condition_dim: int,
        size: int = 64,
        scales: int = 2,
        *,
        base: int = 32,
        top: int = 256,
        picture_channels: int = 4,
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            MotifDiscriminator(condition_dim, size >> level, base, top, picture_channels)
            for level in range(scales)
        )

    def forward(self, pictures: Tensor, condition: Tensor) -> Tensor:
        """The mean score over the scales, (B,)."""
        total = pictures.new_zeros(len(pictures))
        for level, scale in enumerate(self.scales):
            shrunk = F.avg_pool2d(pictures, 2**level) if level else pictures
            total = total + scale(shrunk, condition)
        return total / len(self.scales)


class PatchDiscriminator(nn.Module):
    """Large picture (B, 4, H, W) -> score map (B, 1, H/4, W/4): is each neighbourhood crisp as a real one?

    It does not see the small input, so it cannot tell a generator's picture by what is drawn in it.
    """

    def __init__(self, base: int = 24) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(4, base, 4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(base, 2 * base, 4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * base, 2 * base, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * base, 1, 1),
        )

    def forward(self, large: Tensor) -> Tensor:
        """Scores, high for real."""
        return self.body(large.contiguous(memory_format=torch.channels_last))
