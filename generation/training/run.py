"""One training run: resume, checkpoints, a log, a polite stop, and a stop when it diverges.

The loop knows nothing of what is trained: ``parts`` have ``state_dict`` and ``load_state_dict``, ``update``
makes one step and returns its figures. Randomness is seeded from the step's number, so a resumed run
draws what an unbroken one would have drawn and no random state needs keeping.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from generation.training.checkpoint import (
    CHECKPOINT,
    CheckpointError,
    TrainingDiverged,
    read_checkpoint,
    write_checkpoint,
)
from generation.training.loss_log import LossLog


class Stateful(Protocol):
    """A network, an optimiser, an average: what a checkpoint keeps."""

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """Go on from there."""
        ...


class Average(nn.Module):
    """Exponential moving average of a network's weights; ``model`` is the averaged network."""

    def __init__(self, model: nn.Module, copy_of: nn.Module, keep: float) -> None:
        super().__init__()
        self.model = copy_of.requires_grad_(False).eval()
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


def cosine_rate(peak: float, step: int, steps: int, warmup: int = 200, floor: float = 0.02) -> float:
    """Linear warm-up, then a half cosine down to ``floor`` of the peak."""
    shape = floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return peak * shape * min(1.0, (step + 1) / warmup)


def _load(path: Path, parts: Mapping[str, Stateful], log: LossLog) -> int:
    state = read_checkpoint(path)
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
        step = int(state["step"])
        log.load(state["sums"], step)
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path} is of another network: {error}") from error
    return step


def run_training(
    out: Path,
    parts: Mapping[str, Stateful],
    update: Callable[[int], dict[str, Tensor | float]],
    steps: int,
    *,
    batch: int,
    seed: int = 0,
    checkpoint_seconds: float = 120.0,
    max_seconds: float | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    on_checkpoint: Callable[[int], None] = lambda step: None,
    say: Callable[[str], None] = print,
) -> int:
    """Run or resume until ``steps``, the seconds or a stop; leaves a checkpoint. Returns the step reached.

    Raises TrainingDiverged with the step's number; what is on disk then is from before.
    """
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, log = out / CHECKPOINT, LossLog(out / "log.csv", say)
    step = 0
    if checkpoint.is_file():
        step = _load(checkpoint, parts, log)
        say(f"resumed {checkpoint} at step {step}")

    def save() -> None:
        states = {name: part.state_dict() for name, part in parts.items()}
        write_checkpoint(checkpoint, {**states, "step": step, "sums": log.sums})
        on_checkpoint(step)

    started = saved = time.monotonic()
    while step < steps:
        torch.manual_seed(seed * 1_000_003 + step)
        figures = {name: float(value) for name, value in update(step).items()}
        step += 1
        if not all(map(math.isfinite, figures.values())):
            raise TrainingDiverged(f"training diverged at step {step}: {figures}; lower the learning rate")
        now = time.monotonic()
        log.add(step, step * batch, now - started, figures)
        if now - saved > checkpoint_seconds:
            save()
            saved = now
        if should_stop() or (max_seconds is not None and now - started > max_seconds):
            break
    save()
    return step
