"""The training set in memory: pictures, caption vectors, and the draw of one batch."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from generation.training.captions import captions_of, keyword_counts
from generation.training.pictures import PictureObject, load_pictures

# Half of the draws use the bare name, as a shop's brief does; the rest spread over the other captions.
NAME_RATE = 0.4


@dataclass(frozen=True)
class Batch:
    """real: (B, C, H, W) in [0, 1], premultiplied RGBA or grey; text: (B, T); style: (B, S); row: (B,)."""

    real: Tensor
    text: Tensor
    style: Tensor
    row: Tensor
    names_object: Tensor  # (B,) bool: the caption says what the object is, so text alone should do

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        parts = (self.real, self.text, self.style, self.row, self.names_object)
        return Batch(*(part.to(device, non_blocking=True) for part in parts))


@dataclass
class TrainingSet:
    """Pictures as uint8 in memory (849 objects x 2 styles at 64 px: 28 MB) and their captions' vectors."""

    pictures: Tensor  # uint8 (N, C, H, W)
    owner: Tensor  # (N,) object index
    style: Tensor  # (N,) style index
    captions: list[list[str]]  # by object
    vectors: Tensor  # (C, 384), captions of all objects one after the other
    offsets: Tensor  # (objects + 1,) where each object's captions start
    balance: Tensor  # (N,) chance of each picture when all groups shall come equally often
    pass_rows: Tensor  # picture rows of one pass; an emphasised object's pictures are in it several times
    style_count: int = 2

    def __len__(self) -> int:
        return len(self.pictures)

    def draw(self, rows: Tensor, generator: torch.Generator, jitter: float) -> Batch:
        """Pictures ``rows`` with a caption drawn for each.

        The caption's vector is mixed with the vector of the bare name by a random share and shaken
        with noise of length ``jitter``: phrases never seen lie between and around the seen ones.
        """
        owner = self.owner[rows]
        start, end = self.offsets[owner], self.offsets[owner + 1]
        uniform = torch.rand(len(rows), 3, generator=generator)
        other = (start + 1 + (uniform[:, 0] * (end - start - 1)).long()).minimum(end - 1)
        is_name = uniform[:, 1] < NAME_RATE
        name_vectors, other_vectors = self.vectors[start], self.vectors[other]
        share = torch.where(is_name, 1.0, uniform[:, 2] * 0.7)[:, None]
        text = name_vectors * share + other_vectors * (1.0 - share)
        noise = torch.randn(text.shape, generator=generator) * (jitter / text.shape[1] ** 0.5)
        text = torch.nn.functional.normalize(text + noise, dim=1)
        return Batch(
            real=self.pictures[rows].float().div_(255.0),
            text=text,
            style=torch.nn.functional.one_hot(self.style[rows], self.style_count).float(),
            row=rows,
            names_object=share[:, 0] > 0.3,
        )


def encode_captions(captions: Sequence[Sequence[str]], cache_folder: Path) -> Tensor:
    """Vectors of all captions in order, (C, 384); computed once and kept in ``cache_folder``.

    13 ms a caption on one core, so about two minutes for 849 objects: worth a file.
    """
    flat = [text for texts in captions for text in texts]
    key = hashlib.sha256("\n".join(flat).encode()).hexdigest()[:16]
    path = cache_folder / f"captions-{key}.npy"
    if path.is_file():
        return torch.from_numpy(np.load(path).astype(np.float32))
    from generation.text_encoder import TextEncoder

    vectors = TextEncoder().encode(flat)
    cache_folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npy")
    np.save(partial, vectors.numpy().astype(np.float16))
    partial.replace(path)
    return vectors.half().float()


def grey_ink(pictures: np.ndarray) -> np.ndarray:
    """uint8 premultiplied RGBA (N, 4, H, W) -> (N, 1, H, W): how dark it is on white paper.

    The ground becomes 0, as in the 28 x 28 sets of digits and clothes that everyone knows.
    """
    red, green, blue, alpha = (pictures[:, channel].astype(np.float32) for channel in range(4))
    light = 0.299 * red + 0.587 * green + 0.114 * blue + 255.0 - alpha
    return (255.0 - light).round().clip(0, 255).astype(np.uint8)[:, None]


def build_training_set(
    objects: Sequence[PictureObject],
    size: int,
    cache_folder: Path,
    *,
    picture: str = "rgba",
    held_out: bool = False,
    emphasised: Collection[str] = (),
    emphasis: int = 3,
) -> TrainingSet:
    """The pictures of the trained (or of the held-out) objects with their captions' vectors.

    Objects whose name is in ``emphasised`` come ``emphasis`` times in each pass over the pictures: with
    hours of one core, what the product asks for is worth more of them than the twelfth clock face.
    """
    counts = keyword_counts(objects)
    chosen = [item for item in objects if item.held_out == held_out]
    pictures, owner, style = load_pictures(chosen, size)
    if picture == "grey":
        pictures = grey_ink(pictures)
    captions = [captions_of(item, counts) for item in chosen]
    times = [emphasis if chosen[index].name in emphasised else 1 for index in owner]
    sizes = Counter(chosen[index].group for index in owner)
    lengths = torch.tensor([0, *(len(texts) for texts in captions)])
    return TrainingSet(
        pictures=torch.from_numpy(pictures),
        owner=torch.from_numpy(owner),
        style=torch.from_numpy(style),
        captions=captions,
        vectors=encode_captions(captions, cache_folder),
        offsets=lengths.cumsum(0),
        balance=torch.tensor([1.0 / (len(sizes) * sizes[chosen[index].group]) for index in owner]),
        pass_rows=torch.arange(len(pictures)).repeat_interleave(torch.tensor(times)),
    )
