"""Pictures a second of the large diffusers architectures on this machine's GPU, without their weights.

The networks are built from their published configurations with random weights, which cost the same time and
memory as trained ones. The text encoders are left out: they run once a prompt, and random embeddings of their
shapes stand in. The product's own speed settings are applied.

    python scripts/measure_pipelines.py                     # all architectures, batches of 1, 4 and 16
    python scripts/measure_pipelines.py --only flux --compile --vae-tiling
    python scripts/measure_pipelines.py --tiny              # the same classes in miniature, on a CPU
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "adplatform.settings")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

BATCHES = (1, 4, 16)
SECONDS = 10.0  # of measuring for each batch size, three passes at least


@dataclass(frozen=True)
class Architecture:
    """One kind of model: its parts' configurations, and how its pictures are asked for."""

    network: dict[str, Any]
    vae: dict[str, Any]
    side: int
    steps: int
    guidance: float
    text: tuple[int, int, int]  # tokens, numbers of a token, numbers of the pooled vector


_VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
}
_VAE_16 = {**_VAE, "latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False}
_TINY_VAE = {
    "block_out_channels": (8, 8),
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "layers_per_block": 1,
    "norm_num_groups": 4,
}
_TINY_VAE_16 = {**_TINY_VAE, "latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False}
_UNET = {
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
}

ARCHITECTURES = {
    "sdxl-turbo": Architecture(  # stabilityai/sdxl-turbo; SDXL itself takes 30 steps with guidance
        network={
            **_UNET,
            "sample_size": 64,
            "block_out_channels": (320, 640, 1280),
            "layers_per_block": 2,
            "attention_head_dim": (5, 10, 20),
            "cross_attention_dim": 2048,
            "transformer_layers_per_block": (1, 2, 10),
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
        vae={**_VAE, "scaling_factor": 0.13025},
        side=512,
        steps=1,
        guidance=0.0,
        text=(77, 2048, 1280),
    ),
    "sd35-medium": Architecture(  # stabilityai/stable-diffusion-3.5-medium
        network={
            "sample_size": 128,
            "patch_size": 2,
            "in_channels": 16,
            "out_channels": 16,
            "num_layers": 24,
            "attention_head_dim": 64,
            "num_attention_heads": 24,
            "joint_attention_dim": 4096,
            "caption_projection_dim": 1536,
            "pooled_projection_dim": 2048,
            "pos_embed_max_size": 384,
            "qk_norm": "rms_norm",
            "dual_attention_layers": tuple(range(13)),
        },
        vae={**_VAE_16, "scaling_factor": 1.5305, "shift_factor": 0.0609},
        side=1024,
        steps=28,
        guidance=4.5,
        text=(333, 4096, 2048),
    ),
    "flux-schnell": Architecture(  # black-forest-labs/FLUX.1-schnell
        network={
            "patch_size": 1,
            "in_channels": 64,
            "num_layers": 19,
            "num_single_layers": 38,
            "attention_head_dim": 128,
            "num_attention_heads": 24,
            "joint_attention_dim": 4096,
            "pooled_projection_dim": 768,
            "guidance_embeds": False,
        },
        vae={**_VAE_16, "scaling_factor": 0.3611, "shift_factor": 0.1159},
        side=1024,
        steps=4,
        guidance=0.0,
        text=(256, 4096, 768),
    ),
}
TINY = {
    "sdxl-turbo": Architecture(
        network={
            **_UNET,
            "sample_size": 16,
            "block_out_channels": (8, 8, 8),
            "layers_per_block": 1,
            "attention_head_dim": 4,
            "cross_attention_dim": 16,
            "norm_num_groups": 4,
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + 16,
        },
        vae=_TINY_VAE,
        side=32,
        steps=1,
        guidance=0.0,
        text=(8, 16, 16),
    ),
    "sd35-medium": Architecture(
        network={
            **ARCHITECTURES["sd35-medium"].network,
            "sample_size": 16,
            "num_layers": 2,
            "attention_head_dim": 8,
            "num_attention_heads": 2,
            "joint_attention_dim": 16,
            "caption_projection_dim": 16,
            "pooled_projection_dim": 16,
            "pos_embed_max_size": 16,
            "dual_attention_layers": (0,),
        },
        vae={**_TINY_VAE_16, "shift_factor": 0.06},
        side=32,
        steps=2,
        guidance=4.5,
        text=(8, 16, 16),
    ),
    "flux-schnell": Architecture(
        network={
            **ARCHITECTURES["flux-schnell"].network,
            "num_layers": 1,
            "num_single_layers": 1,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "joint_attention_dim": 16,
            "pooled_projection_dim": 16,
            "axes_dims_rope": (4, 4, 8),
        },
        vae={**_TINY_VAE_16, "shift_factor": 0.1},
        side=32,
        steps=2,
        guidance=0.0,
        text=(8, 16, 16),
    ),
}


def network_make(name: str, architecture: Architecture) -> Any:
    """The denoising network alone, on torch's default device."""
    import diffusers

    kinds = {
        "sdxl-turbo": diffusers.UNet2DConditionModel,
        "sd35-medium": diffusers.SD3Transformer2DModel,
        "flux-schnell": diffusers.FluxTransformer2DModel,
    }
    return kinds[name](**architecture.network)


def pipeline_make(name: str, architecture: Architecture) -> Any:
    """The pipeline of an architecture with random weights and no text encoders."""
    import diffusers

    vae = diffusers.AutoencoderKL(**architecture.vae)
    network = network_make(name, architecture)
    without = {"text_encoder": None, "text_encoder_2": None, "tokenizer": None, "tokenizer_2": None}
    if name == "sdxl-turbo":
        euler = diffusers.EulerAncestralDiscreteScheduler(timestep_spacing="trailing")
        return diffusers.StableDiffusionXLPipeline(
            vae=vae, unet=network, scheduler=euler, add_watermarker=False, **without
        )
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0 if name == "sd35-medium" else 1.0)
    if name == "sd35-medium":
        return diffusers.StableDiffusion3Pipeline(
            vae=vae,
            transformer=network,
            scheduler=scheduler,
            text_encoder_3=None,
            tokenizer_3=None,
            **without,
        )
    return diffusers.FluxPipeline(vae=vae, transformer=network, scheduler=scheduler, **without)


def passes(pipeline: Any, architecture: Architecture, batch: int) -> Callable[[], Any]:
    """A call that draws one batch."""
    import torch

    tokens, width, pooled = architecture.text
    device = pipeline.device
    make = torch.Generator("cpu").manual_seed(0)
    dtype = next((pipeline.unet if hasattr(pipeline, "unet") else pipeline.transformer).parameters()).dtype
    words = torch.randn(batch, tokens, width, generator=make).to(device, dtype)
    whole = torch.randn(batch, pooled, generator=make).to(device, dtype)
    arguments = {
        "prompt_embeds": words,
        "pooled_prompt_embeds": whole,
        "width": architecture.side,
        "height": architecture.side,
        "num_inference_steps": architecture.steps,
        "guidance_scale": architecture.guidance,
        "output_type": "pt",
    }
    if architecture.guidance > 1:
        arguments |= {"negative_prompt_embeds": words, "negative_pooled_prompt_embeds": whole}

    def draw() -> Any:
        with torch.inference_mode():
            images = pipeline(**arguments).images
        if device.type == "cuda":
            torch.cuda.synchronize()
        return images

    return draw


def rows(options: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    """One line a model and batch size."""
    import torch

    from generation.renderers.speed import Speed, speed_apply

    device = "cpu" if options.tiny else "cuda"
    speed = Speed(
        dtype=options.dtype,
        compiles=options.compile,
        vae_tiling=options.vae_tiling,
        vae_slicing=options.vae_slicing,
    )
    dtype = speed.dtype_for(device)
    for name, architecture in (TINY if options.tiny else ARCHITECTURES).items():
        if options.only and options.only not in name:
            continue
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            with torch.device(device):  # made in place: FLUX would need 48 GB of memory on its way
                pipeline = pipeline_make(name, architecture)
        finally:
            torch.set_default_dtype(before)
        pipeline.set_progress_bar_config(disable=True)
        pipeline.to(device)
        applied = ",".join([str(dtype).removeprefix("torch."), *speed_apply(pipeline, speed)])
        network = getattr(pipeline, "unet", None) or pipeline.transformer
        size = f"{sum(weights.numel() for weights in network.parameters()) / 1e9:.2f}"
        for batch in options.batch:
            asked = f"{architecture.side}x{architecture.side}, {architecture.steps} steps"
            yield (name, size, asked, applied, str(batch), *_measured(pipeline, architecture, batch, device))
        del pipeline, network
        if device == "cuda":
            torch.cuda.empty_cache()


def _measured(pipeline: Any, architecture: Architecture, batch: int, device: str) -> tuple[str, str]:
    """Pictures a second and the peak of GPU memory."""
    import torch

    draw = passes(pipeline, architecture, batch)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    try:
        if len(draw()) != batch:  # the first pass compiles and fills caches
            raise SystemExit("The pipeline drew another number of pictures than asked for.")
        started, count = time.perf_counter(), 0
        while count < 3 or (device == "cuda" and time.perf_counter() - started < SECONDS):
            draw()
            count += 1
    except torch.OutOfMemoryError:
        return "out of memory", "-"
    rate = batch * count / (time.perf_counter() - started)
    memory = f"{torch.cuda.max_memory_allocated() / 2**30:.1f}" if device == "cuda" else "-"
    return f"{rate:.2f}", memory


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Pictures a second of large architectures at random weights."
    )
    parser.add_argument("--only", default="", help=f"a part of: {', '.join(ARCHITECTURES)}")
    parser.add_argument("--batch", type=int, nargs="+", default=list(BATCHES))
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--vae-tiling", action="store_true")
    parser.add_argument("--vae-slicing", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="the same classes in miniature, on the CPU")
    options = parser.parse_args(arguments)
    import torch

    if not options.tiny and not torch.cuda.is_available():
        raise SystemExit("There is no GPU here: these models take minutes a picture on a CPU. Try --tiny.")
    import django

    django.setup()
    machine = "CPU" if options.tiny else torch.cuda.get_device_name()
    print(f"{machine}, torch {torch.__version__}\n")
    print("| model | billion weights | picture | settings | batch | pictures/s | peak GiB |")
    print("|---|---|---|---|---|---|---|")
    for row in rows(options):
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
