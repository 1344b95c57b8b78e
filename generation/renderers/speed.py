"""What makes a diffusers pipeline faster or smaller, each by a setting and only where it is supported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from generation.renderers.base import RenderError

DTYPES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Speed:
    """The settings in one piece. ``dtype`` "auto": float32 on a CPU, bfloat16 on a GPU that knows it."""

    threads: int = 1
    dtype: str = "auto"
    compiles: bool = False
    vae_tiling: bool = False
    vae_slicing: bool = False
    attention_slicing: bool = False

    @classmethod
    def from_settings(cls) -> Speed:
        """As the environment has it."""
        return cls(
            threads=settings.GENERATION_TORCH_THREADS,
            dtype=settings.GENERATION_DTYPE,
            compiles=settings.GENERATION_COMPILE,
            vae_tiling=settings.GENERATION_VAE_TILING,
            vae_slicing=settings.GENERATION_VAE_SLICING,
            attention_slicing=settings.GENERATION_ATTENTION_SLICING,
        )

    def dtype_for(self, device: str) -> Any:
        """The torch dtype to load weights as. Raises RenderError ``setting_invalid``."""
        import torch

        name = self.dtype
        if name == "auto":
            # bfloat16 has float32's range: SDXL's VAE overflows to black pictures in float16.
            half = "bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float16"
            name = half if device == "cuda" else "float32"
        if name not in DTYPES:
            raise RenderError(
                "setting_invalid",
                f"GENERATION_DTYPE is {name!r}; it must be auto, {', '.join(DTYPES)}.",
                permanent=True,
            )
        return getattr(torch, name)


def speed_apply(pipeline: Any, speed: Speed) -> list[str]:
    """Switch on what was asked for and what the pipeline's parts have; the names of what took effect."""
    applied = []
    vae: Any = getattr(pipeline, "vae", None)
    if speed.vae_tiling and hasattr(vae, "enable_tiling"):
        vae.enable_tiling()
        applied.append("vae_tiling")
    if speed.vae_slicing and hasattr(vae, "enable_slicing"):
        vae.enable_slicing()
        applied.append("vae_slicing")
    if speed.attention_slicing and any(
        hasattr(part, "set_attention_slice") for part in pipeline.components.values()
    ):
        pipeline.enable_attention_slicing()
        applied.append("attention_slicing")
    network = getattr(pipeline, "unet", None) or getattr(pipeline, "transformer", None)
    if speed.compiles and network is not None:
        if getattr(network, "_repeated_blocks", None):
            network.compile_repeated_blocks()  # one block for all of its kind: a tenth of the waiting
        else:
            network.compile()
        applied.append("compiled")
    return applied
