"""Training of the motif GAN's generator: reconstruction first, the adversarial loss on top.

``generation.training.command`` (and through it ``manage.py train_gan``) calls ``train``. Everything that
a resume needs is in one checkpoint file, written beside its place and renamed.
"""

from __future__ import annotations

import copy
import csv
import dataclasses
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from generation.gan.networks import MotifGenerator
from generation.training.adversary import Adversary, AdversaryConfig
from generation.training.gan_data import TrainingSet
from generation.training.losses import gaussian_kl, gradient_loss, pyramid_loss

CHECKPOINT = "checkpoint.pt"
LR_SCHEDULES = ("cosine", "step", "constant")
SAMPLINGS = ("pass", "balanced")


class CheckpointError(Exception):
    """The checkpoint is missing or of another shape; the message names the file."""


class TrainingDiverged(Exception):
    """The loss became NaN or infinite; the last checkpoint on disk is from before."""


@dataclass(frozen=True)
class TrainConfig:
    """Every number that a run depends on; kept in the checkpoint and in ``run.json``."""

    size: int = 64
    channels: tuple[int, ...] = (320, 256, 128, 64, 32)
    width: int = 256
    latent_dim: int = 32
    batch: int = 16
    samples: int = 400_000
    lr: float = 1.5e-3
    lr_schedule: str = "cosine"
    warmup_steps: int = 200
    ema: float = 0.998
    jitter: float = 0.15
    # Share of the pictures whose caption names them that are drawn from the text alone, as a renderer
    # draws; the rest get the free latent of their picture, which is what teaches fastest at the start.
    text_only_rate: float = 0.5
    gradient_weight: float = 1.0
    kl_weight: float = 5e-4
    # Samples after which the discriminator joins: before that there is no shape for it to judge.
    adversarial_start: int = 100_000
    adversary: AdversaryConfig = field(default_factory=AdversaryConfig)
    # pass: shuffled passes over all pictures; balanced: every group of objects equally often.
    sampling: str = "pass"
    threads: int = 1
    seed: int = 0
    checkpoint_seconds: float = 180.0

    def __post_init__(self) -> None:
        if self.lr_schedule not in LR_SCHEDULES:
            raise ValueError(f"lr_schedule must be one of {LR_SCHEDULES}, not {self.lr_schedule!r}")
        if self.sampling not in SAMPLINGS:
            raise ValueError(f"sampling must be one of {SAMPLINGS}, not {self.sampling!r}")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint as a trainer saved it; only plain data and tensors are unpickled."""
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}")
    try:
        return torch.load(path, weights_only=True)
    except Exception as error:  # torch raises pickle, zip and runtime errors for broken files
        raise CheckpointError(f"the checkpoint {path} cannot be read: {error}") from error


def averaged_generator(path: Path) -> MotifGenerator:
    """The averaged (EMA) generator of a run's checkpoint."""
    state = read_checkpoint(path)
    try:
        config = state["config"]
        generator = MotifGenerator(
            text_dim=state["text_dim"],
            latent_dim=config["latent_dim"],
            width=config["width"],
            channels=tuple(config["channels"]),
        )
        generator.load_state_dict(state["ema"])
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"the checkpoint {path} is not a generator's: {error}") from error
    return generator.requires_grad_(False).eval()


def learning_rate(config: TrainConfig, step: int, samples: int) -> float:
    """Warm-up by steps, then the schedule over the run's samples down to 2 % of the rate."""
    done = min(1.0, samples / config.samples)
    if config.lr_schedule == "cosine":
        factor = 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * done))
    elif config.lr_schedule == "step":
        factor = 0.1 ** int(done * 3)
    else:
        factor = 1.0
    return config.lr * factor * min(1.0, (step + 1) / config.warmup_steps)


class Trainer:
    """Networks, optimiser and counters of one run."""

    def __init__(self, config: TrainConfig, data: TrainingSet) -> None:
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config, self.data = config, data
        self.generator = MotifGenerator(
            text_dim=data.vectors.shape[1],
            latent_dim=config.latent_dim,
            width=config.width,
            channels=config.channels,
        ).to(memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.generator).requires_grad_(False).eval()
        # One free latent per picture: mean and log variance of its Gaussian.
        self.codes = torch.nn.Embedding(len(data), 2 * config.latent_dim)
        with torch.no_grad():
            self.codes.weight.normal_(std=0.3)
            self.codes.weight[:, config.latent_dim :] = -2.0
        self.optimizer = torch.optim.Adam(
            [
                {"params": list(self.generator.parameters()), "scale": 1.0},
                # A picture's code is touched once per epoch, so it needs larger steps.
                {"params": list(self.codes.parameters()), "scale": 5.0},
            ],
            lr=config.lr,
            betas=(0.9, 0.99),
            fused=True,
        )
        self.adversary: Adversary | None = None
        if config.adversary.weight > 0.0:
            condition_dim = data.vectors.shape[1] + data.style_count
            self.adversary = Adversary(config.adversary, condition_dim, config.size, config.seed)
        self.random = torch.Generator().manual_seed(config.seed)
        self.order = torch.empty(0, dtype=torch.long)
        self.step = 0
        self.samples = 0  # counted apart: a resumed run may have another batch size
        self.seconds = 0.0

    def next_rows(self) -> Tensor:
        """The next pictures of a shuffled pass over all of them, or a draw that balances the groups."""
        if self.config.sampling == "balanced":
            return torch.multinomial(
                self.data.balance, self.config.batch, replacement=True, generator=self.random
            )
        while len(self.order) < self.config.batch:
            rows = self.data.pass_rows
            shuffled = rows[torch.randperm(len(rows), generator=self.random)]
            self.order = torch.cat((self.order, shuffled))
        rows, self.order = self.order[: self.config.batch], self.order[self.config.batch :]
        return rows

    def train_step(self) -> dict[str, float]:
        """One update; returns the losses. Raises TrainingDiverged on NaN before touching weights."""
        config = self.config
        batch = self.data.draw(self.next_rows(), self.random, config.jitter)
        mean, log_variance = self.codes(batch.row).chunk(2, dim=1)
        prior_mean, prior_log_variance = self.generator.latent_prior(batch.text, batch.style)
        alone = torch.rand(len(batch.row), generator=self.random) < config.text_only_rate
        from_text = batch.names_object & alone
        pick = from_text[:, None]
        noise = torch.randn(mean.shape, generator=self.random)
        latent = (
            torch.where(pick, prior_mean, mean)
            + noise * (0.5 * torch.where(pick, prior_log_variance, log_variance)).exp()
        )
        made = self.generator(batch.text, batch.style, latent)
        pixels = pyramid_loss(made, batch.real)
        edges = gradient_loss(made, batch.real)
        kl = gaussian_kl(mean, log_variance, prior_mean, prior_log_variance)
        loss = pixels + config.gradient_weight * edges + config.kl_weight * kl
        losses: dict[str, float] = {}
        judging = self.adversary is not None and self.samples >= config.adversarial_start
        condition = torch.cat((batch.text * batch.text.shape[1] ** 0.5, batch.style), dim=1)
        if self.adversary is not None and judging:
            fooled = self.adversary.generator_loss(made, condition)
            loss = loss + config.adversary.weight * fooled
            losses["fooled"] = fooled.item()
        if not torch.isfinite(loss):
            raise TrainingDiverged(
                f"the loss is {loss.item()} at step {self.step}; lower --lr (now {config.lr}) and resume"
            )
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, self.step, self.samples) * group["scale"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0)
        self.optimizer.step()
        if self.adversary is not None and judging:
            losses |= self.adversary.update(batch.real, made, condition)
        self.step += 1
        self.samples += config.batch
        # A short memory at the start, or the average would carry the random start along.
        keep = min(config.ema, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.parameters()), list(self.generator.parameters()), 1.0 - keep)
        return {
            "loss": loss.item(),
            "l1": (made.detach() - batch.real).abs().mean().item(),
            "pixels": pixels.item(),
            "edges": edges.item(),
            "kl": kl.item(),
            "fooled": losses.get("fooled", 0.0),
            "judge": losses.get("judge", 0.0),
            "sure": losses.get("sure", 0.0),
            "chance": losses.get("chance", 0.0),
        }

    def save(self, path: Path) -> None:
        """Write the checkpoint beside its place and rename it, so a kill never leaves half a file."""
        state = {
            "config": dataclasses.asdict(self.config),
            "text_dim": self.data.vectors.shape[1],
            "step": self.step,
            "samples": self.samples,
            "seconds": self.seconds,
            "generator": self.generator.state_dict(),
            "ema": self.ema.state_dict(),
            "codes": self.codes.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": self.random.get_state(),
            "order": self.order,
        }
        if self.adversary is not None:
            state["adversary"] = self.adversary.state()
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint of the same network and data."""
        state = read_checkpoint(path)
        try:
            self.generator.load_state_dict(state["generator"])
            self.ema.load_state_dict(state["ema"])
            self.codes.load_state_dict(state["codes"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"{path} is of another network or dataset: {error}") from error
        self.random.set_state(state["random"])
        self.order = state["order"]
        self.step, self.samples, self.seconds = state["step"], state["samples"], state["seconds"]
        # A run may switch its discriminator on later; then it starts fresh.
        if self.adversary is not None and "adversary" in state:
            self.adversary.load(state["adversary"])


def train(
    data: TrainingSet,
    out: Path,
    config: TrainConfig,
    *,
    max_seconds: float | None = None,
    on_checkpoint: Callable[[Trainer], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = print,
) -> Trainer:
    """Train until the samples or seconds are done or a stop is asked for; leaves a checkpoint in ``out``.

    Resumes when ``out`` holds a checkpoint.
    """
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, data)
    checkpoint = out / CHECKPOINT
    if checkpoint.is_file():
        trainer.load(checkpoint)
        say(f"resumed {checkpoint} at step {trainer.step}")
    (out / "run.json").write_text(json.dumps(dataclasses.asdict(config), indent=2))
    started = saved = time.monotonic()
    before = trainer.seconds
    log_path = out / "log.csv"
    new_log = not log_path.is_file()
    sums: dict[str, float] = {}
    with log_path.open("a", newline="") as log:
        writer = csv.writer(log)
        while trainer.samples < config.samples:
            losses = trainer.train_step()
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value
            now = time.monotonic()
            trainer.seconds = before + now - started
            if trainer.step % 100 == 0:
                if new_log:
                    writer.writerow(["step", "samples", "seconds", *sums])
                    new_log = False
                row = [round(value / 100, 5) for value in sums.values()]
                writer.writerow([trainer.step, trainer.samples, round(trainer.seconds, 1), *row])
                log.flush()
                say(f"step {trainer.step} {trainer.seconds:.0f} s " + str(dict(zip(sums, row, strict=True))))
                sums = {}
            if now - saved > config.checkpoint_seconds:
                trainer.save(checkpoint)
                saved = now
                if on_checkpoint is not None:
                    on_checkpoint(trainer)
            if should_stop() or (max_seconds is not None and now - started > max_seconds):
                break
    trainer.save(checkpoint)
    if on_checkpoint is not None:
        on_checkpoint(trainer)
    return trainer
