"""From training checkpoints to a shippable folder of fp16 safetensors."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from generation.gan.anchors import Anchors
from generation.gan.pipeline import MotifGanPipeline, load_upscaler
from generation.gan.upscaler import MotifUpscaler
from generation.renderers.weights import weights_hash
from generation.training.captions import RARE_KEYWORD_OBJECTS, keyword_counts
from generation.training.checkpoint import CheckpointError, read_checkpoint
from generation.training.gan_data import encode_captions
from generation.training.gan_trainer import averaged_generator
from generation.training.pictures import PictureObject, read_objects

ALIASES = Path(__file__).resolve().parents[1] / "data" / "motif_aliases.tsv"


def read_aliases(path: Path = ALIASES) -> list[tuple[str, str]]:
    """Shop words and the trained name that each means, from a two-column table."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    return [(word.strip(), name.strip()) for word, name in pairs]


def build_anchors(objects: Sequence[PictureObject], cache_folder: Path) -> Anchors:
    """Names, rare keywords and shop words of the trained objects; held-out objects are not in it."""
    counts = keyword_counts(objects)
    trained = [item for item in objects if not item.held_out]
    row = {item.name: index for index, item in enumerate(trained)}
    texts = [(item.name, index) for index, item in enumerate(trained)]
    for index, item in enumerate(trained):
        rare = [word for word in item.keywords if counts[word] <= RARE_KEYWORD_OBJECTS and word not in row]
        texts += [(word, index) for word in sorted(rare, key=lambda word: (counts[word], word))[:5]]
    texts += [(word, row[name]) for word, name in read_aliases() if name in row]
    keys = encode_captions([[text for text, _ in texts]], cache_folder)
    return Anchors(keys, torch.tensor([index for _, index in texts]), [item.name for item in trained])


def averaged_upscaler(path: Path) -> MotifUpscaler:
    """The averaged (EMA) upscaler of a checkpoint, or the one of a model folder."""
    if path.is_dir():
        return load_upscaler(path)
    state = read_checkpoint(path)
    try:
        upscaler = MotifUpscaler(state["config"]["channels"], state["config"]["blocks"])
        upscaler.load_state_dict(state["ema"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"the checkpoint {path} is not an upscaler's: {error}") from error
    return upscaler


def build_pipeline(
    generator_checkpoint: Path,
    upscaler_source: Path,
    objects: Sequence[PictureObject],
    cache_folder: Path,
    **settings: float,
) -> MotifGanPipeline:
    """A generator's checkpoint and an upscaler's checkpoint or model folder as one pipeline."""
    generator = averaged_generator(generator_checkpoint)
    if generator.config.picture_channels != 4:
        raise CheckpointError(f"the checkpoint {generator_checkpoint} draws grey; a model folder needs RGBA")
    upscaler = averaged_upscaler(upscaler_source)
    return MotifGanPipeline(generator, upscaler, build_anchors(objects, cache_folder), **settings)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``manage.py export_gan``."""
    parser.add_argument("--data", type=Path, required=True, help="pictures folder with captions.jsonl")
    parser.add_argument("--generator", type=Path, required=True, help="its checkpoint.pt")
    parser.add_argument(
        "--upscaler", type=Path, required=True, help="its checkpoint.pt, or a model folder to take it from"
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    parser.add_argument("--anchor-share", type=float, default=0.8, help="pull towards trained names, 0 to 1")
    parser.add_argument("--truncation", type=float, default=0.7, help="spread of the latent, 0 to 1")


def run(options: argparse.Namespace, say: Callable[[str], None] = print) -> None:
    """Write the folder and say its hash."""
    torch.set_num_threads(1)  # on a busy machine two threads wait for each other: minutes, not seconds
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
