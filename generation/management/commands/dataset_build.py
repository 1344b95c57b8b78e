"""``manage.py dataset_build``: make the training pictures folder of the built-in image models."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Build the training pictures from a ready-made copy (--source) or from their npm packages."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--source", type=Path, help="a pictures folder with captions.jsonl, both styles")
        parser.add_argument("--out", type=Path, default=Path("var/pictures"))

    def handle(self, *args: Any, **options: Any) -> None:
        from generation.training.dataset_build import build_dataset
        from generation.training.pictures import DatasetError

        try:
            build_dataset(options["out"], options["source"], say=self.stdout.write)
        except DatasetError as error:
            raise CommandError(str(error)) from error
