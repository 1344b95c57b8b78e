"""The learned upscaler: 64 x 64 motif in, 256 x 256 out (ESPCN-style sub-pixel convolutions).

It adds a learned residual to the bicubic picture. Trained on pictures of the generator itself besides
degraded real ones, so it also undoes the generator's own blur.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions around a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        # A tenth of the usual size: each block starts near the identity, and no norm layer is needed.
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> same shape."""
        return x + self.second(F.leaky_relu(self.first(x), SLOPE))


class MotifUpscaler(ModelMixin, ConfigMixin):
    """Premultiplied RGBA (B, 4, h, w) + style (B, S) -> premultiplied RGBA (B, 4, 4h, 4w)."""

    @register_to_config
    def __init__(self, channels: int = 48, blocks: int = 4, fine_channels: int = 24, style_count: int = 2):
        super().__init__()
        self.head = nn.Conv2d(4 + style_count, channels, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.widen = nn.Conv2d(channels, 4 * fine_channels, 3, padding=1)
        self.fine = ResidualBlock(fine_channels)
        self.tail = nn.Conv2d(fine_channels, 16, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)

    def forward(self, small: Tensor, style: Tensor) -> Tensor:
        """small: (B, 4, h, w) in [0, 1]; style: (B, S) one-hot -> (B, 4, 4h, 4w) in [0, 1]."""
        planes = style[:, :, None, None].expand(-1, -1, *small.shape[2:])
        x = torch.cat((small * 2.0 - 1.0, planes), dim=1)
        x = F.leaky_relu(self.head(x.contiguous(memory_format=torch.channels_last)), SLOPE)
        x = x + self.body(x)
        x = F.leaky_relu(F.pixel_shuffle(self.widen(x), 2), SLOPE)
        residual = F.pixel_shuffle(self.tail(self.fine(x)), 2)
        base = F.interpolate(small, scale_factor=4, mode="bicubic", align_corners=False)
        rgba = base + residual
        if self.training:
            return rgba  # no clamp: a clamped pixel would have no gradient
        alpha = rgba[:, 3:].clamp(0.0, 1.0)
        return torch.cat((rgba[:, :3].clamp(min=0.0).minimum(alpha), alpha), dim=1)
