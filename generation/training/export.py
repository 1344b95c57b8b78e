"""From training checkpoints to a shippable folder of fp16 safetensors."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from generation.gan.pipeline import MotifGanPipeline, weights_hash
from generation.gan.upscaler import MotifUpscaler
from generation.training.captions import captions_of, keyword_counts
from generation.training.gan_data import encode_captions
from generation.training.gan_loop import averaged_generator, read_checkpoint
from generation.training.pictures import PictureObject, read_objects


def trained_names(objects: Sequence[PictureObject], cache_folder: Path) -> tuple[torch.Tensor, list[str]]:
    """Vectors (A, 384) and texts of the trained objects' bare names; held-out objects are not in it."""
    counts = keyword_counts(objects)
    trained = [item for item in objects if not item.held_out]
    captions = [captions_of(item, counts) for item in trained]
    vectors = encode_captions(captions, cache_folder)
    starts = torch.tensor([0, *(len(texts) for texts in captions)]).cumsum(0)[:-1]
    return vectors[starts], [item.name for item in trained]


def build_pipeline(
    generator_checkpoint: Path,
    upscaler_checkpoint: Path,
    objects: Sequence[PictureObject],
    cache_folder: Path,
    **settings: float,
) -> MotifGanPipeline:
    """The averaged (EMA) networks of two checkpoints as one pipeline."""
    generator = averaged_generator(generator_checkpoint)
    upscaler_state = read_checkpoint(upscaler_checkpoint)
    upscaler_config = upscaler_state["config"]
    upscaler = MotifUpscaler(upscaler_config["channels"], upscaler_config["blocks"])
    upscaler.load_state_dict(upscaler_state["ema"])
    anchors, names = trained_names(objects, cache_folder)
    return MotifGanPipeline(generator, upscaler, anchors, names, **settings)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``manage.py export_gan``."""
    parser.add_argument("--data", type=Path, required=True, help="pictures folder with captions.jsonl")
    parser.add_argument("--generator", type=Path, required=True, help="its checkpoint.pt")
    parser.add_argument("--upscaler", type=Path, required=True, help="its checkpoint.pt")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    parser.add_argument("--anchor-share", type=float, default=0.5, help="pull towards trained names, 0 to 1")
    parser.add_argument("--truncation", type=float, default=0.7, help="spread of the latent, 0 to 1")


def run(options: argparse.Namespace, say: Callable[[str], None] = print) -> None:
    """Write the folder and say its hash."""
    pipeline = build_pipeline(
        options.generator,
        options.upscaler,
        read_objects(options.data),
        options.generator.parent.parent,
        anchor_share=options.anchor_share,
        truncation=options.truncation,
    )
    pipeline.save(options.out)
    say(f"{options.out}: {weights_hash(options.out)}")


def main() -> None:
    """Without Django."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
