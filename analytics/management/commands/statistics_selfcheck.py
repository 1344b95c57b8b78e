"""``manage.py statistics_selfcheck``: planted truths through the statistics, and what came out of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import SUPPRESS
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics import selfcheck_services
from analytics.models import SelfCheckRun

if TYPE_CHECKING:
    from analytics.pipeline_check import Tally
    from analytics.stats.outcomes import Outcome


class Command(BaseCommand):
    help = (
        "Measure false alarms under peeking, coverage, power, the split check and reconciliation: on arrays, "
        "and by simulated shoppers through decisions, events, roll-ups, stored reports and verdicts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--simulations", type=int, default=1000, help="on arrays, of each kind")
        parser.add_argument("--seed", type=int, default=20261123)
        parser.add_argument("--lift", type=float, default=0.1, help="the planted relative lift on arrays")
        parser.add_argument(
            "--pipeline", type=int, default=20, metavar="N",
            help="experiments of each kind through the product's own path; 0 for none",
        )  # fmt: skip
        parser.add_argument("--jobs", type=int, default=1, help="processes for the pipeline's experiments")
        parser.add_argument("--publish", action="store_true", help="show the outcome on the page under Trust")
        parser.add_argument(
            "--in-worker", action="store_true", help="ask the worker for it, publish it, and return at once"
        )
        parser.add_argument("--run", help=SUPPRESS)  # the worker's call: a run that was asked for

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["simulations"] <= 100_000 or not 0.01 <= options["lift"] <= 5:
            raise CommandError("--simulations lies in 1..100000 and --lift in 0.01..5.")
        if not 0 <= options["pipeline"] <= 10_000 or not 1 <= options["jobs"] <= 64:
            raise CommandError("--pipeline lies in 0..10000 and --jobs in 1..64.")
        asked = {
            "simulations": options["simulations"],
            "experiments": options["pipeline"],
            "seed": options["seed"],
        }
        if options["in_worker"]:
            selfcheck_services.selfcheck_request(**asked)
            self.stdout.write("The worker measures; the page Statistics shows how far it is.")
            return
        run = None
        if options["run"]:
            run = SelfCheckRun.objects.get(pk=options["run"])
            asked = {name: getattr(run, name) for name in asked}
            os.nice(19)  # pictures and reports come first
        elif options["publish"]:
            run = selfcheck_services.selfcheck_begin(**asked)
        try:
            outcomes = self._measure(run, asked, options["lift"], options["jobs"])
        except BaseException:
            if run is not None:
                selfcheck_services.selfcheck_fail(run)
            raise
        if not all(outcome.is_passed for outcome in outcomes):
            raise CommandError("The statistics do not keep their promises.")

    def _measure(
        self, run: SelfCheckRun | None, asked: dict[str, int], lift: float, jobs: int
    ) -> list[Outcome]:
        from analytics.stats.simulation import selfcheck

        def progress(played: int) -> None:
            self.stdout.write(f"{played} of {asked['experiments']} of each kind through the pipeline")
            if run is not None:
                selfcheck_services.selfcheck_advance(run, played=played)

        started = time.monotonic()
        outcomes = selfcheck(simulations=asked["simulations"], seed=asked["seed"], lift=lift)
        if asked["experiments"]:
            from analytics.pipeline_check import outcomes_of

            outcomes += outcomes_of(_pipeline(asked["experiments"], asked["seed"], jobs, progress))
        seconds = time.monotonic() - started
        self._print(outcomes)
        self.stdout.write(f"{seconds:.1f} s")
        if run is not None:
            selfcheck_services.selfcheck_finish(run, outcomes=outcomes, seconds=seconds)
        return outcomes

    def _print(self, outcomes: Sequence[Outcome]) -> None:
        width = max(len(outcome.name) for outcome in outcomes)
        for outcome in outcomes:
            found = outcome.as_dict()
            interval = f"({found['interval_low'] * 100:.1f} to {found['interval_high'] * 100:.1f})"
            band = f"{outcome.low * 100:5.1f} .. {outcome.high * 100:5.1f} %"
            word = "ok" if outcome.is_passed else "FAILED"
            note = f"  ({outcome.note})" if outcome.note else ""
            self.stdout.write(
                f"{outcome.source:<8}  {outcome.name:<{width}}  {outcome.measured * 100:6.2f} %  "
                f"{interval:<16} of {outcome.simulations}  {band}  {word}{note}"
            )


def _pipeline(experiments: int, seed: int, jobs: int, progress: Callable[[int], None]) -> Tally:
    """In processes and SQLite files of their own, which are gone afterwards: the check writes events."""
    from analytics.pipeline_check import Tally

    total, lock = Tally(), Lock()

    def add(tally: Tally) -> None:
        with lock:
            total.add(tally)
            progress(total.experiments)

    parts = [experiments // jobs + (part < experiments % jobs) for part in range(jobs)]
    with ThreadPoolExecutor(jobs) as threads:
        started = [threads.submit(_part, part, count, seed, add) for part, count in enumerate(parts) if count]
        for future in started:
            future.result()
    return total


def _part(part: int, experiments: int, seed: int, add: Callable[[Tally], None]) -> None:
    from analytics.pipeline_check import Tally

    with tempfile.TemporaryDirectory(prefix="selfcheck-") as folder:
        environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{folder}/selfcheck.sqlite3",
            "VAR_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "adplatform.settings",
        }
        manage = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py")]
        play = ["statistics_pipeline_check", "--experiments", str(experiments), "--seed", str(seed)]
        for command in (["migrate", "--verbosity", "0"], [*play, "--part", str(part)]):
            with (
                tempfile.TemporaryFile("w+") as errors,
                subprocess.Popen(  # noqa: S603  (our own command)
                    [*manage, *command], env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
                ) as process,
            ):
                assert process.stdout is not None  # noqa: S101
                for line in process.stdout:
                    if line.startswith('{"experiments"'):
                        add(Tally(**json.loads(line)))
                if process.wait():
                    errors.seek(0)
                    raise CommandError(f"{command[0]} failed: {errors.read().strip()[-1000:]}")
