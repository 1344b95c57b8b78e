"""The draft that the scene model finishes: motifs of the built-in GAN, put where the caption wants them.

The GAN knows what a thing looks like, roughly, after an hour of one core; a denoiser of the same size and
hour knows light, ground and shadow but draws things as blobs. So the GAN's motif enters the denoiser beside
the noise, on 64 x 64 premultiplied RGBA, and the denoiser paints the scene, the light and the shadow. Its
latent cells of 16 pixels smear what is fine, so the GAN's own detail, enlarged, goes over it last.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from generation.diffusion.wording import Caption
from generation.gan.pipeline import MotifGanPipeline, straight_rgba

PICTURE_SIDE = 256
DRAFT_SIDE = 64
FACTOR = PICTURE_SIDE // DRAFT_SIDE
# A cell of the denoiser covers 4 x 4 draft pixels: 64 channels.
DRAFT_CHANNELS = 4 * (DRAFT_SIDE // 16) ** 2
DETAIL_SIGMA = 12.0  # pixels, three quarters of a latent cell
# The line on which things stand, as a share of the height, by scene.
STAND = {
    "gradient": (0.78, 0.84),
    "studio": (0.8, 0.86),
    "podium": (0.73, 0.79),
    "bokeh": (0.78, 0.84),
    "outdoor": (0.82, 0.88),
}


@dataclass(frozen=True)
class Place:
    """Where one thing stands in a picture of 256 x 256 pixels."""

    left: int
    top: int
    width: int
    height: int
    mirrored: bool


def places_of(
    arrangement: str, line: float, sizes: Sequence[tuple[int, int]], source: random.Random
) -> list[Place]:
    """Places for one thing or two of the given (width, height), their feet at ``line`` of the height."""
    side = PICTURE_SIDE
    mirrored = [source.random() < 0.5 for _ in sizes]
    stand = line * side
    if len(sizes) == 2:
        room = source.uniform(0.4, 0.45) * side
        rooms, centres = [(room, room)] * 2, [0.27 * side, 0.73 * side]
    else:
        centre = {"left": 0.32, "right": 0.68}.get(arrangement, 0.5) + source.uniform(-0.03, 0.03)
        if arrangement == "close":
            room = source.uniform(0.74, 0.84) * side
            stand = min(0.95 * side, stand + 0.1 * side)
        else:
            room = source.uniform(0.5, 0.6) * side
        rooms, centres = [(room, min(room, stand - 6))], [centre * side]
    places = []
    for (width, height), (across, up), middle, mirror in zip(sizes, rooms, centres, mirrored, strict=True):
        scale = min(across / width, up / height)
        wide, tall = max(1, round(width * scale)), max(1, round(height * scale))
        places.append(Place(round(middle - wide / 2), round(stand - tall), wide, tall, mirror))
    return places


def trimmed(image: Image.Image) -> Image.Image:
    """An RGBA picture without its transparent margin."""
    box = image.getchannel("A").getbbox()
    return image.crop(box) if box else image


@dataclass(frozen=True)
class Draft:
    """The motifs of one picture at their places."""

    canvas: Tensor  # (4, 64, 64), premultiplied: what the denoiser reads
    detail: Tensor  # (4, 256, 256), straight alpha: what lies over its picture


class Drafter:
    """Drafts of captions by the built-in GAN."""

    def __init__(self, gan: MotifGanPipeline) -> None:
        self._gan = gan

    def names(self, motif: str) -> list[str]:
        """The things a motif names, two at most; "couch and lamp" is one that the GAN knows."""
        parts = [part.strip() for part in motif.split(" and ") if part.strip()]
        known = motif.lower() in self._gan.anchors.names
        return [motif] if known or len(parts) < 2 else parts[:2]

    def draw(self, caption: Caption, vectors: Sequence[Tensor], seed: int) -> Draft:
        """The draft of a caption; ``vectors`` are those of ``names(caption.motif)``, each (384,)."""
        source = random.Random(seed)
        line = source.uniform(*STAND[caption.scene])
        motifs, enlarged = [], []
        for vector in vectors:
            made = self._gan.draw(vector, caption.style, seed)
            small = Image.fromarray(straight_rgba(made[0]), "RGBA")
            large = Image.fromarray(straight_rgba(self._gan.enlarge(made, caption.style)[0]), "RGBA")
            left, top, right, bottom = small.getchannel("A").getbbox() or (0, 0, *small.size)
            scale = large.width // small.width
            motifs.append(small.crop((left, top, right, bottom)))
            enlarged.append(large.crop((left * scale, top * scale, right * scale, bottom * scale)))
        places = places_of(caption.arrangement, line, [motif.size for motif in motifs], source)
        return Draft(
            torch.from_numpy(draft_canvas(motifs, places)).float() / 255.0,
            torch.from_numpy(detail_canvas(enlarged, places)).float() / 255.0,
        )


def draft_canvas(motifs: Sequence[Image.Image], places: Sequence[Place]) -> np.ndarray:
    """uint8 (4, 64, 64), premultiplied: the trimmed motifs at their places."""
    canvas = Image.new("RGBa", (DRAFT_SIDE, DRAFT_SIDE))
    for motif, place in zip(motifs, places, strict=True):
        size = max(1, round(place.width / FACTOR)), max(1, round(place.height / FACTOR))
        small = motif.convert("RGBa").resize(size, Image.Resampling.BILINEAR)
        if place.mirrored:
            small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        canvas.paste(small, (round(place.left / FACTOR), round(place.top / FACTOR)), small.getchannel("a"))
    return np.array(canvas, dtype=np.uint8).transpose(2, 0, 1)  # a copy: torch wants it writable


def detail_canvas(motifs: Sequence[Image.Image], places: Sequence[Place]) -> np.ndarray:
    """uint8 (4, 256, 256), straight alpha: the same motifs, enlarged, at the same places."""
    canvas = Image.new("RGBA", (PICTURE_SIDE, PICTURE_SIDE))
    for motif, place in zip(motifs, places, strict=True):
        fitted = motif.resize((place.width, place.height), Image.Resampling.LANCZOS)
        if place.mirrored:
            fitted = fitted.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        layer = Image.new("RGBA", canvas.size)
        layer.paste(fitted, (place.left, place.top))
        canvas.alpha_composite(layer)
    return np.array(canvas, dtype=np.uint8).transpose(2, 0, 1)


def draft_cells(canvases: Tensor) -> Tensor:
    """Canvases (B, 4, 64, 64) in [0, 1] as the denoiser reads them: (B, 64, 16, 16)."""
    return F.pixel_unshuffle(canvases, DRAFT_SIDE // 16)


def with_detail(pictures: Tensor, details: Tensor) -> Tensor:
    """Decoded pictures (B, 3, H, W) in [-1, 1] with the fine detail of their motifs (B, 4, h, w) in [0, 1].

    What is finer than ``DETAIL_SIGMA`` pixels inside a motif comes from the motif, everything coarser, its
    light and colour too, from the picture: pasted + blur(picture - pasted).
    """
    fitted = F.interpolate(details, pictures.shape[2:], mode="bilinear", align_corners=False)
    colour, alpha = fitted[:, :3] * 2.0 - 1.0, fitted[:, 3:]
    pasted = pictures + (colour - pictures) * alpha
    return (pasted + _blur(pictures - pasted, DETAIL_SIGMA)).clamp(-1.0, 1.0)


def _blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (B, C, H, W), edges repeated."""
    reach = round(3 * sigma)
    line = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    weights = torch.exp(-0.5 * (line / sigma) ** 2)
    weights = weights / weights.sum()
    batch, channels = images.shape[:2]
    flat = F.pad(images.flatten(0, 1)[:, None], (reach,) * 4, mode="replicate")
    flat = F.conv2d(F.conv2d(flat, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
    return flat.unflatten(0, (batch, channels)).squeeze(2)


def with_draft(latents: Tensor, cells: Tensor) -> Tensor:
    """What goes into the denoiser: packed latents and the draft, (B, 16 + 64, 16, 16)."""
    return torch.cat((latents, cells.to(latents.dtype)), dim=1)
