"""The stages of the latent diffusion model's training, one call each; every stage resumes.

manage.py train_diffusion autoencoder --data var/pictures
manage.py train_diffusion latents     --data var/pictures
manage.py train_diffusion denoiser
manage.py train_diffusion student
manage.py train_diffusion export      --folder generation/weights/scene-diffusion
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny, FlowMatchEulerDiscreteScheduler, UNet2DConditionModel

from generation.diffusion.pipeline import SceneDiffusionPipeline
from generation.renderers.gan import BUILT_IN_MODEL
from generation.renderers.weights import weights_share
from generation.training.diffusion.autoencoder import AutoencoderConfig, train_autoencoder
from generation.training.diffusion.denoiser import DenoiserConfig, train_denoiser
from generation.training.diffusion.distil import DistilConfig, train_student
from generation.training.diffusion.latents import EncodedDataset, encode_dataset
from generation.training.pictures import DatasetError, read_objects
from generation.training.run import config_given, run_arguments_add
from generation.training.stop import RunLimits, StopOnSignal

STAGES = ("autoencoder", "latents", "denoiser", "student", "export")
# Small enough for a Git host to take each, and for a reader of a diff to see which part changed.
SHARD_SIZE = "15MB"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options; what is left out keeps the stage's default."""
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--data", type=Path, default=Path("var/pictures"), help="folder of dataset_build")
    parser.add_argument("--out", type=Path, default=Path("var/training/diffusion"))
    parser.add_argument("--gan", type=Path, default=BUILT_IN_MODEL, help="model that drafts the motifs")
    parser.add_argument("--folder", type=Path, help="where export writes the pipeline")
    parser.add_argument("--undistilled", action="store_true", help="export the teacher, to compare")
    parser.add_argument(
        "--decoder-only", action="store_true", help="autoencoder: keep its latents as they are"
    )
    parser.add_argument("--guidance", type=float, help="student: the guidance that is folded in")
    run_arguments_add(parser)


def _trained(folder: Path, kind: type[Any], stage: str) -> Any:
    if not (folder / "config.json").is_file():
        raise DatasetError(f"{folder} does not exist; run the stage {stage!r} first")
    return kind.from_pretrained(str(folder), local_files_only=True)


def run(options: argparse.Namespace, say: Callable[[str], None] = print) -> None:
    """Run or resume one stage."""
    out: Path = options.out
    limits = RunLimits(options.max_seconds, StopOnSignal())
    if options.stage == "autoencoder":
        objects = [item for item in read_objects(options.data) if not item.held_out]
        train_autoencoder(objects, out / "autoencoder", config_given(AutoencoderConfig, options), limits, say)
    elif options.stage == "latents":
        _trained(out / "autoencoder" / "vae", AutoencoderTiny, "autoencoder")
        encode_dataset(options.data, out / "autoencoder" / "vae", options.gan, out / "encoded", say=say)
    elif options.stage == "denoiser":
        data = EncodedDataset(out / "encoded")
        train_denoiser(data, out / "denoiser", config_given(DenoiserConfig, options), limits, say)
    elif options.stage == "student":
        teacher = _trained(out / "denoiser" / "unet", UNet2DConditionModel, "denoiser")
        data = EncodedDataset(out / "encoded")
        train_student(teacher, data, out / "student", config_given(DistilConfig, options), limits, say)
    else:
        if options.folder is None:
            raise DatasetError("export needs --folder")
        export(out, options.folder, undistilled=options.undistilled)
        say(f"wrote {options.folder}")


def export(out: Path, folder: Path, *, undistilled: bool = False) -> None:
    """Write the pipeline folder of a run as fp16; the latents' scale stands in the autoencoder's config."""
    vae = _trained(out / "autoencoder" / "vae", AutoencoderTiny, "autoencoder")
    vae.register_to_config(scaling_factor=EncodedDataset(out / "encoded").scale)
    stage = "denoiser" if undistilled else "student"
    unet = _trained(out / stage / "unet", UNet2DConditionModel, stage)
    pipeline = SceneDiffusionPipeline(
        vae, unet, FlowMatchEulerDiscreteScheduler(), guidance_scale=1.3 if undistilled else 1.0
    )
    pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True, max_shard_size=SHARD_SIZE)
    weights_share(folder)
