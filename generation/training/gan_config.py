"""Every number that a run of the motif GAN's generator depends on, and the learning-rate schedules."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from generation.training.adversary import AdversaryConfig
from generation.training.device import DEVICES, PRECISIONS

LR_SCHEDULES = ("constant", "step", "exponential", "linear", "cosine")
LR_FLOOR = 0.02  # share of the rate that the three smooth schedules end at
SAMPLINGS = ("pass", "balanced")
PICTURES = {"rgba": 4, "grey": 1}  # channels


@dataclass(frozen=True)
class TrainConfig:
    """Kept in the checkpoint and in ``run.json``. Raises ValueError that names the field."""

    start: int = 4  # side of the first feature map; it doubles with every further entry of ``channels``
    channels: tuple[int, ...] = (320, 256, 128, 64, 32)
    width: int = 256
    latent_dim: int = 32
    picture: str = "rgba"
    batch: int = 16
    samples: int = 400_000
    lr: float = 1.5e-3
    beta1: float = 0.9  # momentum; a generator that only plays against a discriminator does best without
    lr_schedule: str = "cosine"
    warmup_steps: int = 200
    ema: float = 0.998
    jitter: float = 0.15
    # 0: a pure GAN, noise and text in, judged by the discriminator alone. Above: every training picture
    # has a free latent and the generator also has to draw that very picture.
    reconstruction_weight: float = 1.0
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
    device: str = "auto"
    precision: str = "auto"
    threads: int = 1
    seed: int = 0
    checkpoint_seconds: float = 180.0

    def __post_init__(self) -> None:
        for name, choices in (
            ("lr_schedule", LR_SCHEDULES),
            ("sampling", SAMPLINGS),
            ("picture", tuple(PICTURES)),
            ("device", DEVICES),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {choices}, not {getattr(self, name)!r}")
        for name in ("start", "width", "latent_dim", "batch", "samples", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not (math.isfinite(self.lr) and self.lr > 0.0):
            raise ValueError(f"lr must be above 0, not {self.lr}")
        if self.reconstruction_weight < 0.0 or self.adversary.weight < 0.0:
            raise ValueError("reconstruction_weight and the adversary's weight must not be negative")
        if self.is_pure_gan and (self.adversary.weight == 0.0 or self.adversarial_start > 0):
            raise ValueError(
                "reconstruction_weight 0 leaves only the discriminator to teach: adversarial_weight must be "
                "above 0 and adversarial_start 0"
            )

    @property
    def size(self) -> int:
        """Pixels of a side."""
        return self.start * 2 ** (len(self.channels) - 1)

    @property
    def is_pure_gan(self) -> bool:
        """No picture is reconstructed; latents are plain noise."""
        return self.reconstruction_weight == 0.0


def learning_rate_factor(config: TrainConfig, step: int, samples: int) -> float:
    """What both networks' rates are multiplied by: warm-up by steps, then the schedule over the samples."""
    done = min(1.0, samples / config.samples)
    factor = 1.0
    if config.lr_schedule == "step":
        factor = 0.1 ** int(done * 3)
    elif config.lr_schedule == "exponential":
        factor = LR_FLOOR**done
    elif config.lr_schedule == "linear":
        factor = LR_FLOOR + (1.0 - LR_FLOOR) * (1.0 - done)
    elif config.lr_schedule == "cosine":
        factor = LR_FLOOR + (1.0 - LR_FLOOR) * 0.5 * (1.0 + math.cos(math.pi * done))
    return factor * min(1.0, (step + 1) / config.warmup_steps)
