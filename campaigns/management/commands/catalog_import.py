"""manage.py catalog_import FILE --advertiser SLUG: a product feed from this machine into the catalogue."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Advertiser
from campaigns.catalog_services import catalog_apply, catalog_preview_file
from campaigns.models import CatalogImport


class Command(BaseCommand):
    help = "Import a product feed (TSV, CSV, RSS or Atom XML, JSON lines) with the pictures beside it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the feed, with Google Merchant Center's column names")
        parser.add_argument("--advertiser", required=True, metavar="SLUG", help="whose catalogue it is")
        parser.add_argument(
            "--images", type=Path, metavar="DIR", help="pictures' folder; default: the feed's"
        )
        parser.add_argument("--preview", action="store_true", help="say what would happen; change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        advertiser = Advertiser.objects.filter(slug=options["advertiser"]).first()
        if advertiser is None:
            raise CommandError(f"There is no advertiser {options['advertiser']!r}.")
        folder: Path | None = options["images"]
        if folder is not None and not folder.is_dir():
            raise CommandError(f"{folder} is not a folder.")
        try:
            record, images = catalog_preview_file(
                advertiser=advertiser, path=options["file"], images_dir=folder
            )
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from None
        if record.status != CatalogImport.Status.FAILED and not options["preview"]:
            record = catalog_apply(catalog_import=record, images=images, progress=self.show_progress)
        self.report(record)

    def show_progress(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            bar = "█" * (30 * done // total)
            self.stderr.write(f"\r{bar:<30} {done} of {total} pictures", ending="")
            if done == total:
                self.stderr.write("")

    def report(self, record: CatalogImport) -> None:
        if record.status == CatalogImport.Status.FAILED:
            raise CommandError(f"{record.error_message} ({record.error_code})")
        for problem in record.problems:
            row = f" {problem['external_id']}" if problem["external_id"] else ""
            said = f"{problem['severity']}: {problem['message']} ({problem['code']})"
            self.stderr.write(f"line {problem['line']}{row}: {said}")
        would = "" if record.status == CatalogImport.Status.APPLIED else " (preview, nothing was changed)"
        self.stdout.write(
            f"{record.total} rows: {record.created} created, {record.updated} updated, "
            f"{record.unchanged} unchanged, {record.failed} failed{would}"
        )
