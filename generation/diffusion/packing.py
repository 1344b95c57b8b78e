"""Latents for the denoiser: 2 x 2 neighbours become channels, so that it works on 16 x 16 cells."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

PACK = 2


def pack(latents: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, 4 C, H / 2, W / 2)."""
    return F.pixel_unshuffle(latents, PACK)


def unpack(packed: Tensor) -> Tensor:
    """The reverse of ``pack``."""
    return F.pixel_shuffle(packed, PACK)
