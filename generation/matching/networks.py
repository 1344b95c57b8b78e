"""The match encoder: pictures into the space of sentence vectors.

A small convolutional network, trained contrastively (Radford et al. 2021, with the text side frozen) on
composed scenes. Shapes: B pictures, T = 384 numbers of a sentence vector.
"""

from __future__ import annotations

import itertools

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

PICTURE_SIDE = 96


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut; halves the picture when ``stride`` is 2."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = (
            nn.Conv2d(inputs, outputs, 1, stride) if inputs != outputs or stride > 1 else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        y = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(y)) + self.shortcut(x))


class ImageEncoder(ModelMixin, ConfigMixin):
    """Pictures (B, 3, 96, 96) in [0, 1] -> unit vectors (B, 384).

    ``text_vectors`` turns sentence vectors a little, so that words which MiniLM holds for small matters
    (colours, "on the left") weigh what they weigh in a picture.
    """

    @register_to_config
    def __init__(
        self,
        channels: tuple[int, ...] = (32, 64, 96, 160, 192),
        text_dim: int = 384,
        picture_side: int = PICTURE_SIDE,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels[0], 4, 2, 1)
        blocks = [ResidualBlock(a, b, 2) for a, b in itertools.pairwise(channels)]
        self.body = nn.Sequential(*blocks)
        # A few cells of the last grid are kept apart: what stands left is not what stands right.
        self.head = nn.Linear(channels[-1] * 9, text_dim)
        self.text = nn.Linear(text_dim, text_dim)
        with torch.no_grad():
            self.text.weight.copy_(torch.eye(text_dim))
            self.text.bias.zero_()
        self.log_scale = nn.Parameter(torch.tensor(3.0))

    def _maps(self, pictures: Tensor) -> Tensor:
        return self.body(F.relu(self.stem(pictures * 2.0 - 1.0)))

    def features(self, pictures: Tensor) -> Tensor:
        """Mean features (B, last channels): what distances between sets of pictures are measured on."""
        return self._maps(pictures).mean(dim=(2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        """Unit vectors of pictures."""
        cells = F.adaptive_avg_pool2d(self._maps(pictures), 3)
        return F.normalize(self.head(cells.flatten(1)), dim=1)

    def text_vectors(self, sentences: Tensor) -> Tensor:
        """Unit vectors of sentence vectors (B, 384) in the pictures' space."""
        return F.normalize(self.text(sentences), dim=1)
