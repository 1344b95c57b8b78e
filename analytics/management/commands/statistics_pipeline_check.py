"""``manage.py statistics_pipeline_check``: the self-check's part that writes; a JSON line a batch.

Called by ``statistics_selfcheck`` with a database of its own. It refuses one that holds advertisers already.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Advertiser


class Command(BaseCommand):
    help = "Simulated shoppers through decisions, events, roll-ups and reports; into an empty database only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--experiments", type=int, default=20, help="of each kind")
        parser.add_argument("--seed", type=int, default=20261123)
        parser.add_argument("--part", type=int, default=0, help="tells the processes of one run apart")

    def handle(self, *args: Any, **options: Any) -> None:
        from analytics.pipeline_check import BATCH, batch_check

        if Advertiser.objects.exists():
            raise CommandError("This database holds advertisers; the check writes, and needs an empty one.")
        for start in range(0, options["experiments"], BATCH):
            tally = batch_check(
                experiments=min(BATCH, options["experiments"] - start),
                seed=options["seed"],
                number=options["part"] * 1000 + start // BATCH,
            )
            self.stdout.write(json.dumps(asdict(tally)))
            self.stdout.flush()
