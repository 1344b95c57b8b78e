"""Any diffusers text-to-image model, from a folder or the hub, behind the renderer protocol.

Importing this module imports no torch; constructing ``DiffusionRenderer`` does.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from PIL import Image

from generation.renderers.base import OnStep, RenderError, RenderRequest, RenderResult
from generation.renderers.fitting import fitted_size, native_side, prompt_fitted, side_multiple
from generation.renderers.inpainting import ground_of, keep_fitted, kept_restored, mask_of
from generation.renderers.lora import lora_loaded
from generation.renderers.speed import Speed, speed_apply
from generation.renderers.weights import weights_hashes


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


class DiffusionRenderer:
    """Loads a folder once and draws RGB pictures.

    ``pipeline_class`` is the dotted path of a pipeline class of ours; "" takes the class that diffusers has
    under the name in the folder.
    """

    def __init__(
        self, folder: Path, *, name: str, pipeline_class: str = "", speed: Speed | None = None
    ) -> None:
        # A folder has everything; a call to the hub could only leak what is rendered here.
        os.environ["HF_HUB_OFFLINE"] = "1"
        _quiet()
        import torch
        from diffusers.utils import logging as diffusers_logging
        from transformers.utils import logging as transformers_logging

        diffusers_logging.set_verbosity_error()
        diffusers_logging.disable_progress_bar()
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        speed = speed or Speed()
        torch.set_num_threads(speed.threads)
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self.name = name
        dtype = speed.dtype_for(self._device)
        try:
            self._pipeline = _class_of(pipeline_class).from_pretrained(
                str(folder), dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
            )
            self._pipeline.to(self._device)
        except Exception as error:  # a folder can be wrong in as many ways as the libraries have checks
            raise RenderError(
                "model_broken",
                f"{folder} cannot be loaded as a text-to-image model: {type(error).__name__}: {error}",
                permanent=True,
            ) from error
        self._pipeline.set_progress_bar_config(disable=True)
        applied = speed_apply(self._pipeline, speed)
        self._applied = ",".join([str(dtype).removeprefix("torch."), *applied])
        self._inpainting: Any = None
        self.model_hash, self._files = weights_hashes(folder)
        if "compiled" in applied:
            self._compile_now()

    def _compile_now(self) -> None:
        """Draw for nobody: torch compiles at the first call, and minutes within a picture's first step would
        pass for a hung sampler. Twice, because the first prompt of another length compiles anew, for any.

        Raises RenderError ``setting_invalid``, where there is no compiler.
        """
        side = settings.GENERATION_PICTURE_SIZE
        for prompt in ("a cup", "a cup of coffee on a wooden table, morning light"):
            try:
                request = RenderRequest(prompt, "a cup", seed=0, width=side, height=side, steps=2)
                self.render(request, lambda step, steps: None)
            except self._torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                raise RenderError(
                    "setting_invalid",
                    f"GENERATION_COMPILE is on, but {self.name!r} does not compile here: "
                    f"{type(error).__name__}: {error}",
                    permanent=True,
                ) from error

    def render(self, request: RenderRequest, on_step: OnStep) -> RenderResult:
        """Draw one picture. Raises RenderError, or what ``on_step`` raised."""
        return self.render_many([request], on_step)[0]

    def render_many(self, requests: Sequence[RenderRequest], on_step: OnStep) -> list[RenderResult]:
        """Draw several pictures in one batch, equal but for prompt and seed. Raises as ``render`` does."""
        if not requests:
            return []
        first = requests[0]
        pipeline = self._pipeline if first.keep is None else self._inpainter()
        size = fitted_size(first.width, first.height, native_side(pipeline), side_multiple(pipeline))
        prompts = [prompt_fitted(pipeline, request.prompt) for request in requests]
        steps_done = 0

        def on_step_end(pipeline: Any, step: int, timestep: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
            nonlocal steps_done
            steps_done = step + 1
            # Raising is the way to stop: the pipeline stays usable, where its own interrupt flag would
            # hand back a half-made picture.
            on_step(steps_done, max(pipeline.num_timesteps, steps_done))
            return kwargs

        keeps = [keep_fitted(request.keep, size) for request in requests if request.keep is not None]
        arguments = self._arguments(requests, [text for text, _ in prompts], size, keeps)
        arguments["callback_on_step_end"] = on_step_end
        known = inspect.signature(pipeline.__call__).parameters
        with (
            one_at_a_time(self._device),
            lora_loaded(pipeline, first.lora) as lora,
            self._torch.inference_mode(),
        ):
            output = pipeline(**{key: value for key, value in arguments.items() if key in known})
        if any(getattr(output, "nsfw_content_detected", None) or []):
            raise RenderError("unsafe_picture", "The model's safety checker refused it.", permanent=True)
        images = self._images(output.images)
        if keeps:
            images = [kept_restored(image, keep) for image, keep in zip(images, keeps, strict=True)]
        details = {
            "pipeline": type(pipeline).__name__,
            "scheduler": type(pipeline.scheduler).__name__,
            "device": self._device,
            "torch": self._torch.__version__,
            "speed": self._applied,
            "files": self._files,
            **lora,
        }
        return [
            RenderResult(image, self.name, self.model_hash, steps_done, details | note)
            for image, (_, note) in zip(images, prompts, strict=True)
        ]

    def _arguments(
        self,
        requests: Sequence[RenderRequest],
        prompts: list[str],
        size: tuple[int, int],
        keeps: list[Image.Image],
    ) -> dict[str, Any]:
        """What the pipeline is called with; it may know less."""
        arguments: dict[str, Any] = {
            "prompt": _one_or_all(prompts),
            # Read by the built-in model alone, which knows things better than sentences.
            "motif": _one_or_all([request.motif for request in requests]),
            "width": size[0],
            "height": size[1],
            # Drawn on the CPU whatever the device, so that a seed means the same picture everywhere.
            "generator": _one_or_all(
                [self._torch.Generator("cpu").manual_seed(request.seed) for request in requests]
            ),
            "output_type": "pt",
        }
        if any(request.negative_prompt for request in requests):
            arguments["negative_prompt"] = _one_or_all([request.negative_prompt for request in requests])
        if keeps:
            arguments["image"] = _one_or_all([ground_of(keep) for keep in keeps])
            arguments["mask_image"] = _one_or_all([mask_of(keep) for keep in keeps])
            arguments["strength"] = 1.0
        if requests[0].steps:
            arguments["num_inference_steps"] = requests[0].steps
        if settings.GENERATION_GUIDANCE >= 0:
            arguments["guidance_scale"] = settings.GENERATION_GUIDANCE
        return arguments

    def _inpainter(self) -> Any:
        """The inpainting pipeline over the same networks, made at its first use."""
        if self._inpainting is None:
            from diffusers import AutoPipelineForInpainting

            try:
                self._inpainting = AutoPipelineForInpainting.from_pipe(self._pipeline)
            except ValueError:
                raise RenderError(
                    "inpainting_unsupported",
                    f"The model {self.name!r} ({type(self._pipeline).__name__}) cannot paint around a "
                    "product; choose another model, or let it paint whole scenes.",
                    permanent=True,
                ) from None
            self._inpainting.set_progress_bar_config(disable=True)
        return self._inpainting

    def _images(self, pictures: Any) -> list[Image.Image]:
        """(N, 3, H, W) in [0, 1] to pictures. Raises RenderError ``picture_not_finite``."""
        if not bool(self._torch.isfinite(pictures).all()):
            raise RenderError(
                "picture_not_finite",
                f"The model {self.name!r} drew NaN. Its weights may be broken, or too large for "
                f"{self._applied.partition(',')[0]}: try GENERATION_DTYPE=bfloat16 or float32.",
                permanent=True,
            )
        pixels = (pictures.float().clamp(0, 1) * 255).round().to(self._torch.uint8)
        return [Image.fromarray(picture.permute(1, 2, 0).cpu().numpy(), "RGB") for picture in pixels]


def _class_of(path: str) -> Any:
    if path:
        return import_string(path)
    from diffusers import AutoPipelineForText2Image

    return AutoPipelineForText2Image


def _one_or_all(values: list[Any]) -> Any:
    """One value bare: not every pipeline takes lists."""
    return values[0] if len(values) == 1 else values


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
