"""What a run draws so far: rows of one real picture and, beside it, made ones from different noise."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from generation.gan.networks import MotifGenerator
from generation.training.gan_data import TrainingSet

COLUMNS = 4  # pairs of real and made pictures across the sheet


def sample(
    generator: MotifGenerator, text: Tensor, style: Tensor, random: torch.Generator, truncation: float = 1.0
) -> Tensor:
    """Pictures (B, C, H, W) for text vectors (B, T) and styles (B, S), as a renderer draws them.

    ``truncation`` scales how far a latent may lie from the prior's mean: below 1 less variety, fewer odd
    pictures (Brock et al. 2019 cut the tail off; scaling keeps the draw in one line).
    """
    with torch.inference_mode():
        mean, log_variance = generator.latent_prior(text, style)
        noise = torch.randn(mean.shape, generator=random)
        return generator(text, style, mean + truncation * noise * (0.5 * log_variance).exp())


def on_white(pictures: Tensor) -> Tensor:
    """(B, C, H, W) premultiplied RGBA over white, or grey inverted: (B, 3, H, W) in [0, 1]."""
    if pictures.shape[1] == 1:
        return (1.0 - pictures).expand(-1, 3, -1, -1)
    return pictures[:, :3] + 1.0 - pictures[:, 3:]


def draw_sample_sheet(
    generator: MotifGenerator, data: TrainingSet, *, rows: int = 6, made: int = 3, cell: int = 64
) -> Image.Image:
    """Evenly spaced training pictures, each followed by ``made`` drawn from its object's bare name."""
    count = min(rows * COLUMNS, len(data))
    chosen = torch.linspace(0, len(data) - 1, count).long()
    text = data.vectors[data.offsets[data.owner[chosen]]].repeat_interleave(made, dim=0)
    style = torch.nn.functional.one_hot(data.style[chosen], data.style_count).float()
    random = torch.Generator().manual_seed(0)
    drawn = sample(generator, text, style.repeat_interleave(made, dim=0), random)
    drawn = drawn.reshape(count, made, *drawn.shape[1:])
    strips = torch.cat((data.pictures[chosen].float()[:, None] / 255.0, drawn), dim=1)
    sheet = Image.new("RGB", (COLUMNS * (made + 1) * cell, -(-count // COLUMNS) * cell), "white")
    for index, strip in enumerate(strips):
        for place, picture in enumerate(on_white(strip)):
            pixels = (picture.clamp(0.0, 1.0) * 255.0).round().byte().permute(1, 2, 0).numpy()
            image = Image.fromarray(pixels).resize((cell, cell), Image.Resampling.NEAREST)
            column = index % COLUMNS * (made + 1) + place
            sheet.paste(image, (column * cell, index // COLUMNS * cell))
    return sheet
