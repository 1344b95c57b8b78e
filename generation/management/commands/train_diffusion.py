"""``manage.py train_diffusion``: train or resume one stage of the built-in latent diffusion model."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Train the built-in latent diffusion model, stage by stage; each resumes from its own checkpoint."
    # Training touches no table, so it also runs before the first migration.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        # torch is imported here, not at the top: `manage.py help` reads every command module.
        from generation.training.diffusion.command import add_arguments

        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        from argparse import Namespace

        from generation.training.checkpoint import CheckpointError, TrainingDiverged
        from generation.training.diffusion.command import run
        from generation.training.pictures import DatasetError

        try:
            run(Namespace(**options), say=self.stdout.write)
        except (DatasetError, TrainingDiverged, CheckpointError, ValueError) as error:
            raise CommandError(str(error)) from error
