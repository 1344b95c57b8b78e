"""From a model's name to a loaded renderer; one model a process, and the small one of drafts beside it.

The folder is checked here, before any library sees it, because their own messages for a missing folder
speak of a network ("couldn't connect to huggingface.co").
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from django.conf import settings

from generation.renderers.base import Renderer, RenderError
from generation.renderers.weights import weights_hash

# Formats that run code when they are loaded, or are code.
UNSAFE_SUFFIXES = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".py", ".msgpack", ".h5"})
GAN_CLASS = "MotifGanPipeline"
# Pipeline classes of ours that a folder may name besides diffusers' own: name -> dotted path.
OWN_PIPELINES: dict[str, str] = {
    "SceneDiffusionPipeline": "generation.diffusion.pipeline.SceneDiffusionPipeline"
}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

_loaded: dict[tuple[str, str], Renderer] = {}


def renderer_get(name: str) -> Renderer:
    """The renderer of a key of ``settings.GENERATION_MODELS``, loaded once and kept.

    Raises RenderError ``model_unknown``, ``model_missing``, ``model_unsafe``, ``model_hash_mismatch`` or
    ``model_broken``.
    """
    try:
        location = str(settings.GENERATION_MODELS[name])
    except KeyError:
        known = ", ".join(settings.GENERATION_MODELS)
        raise RenderError(
            "model_unknown", f"There is no image model {name!r}; there are: {known}.", permanent=True
        ) from None
    key = (name, location)
    if key not in _loaded:
        if name != settings.GENERATION_DRAFT_MODEL:
            # Two large models side by side would double a worker's memory.
            for other in [other for other in _loaded if other[0] != settings.GENERATION_DRAFT_MODEL]:
                del _loaded[other]
        _loaded[key] = renderer_load(name, location)
    return _loaded[key]


def renderer_loaded() -> str:
    """The model that this process has in memory, of two not the one of drafts; "" before the first."""
    return max(
        (name for name, _ in _loaded), key=lambda name: name != settings.GENERATION_DRAFT_MODEL, default=""
    )


def renderer_load(name: str, location: str) -> Renderer:
    """Load the model at a folder or, for ``owner/name`` that is no folder, at the Hugging Face hub."""
    folder = Path(location).expanduser()
    if not folder.is_dir() and _HUB_ID.fullmatch(location):
        from generation.renderers.diffusion import hub_download

        folder = hub_download(location)
    kind = model_check(folder)
    pin_check(name, folder)
    if kind == GAN_CLASS:
        from generation.renderers.gan import GanRenderer

        return GanRenderer(folder, threads=settings.GENERATION_TORCH_THREADS)
    from generation.renderers.diffusion import DiffusionRenderer
    from generation.renderers.speed import Speed

    return DiffusionRenderer(
        folder, name=name, pipeline_class=OWN_PIPELINES.get(kind, ""), speed=Speed.from_settings()
    )


def pin_check(name: str, folder: Path) -> None:
    """Raises RenderError ``model_hash_mismatch`` when the operator pinned other weights than lie there."""
    pinned = str(settings.GENERATION_MODEL_HASHES.get(name, "")).lower()
    if pinned and pinned != (found := weights_hash(folder)):
        raise RenderError(
            "model_hash_mismatch",
            f"The weights of {name} have the SHA-256 {found}; GENERATION_MODEL_HASHES asks for {pinned}.",
            permanent=True,
        )


def can_inpaint(name: str) -> bool:
    """Whether a model may paint around a product. The built-in ones cannot; of others only loading tells."""
    index = Path(settings.GENERATION_MODELS[name]).expanduser() / "model_index.json"
    try:
        kind = json.loads(index.read_text(encoding="utf-8"))["_class_name"]
    except (OSError, ValueError, KeyError, TypeError):
        return True
    return kind not in (GAN_CLASS, *OWN_PIPELINES)


def model_check(folder: Path) -> str:
    """The pipeline class that a model folder names, once the folder is known to be harmless.

    Raises RenderError ``model_missing``, ``model_unsafe`` or ``model_broken``.
    """
    if not folder.is_dir():
        raise RenderError(
            "model_missing", f"Model folder {folder} not found; set GENERATION_MODELS.", permanent=True
        )
    index = folder / "model_index.json"
    if not index.is_file():
        raise RenderError(
            "model_missing",
            f"{folder} holds no model_index.json; GENERATION_MODELS must name a diffusers folder.",
            permanent=True,
        )
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in UNSAFE_SUFFIXES:
            raise RenderError(
                "model_unsafe",
                f"{path.relative_to(folder)} can run code when it is loaded; only safetensors weights and "
                "JSON are taken. Convert the model, or delete the file if safetensors lie beside it.",
                permanent=True,
            )
    try:
        kind = json.loads(index.read_text(encoding="utf-8"))["_class_name"]
    except (ValueError, KeyError, TypeError) as error:
        raise RenderError("model_broken", f"{index} names no pipeline class.", permanent=True) from error
    if not isinstance(kind, str):  # ["my_module", "MyPipeline"] asks for code of the folder's own
        raise RenderError("model_unsafe", f"{index} asks for custom code.", permanent=True)
    if not any(folder.rglob("*.safetensors")):
        raise RenderError("model_missing", f"{folder} holds no safetensors weights.", permanent=True)
    return kind
