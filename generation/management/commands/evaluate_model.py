"""``manage.py evaluate_model FOLDER``: the figures and the contact sheet of a model's card."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

CARD_TABLE = re.compile(r"(<!-- evaluation -->\n).*?(<!-- /evaluation -->)", re.DOTALL)


class Command(BaseCommand):
    help = "Measure an image model on composed captions; prints the table, and writes it into the model card."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="a diffusers folder or a built-in model")
        parser.add_argument("--data", type=Path, default=Path("var/pictures"), help="folder of dataset_build")
        parser.add_argument(
            "--motifs", action="store_true", help="a motif GAN's objects one by one, in place of captions"
        )
        parser.add_argument("--encoder", type=Path, help="match encoder; the built-in one without it")
        parser.add_argument("--count", type=int, default=500, help="captions of each split")
        parser.add_argument("--card", type=Path, help="README with <!-- evaluation --> marks to fill")
        parser.add_argument("--sheet", type=Path, help="contact sheet of the first 24 held-out combinations")

    def handle(self, *args: Any, **options: Any) -> None:
        from generation.gan.pipeline import ModelBroken, ModelMissing
        from generation.renderers.base import RenderError
        from generation.training.pictures import DatasetError

        if not 5 <= options["count"] <= 5000:
            raise CommandError("--count must be between 5 and 5000")
        try:
            self._motifs(options) if options["motifs"] else self._captions(options)
        except (DatasetError, RenderError, ModelMissing, ModelBroken, OSError) as error:
            raise CommandError(str(error)) from error

    def _motifs(self, options: dict[str, Any]) -> None:
        import torch

        from generation.gan.pipeline import MotifGanPipeline
        from generation.training.evaluate_motifs import evaluate_motifs, motifs_table

        torch.set_num_threads(1)  # fastest for layers this small
        pipeline = MotifGanPipeline.load(options["folder"])
        self.stdout.write(motifs_table(evaluate_motifs(pipeline, options["data"])))

    def _captions(self, options: dict[str, Any]) -> None:
        from django.conf import settings

        from generation.matching.encoder import BUILT_IN_FOLDER
        from generation.renderers import renderer_load
        from generation.training.contact_sheet import draw_sheet
        from generation.training.evaluate import Judge, evaluate
        from generation.training.scenes.dataset import read_composed

        folder: Path = options["folder"]
        rows = read_composed(options["data"], "held_out_combination")
        renderer = renderer_load(folder.name, str(folder))
        judge = Judge(options["encoder"] or BUILT_IN_FOLDER)
        evaluation, made = evaluate(
            renderer, folder.name, options["data"], judge, count=options["count"], say=self.stdout.write
        )
        table = evaluation.to_markdown()
        self.stdout.write(f"\n{table}\n(torch threads: {settings.GENERATION_TORCH_THREADS})")
        if options["card"] is not None:
            card = options["card"].read_text(encoding="utf-8")
            if not CARD_TABLE.search(card):
                raise CommandError(f"{options['card']} has no <!-- evaluation --> marks")
            filled = CARD_TABLE.sub(lambda found: f"{found[1]}{table}\n{found[2]}", card)
            options["card"].write_text(filled, encoding="utf-8")
        if options["sheet"] is not None:
            pictures = made["held_out_combination"][:24]
            captions = [row.caption for row in rows[: len(pictures)]]
            draw_sheet(pictures, captions).save(options["sheet"], quality=88)
