"""The loop around ``Trainer``: log, checkpoints, picture sheet, resume.

``generation.training.command`` (and through it ``manage.py train_gan``) calls ``train``.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

from generation.gan.networks import MotifGenerator
from generation.training.checkpoint import CHECKPOINT
from generation.training.gan_config import TrainConfig
from generation.training.gan_data import TrainingSet
from generation.training.gan_trainer import Trainer
from generation.training.loss_log import LossLog
from generation.training.sample_sheet import draw_sample_sheet

SHEET = "sheet.png"


def train(
    data: TrainingSet,
    out: Path,
    config: TrainConfig,
    *,
    weights: MotifGenerator | None = None,
    max_seconds: float | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = print,
) -> Trainer:
    """Train until the samples or seconds are done or a stop is asked for; leaves in ``out`` a checkpoint,
    ``log.csv``, ``run.json`` and ``sheet.png``.

    Resumes when ``out`` holds a checkpoint; ``weights`` then count no more.
    """
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, data, weights)
    log = LossLog(out / "log.csv", say)
    checkpoint = out / CHECKPOINT
    if checkpoint.is_file():
        log.load(trainer.load(checkpoint), trainer.step)
        say(f"resumed {checkpoint} at step {trainer.step}")
    else:
        log.load({}, 0)
    say(f"{config.size} pixels, {config.picture}, on {trainer.device} in {trainer.dtype}")
    (out / "run.json").write_text(json.dumps(dataclasses.asdict(config), indent=2))
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
        if should_stop() or (max_seconds is not None and now - started > max_seconds):
            break
    trainer.save(checkpoint, log.sums)
    draw_sample_sheet(copy.deepcopy(trainer.ema).cpu(), data).save(out / SHEET)
    return trainer
