"""Several claimed jobs of one model: drawn in one pass, then composed and finished one by one.

Each job keeps a lease, a heartbeat and an outcome of its own. A microbatch is only a faster way to draw:
whatever goes wrong in it, its jobs are then drawn alone, so that one of them cannot sink the others. What
one click asks for is something else: a ``RenderBatch``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import UUID

import structlog
from billiard.exceptions import SoftTimeLimitExceeded

from adplatform.lib.tracing import span
from generation import queue
from generation.drawing import Drawn, picture_choose, requests_make
from generation.execution import ShuttingDown, Watch, job_run, job_time_out
from generation.models import RenderJob
from generation.renderers import renderer_get
from generation.renderers.base import RenderCancelled, RenderError

log = structlog.get_logger(__name__)

Watched = tuple[RenderJob, queue.Lease, Watch]


def microbatch_run(microbatch: list[Watched]) -> Iterator[tuple[RenderJob, str, int]]:
    """Run claimed jobs to their ends; each with its outcome in a word and the milliseconds of its turn.

    The exceptions that end a process go on after every lease was given back.
    """
    waiting = list(microbatch)
    try:
        with ExitStack() as watches:
            for _, _, watch in microbatch if len(microbatch) > 1 else ():
                watches.enter_context(watch)
            drawn = microbatch_draw(microbatch) if len(microbatch) > 1 else {}
            while waiting:
                job, lease, watch = waiting.pop(0)
                started = time.monotonic()
                with span("render", {"job": str(job.pk), "model": job.model}) as note:
                    outcome = job_run(job, lease, watch, drawn=drawn.get(job.pk))
                    note({"outcome": outcome})
                for _, _, other in waiting:
                    other.moved()
                yield job, outcome, round((time.monotonic() - started) * 1000)
    except SoftTimeLimitExceeded:
        for job, lease, _ in waiting:
            yield job, job_time_out(lease), 0
    except BaseException:
        for _, lease, _ in waiting:
            queue.job_release(lease=lease, now=queue.clock())
        raise


def microbatch_draw(microbatch: list[Watched]) -> dict[UUID, Drawn]:
    """The pictures of a microbatch by job. A job that is not among them is to be drawn alone: its own render
    then says what is wrong, or that it was cancelled."""
    started = time.monotonic()
    going = {job.pk: watch for job, _, watch in microbatch}

    def on_step(step: int, steps: int) -> None:
        for pk, watch in list(going.items()):
            try:
                watch.on_step(step, steps)
            except ShuttingDown:
                raise
            except RenderCancelled:  # this one's lease or wish is gone; its row runs on
                del going[pk]
        if not going:
            raise RenderCancelled

    try:
        renderer = renderer_get(microbatch[0][0].model)
        for _, _, watch in microbatch:
            watch.enter("rendering")
        requests = {job.pk: requests_make(job) for job, _, _ in microbatch}
        with span("render.draw", {"jobs": len(microbatch)}):
            results = iter(renderer.render_many([one for each in requests.values() for one in each], on_step))
    except RenderCancelled:
        return {}
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        log.warning("microbatch_failed", jobs=len(microbatch), error=f"{type(error).__name__}: {error}")
        return {}
    drawn = {}
    share_ms = round((time.monotonic() - started) * 1000 / len(microbatch))
    for job, _, _ in microbatch:
        own = [next(results) for _ in requests[job.pk]]
        if job.pk in going:
            try:
                drawn[job.pk] = picture_choose(job, requests[job.pk], own, share_ms)
            except RenderError as error:
                log.warning("microbatch_picture_refused", job=str(job.pk), code=error.code)
    return drawn
