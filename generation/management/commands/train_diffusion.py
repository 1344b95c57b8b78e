"""``manage.py train_diffusion``: train or resume one stage of the built-in latent diffusion model."""

from __future__ import annotations

from generation.management.training_command import TrainingCommand


class Command(TrainingCommand):
    help = "Train the built-in latent diffusion model, stage by stage; each resumes from its own checkpoint."
    module = "generation.training.diffusion.command"
