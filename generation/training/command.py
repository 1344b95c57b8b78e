"""The command line of GAN training, shared by ``manage.py train_gan`` and ``python -m`` without Django.

python -m generation.training.command --data DIR --out var/training/motif --preset motif64
"""

from __future__ import annotations

import argparse
import dataclasses
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from generation.training.adversary import AUGMENTATIONS, PENALTIES, AdversaryConfig
from generation.training.gan_data import build_training_set
from generation.training.gan_loop import LR_SCHEDULES, SAMPLINGS, TrainConfig, train
from generation.training.pictures import DatasetError, read_objects
from generation.training.upscaler_loop import UpscalerConfig, train_upscaler

# smoke: the whole loop in seconds, for a look that everything runs. motif32: minutes on a CPU, the size
# for comparing switches. motif64: the shipped model.
PRESETS: dict[str, TrainConfig] = {
    "smoke": TrainConfig(size=16, channels=(32, 16, 8), width=32, latent_dim=8, batch=4, samples=400),
    "motif32": TrainConfig(size=32, channels=(192, 128, 64, 32), width=192, samples=120_000),
    "motif64": TrainConfig(),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options; every one overrides the preset."""
    parser.add_argument("--data", type=Path, required=True, help="pictures folder with captions.jsonl")
    parser.add_argument("--out", type=Path, default=Path("var/training/motif"))
    parser.add_argument("--network", choices=("generator", "upscaler"), default="generator")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="motif64")
    parser.add_argument("--generator", type=Path, help="its checkpoint, as input of the upscaler")
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
    parser.add_argument("--threads", type=int, help="torch threads; 1 is often fastest for small layers")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--checkpoint-seconds", type=float)
    parser.add_argument("--adversarial-weight", type=float, help="0: reconstruction only")
    parser.add_argument("--adversarial-start", type=int, help="samples before the discriminator joins")
    parser.add_argument("--penalty", choices=PENALTIES)
    parser.add_argument("--penalty-weight", type=float)
    parser.add_argument("--scales", type=int, help="sizes that the discriminator looks at: 1 or 2")
    parser.add_argument("--augmentation", choices=AUGMENTATIONS)


def config_of(options: argparse.Namespace) -> TrainConfig:
    """The preset with the options that were given laid over it."""
    preset = PRESETS[options.preset]
    given = {
        name: getattr(options, name)
        for name in (
            "samples",
            "batch",
            "lr",
            "lr_schedule",
            "jitter",
            "text_only_rate",
            "sampling",
            "threads",
            "seed",
            "checkpoint_seconds",
            "adversarial_start",
        )
        if getattr(options, name) is not None
    }
    adversary = {
        name: value
        for name, value in (
            ("weight", options.adversarial_weight),
            ("penalty", options.penalty),
            ("penalty_weight", options.penalty_weight),
            ("scales", options.scales),
            ("augmentation", options.augmentation),
        )
        if value is not None
    }
    judge: AdversaryConfig = dataclasses.replace(preset.adversary, **adversary)
    return dataclasses.replace(preset, adversary=judge, **given)


def emphasised_names(path: Path | None) -> frozenset[str]:
    """The names in the file, or none without a file."""
    if path is None:
        return frozenset()
    if not path.is_file():
        raise DatasetError(f"the list of emphasised names {path} does not exist")
    return frozenset(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


class StopOnSignal:
    """SIGTERM asks the loop to end after the step at hand, with a checkpoint; a second one kills."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def __call__(self) -> bool:
        return self.asked


def run(options: argparse.Namespace, say: Callable[[str], None] = print) -> None:
    """Train what the options name; resumes when the folder holds a checkpoint."""
    objects = read_objects(options.data)
    emphasised = emphasised_names(options.emphasise)
    should_stop = StopOnSignal()
    size = 256 if options.network == "upscaler" else PRESETS[options.preset].size
    data = build_training_set(
        objects, size, options.out.parent, emphasised=emphasised, emphasis=options.emphasis
    )
    if options.network == "upscaler":
        names = (
            *("samples", "batch", "lr", "threads", "seed", "crop", "checkpoint_seconds"),
            *("adversarial_weight", "adversarial_start"),
        )
        given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
        train_upscaler(
            data,
            options.out,
            UpscalerConfig(**given),
            options.generator,
            max_seconds=options.max_seconds,
            should_stop=should_stop,
            say=say,
        )
    else:
        train(
            data,
            options.out,
            config_of(options),
            max_seconds=options.max_seconds,
            should_stop=should_stop,
            say=say,
        )


def main() -> None:
    """Without Django, for a machine that only trains."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
