"""Losses of the motif GAN over premultiplied RGBA pictures of shape (B, 4, H, W)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def pyramid_loss(made: Tensor, real: Tensor, levels: int = 4) -> Tensor:
    """L1 at full size and at each halving: the coarse levels place, the fine ones draw."""
    loss = made.new_zeros(())
    for level in range(levels):
        loss = loss + (made - real).abs().mean()
        if level + 1 < levels:
            made, real = F.avg_pool2d(made, 2), F.avg_pool2d(real, 2)
    return loss


def gradient_loss(made: Tensor, real: Tensor) -> Tensor:
    """L1 between the differences of neighbouring pixels: keeps edges that plain L1 would blur."""
    difference = made - real
    horizontal = (difference[..., :, 1:] - difference[..., :, :-1]).abs().mean()
    vertical = (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()
    return horizontal + vertical


def gaussian_kl(mean: Tensor, log_variance: Tensor, prior_mean: Tensor, prior_log_variance: Tensor) -> Tensor:
    """KL divergence of diagonal Gaussians, summed over the latent, averaged over the batch."""
    ratio = (log_variance - prior_log_variance).exp()
    shift = (mean - prior_mean).square() / prior_log_variance.exp()
    return 0.5 * (ratio + shift - 1.0 + prior_log_variance - log_variance).sum(dim=1).mean()
