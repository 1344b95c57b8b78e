"""What the commands of ``generation.training`` share. Options and work lie in modules that need no Django."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class TrainingCommand(BaseCommand):
    """Runs ``run`` of a module with the options of its ``add_arguments``; its errors become CommandErrors."""

    # Training touches no table, so it also runs before the first migration.
    requires_system_checks: list[str] = []
    module = ""  # imported when the command is called: `manage.py help` reads all of them, and torch is slow

    def add_arguments(self, parser: ArgumentParser) -> None:
        import_module(self.module).add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        from generation.gan.pipeline import ModelBroken, ModelMissing
        from generation.training.checkpoint import CheckpointError, TrainingDiverged
        from generation.training.pictures import DatasetError

        refusals = (DatasetError, TrainingDiverged, CheckpointError, ModelMissing, ModelBroken, ValueError)
        try:
            import_module(self.module).run(Namespace(**options), say=self.stdout.write)
        except refusals as error:
            raise CommandError(str(error)) from error
