"""``manage.py dataset_build``: make the training pictures folder of the built-in image models."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Build the training pictures from a ready-made copy (--source) or from npm; compose scenes of them."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--source", type=Path, help="a pictures folder with captions.jsonl, both styles")
        parser.add_argument("--out", type=Path, default=Path("var/pictures"))
        parser.add_argument(
            "--compose", type=int, metavar="N", help="also compose N scenes of one or two objects to train on"
        )
        parser.add_argument("--workers", type=int, default=1, help="processes that compose")
        parser.add_argument("--seed", type=int, default=0, help="of the composed scenes")

    def handle(self, *args: Any, **options: Any) -> None:
        from generation.training.dataset_build import build_dataset
        from generation.training.pictures import DatasetError
        from generation.training.scenes.dataset import compose_dataset

        out, compose = options["out"], options["compose"]
        if compose is not None and (compose < 1 or options["workers"] < 1):
            raise CommandError("--compose and --workers must be at least 1")
        try:
            build_dataset(out, options["source"], say=self.stdout.write)
            if compose is not None:
                count = compose_dataset(
                    out, compose, seed=options["seed"], workers=options["workers"], say=self.stdout.write
                )
                self.stdout.write(f"{out}: {count} composed pictures")
        except DatasetError as error:
            raise CommandError(str(error)) from error
