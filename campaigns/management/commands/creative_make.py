"""manage.py creative_make --product ID --interest TEXT --out FOLDER: every size, from a shell."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from PIL import Image

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError
from campaigns.briefing import brief_make
from campaigns.models import Campaign, Product
from generation.briefs import Brief
from generation.composition import ComposedCreative, creatives_compose
from generation.composition.sizes import STANDARD_SIZES
from generation.composition.templates import templates_read
from generation.management.commands.text_to_image import ProgressBar
from generation.prompts import Prompt, prompt_build
from generation.renderers import renderer_get
from generation.renderers.base import RenderError, RenderRequest
from generation.styles import DEFAULT_STYLE, STYLES
from profiles.models import Segment
from profiles.taxonomy import INTERESTS
from profiles.text_mapping import mapper_get

MOST_INTERESTS = 3


class Command(BaseCommand):
    help = "Make a product's creatives in every size for an interest in words; writes files, no rows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--product", required=True, metavar="ID", help="the product's id in the feed")
        parser.add_argument("--interest", default="", help="what the shopper likes, in English or 中文")
        parser.add_argument("--out", required=True, type=Path, metavar="FOLDER")
        parser.add_argument("--advertiser", metavar="SLUG", help="needed when several have this product")
        parser.add_argument("--language", choices=Campaign.Language.values, default=Campaign.Language.ENGLISH)
        parser.add_argument("--style", choices=list(STYLES), default=DEFAULT_STYLE)
        parser.add_argument(
            "--template", choices=list(templates_read()), default="", help="default: by style"
        )
        parser.add_argument(
            "--model", choices=list(settings.GENERATION_MODELS), default=settings.GENERATION_DEFAULT_MODEL
        )
        parser.add_argument("--headline", default="", help="instead of one from the table of headlines")
        parser.add_argument("--take", type=int, default=0, help="another take gets another seed")

    def handle(self, *args: Any, **options: Any) -> None:
        product = product_find(options["product"], options["advertiser"])
        bar = ProgressBar(self.stderr)
        try:
            brief = brief_of(product, options)
            prompt = prompt_build(brief)
            self.show_brief(brief, prompt)
            started = time.monotonic()
            bar.show("loading", 0, 0)
            picture = picture_render(prompt, options["model"], bar)
            rendered = time.monotonic()
            composed = creatives_compose(
                brief=brief, picture=picture, on_size=lambda done, count: bar.show("composing", done, count)
            )
        except DomainError as error:
            raise CommandError(error.message) from None
        except RenderError as error:
            raise CommandError(f"{error} ({error.code})") from None
        finally:
            bar.close()
        files_write(composed, options["out"], product.external_id)
        for creative in composed:
            self.show_creative(creative)
        self.stdout.write(
            f"{len(composed)} files in {options['out']}: rendered in {rendered - started:.1f} s, "
            f"composed in {time.monotonic() - rendered:.1f} s"
        )

    def show_brief(self, brief: Brief, prompt: Prompt) -> None:
        interests = (
            ", ".join(interest.label_en for interest in brief.segment.interests) if brief.segment else ""
        )
        self.stdout.write(f"product    {brief.product.title}")
        self.stdout.write(f"interests  {interests or 'none: the generic creative'}")
        self.stdout.write(f"prompt     {prompt.text}")
        self.stdout.write(f"motif      {prompt.motif}")
        self.stdout.write(f"seed       {prompt.seed}")

    def show_creative(self, creative: ComposedCreative) -> None:
        inspection = creative.inspection
        remarks = f"  remarks: {', '.join(inspection['codes'])}" if inspection["codes"] else ""
        size = f"{creative.width}x{creative.height}"
        self.stdout.write(
            f"{size:>9}  {inspection['kilobytes']:6.1f} kB  contrast {inspection['contrast']:.1f}{remarks}"
        )


def product_find(external_id: str, slug: str | None) -> Product:
    """The product of that id. Raises CommandError when there is none, or several and no advertiser named."""
    if slug and not Advertiser.objects.filter(slug=slug).exists():
        raise CommandError(f"There is no advertiser {slug!r}.")
    found = Product.objects.select_related("advertiser").filter(external_id=external_id)
    products = list(found.filter(advertiser__slug=slug) if slug else found[:2])
    if not products:
        raise CommandError(f"There is no product {external_id!r}; import a feed with catalog_import first.")
    if len(products) > 1:
        raise CommandError(f"Several advertisers have a product {external_id!r}; name one with --advertiser.")
    return products[0]


def brief_of(product: Product, options: dict[str, Any]) -> Brief:
    """The brief of a campaign and a segment that exist only here. Raises CommandError, DomainError."""
    segment = None
    if options["interest"]:
        interests = list(mapper_get().map(options["interest"]))[:MOST_INTERESTS]
        if not interests:
            raise CommandError(f"No interest is known for {options['interest']!r}; try a plainer word.")
        first = INTERESTS[interests[0]]
        segment = Segment(
            advertiser=product.advertiser,
            name=first.label(options["language"]),
            slug=first.id,
            interests=interests,
        )
    campaign = Campaign(
        advertiser=product.advertiser,
        name="creative_make",
        language=options["language"],
        style=options["style"],
        template=options["template"],
        model=options["model"],
        headline=options["headline"],
    )
    return brief_make(
        campaign=campaign,
        product=product,
        segment=segment,
        sizes=STANDARD_SIZES,
        now=timezone.now(),
        take=options["take"],
    )


def picture_render(prompt: Prompt, model: str, bar: ProgressBar) -> Image.Image:
    """One picture of the model for the prompt. Raises RenderError."""
    side = settings.GENERATION_PICTURE_SIZE
    request = RenderRequest(
        prompt=prompt.text,
        motif=prompt.motif,
        seed=prompt.seed,
        width=side,
        height=side,
        negative_prompt=prompt.negative,
        steps=settings.GENERATION_STEPS or None,
    )
    return renderer_get(model).render(request, lambda step, steps: bar.show("rendering", step, steps)).image


def files_write(composed: list[ComposedCreative], folder: Path, external_id: str) -> None:
    """``<folder>/<id>-300x250.webp`` and so on. Raises CommandError."""
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in external_id)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for creative in composed:
            name = f"{stem}-{creative.width}x{creative.height}.{creative.extension}"
            (folder / name).write_bytes(creative.content)
    except OSError as error:
        raise CommandError(f"{folder} cannot be written: {error.strerror}.") from None
