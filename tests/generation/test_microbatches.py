"""Several jobs in one pass of a model; one of them goes wrong and the others do not notice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.utils import timezone
from PIL import Image, ImageDraw

from generation import queue, services
from generation.models import RenderJob
from generation.renderers.base import RenderError, RenderResult

Status = RenderJob.Status
pytestmark = pytest.mark.django_db


class PassRenderer:
    """Draws discs; ``before_step`` may do or raise anything, given the requests of the pass."""

    def __init__(self, before_step=None):
        self.before_step = before_step or (lambda requests: None)
        self.passes = []

    def render(self, request, on_step):
        return self.render_many([request], on_step)[0]

    def render_many(self, requests, on_step):
        self.passes.append(len(requests))
        for step in (1, 2):
            self.before_step(requests)
            on_step(step, 2)
        return [RenderResult(self._disc(request.seed), "tiny", "f" * 64, 2) for request in requests]

    @staticmethod
    def _disc(seed):
        image = Image.new("RGBA", (64, 64))
        ImageDraw.Draw(image).ellipse((8, 8, 56, 56), fill=(seed % 256, 120, 90))
        return image


@pytest.fixture(autouse=True)
def four_together(settings):
    settings.GENERATION_MICROBATCH = 4


@pytest.fixture
def jobs(shop, brief):
    return [
        services.render_request(advertiser=shop, brief=replace(brief, sizes=((320, 50),), take=take))
        for take in range(3)
    ]


def states(jobs) -> list[str]:
    return [RenderJob.objects.get(pk=job.pk).status for job in jobs]


def test_waiting_jobs_of_one_model_are_one_pass_and_each_its_own_row(jobs, install):
    renderer = install(PassRenderer())
    assert services.render_execute("a")
    assert renderer.passes == [3]
    assert states(jobs) == [Status.SUCCEEDED] * 3
    rows = [RenderJob.objects.get(pk=job.pk) for job in jobs]
    assert len({row.picture_sha256 for row in rows}) == 3
    assert [row.render_details["seed"] for row in rows] == [row.seed for row in rows]
    assert [row.creatives.count() for row in rows] == [1] * 3
    assert [row.tries.get().outcome for row in rows] == ["succeeded"] * 3
    assert not services.render_execute("a")


def test_what_one_pass_cannot_draw_together_waits_for_its_turn(shop, brief, jobs, install, settings):
    settings.GENERATION_MODELS = {**settings.GENERATION_MODELS, "other": "/nowhere/other"}
    apart = [
        services.render_request(advertiser=shop, brief=replace(brief, **change))
        for change in (
            {"model": "other"},
            {"keeps_product": True},
            {"brand": replace(brief.brand, lora="house-style")},
        )
    ]
    install(PassRenderer())
    assert services.render_execute("a")
    assert states(jobs) == [Status.SUCCEEDED] * 3
    assert states(apart) == [Status.QUEUED] * 3


def test_a_job_that_fails_does_not_sink_the_microbatch(jobs, install):
    bad = jobs[1].seed

    def poison(requests):
        if any(request.seed == bad for request in requests):
            raise RenderError("unsafe_picture", "No.", permanent=True)

    renderer = install(PassRenderer(poison))
    services.render_execute("a")
    assert renderer.passes == [3, 1, 1, 1], "together, then each alone"
    assert states(jobs) == [Status.SUCCEEDED, Status.REJECTED, Status.SUCCEEDED]


def test_a_cancelled_job_leaves_the_microbatch_and_the_others_finish(shop, jobs, install):
    def cancel(requests):
        if RenderJob.objects.get(pk=jobs[2].pk).status == Status.LEASED:
            services.render_cancel(advertiser=shop, job_id=jobs[2].pk)

    renderer = install(PassRenderer(cancel))
    services.render_execute("a")
    assert renderer.passes == [3]
    assert states(jobs) == [Status.SUCCEEDED, Status.SUCCEEDED, Status.CANCELLED]


def test_a_lease_that_moves_on_mid_pass_is_respected(jobs, install):
    def freeze(requests):
        RenderJob.objects.filter(pk=jobs[0].pk, status=Status.LEASED).update(
            lease_expires_at=timezone.now().replace(year=2000)
        )
        queue.leases_expire(now=timezone.now(), jitter=0.5)

    install(PassRenderer(freeze))
    services.render_execute("a")
    first, *others = states(jobs)
    assert others == [Status.SUCCEEDED] * 2
    assert first == Status.QUEUED, "counted as a crash, to be claimed again"
    assert RenderJob.objects.get(pk=jobs[0].pk).creatives.count() == 0


def test_a_shutdown_gives_every_lease_back(jobs, install):
    renderer = install(PassRenderer())
    stops = iter([False] * 4 + [True] * 100)  # the four: three stages and a step
    services.render_execute("a", stopping=lambda: next(stops))
    assert renderer.passes == [3]
    assert states(jobs) == [Status.QUEUED] * 3
    assert {RenderJob.objects.get(pk=job.pk).attempts for job in jobs} == {0}


@pytest.mark.parametrize(
    ("error", "raised", "attempts"), [(SystemExit(), SystemExit, 0), (SoftTimeLimitExceeded(), None, 1)]
)
def test_the_end_of_the_process_or_of_its_time_leaves_no_lease(jobs, install, error, raised, attempts):
    def end(requests):
        raise error

    install(PassRenderer(end))
    if raised:
        with pytest.raises(raised):
            services.render_execute("a")
    else:
        services.render_execute("a")
    assert states(jobs) == [Status.QUEUED] * 3
    assert {RenderJob.objects.get(pk=job.pk).attempts for job in jobs} == {attempts}
