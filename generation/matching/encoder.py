"""The built-in judge: an image encoder that was trained into the text encoder's space.

Importing this module imports no torch; constructing ``EncoderScorer`` does.
"""

from __future__ import annotations

import json
from pathlib import Path

from django.utils.module_loading import import_string
from PIL import Image, ImageOps

from generation.diffusion.vocabulary import PALETTES, SCENES, STYLE_WORDS
from generation.diffusion.wording import DEFAULT_PALETTE, caption_of
from generation.matching.base import Wanted
from generation.renderers.base import RenderError
from generation.renderers.weights import weights_hash
from generation.text_encoder import TextEncoderMissing, text_encoder_get

STAND_SIDE = 256
BUILT_IN_FOLDER = Path(__file__).resolve().parent.parent / "weights" / "match-encoder"
# Network classes that a folder's config.json may name: name -> dotted path.
NETWORKS = {"ImageEncoder": "generation.matching.networks.ImageEncoder"}


class EncoderScorer:
    """Cosine between the picture's vector and the text's. Raises RenderError ``scorer_broken``."""

    name = "match-encoder"
    # Of 48 briefs' pictures 19 in 20 score above 0.44; another thing in the same words scores 0.3.
    low = 0.4

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

    def question(self, picture: Image.Image, wanted: Wanted) -> tuple[Image.Image, str]:
        """A scene, and the caption it would have had in training; asked so, the judge names 79 % of 48
        things first, asked for "thing, place" 31 %. A motif alone is put on a ground that training had."""
        caption = caption_of(wanted.prompt, wanted.motif)
        if picture.mode != "RGBA":
            return picture.convert("RGB"), caption.text
        ground = SCENES["gradient"][0].format(palette=DEFAULT_PALETTE)
        return motif_stand(picture), f"{caption.motif} {ground}, {STYLE_WORDS[caption.style][0]}"

    def score(self, picture: Image.Image, text: str) -> float:
        import numpy as np
        import torch

        # Averaged down as in training: each pixel of the small picture is the mean of what it covers.
        small = picture.convert("RGB").resize((self._side, self._side), Image.Resampling.BOX)
        pixels = torch.from_numpy(np.asarray(small, np.float32) / 255).permute(2, 0, 1)[None]
        with torch.inference_mode():
            wanted = self._network.text_vectors(self._text.encode([text]))
            return float((self._network(pixels) * wanted).sum())


def motif_stand(motif: Image.Image) -> Image.Image:
    """An RGBA motif as training showed it on a plain gradient: centred, its feet at 0.81 of the height."""
    import numpy as np

    palette = PALETTES[DEFAULT_PALETTE]
    far, near = (np.array([c >> 16, c >> 8 & 255, c & 255], float) for c in (palette.far, palette.near))
    share = np.linspace(0, 1, STAND_SIDE)[:, None, None]
    rows = np.broadcast_to(far + (near - far) * share, (STAND_SIDE, STAND_SIDE, 3))
    stand = Image.fromarray(rows.astype(np.uint8))
    box = motif.getchannel("A").getbbox()
    thing = ImageOps.contain(motif.crop(box), (round(0.62 * STAND_SIDE),) * 2) if box else motif
    corner = (STAND_SIDE - thing.width) // 2, round(0.81 * STAND_SIDE) - thing.height
    stand.paste(thing, corner, thing.getchannel("A"))
    return stand
