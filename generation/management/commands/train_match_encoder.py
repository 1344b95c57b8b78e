"""``manage.py train_match_encoder``: train or resume the encoder that scores picture against text."""

from __future__ import annotations

import dataclasses
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Train the match encoder on composed pictures (dataset_build --compose); resumes by itself."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, default=Path("var/pictures"), help="folder of dataset_build")
        parser.add_argument("--out", type=Path, default=Path("var/training/match"))
        parser.add_argument("--folder", type=Path, help="write the finished encoder here, as fp16")
        for name, kind in (("steps", int), ("batch", int), ("lr", float), ("threads", int), ("seed", int)):
            parser.add_argument(f"--{name}", type=kind)
        parser.add_argument("--device", help="auto, cpu or cuda")
        parser.add_argument("--max-seconds", type=float, help="stop with a checkpoint after so long")

    def handle(self, *args: Any, **options: Any) -> None:
        import torch

        from generation.training.checkpoint import CheckpointError, TrainingDiverged
        from generation.training.match_encoder import MatchConfig, train_match_encoder
        from generation.training.pictures import DatasetError
        from generation.training.stop import StopOnSignal

        names = {field.name for field in dataclasses.fields(MatchConfig)}
        config = MatchConfig(**{key: options[key] for key in names if options.get(key) is not None})
        try:
            encoder = train_match_encoder(
                options["data"],
                options["out"],
                config,
                max_seconds=options["max_seconds"],
                should_stop=StopOnSignal(),
                say=self.stdout.write,
            )
        except (DatasetError, TrainingDiverged, CheckpointError, ValueError) as error:
            raise CommandError(str(error)) from error
        if options["folder"] is not None:
            encoder.to(torch.float16).save_pretrained(options["folder"], safe_serialization=True)
            for path in options["folder"].glob("*.safetensors"):
                path.chmod(0o644)  # safetensors writes 0600, and another user runs the worker
