"""manage.py creatives_audit [--advertiser SLUG]: every stored file, its hash, label, marking and weight."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Advertiser
from generation.audit import files_audit

MOST_LINES = 50  # the rest is counted


class Command(BaseCommand):
    help = "Look again at every stored creative and raw render; exits with 1 when anything is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--advertiser", metavar="SLUG", help="only this advertiser's files")

    def handle(self, *args: Any, **options: Any) -> None:
        advertiser_id = None
        if options["advertiser"]:
            advertiser = Advertiser.objects.filter(slug=options["advertiser"]).first()
            if advertiser is None:
                raise CommandError(f"There is no advertiser {options['advertiser']!r}.", returncode=2)
            advertiser_id = advertiser.pk
        looked, wrong = 0, 0
        codes: Counter[str] = Counter()
        for file in files_audit(advertiser_id=advertiser_id):
            looked += 1
            if not file.findings:
                continue
            wrong += 1
            codes.update(finding.value for finding in file.findings)
            if wrong <= MOST_LINES:
                self.stdout.write(f"{', '.join(file.findings)}  {file.owner}  {file.name}")
        if wrong > MOST_LINES:
            self.stdout.write(f"... and {wrong - MOST_LINES} more files")
        for code, count in codes.most_common():
            self.stdout.write(f"{count:8}  {code}")
        self.stdout.write(f"{looked} files, {wrong} with findings")
        if wrong:
            raise CommandError("The audit found something.", returncode=1)
