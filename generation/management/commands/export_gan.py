"""``manage.py export_gan``: training checkpoints to a folder of fp16 safetensors that a renderer loads."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Write the averaged networks of two training checkpoints as a motif-GAN folder."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        from generation.training.export import add_arguments

        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        from argparse import Namespace

        from generation.gan.pipeline import ModelBroken, ModelMissing
        from generation.training.checkpoint import CheckpointError
        from generation.training.export import run
        from generation.training.pictures import DatasetError

        try:
            run(Namespace(**options), say=self.stdout.write)
        except (CheckpointError, DatasetError, ModelBroken, ModelMissing) as error:
            raise CommandError(str(error)) from error
