"""``manage.py rollups_rebuild``: recompute roll-ups from the raw events."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Advertiser
from analytics.rollups import rollups_rebuild


class Command(BaseCommand):
    help = "Rebuild daily roll-ups from the events: all of them, or some days, or one advertiser's."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="start", type=date.fromisoformat, help="first day, 2026-11-01")
        parser.add_argument("--to", dest="end", type=date.fromisoformat, help="last day, 2026-11-30")
        parser.add_argument("--advertiser", help="slug of the advertiser")

    def handle(self, *args: Any, **options: Any) -> None:
        advertiser_id = None
        if options["advertiser"]:
            advertiser = Advertiser.objects.filter(slug=options["advertiser"]).first()
            if advertiser is None:
                raise CommandError(f"There is no advertiser {options['advertiser']!r}.")
            advertiser_id = advertiser.pk
        count = rollups_rebuild(advertiser_id=advertiser_id, start=options["start"], end=options["end"])
        self.stdout.write(f"{count} day(s) rebuilt.")
