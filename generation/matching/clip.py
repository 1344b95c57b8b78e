"""CLIP as the judge, from a transformers folder named by ``settings.GENERATION_CLIP``.

Importing this module imports no torch; constructing ``ClipScorer`` does.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from PIL import Image, ImageOps

from generation.chinese import to_english
from generation.matching.base import Wanted, picture_flat
from generation.renderers.base import RenderError
from generation.renderers.weights import weights_hash

# OpenAI's, for a folder without preprocessor_config.json.
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class ClipScorer:
    """Cosine of CLIP's two vectors. Raises RenderError ``scorer_missing`` or ``scorer_broken``."""

    name = "clip"
    low = -1.0  # no picture is refused: CLIPs differ in what a good cosine is

    def __init__(self, folder: Path) -> None:
        if not (folder / "config.json").is_file():
            raise RenderError(
                "scorer_missing",
                f"GENERATION_CLIP names {folder}, which holds no config.json.",
                permanent=True,
            )
        os.environ["HF_HUB_OFFLINE"] = "1"
        import torch
        from transformers import CLIPModel, CLIPTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        try:
            self._tokenizer = CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)  # nosec B615 - a local folder
            self._model = CLIPModel.from_pretrained(  # nosec B615 - a local folder
                str(folder), local_files_only=True, use_safetensors=True, dtype=torch.float32
            ).eval()
            preprocessing = folder / "preprocessor_config.json"
            known = json.loads(preprocessing.read_text(encoding="utf-8")) if preprocessing.is_file() else {}
            self._mean = torch.tensor(known.get("image_mean", MEAN)).view(3, 1, 1)
            self._deviation = torch.tensor(known.get("image_std", DEVIATION)).view(3, 1, 1)
        except Exception as error:  # a folder can be wrong in as many ways as the library has checks
            raise RenderError(
                "scorer_broken",
                f"The CLIP model in {folder} cannot be loaded: {type(error).__name__}: {error}",
                permanent=True,
            ) from error
        self.version = weights_hash(folder)

    def question(self, picture: Image.Image, wanted: Wanted) -> tuple[Image.Image, str]:
        """The thing, and for a whole scene where it stands: how it is drawn would only blur the vector."""
        setting = wanted.setting if picture.mode != "RGBA" else ""
        return picture_flat(picture), to_english(f"{wanted.motif} {setting}").strip()

    def score(self, picture: Image.Image, text: str) -> float:
        import numpy as np
        import torch

        # By hand: transformers' own image processor wants torchvision.
        side = self._model.config.vision_config.image_size
        fitted = ImageOps.fit(picture.convert("RGB"), (side, side), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.asarray(fitted, np.float32) / 255).permute(2, 0, 1)
        tokens = self._tokenizer(
            [text], truncation=True, max_length=self._model.config.text_config.max_position_embeddings,
            return_tensors="pt",
        )  # fmt: skip
        with torch.inference_mode():
            output = self._model(
                input_ids=tokens["input_ids"],
                attention_mask=tokens["attention_mask"],
                pixel_values=((pixels - self._mean) / self._deviation)[None],
            )
            return float((output.image_embeds * output.text_embeds).sum())
