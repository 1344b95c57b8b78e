"""The generator of the built-in motif GAN, with the prior over its latent.

Shapes: B pictures, T = 384 numbers of text, Z latent numbers, W style numbers. Pictures are
premultiplied RGBA in [0, 1]: the colour under a transparent pixel is then 0 and no loss or filter can
bleed it into an edge. The smallest preset draws one channel of grey instead, bright on black.
"""

from __future__ import annotations

import itertools

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

STYLES = ("volumetric", "flat")
SLOPE = 0.2
# Two style inputs stand beside 384 of text. At gain 1 the generator was slow to tell the styles apart.
STYLE_GAIN = 4.0


class Modulated(nn.Module):
    """Scale and shift of every channel by the style vector, then a leaky ReLU (FiLM)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.affine = nn.Linear(width, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.5 / width**0.5)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x: (B, C, H, W'); w: (B, W) -> (B, C, H, W')."""
        scale, shift = self.affine(w)[:, :, None, None].chunk(2, dim=1)
        return F.leaky_relu(torch.addcmul(x + shift, x, scale), SLOPE)


class MotifGenerator(ModelMixin, ConfigMixin):
    """Text vector + style + latent -> premultiplied RGBA picture (or grey, with ``picture_channels`` 1).

    Transposed convolutions of kernel 4 and stride 2: every output pixel sees 2 x 2 taps, so a level
    costs 4/9 of "upsample, then 3 x 3", which on one CPU core is 42 instead of 26 samples/s in
    training. Most weights sit at 4 x 4 to 16 x 16, where they cost least arithmetic.
    """

    @register_to_config
    def __init__(
        self,
        text_dim: int = 384,
        latent_dim: int = 32,
        style_count: int = 2,
        width: int = 256,
        channels: tuple[int, ...] = (320, 256, 128, 64, 32),
        extra_level: int = 2,
        start: int = 4,
        picture_channels: int = 4,
    ) -> None:
        super().__init__()
        inputs = text_dim + style_count + latent_dim
        self.mapping = nn.Sequential(
            nn.Linear(inputs, width), nn.LeakyReLU(SLOPE), nn.Linear(width, width), nn.LeakyReLU(SLOPE)
        )
        self.prior = nn.Sequential(
            nn.Linear(text_dim + style_count, width // 2),
            nn.LeakyReLU(SLOPE),
            nn.Linear(width // 2, 2 * latent_dim),
        )
        self.constant = nn.Linear(width, channels[0] * start * start)
        self.first = Modulated(channels[0], width)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(channels)
        )
        self.modulations = nn.ModuleList(Modulated(c, width) for c in channels[1:])
        middle = channels[extra_level]
        self.extra = nn.Conv2d(middle, middle, 3, padding=1)
        self.extra_modulation = Modulated(middle, width)
        self.to_rgba = nn.Conv2d(channels[-1], picture_channels, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d | nn.Conv2d):
                taps = 4 if isinstance(module, nn.ConvTranspose2d) else 9
                nn.init.normal_(module.weight, std=(2.0 / (module.in_channels * taps)) ** 0.5)
                nn.init.zeros_(module.bias)
        nn.init.zeros_(self.prior[-1].weight)
        nn.init.zeros_(self.prior[-1].bias)

    @property
    def size(self) -> int:
        """Pixels of one side of the generator's own picture."""
        return self.config.start * 2 ** (len(self.config.channels) - 1)

    def latent_prior(self, text: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """What latents go with this text: mean and log variance, each (B, Z).

        text: (B, T); style: (B, S) one-hot or a mixture. A learned prior in place of N(0, 1), because
        a text that names one object leaves little to choose and "animal" leaves much.
        """
        mean, log_variance = self.prior(torch.cat((text, style), dim=1)).chunk(2, dim=1)
        return mean, log_variance.clamp(-6.0, 2.0)

    def forward(self, text: Tensor, style: Tensor, latent: Tensor) -> Tensor:
        """text: (B, T) unit vectors; style: (B, S); latent: (B, Z) -> (B, C, size, size) in [0, 1]."""
        # A unit vector of 384 numbers has entries near 0.05; scaled by sqrt(384) they have variance 1.
        inputs = (text * text.shape[1] ** 0.5, style * STYLE_GAIN, latent)
        w = self.mapping(torch.cat(inputs, dim=1))
        start = self.config.start
        x = self.constant(w).view(w.shape[0], -1, start, start).contiguous(memory_format=torch.channels_last)
        x = self.first(x, w)
        for level, (up, modulation) in enumerate(zip(self.ups, self.modulations, strict=True), start=1):
            x = modulation(up(x), w)
            if level == self.config.extra_level:
                x = x + self.extra_modulation(self.extra(x), w)  # noqa: S610 # nosec B610 - a layer, no query
        rgba = torch.sigmoid(self.to_rgba(x))
        if self.config.picture_channels == 1:
            return rgba
        alpha = rgba[:, 3:]
        return torch.cat((rgba[:, :3] * alpha, alpha), dim=1)
