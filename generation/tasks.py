"""Background work of generation. A message only says "look at the queue": losing or doubling it is harmless.

The Celery parent imports this file and forks; only its child ever loads an image model.
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
import time
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

from generation import drafts, queue, services
from generation.media_sweep import media_sweep as media_sweep_now

# Other work (roll-ups, segments) shares the worker: after so long the next message gets its turn.
WAKE_SECONDS = 20.0
# Shared between the parent, which hears of a shutdown, and the child, which must give its lease back.
_stop_flag = mmap.mmap(-1, 1)


@worker_shutting_down.connect
def _on_shutdown(**kwargs: Any) -> None:
    _stop_flag[0] = 1


@worker_ready.connect
def _on_ready(**kwargs: Any) -> None:
    """Whatever a crash left is looked at now, not at the first beat. Sent as a message: the parent
    must not open a database connection that later children would inherit."""
    render_sweep.apply_async(retry=False)


def is_stopping() -> bool:
    """Whether this worker was told to shut down."""
    return _stop_flag[0] == 1


@shared_task(name="generation.tasks.render_wake", ignore_result=True)
def render_wake(job_id: str = "") -> None:
    """Work the queue for a while. ``job_id`` is for the log only: any due job may come first.

    When more is due than one worker is about to take, one more wake-up goes out first: an idle worker
    joins in at once, and with a single worker exactly one message waits behind this one.
    """
    services.render_sweep(now=queue.clock())
    if queue.jobs_due(now=queue.clock())[:2].count() > 1:
        render_wake.apply_async(retry=False)
    _work(WAKE_SECONDS)


@shared_task(name="generation.tasks.render_sweep", ignore_result=True, expires=30)
def render_sweep() -> None:
    """Heal what crashes left and wake a render worker: a lost wake-up costs at most one period of the beat.

    The message expires, so that a day without a render worker piles up nothing.
    """
    services.render_sweep(now=queue.clock())
    if queue.jobs_due(now=queue.clock()).exists():
        render_wake.apply_async(retry=False, expires=WAKE_SECONDS)
    if drafts.drafts_waiting():
        draft_wake.apply_async(retry=False, expires=WAKE_SECONDS)


@shared_task(name="generation.tasks.media_sweep", ignore_result=True, expires=600)
def media_sweep() -> None:
    """Delete files that nobody needs."""
    media_sweep_now(now=time.time())


@shared_task(name="generation.tasks.draft_wake", ignore_result=True, expires=60)
def draft_wake(draft_id: str = "") -> None:
    """Draw the drafts that wait. ``draft_id`` is for the log only."""
    drafts.drafts_make()


def _work(seconds: float) -> None:
    worker = f"{socket.gethostname()}:{os.getpid()}"
    until = time.monotonic() + seconds
    while time.monotonic() < until and not is_stopping():
        drafts.drafts_make()  # somebody is looking at the page: they go before the next picture
        if not services.render_execute(worker, stopping=is_stopping, on_hang=_kill_self):
            return


def _kill_self() -> None:
    # A call that hangs in a driver hears no exception; the parent starts a new child at once.
    os.kill(os.getpid(), signal.SIGKILL)
