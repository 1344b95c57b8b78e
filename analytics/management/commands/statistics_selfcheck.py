"""``manage.py statistics_selfcheck``: planted truths through the statistics, and what came out of it."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Measure false alarms under peeking, coverage, power and the sample-ratio check by simulation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--simulations", type=int, default=1000)
        parser.add_argument("--seed", type=int, default=20261123)
        parser.add_argument("--lift", type=float, default=0.1, help="the planted relative lift")

    def handle(self, *args: Any, **options: Any) -> None:
        from analytics.stats.simulation import selfcheck

        if not 1 <= options["simulations"] <= 100_000 or not 0.01 <= options["lift"] <= 5:
            raise CommandError("--simulations lies in 1..100000 and --lift in 0.01..5.")
        started = time.monotonic()
        outcomes = selfcheck(simulations=options["simulations"], seed=options["seed"], lift=options["lift"])
        width = max(len(outcome.name) for outcome in outcomes)
        for outcome in outcomes:
            band = f"{outcome.low * 100:5.1f} .. {outcome.high * 100:5.1f} %"
            word = "ok" if outcome.is_passed else "FAILED"
            note = f"  ({outcome.note})" if outcome.note else ""
            self.stdout.write(
                f"{outcome.name:<{width}}  {outcome.measured * 100:6.2f} %  {band}  {word}{note}"
            )
        seconds = time.monotonic() - started
        self.stdout.write(f"{options['simulations']} simulations in {seconds:.1f} s")
        if not all(outcome.is_passed for outcome in outcomes):
            raise CommandError("The statistics do not keep their promises.")
