"""The motif GAN as one folder on disk, and sampling from it.

A folder is laid out as diffusers lays out a pipeline: ``model_index.json``, and one sub-folder with
``config.json`` and ``diffusion_pytorch_model.safetensors`` for each network; ``anchors/`` holds the
vectors of the names that the generator was trained on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from generation.gan.anchors import KEYS_FILE, NAMES_FILE, Anchors
from generation.gan.networks import STYLES, MotifGenerator
from generation.gan.upscaler import MotifUpscaler
from generation.renderers.weights import weights_share

INDEX = "model_index.json"
ANCHORS = "anchors"
WEIGHTS = "diffusion_pytorch_model.safetensors"

Network = TypeVar("Network", MotifGenerator, MotifUpscaler)
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError)


class ModelMissing(Exception):
    """The folder, or a file of it, is not there."""


class ModelBroken(Exception):
    """A file of the folder cannot be read or does not fit the others."""


def require_files(folder: Path, names: Sequence[str]) -> None:
    """Raises ModelMissing for the first file that the folder lacks."""
    for name in names:
        if not (folder / name).is_file():
            raise ModelMissing(f"the model folder {folder} has no {name}")


def read_network(kind: type[Network], folder: Path) -> Network:
    """One network in float32, ready to draw. Raises the libraries' errors, or ValueError on NaN."""
    network: Any = kind.from_config(kind.load_config(folder))
    tensors = {key: value.float() for key, value in load_file(folder / WEIGHTS).items()}
    network.load_state_dict(tensors, strict=True)
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise ValueError(f"{folder / WEIGHTS} holds NaN or infinite weights")
    return network.requires_grad_(False).to(memory_format=torch.channels_last).eval()


def load_generator(folder: Path) -> MotifGenerator:
    """The generator of a model folder alone. Raises ModelMissing or ModelBroken, naming the file."""
    return _load_part(MotifGenerator, folder, "generator")


def load_upscaler(folder: Path) -> MotifUpscaler:
    """The upscaler of a model folder alone. Raises ModelMissing or ModelBroken, naming the file."""
    return _load_part(MotifUpscaler, folder, "upscaler")


def _load_part(kind: type[Network], folder: Path, part: str) -> Network:
    require_files(folder, [f"{part}/config.json", f"{part}/{WEIGHTS}"])
    try:
        return read_network(kind, folder / part)
    except _UNREADABLE as error:
        raise ModelBroken(f"the {part} in {folder / part} cannot be loaded: {error}") from error


class MotifGanPipeline:
    """Text vectors, a style and seeds in; RGBA pictures out."""

    def __init__(
        self,
        generator: MotifGenerator,
        upscaler: MotifUpscaler,
        anchors: Anchors,
        *,
        anchor_share: float = 0.0,
        anchor_temperature: float = 0.01,
        truncation: float = 0.7,
    ) -> None:
        self.generator, self.upscaler = generator.eval(), upscaler.eval()
        self.anchors = anchors
        self.anchor_share = anchor_share
        self.anchor_temperature = anchor_temperature
        self.truncation = truncation

    def save(self, folder: Path, dtype: torch.dtype = torch.float16) -> None:
        """Write the folder; weights as ``dtype``."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, network in (("generator", self.generator), ("upscaler", self.upscaler)):
            part = folder / name
            part.mkdir(exist_ok=True)
            network.save_config(part)
            tensors = {key: value.to(dtype).contiguous() for key, value in network.state_dict().items()}
            save_file(tensors, part / WEIGHTS, metadata={"format": "pt"})
        self.anchors.save(folder / ANCHORS)
        index = {
            "_class_name": type(self).__name__,
            "generator": ["generation.gan.networks", "MotifGenerator"],
            "upscaler": ["generation.gan.upscaler", "MotifUpscaler"],
            "styles": list(STYLES),
            "anchor_share": self.anchor_share,
            "anchor_temperature": self.anchor_temperature,
            "truncation": self.truncation,
        }
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        weights_share(folder)

    @classmethod
    def load(cls, folder: Path) -> MotifGanPipeline:
        """Read a folder written by ``save``; computes in float32 whatever the files hold."""
        files = [INDEX, f"{ANCHORS}/{KEYS_FILE}", f"{ANCHORS}/{NAMES_FILE}"]
        files += [f"{part}/{name}" for part in ("generator", "upscaler") for name in ("config.json", WEIGHTS)]
        require_files(folder, files)
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            generator = read_network(MotifGenerator, folder / "generator")
            upscaler = read_network(MotifUpscaler, folder / "upscaler")
            anchors = Anchors.load(folder / ANCHORS)
            settings = {
                key: float(index[key]) for key in ("anchor_share", "anchor_temperature", "truncation")
            }
        except _UNREADABLE as error:
            raise ModelBroken(f"the model in {folder} cannot be loaded: {error}") from error
        return cls(generator, upscaler, anchors, **settings)

    @torch.inference_mode()
    def draw(self, text: Tensor, style: str, seed: int) -> Tensor:
        """One small picture: text (384,) -> (1, 4, 64, 64). The same seed gives the same picture."""
        choice = torch.zeros(1, len(STYLES))
        choice[0, STYLES.index(style)] = 1.0
        random = torch.Generator().manual_seed(seed % 2**63)
        condition = self.anchors.pull(text, self.anchor_share, self.anchor_temperature, random)[None]
        mean, log_variance = self.generator.latent_prior(condition, choice)
        noise = torch.randn(mean.shape, generator=random)
        return self.generator(condition, choice, mean + self.truncation * noise * (0.5 * log_variance).exp())

    @torch.inference_mode()
    def enlarge(self, small: Tensor, style: str) -> Tensor:
        """(1, 4, h, w) -> (1, 4, 4h, 4w), premultiplied in [0, 1]."""
        choice = torch.zeros(1, len(STYLES))
        choice[0, STYLES.index(style)] = 1.0
        return self.upscaler(small, choice)


def straight_rgba(premultiplied: Tensor) -> np.ndarray:
    """(4, H, W) premultiplied in [0, 1] -> uint8 (H, W, 4) with straight alpha, as PIL wants it.

    Alpha is stretched from [0.2, 0.8] to [0, 1]: a small generator leaves a haze around a motif, a body
    that is not quite opaque and an edge several pixels wide, and all three show once a scene lies behind.
    """
    alpha = premultiplied[3:]
    colour = premultiplied[:3] / alpha.clamp(min=1 / 255)
    stretched = ((alpha - 0.2) / 0.6).clamp(0.0, 1.0)
    rgba = torch.cat((colour.clamp(0.0, 1.0) * (stretched > 0), stretched))
    return (rgba * 255.0).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
