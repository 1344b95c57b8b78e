"""One render from a claimed job to stored creatives, with a heartbeat that is tied to real progress.

Runs in the worker's child. Nothing here decides a state: it calls the guarded updates of
``generation.queue`` and throws its work away when they say that the lease is gone.
"""

from __future__ import annotations

import errno
import io
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connections
from PIL import Image
from structlog.contextvars import bound_contextvars

from adplatform.lib.failpoints import failpoint
from adplatform.lib.files import content_store
from adplatform.lib.tracing import span
from generation import provenance, queue
from generation.briefs import Brief
from generation.drawing import Drawn, picture_draw
from generation.models import Creative, RenderJob
from generation.renderers import renderer_get
from generation.renderers.base import RenderCancelled, RenderError

log = structlog.get_logger(__name__)

WRITE_SECONDS = 0.5  # at most two progress writes a second
Clock = Callable[[], datetime]


class LeaseLost(RenderCancelled):
    """Another worker holds the job now."""


class ShuttingDown(RenderCancelled):
    """This worker was told to stop."""


def never() -> bool:
    """The default answer to "are we stopping?"."""
    return False


class Watch:
    """Keeps a lease alive while the render moves, shows its progress, says when to stop.

    The heartbeat renews at a third of the lease, and only while something moved within the stage's
    deadline: a hung sampler loses its job. ``on_hang`` then ends the process, which a hung call into a
    driver would otherwise hold for ever.
    """

    def __init__(
        self,
        lease: queue.Lease,
        *,
        stopping: Callable[[], bool] = never,
        on_hang: Callable[[], None] | None = None,
        clock: Clock = queue.clock,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        self._lease = lease
        self._stopping = stopping
        self._on_hang = on_hang
        self._clock = clock
        self._write_seconds = write_seconds
        self._is_lost = False
        self._over = threading.Event()
        self._stage = "loading"
        self._deadline = float(settings.GENERATION_LOAD_DEADLINE_SECONDS)
        self._moved_at = time.monotonic()
        self._beats_since_move = 0
        self._written_at = 0.0
        self._thread = threading.Thread(target=self._beat_until_over, name="render-heartbeat", daemon=True)

    def __enter__(self) -> Watch:
        if not self._thread.is_alive():  # a microbatch begins to watch before its jobs are run one by one
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(timeout=5)

    def moved(self) -> None:
        """Something moved for this job, though it was another one's turn."""
        self._moved_at, self._beats_since_move = time.monotonic(), 0

    def enter(self, stage: str) -> None:
        """A new stage begins. Raises as ``on_step`` does."""
        self._stage = stage
        self._deadline = float(settings.GENERATION_STEP_DEADLINE_SECONDS)
        self._written_at = 0.0  # a new stage is always shown
        self.on_step(0, 0)

    def on_step(self, step: int, steps: int) -> None:
        """The renderer's callback. Raises RenderCancelled or one of its kinds to stop the sampler."""
        failpoint("step")
        self.moved()
        now = self._moved_at
        if self._is_lost:
            raise LeaseLost
        if self._stopping():
            raise ShuttingDown
        if now - self._written_at < self._write_seconds and step != steps:
            return
        self._written_at = now
        progress = queue.progress_write(lease=self._lease, stage=self._stage, step=step, steps=steps)
        if not progress.is_held:
            raise LeaseLost
        if progress.cancel_requested:
            raise RenderCancelled

    def beat(self) -> bool:
        """One heartbeat; False ends them."""
        self._beats_since_move += 1
        # Counted in beats as well, so that a process which was frozen as a whole (a paused machine) does
        # not take its own sleep for a hung sampler when it wakes.
        stalled = min(
            time.monotonic() - self._moved_at,
            self._beats_since_move * settings.GENERATION_LEASE_SECONDS / 3,
        )
        if stalled > self._deadline:
            self._is_lost = True
            status = queue.job_crash(
                lease=self._lease,
                now=self._clock(),
                code="step_stalled",
                message=f"Nothing moved for {stalled:.0f} s while {self._stage}.",
                jitter=random.random(),
            )
            log.error("render_stalled", job=str(self._lease.job_id), stage=self._stage, status=status)
            if self._on_hang is not None:
                self._on_hang()
            return False
        if not self._is_lost and not queue.lease_renew(lease=self._lease, now=self._clock()):
            self._is_lost = True  # the next step stops the sampler; should none come, it hangs
        return True

    def _beat_until_over(self) -> None:
        try:
            while not self._over.wait(settings.GENERATION_LEASE_SECONDS / 3):
                try:
                    if not self.beat():
                        return
                except Exception:  # a busy database must not end the heartbeat; the next beat tries again
                    log.exception("heartbeat_failed", job=str(self._lease.job_id))
        finally:
            connections.close_all()  # this thread's own


def job_run(
    job: RenderJob,
    lease: queue.Lease,
    watch: Watch,
    *,
    drawn: Drawn | None = None,
    clock: Clock = queue.clock,
) -> str:
    """Render and compose one claimed job and write how it ended; the outcome in a word.

    ``drawn`` is its picture where a microbatch has drawn it already.

    Leaves the exceptions that end a process (SystemExit, KeyboardInterrupt) to go on after the lease
    was given back.
    """
    try:
        with bound_contextvars(job=str(job.pk)), watch:
            failpoint("claimed")
            picture, creatives = _make(job, watch, drawn)
        failpoint("stored")
        if queue.job_finish(lease=lease, now=clock(), picture=picture, creatives=creatives):
            failpoint("finished")
            return "succeeded"
        # Either the lease went to another worker or a cancel arrived behind the last step.
        return "cancelled" if queue.job_stop(lease=lease, now=clock()) else _lost(lease)
    except LeaseLost:
        return _lost(lease)
    except ShuttingDown:
        return "released" if queue.job_release(lease=lease, now=clock()) else _lost(lease)
    except RenderCancelled:
        return "cancelled" if queue.job_stop(lease=lease, now=clock()) else _lost(lease)
    except RenderError as error:
        return _failed(lease, clock, error.code, str(error), permanent=error.permanent)
    except SoftTimeLimitExceeded:
        return job_time_out(lease, clock=clock)
    except MemoryError:
        return _failed(lease, clock, "out_of_memory", "The machine has not enough memory for this model.")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _failed(lease, clock, "storage_full", "The disk is full.", is_counted=False)
        log.exception("render_failed", job=str(job.pk))
        return _failed(lease, clock, "storage_error", f"{type(error).__name__}: {error}")
    except Exception as error:  # whatever a model or a codec throws is a failed render, not a dead worker
        log.exception("render_failed", job=str(job.pk))
        return _failed(lease, clock, _code_of(error), f"{type(error).__name__}: {error}")
    except BaseException:
        queue.job_release(lease=lease, now=clock())
        raise


def job_time_out(lease: queue.Lease, *, clock: Clock = queue.clock) -> str:
    """The time limit came before the job's end; the outcome in a word."""
    return _failed(lease, clock, "render_timeout", "The render took longer than the time limit.")


def _make(job: RenderJob, watch: Watch, drawn: Drawn | None) -> tuple[queue.Picture, list[Creative]]:
    # With these comes composition: imported here, so that a worker's parent stays light.
    from generation.creative_files import creative_store
    from generation.redrawing import picture_settle, prompt_refuse_unsafe

    if job.checks is not None:
        return _recheck(job, job.checks, watch, drawn), []
    prompt_refuse_unsafe(job)
    brief = Brief.from_dict(job.brief)
    settled = picture_settle(job, watch, drawn)
    drawn = settled.drawn
    with span("render.store"):
        content = _labelled_png(drawn.image, job.fingerprint, brief.brand.name)
        name, digest = content_store(content, folder="renders", extension="png")
        creatives = [
            Creative(
                advertiser_id=job.advertiser_id,
                job=job,
                width=composed.width,
                height=composed.height,
                **creative_store(composed, settled.brief),
            )
            for composed in settled.composed
        ]
    watch.on_step(len(creatives), len(creatives))
    details = {**drawn.details, **settled.details}
    picture = queue.Picture(name, digest, drawn.model_hash, drawn.render_ms, drawn.match_score, details)
    return picture, creatives


def _recheck(job: RenderJob, original: RenderJob, watch: Watch, drawn: Drawn | None) -> queue.Picture:
    """The picture that was kept, drawn again and compared."""
    from generation.rechecking import render_compare

    first_seed = original.render_details.get("first_seed", job.seed)
    if drawn is None or first_seed != job.seed:  # a microbatch draws what the brief asked for first
        job.seed = first_seed
        watch.enter("rendering")
        drawn = picture_draw(job, renderer_get(job.model), watch.on_step)
    content = _labelled_png(drawn.image, original.fingerprint, Brief.from_dict(job.brief).brand.name)
    name, digest = content_store(content, folder="renders", extension="png")
    watch.enter("composing")
    comparison = render_compare(original, drawn, digest, watch.on_step)
    return queue.Picture(
        name, digest, drawn.model_hash, drawn.render_ms, drawn.match_score, drawn.details, comparison
    )


def _labelled_png(image: Image.Image, content_id: str, producer: str) -> bytes:
    """The raw picture without loss, with the AI marking in its metadata.

    It never leaves the house and carries no signature, whose random part would give equal pictures
    unequal bytes.
    """
    content_id = content_id[:32]
    seal = provenance.content_seal(content_id, provenance.pixels_sha256(image))
    packet = provenance.packet_make(content_id=content_id, producer=producer, seal=seal)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **provenance.packet_save_options(packet, "png"))
    return buffer.getvalue()


def _lost(lease: queue.Lease) -> str:
    log.warning("lease_lost", job=str(lease.job_id), epoch=lease.epoch)
    return "lost"


def _code_of(error: Exception) -> str:
    # torch.OutOfMemoryError and its CUDA kin, known by name so that this module needs no torch.
    return "out_of_memory" if "OutOfMemory" in type(error).__name__ else "internal_error"


def _failed(
    lease: queue.Lease,
    clock: Clock,
    code: str,
    message: str,
    *,
    permanent: bool = False,
    is_counted: bool = True,
) -> str:
    status = queue.job_fail(
        lease=lease,
        now=clock(),
        code=code,
        message=message,
        permanent=permanent,
        jitter=random.random(),
        is_counted=is_counted,
    )
    if status is None:
        return _lost(lease)
    log.warning("render_error", job=str(lease.job_id), code=code, status=status)
    return status
