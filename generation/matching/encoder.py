"""The built-in judge: an image encoder that was trained into the text encoder's space.

Importing this module imports no torch; constructing ``EncoderScorer`` does.
"""

from __future__ import annotations

import json
from pathlib import Path

from django.utils.module_loading import import_string
from PIL import Image

from generation.renderers.base import RenderError
from generation.renderers.weights import weights_hash
from generation.text_encoder import TextEncoderMissing, text_encoder_get

BUILT_IN_FOLDER = Path(__file__).resolve().parent.parent / "weights" / "match-encoder"
# Network classes that a folder's config.json may name: name -> dotted path.
NETWORKS = {"ImageEncoder": "generation.matching.networks.ImageEncoder"}


class EncoderScorer:
    """Cosine between the picture's vector and the text's. Raises RenderError ``scorer_broken``."""

    name = "match-encoder"

    def __init__(self, folder: Path) -> None:
        config = folder / "config.json"
        try:
            network = import_string(NETWORKS[json.loads(config.read_text(encoding="utf-8"))["_class_name"]])
            self._network = network.from_pretrained(
                str(folder), use_safetensors=True, local_files_only=True, low_cpu_mem_usage=False
            )
            self._text = text_encoder_get()
        except TextEncoderMissing as error:
            raise RenderError("encoder_missing", str(error), permanent=True) from error
        except Exception as error:  # a folder can be wrong in as many ways as the library has checks
            raise RenderError(
                "scorer_broken",
                f"The match encoder in {folder} cannot be loaded: {type(error).__name__}: {error}",
                permanent=True,
            ) from error
        self._network.float().eval().requires_grad_(False)
        self._side = int(self._network.config.picture_side)
        self.version = weights_hash(folder)

    def score(self, picture: Image.Image, text: str) -> float:
        import numpy as np
        import torch

        # Averaged down as in training: each pixel of the small picture is the mean of what it covers.
        small = picture.convert("RGB").resize((self._side, self._side), Image.Resampling.BOX)
        pixels = torch.from_numpy(np.asarray(small, np.float32) / 255).permute(2, 0, 1)[None]
        with torch.inference_mode():
            wanted = self._network.text_vectors(self._text.encode([text]))
            return float((self._network(pixels) * wanted).sum())
