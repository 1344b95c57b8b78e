"""A brand's own style as a LoRA: one safetensors file in a folder by its name, loaded for one render only."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from adplatform.lib.files import sha256_hex
from generation.renderers.base import RenderError

LORA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
ADAPTER = "brand"


def lora_names() -> list[str]:
    """The LoRAs that a brand kit may name: the folders of ``GENERATION_LORA_DIR`` that hold weights."""
    root = _root()
    if root is None or not root.is_dir():
        return []
    return sorted(
        folder.name
        for folder in root.iterdir()
        if LORA_NAME.fullmatch(folder.name) and folder.is_dir() and any(folder.glob("*.safetensors"))
    )


def lora_file(name: str) -> Path:
    """The weights of a LoRA. Raises RenderError ``lora_unknown`` or ``lora_broken``."""
    root = _root()
    if root is None:
        raise RenderError(
            "lora_unknown", f"LoRA {name!r}: GENERATION_LORA_DIR names no folder.", permanent=True
        )
    # The name is one path component of plain letters, so nothing outside the root can be named.
    folder = root / name
    if not LORA_NAME.fullmatch(name) or not folder.is_dir():
        raise RenderError("lora_unknown", f"There is no LoRA {name!r} in {root}.", permanent=True)
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        raise RenderError(
            "lora_broken",
            f"LoRA {name!r} must hold exactly one .safetensors file; {folder} holds {len(files)}.",
            permanent=True,
        )
    return files[0]


@contextlib.contextmanager
def lora_loaded(pipeline: Any, name: str) -> Iterator[dict[str, str | int | float]]:
    """The pipeline with the LoRA in it, and without it again afterwards; yields details for the passport.

    Raises RenderError ``lora_unknown``, ``lora_unsupported`` or ``lora_broken``.
    """
    if not name:
        yield {}
        return
    path = lora_file(name)
    if not hasattr(pipeline, "load_lora_weights"):
        raise RenderError(
            "lora_unsupported", f"{type(pipeline).__name__} takes no LoRA ({name!r}).", permanent=True
        )
    try:
        try:
            pipeline.load_lora_weights(
                str(path.parent), weight_name=path.name, adapter_name=ADAPTER, local_files_only=True
            )
            # Weights for another kind of model load without a word and do nothing.
            if not pipeline.get_active_adapters():
                raise ValueError("none of its weights belongs to this model")
        except Exception as error:  # diffusers, peft and safetensors each have their own
            raise RenderError(
                "lora_broken",
                f"LoRA {name!r} ({path}) cannot be loaded: {type(error).__name__}: {error}",
                permanent=True,
            ) from error
        yield {"lora": name, "lora_hash": sha256_hex(path.read_bytes())}
    finally:
        pipeline.unload_lora_weights()


def _root() -> Path | None:
    return Path(settings.GENERATION_LORA_DIR).expanduser() if settings.GENERATION_LORA_DIR else None
