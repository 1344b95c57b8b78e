"""``manage.py statistics_pipeline_check``: the part of the self-check that writes; prints JSON.

Called by ``statistics_selfcheck`` with a database of its own. It refuses one that holds advertisers already.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Advertiser


class Command(BaseCommand):
    help = "Simulated shoppers through events, roll-ups, report and dashboard; into an empty database only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--experiments", type=int, default=20)
        parser.add_argument("--seed", type=int, default=20261123)

    def handle(self, *args: Any, **options: Any) -> None:
        from analytics.pipeline_check import pipeline_check

        if Advertiser.objects.exists():
            raise CommandError("This database holds advertisers; the check writes, and needs an empty one.")
        outcomes = pipeline_check(experiments=options["experiments"], seed=options["seed"])
        self.stdout.write(json.dumps([asdict(outcome) for outcome in outcomes]))
