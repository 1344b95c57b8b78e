"""The loop around a trainer of the motif GAN's networks: log, checkpoints, resume; and the generator's run.

A trainer keeps its random state itself, so that a resume is bit for bit the run that was never stopped.
``generation.training.command`` (and through it ``manage.py train_gan``) calls ``train``.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from generation.gan.networks import MotifGenerator
from generation.training.checkpoint import CHECKPOINT
from generation.training.gan_config import TrainConfig
from generation.training.gan_data import TrainingSet
from generation.training.gan_trainer import Trainer
from generation.training.loss_log import LossLog
from generation.training.sample_sheet import draw_sample_sheet
from generation.training.stop import NO_LIMITS, RunLimits

SHEET = "sheet.png"


class LoopConfig(Protocol):
    """How long a run is, in pictures, and how often it is written."""

    @property
    def samples(self) -> int: ...

    @property
    def checkpoint_seconds(self) -> float: ...


class Resumable(Protocol):
    """What the loop asks of a trainer; ``Trainer`` and ``UpscalerTrainer`` are two."""

    step: int
    seconds: float

    @property
    def samples(self) -> int:
        """Pictures seen so far."""
        ...

    def train_step(self) -> dict[str, float]:
        """One update; its losses."""
        ...

    def save(self, path: Path, log_sums: dict[str, float]) -> None:
        """Write the checkpoint."""
        ...

    def load(self, path: Path) -> dict[str, float]:
        """Go on from a checkpoint; its ``log_sums``."""
        ...


def trainer_run(
    trainer: Resumable,
    out: Path,
    config: LoopConfig,
    limits: RunLimits,
    say: Callable[[str], None],
    on_checkpoint: Callable[[], None] = lambda: None,
) -> None:
    """Run or resume until the config's samples or a limit; leaves a checkpoint and ``log.csv``."""
    log, checkpoint = LossLog(out / "log.csv", say), out / CHECKPOINT
    if checkpoint.is_file():
        log.load(trainer.load(checkpoint), trainer.step)
        say(f"resumed {checkpoint} at step {trainer.step}")
    else:
        log.load({}, 0)
    started = saved = time.monotonic()
    before = trainer.seconds
    while trainer.samples < config.samples:
        losses = trainer.train_step()
        now = time.monotonic()
        trainer.seconds = before + now - started
        log.add(trainer.step, trainer.samples, trainer.seconds, losses)
        if now - saved > config.checkpoint_seconds:
            trainer.save(checkpoint, log.sums)
            saved = now
            on_checkpoint()
        if limits.reached(now - started):
            break
    trainer.save(checkpoint, log.sums)


def train(
    data: TrainingSet,
    out: Path,
    config: TrainConfig,
    weights: MotifGenerator | None = None,
    limits: RunLimits = NO_LIMITS,
    say: Callable[[str], None] = print,
) -> Trainer:
    """Train until the samples are done or a limit is reached; leaves in ``out`` a checkpoint, ``log.csv``,
    ``run.json`` and ``sheet.png``.

    Resumes when ``out`` holds a checkpoint; ``weights`` then count no more.
    """
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, data, weights)
    say(f"{config.size} pixels, {config.picture}, on {trainer.device} in {trainer.dtype}")
    (out / "run.json").write_text(json.dumps(dataclasses.asdict(config), indent=2))
    trainer_run(trainer, out, config, limits, say)
    draw_sample_sheet(copy.deepcopy(trainer.ema).cpu(), data).save(out / SHEET)
    return trainer
