"""``manage.py export_gan``: training checkpoints to a folder of fp16 safetensors that a renderer loads."""

from __future__ import annotations

from generation.management.training_command import TrainingCommand


class Command(TrainingCommand):
    help = "Write the averaged networks of two training checkpoints as a motif-GAN folder."
    module = "generation.training.export"
