"""What was asked for, as far as a pipeline can take it: the prompt's length, the picture's size."""

from __future__ import annotations

from typing import Any

from generation.renderers.base import RenderError

MAX_PROMPT = 2000  # characters; the longest that any text encoder reads is 512 tokens
MAX_SIDE = 8192


def prompt_fitted(pipeline: Any, prompt: str) -> tuple[str, dict[str, str | int | float]]:
    """The prompt as far as the model can read it, and a note where it cannot read all.

    Raises RenderError ``prompt_empty``.
    """
    if not prompt.strip():
        raise RenderError("prompt_empty", "The prompt is empty.", permanent=True)
    note: dict[str, str | int | float] = {}
    if len(prompt) > MAX_PROMPT:
        note["prompt_characters_unread"] = len(prompt) - MAX_PROMPT
        prompt = prompt[:MAX_PROMPT]
    # Text encoders cut in silence. The one that reads furthest decides what the picture can know.
    tokenizers = [getattr(pipeline, name, None) for name in ("tokenizer", "tokenizer_2", "tokenizer_3")]
    unread = [
        len(tokenizer(prompt)["input_ids"]) - tokenizer.model_max_length
        for tokenizer in tokenizers
        if tokenizer is not None
    ]
    if unread and min(unread) > 0:
        note["prompt_tokens_unread"] = min(unread)
    return prompt, note


def fitted_size(width: int, height: int, native_side: int | None, multiple: int = 8) -> tuple[int, int]:
    """Wanted pixels as the model can draw them: no larger than it was trained on, in its multiples.

    Raises RenderError ``size_invalid``.
    """
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise RenderError(
            "size_invalid",
            f"{width}x{height} is no picture size; sides go from 1 to {MAX_SIDE} (GENERATION_PICTURE_SIZE).",
            permanent=True,
        )
    longest = max(width, height)
    scale = min(1.0, native_side / longest) if native_side else 1.0
    fitted = [max(multiple, round(side * scale / multiple) * multiple) for side in (width, height)]
    return fitted[0], fitted[1]


def side_multiple(pipeline: Any) -> int:
    """Transformers cut the latent picture into patches of two, so their sides go in doubled steps."""
    factor = max(8, getattr(pipeline, "vae_scale_factor", None) or 8)  # diffusers takes no other sides
    return factor * 2 if getattr(pipeline, "transformer", None) is not None else factor


def native_side(pipeline: Any) -> int | None:
    """Pixels of the side that a pipeline was trained on; None where it does not say."""
    factor = getattr(pipeline, "vae_scale_factor", None)
    for part in (getattr(pipeline, "unet", None), getattr(pipeline, "transformer", None)):
        sample = getattr(getattr(part, "config", None), "sample_size", None)
        if isinstance(sample, int) and factor:
            return sample * factor
    sample = getattr(pipeline, "default_sample_size", None)
    return sample * factor if isinstance(sample, int) and factor else None
