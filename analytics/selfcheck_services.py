"""Runs of the statistics' self-check: asked for, measured beside the worker, kept with their date."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from adplatform import __version__
from adplatform.lib.commit import queue_on_commit
from analytics.models import SelfCheckRun
from analytics.stats.outcomes import Outcome

Status = SelfCheckRun.Status
SILENT_FOR = timedelta(hours=1)  # a batch takes minutes: who says nothing for so long is gone


def selfcheck_request(*, simulations: int, experiments: int, seed: int) -> SelfCheckRun:
    """Ask the worker for a run."""
    from analytics.tasks import selfchecks_start as wake_up

    run = _create(Status.WAITING, simulations=simulations, experiments=experiments, seed=seed)
    queue_on_commit(wake_up)
    return run


def selfcheck_begin(*, simulations: int, experiments: int, seed: int) -> SelfCheckRun:
    """A run that the caller measures itself."""
    return _create(Status.RUNNING, simulations=simulations, experiments=experiments, seed=seed)


def _create(status: str, *, simulations: int, experiments: int, seed: int) -> SelfCheckRun:
    return SelfCheckRun.objects.create(
        status=status,
        beat_at=timezone.now(),
        version=__version__,
        simulations=simulations,
        experiments=experiments,
        seed=seed,
    )


def selfchecks_start(*, now: datetime | None = None) -> int:
    """Start what waits, in a process of its own: the worker's next task must not wait for minutes.

    Returns how many were started. A run that died is called failed.
    """
    now = now or timezone.now()
    SelfCheckRun.objects.filter(status=Status.RUNNING, beat_at__lt=now - SILENT_FOR).update(
        status=Status.FAILED
    )
    waiting = SelfCheckRun.objects.filter(status=Status.WAITING)
    started = 0
    for pk in list(waiting.values_list("pk", flat=True)):
        # Guarded by the status: of two workers one wins.
        if waiting.filter(pk=pk).update(status=Status.RUNNING, beat_at=now):
            manage = str(Path(settings.BASE_DIR) / "manage.py")
            # In the worker's process group, so that it ends with the worker.
            subprocess.Popen(  # noqa: S603  (our own command)
                [sys.executable, manage, "statistics_selfcheck", "--run", str(pk)],
                stdout=subprocess.DEVNULL,
            )
            started += 1
    return started


def selfcheck_advance(run: SelfCheckRun, *, played: int) -> None:
    """So many experiments of each kind have gone through the pipeline."""
    SelfCheckRun.objects.filter(pk=run.pk).update(played=played, beat_at=timezone.now())


def selfcheck_finish(run: SelfCheckRun, *, outcomes: Sequence[Outcome], seconds: float) -> None:
    """What was measured; the page shows it from now on."""
    now = timezone.now()
    SelfCheckRun.objects.filter(pk=run.pk).update(
        status=Status.DONE,
        beat_at=now,
        ran_at=now,
        seconds=seconds,
        outcomes=[outcome.as_dict() for outcome in outcomes],
        is_passed=all(outcome.is_passed for outcome in outcomes),
    )


def selfcheck_fail(run: SelfCheckRun) -> None:
    """It broke off: nothing was measured."""
    SelfCheckRun.objects.filter(pk=run.pk).update(status=Status.FAILED, beat_at=timezone.now())
