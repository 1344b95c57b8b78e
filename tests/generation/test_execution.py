"""One job from claim to creatives, with real composition and renderers that misbehave on purpose."""

from __future__ import annotations

import errno
import io
import threading
import time
from datetime import timedelta

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.utils import timezone
from PIL import Image

from adplatform.lib.files import content_read, sha256_hex
from generation import provenance, queue, renderers, services
from generation.execution import LeaseLost, ShuttingDown, Watch, job_run
from generation.models import RenderJob
from generation.renderers.base import RenderCancelled, RenderError
from tests.generation.motif_renderer import MotifRenderer

Status = RenderJob.Status
pytestmark = pytest.mark.django_db


@pytest.fixture
def job(shop, brief) -> RenderJob:
    return services.render_request(advertiser=shop, brief=brief)


def claim(worker="a"):
    claimed = queue.job_claim(worker=worker, now=timezone.now())
    assert claimed is not None
    return claimed


def lease_runs_out(job):
    """Time passes while a worker is frozen, and the sweep comes by."""
    RenderJob.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert queue.leases_expire(now=timezone.now(), jitter=0.5) == 1


def run(job, lease, **fields) -> str:
    return job_run(job, lease, Watch(lease, write_seconds=0, **fields))


@pytest.mark.parametrize("mode", ["RGBA", "RGB"])
def test_a_job_becomes_stored_creatives_in_review(job, install, mode):
    install(MotifRenderer(mode=mode))
    assert services.render_execute("a")
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED, (job.error_code, job.error_message)
    assert sorted(creative.size for creative in job.creatives.all()) == ["300x250", "320x50"]
    for creative in job.creatives.all():
        content = content_read(creative.file)
        assert sha256_hex(content) == creative.sha256
        assert len(content) == creative.byte_count
        assert (creative.status, creative.advertiser_id) == ("in_review", job.advertiser_id)
        assert creative.headline
        assert creative.alt_text
    raw = content_read(job.picture)
    assert sha256_hex(raw) == job.picture_sha256
    with Image.open(io.BytesIO(raw)) as picture:
        assert picture.mode == mode
        assert provenance.marking_read(picture) is not None, "the raw picture says that a machine made it"
    assert (job.step, job.steps, job.stage, job.model_hash) == (2, 2, "", "f" * 64)
    assert job.render_ms is not None
    assert not services.render_execute("a"), "nothing is left to do"


def test_a_real_diffusion_model_makes_creatives(shop, tiny_model):
    from tests import factories

    job = factories.make_render_job(shop, model=tiny_model)
    assert services.render_execute("a")
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED, (job.error_code, job.error_message)
    assert job.creatives.count() == 2


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RenderError("missing_glyph", "No letter.", permanent=True), Status.REJECTED, "missing_glyph"),
        (RenderError("hub_away", "Later.", permanent=False), Status.QUEUED, "hub_away"),
        (SoftTimeLimitExceeded(), Status.QUEUED, "render_timeout"),
        (MemoryError(), Status.QUEUED, "out_of_memory"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), Status.QUEUED, "out_of_memory"),
        (OSError(errno.ENOSPC, "No space"), Status.QUEUED, "storage_full"),
        (PermissionError(13, "media"), Status.QUEUED, "storage_error"),
        (ZeroDivisionError("in the model"), Status.QUEUED, "internal_error"),
    ],
)
def test_every_failure_has_a_code_and_leaves_no_creative(job, install, error, status, code):
    def fail(step):
        raise error

    install(MotifRenderer(fail))
    assert services.render_execute("a")
    job.refresh_from_db()
    assert (job.status, job.error_code) == (status, code)
    assert job.attempts == (0 if code == "storage_full" else 1)
    assert job.creatives.count() == 0
    assert job.tries.get().error_code == code


@pytest.mark.parametrize("mode", ["RGBA", "RGB"])
def test_an_empty_picture_is_refused(job, install, mode):
    install(MotifRenderer(mode=mode, is_blank=True))
    services.render_execute("a")
    job.refresh_from_db()
    assert (job.status, job.error_code) == (Status.REJECTED, "blank_picture")


def test_a_missing_model_folder_is_refused_with_the_settings_name(job, monkeypatch):
    monkeypatch.setattr(renderers, "_loaded", {})
    services.render_execute("a")
    job.refresh_from_db()
    assert (job.status, job.error_code) == (Status.REJECTED, "model_missing")
    assert "GENERATION_MODELS" in job.error_message


def test_a_cancel_is_seen_between_two_steps(shop, job, install):
    renderer = MotifRenderer(
        lambda step: services.render_cancel(advertiser=shop, job_id=job.pk) if step == 2 else None
    )
    install(renderer)
    assert run(*claim()) == "cancelled"
    job.refresh_from_db()
    assert (job.status, job.step) == (Status.CANCELLED, 2)
    assert job.tries.get().outcome == "cancelled"


def test_a_shutdown_gives_the_job_back_between_two_steps(job, install):
    stop = threading.Event()
    install(MotifRenderer(lambda step: stop.set() if step == 3 else None))
    assert run(*claim(), stopping=stop.is_set) == "released"
    job.refresh_from_db()
    assert (job.status, job.attempts, job.crashes) == (Status.QUEUED, 0, 0)
    assert job.tries.get().outcome == "released"


def test_an_exit_of_the_process_gives_the_job_back_first(job, install):
    def leave(step):
        raise SystemExit

    install(MotifRenderer(leave))
    with pytest.raises(SystemExit):
        services.render_execute("a")
    job.refresh_from_db()
    assert (job.status, job.crashes) == (Status.QUEUED, 0)


def test_a_worker_that_lost_its_lease_mid_render_discards_its_picture(job, install):
    """A freezes in step 2 past its lease, B makes the creatives, A thaws and steps on."""

    def freeze(step):
        if step == 2:
            lease_runs_out(job)
            install(MotifRenderer())
            assert run(*claim("b")) == "succeeded"

    renderer = install(MotifRenderer(freeze))
    assert run(*claim("a")) == "lost"
    job.refresh_from_db()
    assert renderer.renders == 1
    assert (job.status, job.crashes, job.attempts) == (Status.SUCCEEDED, 1, 0)
    assert job.creatives.count() == 2
    assert list(job.tries.order_by("epoch").values_list("worker", "outcome")) == [
        ("a", "lost"),
        ("b", "succeeded"),
    ]


def test_a_worker_frozen_behind_its_last_step_discards_its_picture(job, install, monkeypatch):
    """The same, frozen in the worst place: composed and stored, about to commit."""
    from generation import execution

    real = queue.job_finish

    def freeze_then_finish(**arguments):
        monkeypatch.setattr(execution.queue, "job_finish", real)
        lease_runs_out(job)
        assert run(*claim("b")) == "succeeded"
        return real(**arguments)

    install(MotifRenderer())
    lease_a = claim("a")
    monkeypatch.setattr(execution.queue, "job_finish", freeze_then_finish)
    assert run(*lease_a) == "lost"
    job.refresh_from_db()
    assert (job.status, job.lease_epoch) == (Status.SUCCEEDED, 2)
    assert job.creatives.count() == 2


# --- the watch


def test_progress_is_written_at_most_twice_a_second_but_always_at_the_end(job, install):
    _, lease = claim()
    watch = Watch(lease)
    watch.enter("rendering")
    watch.on_step(1, 50)
    watch.on_step(2, 50)
    job.refresh_from_db()
    assert (job.stage, job.step) == ("rendering", 0)
    watch.on_step(50, 50)
    job.refresh_from_db()
    assert (job.step, job.steps) == (50, 50)


def test_a_heartbeat_renews_while_steps_move_and_gives_up_a_hung_render(job, settings):
    _, lease = claim()
    settings.GENERATION_STEP_DEADLINE_SECONDS = 0.05
    killed = []
    watch = Watch(lease, on_hang=lambda: killed.append(True))
    watch.enter("rendering")
    assert watch.beat()
    time.sleep(0.1)
    assert not watch.beat()
    assert killed == [True]
    job.refresh_from_db()
    assert (job.status, job.crashes, job.error_code) == (Status.QUEUED, 1, "step_stalled")
    with pytest.raises(LeaseLost):
        watch.on_step(3, 4)


def test_loading_a_large_model_has_a_deadline_of_its_own(job, settings):
    _, lease = claim()
    settings.GENERATION_STEP_DEADLINE_SECONDS = 0
    watch = Watch(lease)
    time.sleep(0.01)
    assert watch.beat()


def test_a_heartbeat_that_finds_the_lease_gone_stops_the_sampler(job):
    _, lease = claim()
    watch = Watch(lease)
    lease_runs_out(job)
    watch.beat()
    with pytest.raises(LeaseLost):
        watch.on_step(1, 4)


def test_a_process_that_was_frozen_as_a_whole_does_not_kill_itself_when_it_wakes(job, monkeypatch):
    _, lease = claim()
    killed = []
    watch = Watch(lease, on_hang=lambda: killed.append(True))
    watch.enter("rendering")
    lease_runs_out(job)
    started = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: started + 3600)
    watch.beat()
    assert killed == []
    with pytest.raises(LeaseLost):
        watch.on_step(2, 4)


def test_a_sampler_that_hangs_after_its_lease_was_lost_is_ended_too(job, settings):
    _, lease = claim()
    killed = []
    watch = Watch(lease, on_hang=lambda: killed.append(True))
    watch.enter("rendering")
    lease_runs_out(job)
    assert watch.beat()
    settings.GENERATION_STEP_DEADLINE_SECONDS = 0.01
    with pytest.raises(LeaseLost):
        watch.enter("composing")  # takes the new deadline
    time.sleep(0.02)
    assert not watch.beat()
    assert killed == [True]
    job.refresh_from_db()
    assert job.crashes == 1, "counted once, by the sweep"


def test_reasons_to_stop_all_look_like_a_cancel_to_a_renderer():
    assert issubclass(LeaseLost, RenderCancelled)
    assert issubclass(ShuttingDown, RenderCancelled)
