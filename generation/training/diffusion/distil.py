"""Few steps without guidance: the student learns two guided steps of its teacher as one of its own.

Progressive distillation (Salimans and Ho 2022) with the guidance folded in (Meng et al. 2023): from x_t the
teacher walks to x_s in two guided steps; the student's one velocity must lead there. A call of the student
costs a quarter of the teacher's work for the same way.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from generation.diffusion.conditioning import MOTIF_GAIN, no_text
from generation.diffusion.draft import with_draft
from generation.training.diffusion.denoiser import noisy
from generation.training.diffusion.latents import EncodedDataset
from generation.training.run import Learner, RunConfig, run_begin, run_training
from generation.training.stop import NO_LIMITS, RunLimits


@dataclass(frozen=True)
class DistilConfig(RunConfig):
    """Every number that a run depends on."""

    student_steps: int = 4
    guidance: float = 1.3
    batch: int = 16
    steps: int = 300
    lr: float = 1.5e-4
    warmup: int = 50
    ema: float = 0.99


Condition = tuple[Tensor, Tensor, Tensor, Tensor]  # states, mask, motif vectors, draft cells


def velocity_of(unet: UNet2DConditionModel, x: Tensor, time: Tensor, condition: Condition) -> Tensor:
    """The network's velocity at times (B,) in [0, 1]."""
    states, mask, motifs, cells = condition
    with torch.autocast(x.device.type, dtype=torch.bfloat16):
        made: Tensor = unet(
            with_draft(x, cells),
            time * 1000,
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            class_labels=motifs,
        ).sample
    return made.float()


@torch.no_grad()
def guided_walk(
    teacher: UNet2DConditionModel,
    x: Tensor,
    start: Tensor,
    end: Tensor,
    condition: Condition,
    guidance: float,
) -> Tensor:
    """Two guided Euler steps from times ``start`` to ``end``, each (B,)."""
    states, mask, motifs = (part.to(x.device) for part in no_text(len(x)))
    none = states, mask, motifs, condition[3]  # guidance is towards the text; the draft stays
    middle = (start + end) / 2
    for here, there in ((start, middle), (middle, end)):
        with_text = velocity_of(teacher, x, here, condition)
        without = velocity_of(teacher, x, here, none)
        x = x + (there - here)[:, None, None, None] * (without + guidance * (with_text - without))
    return x


def train_student(
    teacher: UNet2DConditionModel,
    data: EncodedDataset,
    out: Path,
    config: DistilConfig,
    limits: RunLimits = NO_LIMITS,
    say: Callable[[str], None] = print,
) -> UNet2DConditionModel:
    """Train or resume; the averaged student, also saved to ``out/unet`` at each checkpoint."""
    device = run_begin(config)
    teacher = teacher.to(device).requires_grad_(False).eval()
    student = copy.deepcopy(teacher).requires_grad_(True).train()
    optimizer = torch.optim.AdamW(student.parameters(), lr=config.lr, betas=(0.9, 0.99), fused=True)
    learner = Learner("unet", student, optimizer, config)

    def update(step: int) -> dict[str, Tensor | float]:
        batch = data.draw(torch.randint(len(data), (config.batch,))).to(device)
        clean = batch.latents
        condition = batch.states, batch.mask.long(), batch.motifs * MOTIF_GAIN, batch.cells
        # A step of the student's own grid: from k / n to (k - 1) / n.
        number = config.student_steps
        start = torch.randint(1, number + 1, (config.batch,), device=device) / number
        end = start - 1 / number
        x = noisy(clean, torch.randn_like(clean), start)
        goal = guided_walk(teacher, x, start, end, condition, config.guidance)
        wanted = (goal - x) * -number
        error = (velocity_of(student, x, start, condition) - wanted).square().mean()
        learner.descend(error, step)
        return {"loss": error.detach()}

    run_training(out, learner, update, limits, say)
    return learner.average.model
