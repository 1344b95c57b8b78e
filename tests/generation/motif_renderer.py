"""A renderer of milliseconds: real pictures, real steps, and a hook to misbehave in."""

from __future__ import annotations

from PIL import Image, ImageDraw

from generation import execution, queue
from generation.models import RenderJob
from generation.renderers.base import RenderResult


def job_through(job: RenderJob) -> RenderJob:
    """The only waiting job, claimed and run to its end by a worker."""
    claimed = queue.job_claim(worker="w", now=queue.clock(), model="")
    assert claimed is not None
    assert claimed[0].pk == job.pk
    assert execution.job_run(*claimed, execution.Watch(claimed[1])) == "succeeded"
    job.refresh_from_db()
    return job


class MotifRenderer:
    """Draws a disc on a transparent ground in four steps; ``before_step`` may do or raise anything."""

    def __init__(self, before_step=None, mode="RGBA", is_blank=False):
        self.before_step = before_step or (lambda step: None)
        self.mode = mode
        self.is_blank = is_blank
        self.renders = 0

    def render(self, request, on_step):
        self.renders += 1
        self.request = request
        for step in range(1, 5):
            self.before_step(step)
            on_step(step, 4)
        image = Image.new(self.mode, (64, 64), (0, 0, 0, 0) if self.mode == "RGBA" else "#204060")
        if not self.is_blank:
            ImageDraw.Draw(image).ellipse((8, 8, 56, 56), fill="#3f7f73")
        return RenderResult(image=image, model="tiny", model_hash="f" * 64, steps=4)
