"""Any diffusers text-to-image model, from a folder or the hub, behind the renderer protocol.

Importing this module imports no torch; constructing ``DiffusionRenderer`` does.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from generation.renderers.base import OnStep, RenderError, RenderRequest, RenderResult

_HASH_CHUNK = 1 << 20


def hub_download(hub_id: str) -> Path:
    """The local folder of a hub model, fetched when it is not there yet; safetensors only.

    Raises RenderError ``model_unreachable``.
    """
    _quiet()
    from diffusers import DiffusionPipeline

    try:
        return Path(DiffusionPipeline.download(hub_id, use_safetensors=True))
    except Exception as error:  # the hub's client raises a dozen kinds, offline ones among them
        raise RenderError(
            "model_unreachable",
            f"{hub_id} is no folder here and could not be fetched from the hub ({type(error).__name__}).",
            permanent=False,
        ) from error


def weights_hash(folder: Path) -> str:
    """SHA-256 over the weight files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with open(path, "rb") as file:
            while chunk := file.read(_HASH_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


class DiffusionRenderer:
    """Loads a folder once through ``AutoPipelineForText2Image`` and draws RGB pictures."""

    def __init__(self, folder: Path, *, name: str, threads: int = 1, dtype: str = "auto") -> None:
        # A folder has everything; a call to the hub could only leak what is rendered here.
        os.environ["HF_HUB_OFFLINE"] = "1"
        _quiet()
        import torch
        from diffusers import AutoPipelineForText2Image
        from diffusers.utils import logging as diffusers_logging
        from transformers.utils import logging as transformers_logging

        diffusers_logging.set_verbosity_error()
        diffusers_logging.disable_progress_bar()
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        torch.set_num_threads(threads)
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self.name = name
        try:
            self._pipeline = AutoPipelineForText2Image.from_pretrained(
                str(folder),
                dtype=self._dtype(dtype),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
            ).to(self._device)
        except Exception as error:  # a folder can be wrong in as many ways as the libraries have checks
            raise RenderError(
                "model_broken",
                f"{folder} cannot be loaded as a text-to-image model: {type(error).__name__}: {error}",
                permanent=True,
            ) from error
        self._pipeline.set_progress_bar_config(disable=True)
        self._parameters = inspect.signature(self._pipeline.__call__).parameters
        self._native_side = _native_side(self._pipeline)
        self.model_hash = weights_hash(folder)

    def render(self, request: RenderRequest, on_step: OnStep) -> RenderResult:
        """Draw one picture. Raises RenderError, or what ``on_step`` raised."""
        if not request.prompt.strip():
            raise RenderError("prompt_empty", "The prompt is empty.", permanent=True)
        width, height = fitted_size(request.width, request.height, self._native_side)
        steps_done = 0

        def on_step_end(pipeline: Any, step: int, timestep: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
            nonlocal steps_done
            steps_done = step + 1
            # Raising is the way to stop: the pipeline stays usable, where its own interrupt flag would
            # hand back a half-made picture.
            on_step(steps_done, max(pipeline.num_timesteps, steps_done))
            return kwargs

        arguments: dict[str, Any] = {
            "prompt": request.prompt,
            "width": width,
            "height": height,
            # Drawn on the CPU whatever the device, so that a seed means the same picture everywhere.
            "generator": self._torch.Generator("cpu").manual_seed(request.seed),
            "callback_on_step_end": on_step_end,
        }
        if request.negative_prompt and "negative_prompt" in self._parameters:
            arguments["negative_prompt"] = request.negative_prompt
        if request.steps:
            arguments["num_inference_steps"] = request.steps
        if settings.GENERATION_GUIDANCE >= 0 and "guidance_scale" in self._parameters:
            arguments["guidance_scale"] = settings.GENERATION_GUIDANCE
        arguments = {key: value for key, value in arguments.items() if key in self._parameters}
        with one_at_a_time(self._device), self._torch.inference_mode():
            output = self._pipeline(**arguments)
        flagged = getattr(output, "nsfw_content_detected", None)
        if flagged and flagged[0]:
            raise RenderError("unsafe_picture", "The model's safety checker refused it.", permanent=True)
        return RenderResult(
            image=output.images[0].convert("RGB"),
            model=self.name,
            model_hash=self.model_hash,
            steps=steps_done,
            details={
                "pipeline": type(self._pipeline).__name__,
                "scheduler": type(self._pipeline.scheduler).__name__,
                "device": self._device,
                "torch": self._torch.__version__,
            },
        )

    def _dtype(self, name: str) -> Any:
        if name == "auto":
            name = "float16" if self._device == "cuda" else "float32"
        kinds = {k: getattr(self._torch, k) for k in ("float32", "float16", "bfloat16")}
        if name not in kinds:
            raise RenderError(
                "setting_invalid",
                f"GENERATION_DTYPE is {name!r}; it must be auto, {', '.join(kinds)}.",
                permanent=True,
            )
        return kinds[name]


def fitted_size(width: int, height: int, native_side: int | None) -> tuple[int, int]:
    """Wanted pixels as the model can draw them: no larger than it was trained on, multiples of 8."""
    longest = max(width, height)
    scale = min(1.0, native_side / longest) if native_side else 1.0
    return tuple(max(8, round(side * scale / 8) * 8) for side in (width, height))  # type: ignore[return-value]


def _native_side(pipeline: Any) -> int | None:
    """Pixels of the side that a pipeline was trained on; None where it does not say."""
    factor = getattr(pipeline, "vae_scale_factor", None)
    for part in (getattr(pipeline, "unet", None), getattr(pipeline, "transformer", None)):
        sample = getattr(getattr(part, "config", None), "sample_size", None)
        if isinstance(sample, int) and factor:
            return sample * factor
    sample = getattr(pipeline, "default_sample_size", None)
    return sample * factor if isinstance(sample, int) and factor else None


@contextlib.contextmanager
def one_at_a_time(device: str) -> Iterator[None]:
    """Renders on the GPU queue up between processes: two at once would only run out of memory.

    The lock is the kernel's, so a killed process never leaves it behind.
    """
    if device == "cpu":
        yield
        return
    import fcntl

    with open(os.path.join(tempfile.gettempdir(), f"adplatform-{device}.lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _quiet() -> None:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # else a note on torchvision, thrice
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
