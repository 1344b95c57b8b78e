"""``manage.py train_gan``: train or resume the built-in motif GAN or its upscaler."""

from __future__ import annotations

from generation.management.training_command import TrainingCommand


class Command(TrainingCommand):
    help = "Train the built-in text-conditional GAN (or its upscaler); resumes from its own checkpoint."
    module = "generation.training.command"
