"""The built-in text-conditional GAN as a renderer: a draft in a fraction of a second on one core.

Importing this module imports no torch; constructing ``GanRenderer`` does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from generation.chinese import to_english
from generation.renderers.base import OnStep, RenderError, RenderRequest, RenderResult
from generation.renderers.weights import weights_hashes

BUILT_IN_MODEL = Path(__file__).resolve().parent.parent / "weights" / "motif-gan"
STAGES = 3  # text, motif, upscale
DEFAULT_STYLE = "volumetric"

# Words that name a style; the first one in the prompt counts, so that "flat lay" or a later aside does not
# turn a 3D prompt flat. Matched as written, Chinese included.
_STYLES = re.compile(
    r"(?P<flat>\bflat (?:illustration|design|style|vector)|\bvector\b|\b2d\b|扁平|插画)"
    r"|(?P<volumetric>\b3d\b|立体|三维)",
    re.IGNORECASE,
)
# Style words inside a motif would move its text vector away from what it shows.
_STYLE_WORDS = re.compile(
    r"\b(?:an?\s+)?(?:soft\s+3d\s+render|3d\s+render|flat\s+(?:vector\s+)?illustration)(?:\s+of)?\b",
    re.IGNORECASE,
)
# No caption in training was longer; a text of 10,000 characters is cut before any work is done on it.
_MAX_TEXT = 2000


def style_of(prompt: str) -> str:
    """The style that a prompt asks for: ``flat`` or ``volumetric``."""
    found = _STYLES.search(prompt[:_MAX_TEXT])
    return found.lastgroup or DEFAULT_STYLE if found else DEFAULT_STYLE


def motif_text(request: RenderRequest) -> str:
    """The English words to draw: the motif, or the prompt where the motif has nothing to draw."""
    for source in (request.motif, request.prompt):
        text = _STYLE_WORDS.sub(" ", to_english(source[:_MAX_TEXT]))
        text = " ".join(text.split()).strip(" ,.;:-")
        if any(character.isalnum() for character in text):
            return text
    return ""


class GanRenderer:
    """Loads a motif-GAN folder once and draws RGBA motifs of 256 x 256.

    ``model_folder``: a folder as ``MotifGanPipeline.save`` writes it; None: the built-in one.
    ``threads``: torch threads; one is fastest for layers this small. ``encoder_folder``: the text
    encoder's folder; None: the installed package.
    """

    name = "motif-gan"

    def __init__(
        self,
        model_folder: Path | str | None = None,
        *,
        threads: int = 1,
        encoder_folder: Path | str | None = None,
    ) -> None:
        folder = Path(model_folder) if model_folder is not None else BUILT_IN_MODEL
        if not folder.is_dir():
            raise RenderError("model_missing", f"the model folder {folder} does not exist", permanent=True)
        import torch

        from generation.gan.pipeline import ModelBroken, ModelMissing, MotifGanPipeline
        from generation.text_encoder import TextEncoder, TextEncoderMissing, text_encoder_get

        torch.set_num_threads(threads)
        try:
            self._pipeline = MotifGanPipeline.load(folder)
            self._encoder = TextEncoder(encoder_folder) if encoder_folder else text_encoder_get()
        except ModelMissing as error:
            raise RenderError("model_missing", str(error), permanent=True) from error
        except ModelBroken as error:
            raise RenderError("model_broken", str(error), permanent=True) from error
        except TextEncoderMissing as error:
            raise RenderError("encoder_missing", str(error), permanent=True) from error
        self.model_hash, self._files = weights_hashes(folder)

    def render(self, request: RenderRequest, on_step: OnStep) -> RenderResult:
        """Draw one motif. The answer is 256 x 256 whatever size was asked for."""
        if not request.motif.strip() and not request.prompt.strip():
            raise RenderError("prompt_empty", "neither motif nor prompt says what to draw", permanent=True)
        text = motif_text(request)
        if not text:
            raise RenderError(
                "prompt_not_understood",
                f"no word of the motif {request.motif[:80]!r} is known to the model's dictionary",
                permanent=True,
            )
        from generation.gan.pipeline import straight_rgba

        if request.lora:
            raise RenderError(
                "lora_unsupported", f"{self.name} takes no LoRA ({request.lora!r}).", permanent=True
            )
        if request.keep is not None:
            raise RenderError(
                "inpainting_unsupported",
                f"{self.name} draws motifs, not scenes around a product.",
                permanent=True,
            )
        style = style_of(f"{request.prompt} {request.motif}")
        vector = self._encoder.encode([text])[0]
        on_step(1, STAGES)
        small = self._pipeline.draw(vector, style, request.seed)
        on_step(2, STAGES)
        large = self._pipeline.enlarge(small, style)
        image = Image.fromarray(straight_rgba(large[0]), "RGBA")
        on_step(3, STAGES)
        nearest, similarity = self._pipeline.anchors.nearest(vector)
        cut = max(len(request.prompt), len(request.motif)) - _MAX_TEXT
        return RenderResult(
            image=image,
            model=self.name,
            model_hash=self.model_hash,
            steps=STAGES,
            details={
                "files": self._files,
                "text": text[:200],
                "style": style,
                "nearest_trained_name": nearest,
                # Below about 0.45 the text names nothing that the model has seen.
                "nearest_similarity": round(similarity, 3),
                **({"prompt_characters_unread": cut} if cut > 0 else {}),
            },
        )

    def render_many(self, requests: Sequence[RenderRequest], on_step: OnStep) -> list[RenderResult]:
        """One after the other: on one core a batch of small layers is no faster."""
        total = STAGES * len(requests)
        return [
            self.render(request, lambda done, _, before=STAGES * index: on_step(before + done, total))  # type: ignore[misc]
            for index, request in enumerate(requests)
        ]
