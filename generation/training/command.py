"""The command line of GAN training, shared by ``manage.py train_gan`` and ``python -m`` without Django.

python -m generation.training.command --data DIR --out var/training/motif --preset motif64
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path

from generation.gan.networks import MotifGenerator
from generation.gan.pipeline import load_generator
from generation.training.adversary import AUGMENTATIONS, LOSSES, PENALTIES, AdversaryConfig
from generation.training.device import DEVICES, PRECISIONS
from generation.training.gan_config import LR_SCHEDULES, SAMPLINGS, TrainConfig
from generation.training.gan_data import build_training_set
from generation.training.gan_loop import train
from generation.training.pictures import DatasetError, read_objects
from generation.training.stop import RunLimits, StopOnSignal
from generation.training.upscaler_loop import UpscalerConfig, train_upscaler

PRESETS: dict[str, TrainConfig] = {
    # The whole loop in seconds, for a look that everything runs.
    "smoke": TrainConfig(
        channels=(32, 16, 8),
        width=32,
        latent_dim=8,
        batch=4,
        samples=400,
        adversary=AdversaryConfig(base=8, top=32),
    ),
    # The classic pair at its classic size, 28 x 28 grey: noise and text in, judged by the discriminator
    # alone. Minutes on a CPU; the ablation's baseline.
    "grey28": TrainConfig(
        start=7,
        channels=(48, 24, 12),
        width=64,
        picture="grey",
        samples=120_000,
        lr=1e-3,
        beta1=0.0,
        lr_schedule="constant",
        warmup_steps=50,
        ema=0.99,
        reconstruction_weight=0.0,
        adversarial_start=0,
        adversary=AdversaryConfig(
            weight=1.0, base=12, top=48, scales=1, penalty_weight=0.1, augmentation="none"
        ),
    ),
    # Colour at half the size: a quarter of the cost of the shipped one.
    "motif32": TrainConfig(channels=(192, 128, 64, 32), width=192, samples=120_000),
    # The shipped model: drawing first.
    "motif64": TrainConfig(),
    # And then, from its weights, the discriminator on top: --from-weights FOLDER.
    "finetune64": TrainConfig(
        batch=8,
        samples=24_000,
        lr=2e-4,
        beta1=0.5,
        text_only_rate=0.9,
        adversarial_start=0,
        adversary=AdversaryConfig(weight=0.05, lr=5e-4, penalty_weight=0.1),
    ),
}

# Options that lie in TrainConfig and in its AdversaryConfig by the same names, and those that the
# upscaler, whose recipe is fixed, also has.
_RUN = (
    *("samples", "batch", "lr", "lr_schedule", "jitter", "text_only_rate", "reconstruction_weight"),
    *("sampling", "device", "precision", "threads", "seed", "checkpoint_seconds", "adversarial_start"),
)
_ADVERSARY = {
    "adversarial_weight": "weight",
    "adversarial_loss": "loss",
    "adversarial_lr": "lr",
    "penalty": "penalty",
    "penalty_weight": "penalty_weight",
    "scales": "scales",
    "progressive": "progressive",
    "augmentation": "augmentation",
}
_UPSCALER = (
    *("samples", "batch", "lr", "device", "threads", "seed", "crop", "checkpoint_seconds"),
    *("adversarial_weight", "adversarial_start"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options; every one overrides the preset."""
    parser.add_argument("--data", type=Path, required=True, help="pictures folder with captions.jsonl")
    parser.add_argument("--out", type=Path, default=Path("var/training/motif"))
    parser.add_argument("--network", choices=("generator", "upscaler"), default="generator")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="motif64")
    parser.add_argument("--from-weights", type=Path, help="a model folder whose generator to go on from")
    parser.add_argument("--generator", type=Path, help="its checkpoint, as input of the upscaler")
    parser.add_argument("--device", choices=DEVICES, help="auto: the GPU where there is one")
    parser.add_argument("--precision", choices=PRECISIONS, help="auto: half on a GPU, float32 on a CPU")
    parser.add_argument("--samples", type=int, help="pictures shown in all; the lr schedule ends there")
    parser.add_argument("--max-seconds", type=float, help="stop with a checkpoint after so long")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--lr-schedule", choices=LR_SCHEDULES)
    parser.add_argument("--sampling", choices=SAMPLINGS)
    parser.add_argument("--emphasise", type=Path, help="file of object names, one a line, to show more often")
    parser.add_argument("--emphasis", type=int, default=3, help="how often in each pass over the pictures")
    parser.add_argument("--crop", type=int, help="side of the upscaler's small crops")
    parser.add_argument("--jitter", type=float, help="length of the noise on text vectors (they have 1)")
    parser.add_argument("--text-only-rate", type=float, help="share drawn without the picture's own latent")
    parser.add_argument("--reconstruction-weight", type=float, help="0: a pure GAN, from noise and text")
    parser.add_argument("--threads", type=int, help="torch threads; 1 is often fastest for small layers")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--checkpoint-seconds", type=float)
    parser.add_argument("--adversarial-weight", type=float, help="0: reconstruction only")
    parser.add_argument("--adversarial-start", type=int, help="samples before the discriminator joins")
    parser.add_argument("--adversarial-loss", choices=LOSSES)
    parser.add_argument("--adversarial-lr", type=float, help="learning rate of the discriminator")
    parser.add_argument("--penalty", choices=PENALTIES)
    parser.add_argument("--penalty-weight", type=float)
    parser.add_argument("--scales", type=int, help="sizes that the discriminator looks at: 1 or 2")
    parser.add_argument("--progressive", type=float, help="share of the run in which resolution grows")
    parser.add_argument("--augmentation", choices=AUGMENTATIONS)


def config_of(options: argparse.Namespace, weights: MotifGenerator | None = None) -> TrainConfig:
    """The preset with the options that were given laid over it; the shape is that of ``weights``."""
    preset = PRESETS[options.preset]
    given = {name: getattr(options, name) for name in _RUN if getattr(options, name) is not None}
    if weights is not None:
        shape = weights.config
        given |= {name: shape[name] for name in ("start", "width", "latent_dim")}
        given |= {"channels": tuple(shape["channels"])}
        given |= {"picture": "grey" if shape["picture_channels"] == 1 else "rgba"}
    judge = {
        field: getattr(options, name)
        for name, field in _ADVERSARY.items()
        if getattr(options, name) is not None
    }
    adversary = dataclasses.replace(preset.adversary, **judge)
    return dataclasses.replace(preset, adversary=adversary, **given)


def upscaler_config_of(options: argparse.Namespace) -> UpscalerConfig:
    """Its few options. Raises ValueError for one that only the generator has."""
    for name in (*_RUN, *_ADVERSARY, "from_weights"):
        if name not in _UPSCALER and getattr(options, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} is an option of the generator, not of the upscaler")
    given = {name: getattr(options, name) for name in _UPSCALER if getattr(options, name) is not None}
    return UpscalerConfig(**given)


def emphasised_names(path: Path | None) -> frozenset[str]:
    """The names in the file, or none without a file."""
    if path is None:
        return frozenset()
    if not path.is_file():
        raise DatasetError(f"the list of emphasised names {path} does not exist")
    return frozenset(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


def run(options: argparse.Namespace, say: Callable[[str], None] = print) -> None:
    """Train what the options name; resumes when the folder holds a checkpoint."""
    objects = read_objects(options.data)
    emphasised = emphasised_names(options.emphasise)
    limits = RunLimits(options.max_seconds, StopOnSignal())
    if options.network == "upscaler":
        upscaler_config = upscaler_config_of(options)
        data = build_training_set(
            objects, 256, options.out.parent, emphasised=emphasised, emphasis=options.emphasis
        )
        train_upscaler(data, options.out, upscaler_config, options.generator, limits, say)
        return
    weights = load_generator(options.from_weights) if options.from_weights else None
    config = config_of(options, weights)
    data = build_training_set(
        objects,
        config.size,
        options.out.parent,
        picture=config.picture,
        emphasised=emphasised,
        emphasis=options.emphasis,
    )
    train(data, options.out, config, weights, limits, say)


def main() -> None:
    """Without Django, for a machine that only trains."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
