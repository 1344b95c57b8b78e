"""One training run of a network: resume, checkpoints, a log, a polite stop, and a stop when it diverges.

The loop knows nothing of what is learned: ``update`` makes one step and returns its figures. Randomness is
seeded from the step's number, so a resumed run draws what an unbroken one would have drawn and no random
state needs keeping.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers import ModelMixin
from torch import Tensor, nn

from generation.training.checkpoint import (
    CHECKPOINT,
    CheckpointError,
    TrainingDiverged,
    read_checkpoint,
    write_checkpoint,
)
from generation.training.device import DEVICES, resolve_device
from generation.training.loss_log import LossLog
from generation.training.stop import RunLimits

GRADIENT_NORM = 1.0  # longer ones are cut to it


@dataclass(frozen=True)
class RunConfig:
    """The numbers that every run depends on; a network's own config adds to them."""

    batch: int = 16
    steps: int = 12_000
    lr: float = 8e-4
    warmup: int = 200  # updates in which the rate rises to ``lr``
    ema: float = 0.999
    device: str = "auto"
    threads: int = 1
    seed: int = 0
    checkpoint_seconds: float = 120.0


Config = TypeVar("Config", bound=RunConfig)


def run_arguments_add(parser: argparse.ArgumentParser) -> None:
    """The options of every run; what is left out keeps the config's default."""
    for name, kind in (("steps", int), ("batch", int), ("lr", float), ("threads", int), ("seed", int)):
        parser.add_argument(f"--{name}", type=kind)
    parser.add_argument("--device", choices=DEVICES)
    parser.add_argument("--checkpoint-seconds", type=float)
    parser.add_argument("--max-seconds", type=float, help="stop with a checkpoint after so long")


def config_given(kind: type[Config], options: argparse.Namespace) -> Config:
    """The defaults with the options that were given."""
    names = (field.name for field in fields(kind))
    given = {name: value for name in names if (value := getattr(options, name, None)) is not None}
    return kind(**given)


def run_begin(config: RunConfig) -> torch.device:
    """Threads and seed as the config has them; the device to train on."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    return resolve_device(config.device)


class Average(nn.Module):
    """Exponential moving average of a network's weights; ``model`` is the averaged network."""

    def __init__(self, model: nn.Module, keep: float) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.keep = keep
        self._source = [model]  # in a list, so that its weights are not this module's too

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Call after each update; a short memory at first, or the random start would stay in it."""
        keep = min(self.keep, (step + 1) / (step + 10))
        source = self._source[0]
        torch._foreach_lerp_(list(self.model.parameters()), list(source.parameters()), 1.0 - keep)
        for mine, theirs in zip(self.model.buffers(), source.buffers(), strict=True):
            mine.copy_(theirs)  # running means of normalisation are averages already


def cosine_rate(peak: float, step: int, steps: int, warmup: int, floor: float = 0.02) -> float:
    """Linear warm-up, then a half cosine down to ``floor`` of the peak."""
    shape = floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return peak * shape * min(1.0, (step + 1) / warmup)


class Learner:
    """A network with its optimiser and the average of its weights: what an update changes and a checkpoint
    keeps. ``name`` is the network's, in the checkpoint and as a folder."""

    def __init__(
        self, name: str, network: ModelMixin, optimizer: torch.optim.Optimizer, config: RunConfig
    ) -> None:
        self.name, self.network, self.optimizer, self.config = name, network, optimizer, config
        self.average = Average(network, config.ema)

    def descend(self, loss: Tensor, step: int) -> None:
        """One update: the rate by the cosine, the gradient cut to length, the average moved."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = cosine_rate(config.lr, step, config.steps, config.warmup)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        trained = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        torch.nn.utils.clip_grad_norm_(trained, GRADIENT_NORM)
        self.optimizer.step()
        self.average.update(step)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there. Raises KeyError, RuntimeError or ValueError for another network's."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {self.name: self.network, "average": self.average, "optimizer": self.optimizer}

    def export(self, out: Path) -> None:
        """The averaged network as a diffusers folder."""
        self.average.model.save_pretrained(out / self.name, safe_serialization=True)


def _load(path: Path, learner: Learner, log: LossLog) -> int:
    state = read_checkpoint(path)
    try:
        learner.load_state_dict(state)
        step = int(state["step"])
        log.load(state["sums"], step)
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path} is of another network: {error}") from error
    return step


def run_training(
    out: Path,
    learner: Learner,
    update: Callable[[int], dict[str, Tensor | float]],
    limits: RunLimits,
    say: Callable[[str], None],
) -> None:
    """Run or resume until the config's steps or a limit; leaves checkpoint, log and the averaged network.

    Raises TrainingDiverged with the step's number; what is on disk then is from before.
    """
    config = learner.config
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, log = out / CHECKPOINT, LossLog(out / "log.csv", say)
    step = 0
    if checkpoint.is_file():
        step = _load(checkpoint, learner, log)
        say(f"resumed {checkpoint} at step {step}")

    def save() -> None:
        write_checkpoint(checkpoint, {**learner.state_dict(), "step": step, "sums": log.sums})
        learner.export(out)

    started = saved = time.monotonic()
    while step < config.steps:
        torch.manual_seed(config.seed * 1_000_003 + step)
        figures = {name: float(value) for name, value in update(step).items()}
        step += 1
        if not all(map(math.isfinite, figures.values())):
            raise TrainingDiverged(f"training diverged at step {step}: {figures}; lower the learning rate")
        now = time.monotonic()
        log.add(step, step * config.batch, now - started, figures)
        if now - saved > config.checkpoint_seconds:
            save()
            saved = now
        if limits.reached(now - started):
            break
    save()
