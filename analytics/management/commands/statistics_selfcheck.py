"""``manage.py statistics_selfcheck``: planted truths through the statistics, and what came out of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

if TYPE_CHECKING:
    from analytics.stats.simulation import Outcome


class Command(BaseCommand):
    help = "Measure false alarms under peeking, coverage, power and the sample-ratio check by simulation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--simulations", type=int, default=1000)
        parser.add_argument("--seed", type=int, default=20261123)
        parser.add_argument("--lift", type=float, default=0.1, help="the planted relative lift")
        parser.add_argument(
            "--pipeline", type=int, default=0, metavar="N",
            help="also play N experiments of each kind through events, roll-ups and reports",
        )  # fmt: skip
        parser.add_argument("--publish", action="store_true", help="show the outcome on the page under Trust")

    def handle(self, *args: Any, **options: Any) -> None:
        from analytics.stats.simulation import selfcheck

        if not 1 <= options["simulations"] <= 100_000 or not 0.01 <= options["lift"] <= 5:
            raise CommandError("--simulations lies in 1..100000 and --lift in 0.01..5.")
        if not 0 <= options["pipeline"] <= 1000:
            raise CommandError("--pipeline lies in 0..1000.")
        started = time.monotonic()
        outcomes = selfcheck(simulations=options["simulations"], seed=options["seed"], lift=options["lift"])
        if options["pipeline"]:
            outcomes += _pipeline(options["pipeline"], options["seed"])
        seconds = time.monotonic() - started
        self._print(outcomes)
        self.stdout.write(f"{options['simulations']} simulations in {seconds:.1f} s")
        if options["publish"]:
            _publish(outcomes, options["seed"], seconds)
        if not all(outcome.is_passed for outcome in outcomes):
            raise CommandError("The statistics do not keep their promises.")

    def _print(self, outcomes: Sequence[Outcome]) -> None:
        width = max(len(outcome.name) for outcome in outcomes)
        for outcome in outcomes:
            band = f"{outcome.low * 100:5.1f} .. {outcome.high * 100:5.1f} %"
            word = "ok" if outcome.is_passed else "FAILED"
            note = f"  ({outcome.note})" if outcome.note else ""
            self.stdout.write(
                f"{outcome.name:<{width}}  {outcome.measured * 100:6.2f} %  {band}  {word}{note}"
            )


def _pipeline(experiments: int, seed: int) -> list[Outcome]:
    """In a process and an SQLite file of its own, which are gone afterwards: the check writes events."""
    from analytics.stats.simulation import Outcome

    with tempfile.TemporaryDirectory(prefix="selfcheck-") as folder:
        environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{folder}/selfcheck.sqlite3",
            "VAR_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "adplatform.settings",
        }
        manage = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py")]
        commands = (
            ["migrate", "--verbosity", "0"],
            ["statistics_pipeline_check", "--experiments", str(experiments), "--seed", str(seed)],
        )
        for command in commands:
            done = subprocess.run(  # noqa: S603  (our own command)
                [*manage, *command], env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise CommandError(f"{command[0]} failed: {done.stderr.strip()[-1000:]}")
        return [Outcome(**row) for row in json.loads(done.stdout.strip().splitlines()[-1])]


def _publish(outcomes: Sequence[Outcome], seed: int, seconds: float) -> None:
    from analytics.models import SelfCheckRun

    SelfCheckRun.objects.create(
        ran_at=timezone.now(),
        seconds=seconds,
        seed=seed,
        outcomes=[
            asdict(outcome) | {"measured": float(outcome.measured), "is_passed": bool(outcome.is_passed)}
            for outcome in outcomes
        ],
        is_passed=all(outcome.is_passed for outcome in outcomes),
    )
