"""One run of the motif GAN's generator: networks, optimisers, one update, checkpoint.

Two ways to learn, freely mixed by two weights: drawing the very pictures of the training set from a free
latent each (GLO), and convincing a projection discriminator. With ``reconstruction_weight`` 0 it is a
plain conditional GAN: noise and text in, a picture out, nothing but the discriminator to please.
"""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from generation.gan.networks import STYLE_GAIN, MotifGenerator
from generation.training.adversary import Adversary
from generation.training.checkpoint import (
    CheckpointError,
    TrainingDiverged,
    read_checkpoint,
    write_checkpoint,
)
from generation.training.device import resolve_device, resolve_precision
from generation.training.gan_config import PICTURES, TrainConfig, learning_rate_factor
from generation.training.gan_data import Batch, TrainingSet
from generation.training.losses import gaussian_kl, gradient_loss, pyramid_loss

# Pictures of one batch that differ so much less than the real ones are all the same picture.
COLLAPSED_SPREAD = 0.005
COLLAPSE_STEPS = 500  # of the discriminator, before anything is said: every generator starts out grey
# Fields that decide the networks' shapes: a checkpoint with others cannot be continued.
SHAPE_FIELDS = ("start", "channels", "width", "latent_dim", "picture")


def generator_of(config: dict[str, Any], text_dim: int) -> MotifGenerator:
    """A generator in the shape that a run's config describes."""
    return MotifGenerator(
        text_dim=text_dim,
        latent_dim=config["latent_dim"],
        width=config["width"],
        channels=tuple(config["channels"]),
        start=config["start"],
        picture_channels=PICTURES[config["picture"]],
    )


def averaged_generator(path: Path) -> MotifGenerator:
    """The averaged (EMA) generator of a run's checkpoint."""
    state = read_checkpoint(path)
    try:
        generator = generator_of(state["config"], state["text_dim"])
        generator.load_state_dict(state["ema"])
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"the checkpoint {path} is not a generator's: {error}") from error
    return generator.requires_grad_(False).eval()


class Trainer:
    """``weights``: a trained generator to go on from, of the config's shape; its pictures' free latents
    are then drawn anew from its learned prior."""

    def __init__(self, config: TrainConfig, data: TrainingSet, weights: MotifGenerator | None = None) -> None:
        if data.pictures.shape[1:] != (PICTURES[config.picture], config.size, config.size):
            raise ValueError(
                f"the pictures are {tuple(data.pictures.shape[1:])}, but start {config.start} and channels "
                f"{config.channels} make {(PICTURES[config.picture], config.size, config.size)}"
            )
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config, self.data = config, data
        self.device = resolve_device(config.device)
        self.dtype = resolve_precision(config.precision, self.device)
        self.generator = generator_of(dataclasses.asdict(config), data.vectors.shape[1])
        # One free latent per picture: mean and log variance of its Gaussian.
        self.codes = torch.nn.Embedding(len(data), 2 * config.latent_dim)
        with torch.no_grad():
            self.codes.weight.normal_(std=0.3)
            self.codes.weight[:, config.latent_dim :] = -2.0
        if weights is not None:
            self._start_from(weights)
        self.generator = self.generator.to(self.device, memory_format=torch.channels_last)
        self.codes = self.codes.to(self.device)
        self.ema = copy.deepcopy(self.generator).requires_grad_(False).eval()
        self.optimizer = torch.optim.Adam(
            [
                {"params": list(self.generator.parameters()), "scale": 1.0},
                # A picture's code is touched once per epoch, so it needs larger steps.
                {"params": list(self.codes.parameters()), "scale": 5.0},
            ],
            lr=config.lr,
            betas=(config.beta1, 0.99),
            fused=True,
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)
        self.adversary: Adversary | None = None
        if config.adversary.weight > 0.0:
            self.adversary = Adversary(
                config.adversary,
                data.vectors.shape[1] + data.style_count,
                config.size,
                PICTURES[config.picture],
                config.seed,
                device=self.device,
                dtype=self.dtype,
            )
        self.random = torch.Generator().manual_seed(config.seed)
        self.order = torch.empty(0, dtype=torch.long)
        self.step = 0
        self.samples = 0  # counted apart: a resumed run may have another batch size
        self.seconds = 0.0
        self.spread = 1.0

    def _start_from(self, weights: MotifGenerator) -> None:
        """Take over trained weights, and each picture's latent from the prior given its name."""
        self.generator.load_state_dict(weights.state_dict())
        names = self.data.vectors[self.data.offsets[self.data.owner]]
        style = torch.nn.functional.one_hot(self.data.style, self.data.style_count).float()
        with torch.no_grad():
            mean, log_variance = weights.latent_prior(names, style)
            self.codes.weight.copy_(torch.cat((mean, log_variance), dim=1))

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

    def _latent(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The latents (B, Z) to draw from, and the KL of the pictures' own ones against the prior."""
        noise = torch.randn(len(batch.row), self.config.latent_dim, generator=self.random).to(self.device)
        if self.config.is_pure_gan:
            return noise, noise.new_zeros(())
        mean, log_variance = self.codes(batch.row).chunk(2, dim=1)
        prior_mean, prior_log_variance = self.generator.latent_prior(batch.text, batch.style)
        alone = torch.rand(len(batch.row), generator=self.random) < self.config.text_only_rate
        from_text = (batch.names_object & alone.to(self.device))[:, None]
        spread = (0.5 * torch.where(from_text, prior_log_variance, log_variance)).exp()
        latent = torch.where(from_text, prior_mean, mean) + noise * spread
        return latent, gaussian_kl(mean, log_variance, prior_mean, prior_log_variance)

    def train_step(self) -> dict[str, float]:
        """One update; returns the losses. Raises TrainingDiverged on NaN before touching weights."""
        config = self.config
        batch = self.data.draw(self.next_rows(), self.random, config.jitter).to(self.device)
        done = min(1.0, self.samples / config.samples)
        factor = learning_rate_factor(config, self.step, self.samples)
        latent, kl = self._latent(batch)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32):
            made = self.generator(batch.text, batch.style, latent)
        made = made.float()
        pixels = edges = loss = made.new_zeros(())
        if not config.is_pure_gan:
            pixels = pyramid_loss(made, batch.real)
            edges = gradient_loss(made, batch.real)
            drawn = pixels + config.gradient_weight * edges + config.kl_weight * kl
            loss = config.reconstruction_weight * drawn
        judged = {"fooled": 0.0, "judge": 0.0, "sure": 0.0, "chance": 0.0}
        judging = self.adversary is not None and self.samples >= config.adversarial_start
        condition = torch.cat((batch.text * batch.text.shape[1] ** 0.5, batch.style * STYLE_GAIN), dim=1)
        if self.adversary is not None and judging:
            fooled = self.adversary.generator_loss(made, batch.real, condition, done)
            loss = loss + config.adversary.weight * fooled
            judged["fooled"] = fooled.item()
        if not torch.isfinite(loss):
            raise TrainingDiverged(
                f"the loss is {loss.item()} at step {self.step}; lower --lr (now {config.lr}) and resume"
            )
        for group in self.optimizer.param_groups:
            group["lr"] = config.lr * factor * group["scale"]
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.adversary is not None and judging:
            judged |= self.adversary.update(batch.real, made, condition, done, factor)
        self.step += 1
        self.samples += config.batch
        # A short memory at the start, or the average would carry the random start along.
        keep = min(config.ema, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.parameters()), list(self.generator.parameters()), 1.0 - keep)
        self._watch(made.detach(), batch.real)
        return {
            "loss": loss.item(),
            "l1": (made.detach() - batch.real).abs().mean().item(),
            "pixels": pixels.item(),
            "edges": edges.item(),
            "kl": kl.item(),
            **judged,
            "spread": self.spread,
        }

    def _watch(self, made: Tensor, real: Tensor) -> None:
        """Stop a run whose generator has come to draw one picture for everything (mode collapse)."""
        if len(made) > 1:
            ratio = made.var(dim=0).mean() / real.var(dim=0).mean().clamp(min=1e-8)
            self.spread += 0.01 * (ratio.item() - self.spread)
        judged = self.adversary.step if self.adversary is not None else 0
        if judged > COLLAPSE_STEPS and self.spread < COLLAPSED_SPREAD:
            raise TrainingDiverged(
                f"mode collapse at step {self.step}: the pictures of a batch differ {self.spread:.4f} times "
                "as much as real ones; raise --penalty-weight or lower --lr and start again"
            )

    def save(self, path: Path, log_sums: dict[str, float]) -> None:
        """Everything that a resume needs; ``log_sums``: the losses that no row of the log has yet."""
        write_checkpoint(
            path,
            {
                "config": dataclasses.asdict(self.config),
                "text_dim": self.data.vectors.shape[1],
                "step": self.step,
                "samples": self.samples,
                "seconds": self.seconds,
                "spread": self.spread,
                "log_sums": log_sums,
                "generator": self.generator.state_dict(),
                "ema": self.ema.state_dict(),
                "codes": self.codes.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
                "random": self.random.get_state(),
                "order": self.order,
                "adversary": self.adversary.state() if self.adversary is not None else None,
            },
        )

    def load(self, path: Path) -> dict[str, float]:
        """Continue from a checkpoint of the same network and data; returns its ``log_sums``."""
        state = read_checkpoint(path)
        try:
            for name in SHAPE_FIELDS:
                theirs, ours = state["config"][name], getattr(self.config, name)
                if theirs != ours:
                    raise CheckpointError(f"{path} has {name} {theirs}, but this run has {ours}")
            pictures = len(state["codes"]["weight"])
            if pictures != len(self.data):
                raise CheckpointError(f"{path} is of {pictures} pictures, but --data has {len(self.data)}")
            for part in ("generator", "ema", "codes", "optimizer"):
                getattr(self, part).load_state_dict(state[part])
            if self.scaler.is_enabled() and state["scaler"]:
                self.scaler.load_state_dict(state["scaler"])
            self.random.set_state(state["random"])
            self.order = state["order"]
            self.step, self.samples, self.seconds = state["step"], state["samples"], state["seconds"]
            self.spread = state["spread"]
            # A run may switch its discriminator on later; then it starts fresh.
            if self.adversary is not None and state["adversary"] is not None:
                self.adversary.load(state["adversary"])
            return state["log_sums"]
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"{path} is of another network or dataset: {error}") from error
