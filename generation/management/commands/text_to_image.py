"""Text in, picture file out: the image model from a shell, without campaign, worker or database."""

from __future__ import annotations

import re
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from PIL import Image

from adplatform.lib.errors import DomainError
from generation import picture_file, provenance
from generation.chinese import is_han
from generation.prompts import Prompt, text_prompt
from generation.scenes import scene_find
from generation.styles import DEFAULT_STYLE, STYLES

EXTENSIONS = {".png": "png", ".webp": "webp", ".jpg": "jpg", ".jpeg": "jpg"}
MAX_SIDE = 4096
MAX_SEED = 2**63 - 1
BAR_WIDTH = 30
PRODUCER = "adplatform"
PLAIN_GROUND = "#e9edf0"


class Command(BaseCommand):
    help = 'Draw a picture from interest text: manage.py text_to_image "hiking in autumn" --out picture.png'
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("text", help="what the shopper likes, in English or 中文")
        parser.add_argument("--out", required=True, type=Path, help="the file: .png, .webp or .jpg")
        parser.add_argument("--style", default=DEFAULT_STYLE, help=f"one of: {', '.join(STYLES)}")
        parser.add_argument("--seed", type=int, help="a whole number; without it one made from the text")
        parser.add_argument(
            "--model", default=settings.GENERATION_DEFAULT_MODEL, help="a key of GENERATION_MODELS"
        )
        parser.add_argument("--size", default="", help="WIDTHxHEIGHT or one number, in pixels")
        parser.add_argument("--steps", type=int, help="sampler steps; without it the model's own default")
        parser.add_argument(
            "--transparent", action="store_true", help="leave a motif on its transparent ground (png, webp)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        extension = EXTENSIONS.get(out.suffix.lower())
        if extension is None:
            raise CommandError(f"{out} must end in .png, .webp, .jpg or .jpeg.")
        if options["transparent"] and extension == "jpg":
            raise CommandError("A JPEG cannot be transparent; write a .png or .webp.")
        if not out.parent.is_dir():
            raise CommandError(f"The folder {out.parent} does not exist.")
        if options["seed"] is not None and not 0 <= options["seed"] <= MAX_SEED:
            raise CommandError(f"--seed must be between 0 and {MAX_SEED}.")
        if options["steps"] is not None and not 1 <= options["steps"] <= 1000:
            raise CommandError("--steps must be between 1 and 1000.")
        size = size_read(options["size"])
        try:
            prompt = text_prompt(options["text"], options["style"], options["seed"])
        except DomainError as error:
            raise CommandError(error.message) from None
        if not prompt.motif:
            raise CommandError("No word of this text says what to draw. Name a thing or an interest.")
        self.stdout.write(f"prompt  {prompt.text}")
        self.stdout.write(f"motif   {prompt.motif}")
        self.stdout.write(f"seed    {prompt.seed}")
        image, seconds = self._render(prompt, options, size)
        if size is not None and image.size != size:
            image = picture_file.fitted(image, size)
        if not options["transparent"]:
            language = "zh" if any(map(is_han, options["text"])) else "en"
            words = provenance.label_text(language, "")
            image = picture_file.label_draw(picture_file.on_ground(image, ground_of(prompt)), words, language)
        content = picture_file.file_make(
            image, extension, content_id=f"text-{prompt.seed:016x}", producer=PRODUCER
        )
        try:
            out.write_bytes(content)
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}.") from None
        self.stdout.write(
            f"{out}  {image.width}x{image.height}, {len(content) / 1024:.0f} KB, rendered in {seconds:.1f} s"
        )

    def _render(
        self, prompt: Prompt, options: dict[str, Any], size: tuple[int, int] | None
    ) -> tuple[Image.Image, float]:
        from generation.renderers import renderer_get
        from generation.renderers.base import RenderError, RenderRequest

        bar = ProgressBar(self.stderr)
        bar.show("loading", 0, 0)
        width, height = size or (settings.GENERATION_PICTURE_SIZE, settings.GENERATION_PICTURE_SIZE)
        try:
            renderer = renderer_get(options["model"])
            started = time.monotonic()
            result = renderer.render(
                RenderRequest(
                    prompt=prompt.text,
                    motif=prompt.motif,
                    seed=prompt.seed,
                    width=width,
                    height=height,
                    negative_prompt=prompt.negative,
                    steps=options["steps"] or settings.GENERATION_STEPS or None,
                ),
                lambda step, steps: bar.show("rendering", step, steps),
            )
        except RenderError as error:
            raise CommandError(f"{error} ({error.code})") from None
        except ImportError as error:
            raise CommandError(f"{error.name} is not installed: pip install -r requirements.txt.") from None
        except KeyboardInterrupt:
            raise CommandError("Stopped; nothing was written.") from None
        finally:
            bar.close()
        return result.image, time.monotonic() - started


class ProgressBar:
    """One line on a terminal, redrawn in place; plain lines, one a stage, where there is no terminal."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._is_terminal = sys.stderr.isatty()
        self._last = ""

    def show(self, stage: str, step: int, steps: int) -> None:
        filled = BAR_WIDTH * step // steps if steps else 0
        line = f"{stage:<10} [{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {step}/{steps or '?'}"
        if self._is_terminal:
            self._stream.write(f"\r{line}", ending="")
            self._stream.flush()
        elif stage != self._last or step == steps:
            self._stream.write(line)
        self._last = stage

    def close(self) -> None:
        if self._is_terminal and self._last:
            self._stream.write("")


def ground_of(prompt: Prompt) -> str:
    """The palest colour of the prompt's scene."""
    found = scene_find(prompt.text)
    colours = found[0].palette if found else (PLAIN_GROUND,)
    return max(colours, key=lambda colour: sum(bytes.fromhex(colour[1:])))


def size_read(text: str) -> tuple[int, int] | None:
    """ "512x256" or "512" in pixels; None for no wish. Raises CommandError."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", text)
    sides = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not all(16 <= side <= MAX_SIDE for side in sides):
        raise CommandError(f"--size must be WIDTHxHEIGHT with sides from 16 to {MAX_SIDE}.")
    return sides
