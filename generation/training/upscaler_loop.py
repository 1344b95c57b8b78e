"""Training of the motif upscaler on crops: real pictures made small and blurred, and the generator's own.

A blurred real picture has a true large one to learn from. A generator's picture has none (its errors are
not blur), so there the result must only shrink back to the input and look crisp to the discriminator.

``manage.py train_gan --network upscaler --generator CHECKPOINT`` calls ``train_upscaler``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from generation.gan.discriminator import PatchDiscriminator
from generation.gan.networks import MotifGenerator
from generation.gan.upscaler import MotifUpscaler
from generation.training.checkpoint import (
    CheckpointError,
    TrainingDiverged,
    read_checkpoint,
    write_checkpoint,
)
from generation.training.device import resolve_device
from generation.training.gan_data import TrainingSet
from generation.training.gan_loop import trainer_run
from generation.training.gan_trainer import averaged_generator
from generation.training.losses import gradient_loss
from generation.training.stop import NO_LIMITS, RunLimits

FACTOR = 4


@dataclass(frozen=True)
class UpscalerConfig:
    """Every number that an upscaler run depends on."""

    channels: int = 48
    blocks: int = 4
    batch: int = 4
    crop: int = 16  # side of the small crop; the large one is four times that
    samples: int = 200_000
    lr: float = 1e-3
    gradient_weight: float = 1.0
    adversarial_weight: float = 0.01
    adversarial_start: int = 4_000  # samples; before that the residual is still near zero
    generated_share: float = 0.4  # of the inputs; the rest are degraded real pictures
    consistency_weight: float = 2.0
    ema: float = 0.998
    device: str = "auto"
    threads: int = 1
    seed: int = 0
    checkpoint_seconds: float = 120.0


def degrade(large: Tensor, random: torch.Generator) -> Tensor:
    """Real pictures (B, 4, 4h, 4w) made small, blurred by a random amount: (B, 4, h, w)."""
    small = F.avg_pool2d(large, FACTOR)
    # Binomial blur by shares, twice: 0 keeps the picture, 1 is about as soft as the generator's.
    kernel = torch.tensor([0.25, 0.5, 0.25], device=large.device)
    weight = (kernel[:, None] * kernel[None, :]).expand(small.shape[1], 1, 3, 3)
    for _ in range(2):
        blurred = F.conv2d(small, weight, padding=1, groups=small.shape[1])
        share = torch.rand(len(small), 1, 1, 1, generator=random).to(large.device)
        small = small + (blurred - small) * share
    return small


def crop_pairs(large: Tensor, small: Tensor, side: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """The same random crop of both, one place for the whole batch."""
    room = small.shape[2] - side + 1
    top, left = torch.randint(room, (2,), generator=random).tolist()
    return (
        large[..., top * FACTOR : (top + side) * FACTOR, left * FACTOR : (left + side) * FACTOR],
        small[..., top : top + side, left : left + side],
    )


class UpscalerTrainer:
    """Networks, optimisers and counters of one upscaler run."""

    def __init__(self, config: UpscalerConfig, data: TrainingSet) -> None:
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config, self.data = config, data
        self.device = resolve_device(config.device)
        self.generator: MotifGenerator | None = None  # whose pictures it is also to enlarge
        upscaler = MotifUpscaler(config.channels, config.blocks)
        self.upscaler = upscaler.to(self.device, memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.upscaler).requires_grad_(False).eval()
        self.judge = PatchDiscriminator().to(self.device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.upscaler.parameters(), lr=config.lr, fused=True)
        self.judge_optimizer = torch.optim.Adam(
            self.judge.parameters(), lr=4e-4, betas=(0.5, 0.99), fused=True
        )
        self.random = torch.Generator().manual_seed(config.seed)
        self.step = 0
        self.seconds = 0.0

    @property
    def samples(self) -> int:
        """Crops seen so far."""
        return self.step * self.config.batch

    def draw(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """large (B, 4, 4c, 4c), small (B, 4, c, c), style (B, S), which small ones are generated (B,)."""
        config = self.config
        rows = torch.randint(len(self.data), (config.batch,), generator=self.random)
        batch = self.data.draw(rows, self.random, jitter=0.0).to(self.device)
        small = degrade(batch.real, self.random)
        made = torch.zeros(len(rows), dtype=torch.bool)
        if self.generator is not None:
            made = torch.rand(len(rows), generator=self.random) < config.generated_share
            if made.any():
                # By the bare name and the prior's mean: what the renderer will feed it.
                text = self.data.vectors[self.data.offsets[self.data.owner[rows[made]]]].to(self.device)
                style = batch.style[made]
                with torch.no_grad():
                    latent, _ = self.generator.latent_prior(text, style)
                    small[made] = self.generator(text, style, latent)
        large, small = crop_pairs(batch.real, small, config.crop, self.random)
        if torch.rand((), generator=self.random) < 0.5:
            large, small = large.flip(3), small.flip(3)
        return large, small, batch.style, made

    def train_step(self) -> dict[str, float]:
        """One update of the upscaler and, once it has started, of its judge."""
        config = self.config
        large, small, style, generated = self.draw()
        made = self.upscaler(small, style)
        l1 = edges = consistency = made.new_zeros(())
        if not generated.all():
            l1 = (made - large)[~generated].abs().mean()
            edges = gradient_loss(made[~generated], large[~generated])
        if generated.any():
            consistency = (F.avg_pool2d(made, FACTOR) - small)[generated].abs().mean()
        loss = l1 + config.gradient_weight * edges + config.consistency_weight * consistency
        adversarial = self.samples >= config.adversarial_start
        if adversarial:
            loss = loss - config.adversarial_weight * self.judge(made).mean()
        if not torch.isfinite(loss):
            raise TrainingDiverged(f"the upscaler's loss is {loss.item()} at step {self.step}; lower lr")
        done = min(1.0, self.samples / config.samples)
        rate = config.lr * (1.0 - 0.95 * done)
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.upscaler.parameters(), 1.0)
        self.optimizer.step()
        judged = 0.0
        if adversarial:
            real_score = self.judge(large)
            made_score = self.judge(made.detach())
            judge_loss = F.relu(1.0 - real_score).mean() + F.relu(1.0 + made_score).mean()
            self.judge_optimizer.zero_grad(set_to_none=True)
            judge_loss.backward()
            self.judge_optimizer.step()
            judged = judge_loss.item()
        self.step += 1
        keep = min(config.ema, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.parameters()), list(self.upscaler.parameters()), 1.0 - keep)
        return {
            "loss": loss.item(),
            "l1": l1.item(),
            "edges": edges.item(),
            "consistency": consistency.item(),
            "judge": judged,
        }

    def save(self, path: Path, log_sums: dict[str, float]) -> None:
        """Everything that a resume needs."""
        write_checkpoint(
            path,
            {
                "config": asdict(self.config),
                "step": self.step,
                "seconds": self.seconds,
                "log_sums": log_sums,
                "upscaler": self.upscaler.state_dict(),
                "ema": self.ema.state_dict(),
                "judge": self.judge.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "judge_optimizer": self.judge_optimizer.state_dict(),
                "random": self.random.get_state(),
            },
        )

    def load(self, path: Path) -> dict[str, float]:
        """Continue from a checkpoint; returns its ``log_sums``."""
        state = read_checkpoint(path)
        try:
            for name in ("upscaler", "ema", "judge", "optimizer", "judge_optimizer"):
                getattr(self, name).load_state_dict(state[name])
            self.random.set_state(state["random"])
            self.step, self.seconds = state["step"], state["seconds"]
            return state["log_sums"]
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"{path} is not an upscaler's of this shape: {error}") from error


def train_upscaler(
    data: TrainingSet,
    out: Path,
    config: UpscalerConfig,
    generator_checkpoint: Path | None,
    limits: RunLimits = NO_LIMITS,
    say: Callable[[str], None] = print,
) -> UpscalerTrainer:
    """Train or resume. The generator is read again at each checkpoint: both may train side by side."""
    out.mkdir(parents=True, exist_ok=True)
    trainer = UpscalerTrainer(config, data)

    def generator_read() -> None:
        if generator_checkpoint is not None:
            trainer.generator = averaged_generator(generator_checkpoint).to(trainer.device)

    generator_read()
    trainer_run(trainer, out, config, limits, say, on_checkpoint=generator_read)
    return trainer
