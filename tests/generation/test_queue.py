"""The states of a render job, driven by hand with a clock of our own."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from adplatform.lib.errors import DomainError, NotFound
from generation import queue, services
from generation.models import Creative, RenderAttempt, RenderJob
from tests import factories

Status = RenderJob.Status
NOW = timezone.now()
PICTURE = queue.Picture("renders/x.png", "a" * 64, "b" * 64, 1234)
pytestmark = pytest.mark.django_db


def after(seconds: float):
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def job(shop, brief) -> RenderJob:
    job = services.render_request(advertiser=shop, brief=brief)
    RenderJob.objects.update(available_at=NOW)
    return job


def claim(worker="a", seconds=0.0) -> queue.Lease:
    claimed = queue.job_claim(worker=worker, now=after(seconds))
    assert claimed is not None
    return claimed[1]


def creatives_of(job: RenderJob, file: str = "creatives/x.webp") -> list[Creative]:
    return [
        Creative(
            advertiser_id=job.advertiser_id,
            job=job,
            width=width,
            height=height,
            file=file,
            sha256="c" * 64,
            byte_count=1,
        )
        for width, height in ((300, 250), (320, 50))
    ]


def finish(lease: queue.Lease, job: RenderJob, seconds=1.0, file="creatives/x.webp") -> bool:
    return queue.job_finish(
        lease=lease, now=after(seconds), picture=PICTURE, creatives=creatives_of(job, file)
    )


def fail(lease: queue.Lease, seconds=1.0, **fields):
    arguments = {"code": "flaky", "message": "It broke.", "permanent": False, "jitter": 0.5}
    return queue.job_fail(lease=lease, now=after(seconds), **{**arguments, **fields})


def test_a_job_is_claimed_by_one_worker_only(job):
    lease = claim()
    assert queue.job_claim(worker="b", now=NOW) is None
    job.refresh_from_db()
    assert (job.status, job.lease_owner, job.lease_epoch) == (Status.LEASED, "a", lease.epoch)
    assert RenderAttempt.objects.get(job=job).outcome == "running"


def test_smaller_priority_then_longer_waiting_comes_first(shop, job, brief):
    urgent = factories.make_render_job(shop, model="tiny", take=1)
    RenderJob.objects.filter(pk=urgent.pk).update(priority=1, available_at=after(-1))
    assert claim().job_id == urgent.pk
    assert claim().job_id == job.pk


def test_a_worker_takes_jobs_of_its_loaded_model_first_but_lets_none_wait_for_long(shop, job):
    other = factories.make_render_job(shop, model="tiny", take=1)
    RenderJob.objects.filter(pk=other.pk).update(model="large", available_at=after(-30))

    def next_job(seconds: float = 0.0, model: str = "tiny"):
        with transaction.atomic():
            claimed = queue.job_claim(worker="a", now=after(seconds), model=model)
            transaction.set_rollback(True)
        return claimed and claimed[0].pk

    assert next_job() == job.pk
    assert next_job(model="large") == next_job(model="") == next_job(model="gone") == other.pk
    assert next_job(seconds=31) == other.pk, "it has waited for a minute"
    RenderJob.objects.filter(pk=other.pk).update(priority=4)
    assert next_job() == other.pk, "urgent is urgent"


def test_leases_are_measured_by_the_clock_that_all_workers_share(time_machine):
    time_machine.move_to(NOW + timedelta(days=365))
    ahead = queue.clock() - NOW > timedelta(days=300)
    assert ahead == (connection.vendor == "sqlite"), "a worker's wrong clock takes no lease on PostgreSQL"


def test_success_writes_job_attempt_and_creatives_together(job):
    assert finish(claim(), job)
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED
    assert (job.lease_owner, job.lease_expires_at) == ("", None)
    assert (job.picture, job.model_hash, job.render_ms) == ("renders/x.png", "b" * 64, 1234)
    assert job.creatives.count() == 2
    assert RenderAttempt.objects.get(job=job).outcome == "succeeded"


def test_a_frozen_worker_that_wakes_behind_its_lease_throws_its_work_away(job):
    """The zombie: A freezes before its commit, the lease runs out, B finishes, A thaws."""
    a = claim("a")
    assert queue.leases_expire(now=after(31), jitter=0.5) == 1
    b = claim("b", seconds=31)
    assert finish(b, job, 40, file="creatives/b.webp")

    assert not finish(a, job, 41, file="creatives/a.webp")
    assert not queue.lease_renew(lease=a, now=after(41))
    assert not queue.progress_write(lease=a, stage="rendering", step=1, steps=2).is_held
    assert fail(a, 41) is None
    assert not queue.job_stop(lease=a, now=after(41))
    assert not queue.job_release(lease=a, now=after(41))

    job.refresh_from_db()
    assert (job.status, job.lease_epoch, job.attempts, job.crashes) == (Status.SUCCEEDED, b.epoch, 0, 1)
    assert [creative.file for creative in job.creatives.all()] == ["creatives/b.webp"] * 2
    assert list(job.tries.order_by("epoch").values_list("outcome", flat=True)) == ["lost", "succeeded"]


def test_a_heartbeat_keeps_the_lease(job):
    lease = claim()
    assert queue.lease_renew(lease=lease, now=after(20))
    assert queue.leases_expire(now=after(31), jitter=0.5) == 0
    assert queue.leases_expire(now=after(51), jitter=0.5) == 1


def test_errors_wait_longer_each_time_and_end_dead(job, settings):
    waits = []
    seconds = 0.0
    for _ in range(settings.GENERATION_MAX_ATTEMPTS):
        status = fail(claim(seconds=seconds), seconds)
        job.refresh_from_db()
        waits.append((job.available_at - after(seconds)).total_seconds())
        seconds += 1000
    assert status == Status.DEAD
    assert waits[:2] == [5.0, 10.0]
    assert (job.attempts, job.crashes, job.error_code) == (3, 0, "flaky")
    assert job.finished_at is not None


@given(st.integers(1, 40), st.floats(0, 1, exclude_max=True))
def test_backoff_doubles_with_a_quarter_of_jitter_up_to_ten_minutes(count, jitter):
    middle = min(5.0 * 2 ** (count - 1), 600.0)
    assert 0.75 * middle <= queue.backoff(count, jitter).total_seconds() <= 1.25 * middle


def test_a_permanent_error_is_refused_after_one_attempt(job):
    assert fail(claim(), permanent=True, code="missing_glyph") == Status.REJECTED
    assert queue.job_claim(worker="b", now=after(9999)) is None


def test_trouble_of_the_machine_uses_up_no_attempt(job):
    for number in range(10):
        assert fail(claim(seconds=100 * number), 100 * number, is_counted=False) == Status.QUEUED
    job.refresh_from_db()
    assert (job.attempts, job.crashes) == (0, 0)


def test_crashes_and_errors_are_counted_apart(job):
    claim()
    queue.leases_expire(now=after(31), jitter=0.5)
    fail(claim(seconds=31), 32)
    fail(claim(seconds=100), 101)
    assert finish(claim(seconds=300), job, 301)
    job.refresh_from_db()
    assert (job.status, job.attempts, job.crashes) == (Status.SUCCEEDED, 2, 1)


def test_a_poison_job_is_dead_after_exactly_the_allowed_crashes(job, settings):
    starts = 0
    for round_ in range(10):
        claimed = queue.job_claim(worker="a", now=after(1000 * round_))
        starts += claimed is not None
        queue.leases_expire(now=after(1000 * round_ + 31), jitter=0.5)
    job.refresh_from_db()
    assert (job.status, starts) == (Status.DEAD, settings.GENERATION_MAX_CRASHES)
    assert (job.attempts, job.error_code) == (0, "worker_lost")


@pytest.mark.parametrize("ending", ["crash", "release"])
def test_a_worker_that_is_restarted_costs_its_job_neither_time_nor_its_place_in_line(shop, job, ending):
    lease = claim()
    factories.make_render_job(shop, model="tiny", take=1)  # asked for later, waiting by now
    RenderJob.objects.exclude(pk=job.pk).update(available_at=after(1))
    if ending == "crash":
        queue.leases_expire(now=after(31), jitter=0.9)
    else:
        queue.job_release(lease=lease, now=after(31))
    assert claim(seconds=31).job_id == job.pk


def test_a_job_that_lost_two_workers_waits_behind_the_others(shop, job):
    for seconds in (0, 31):
        claim(seconds=seconds)
        queue.leases_expire(now=after(seconds + 31), jitter=0.5)
    job.refresh_from_db()
    assert job.available_at == after(62 + 10)


def test_a_shutdown_gives_the_lease_back_and_counts_nothing(job):
    assert queue.job_release(lease=claim(), now=after(1))
    job.refresh_from_db()
    assert (job.status, job.attempts, job.crashes) == (Status.QUEUED, 0, 0)
    assert finish(claim(seconds=1), job, 2)


def test_sweeping_twice_takes_a_lease_back_once(job):
    claim()
    assert queue.leases_expire(now=after(31), jitter=0.5) == 1
    assert queue.leases_expire(now=after(31), jitter=0.5) == 0
    job.refresh_from_db()
    assert job.crashes == 1


# --- cancel and retry


def test_a_waiting_job_is_cancelled_at_once(shop, job):
    assert services.render_cancel(advertiser=shop, job_id=job.pk).status == Status.CANCELLED
    assert services.render_cancel(advertiser=shop, job_id=job.pk).status == Status.CANCELLED
    assert queue.job_claim(worker="a", now=NOW) is None


def test_a_running_job_learns_of_its_cancel_with_its_next_progress(shop, job):
    lease = claim()
    services.render_cancel(advertiser=shop, job_id=job.pk)
    progress = queue.progress_write(lease=lease, stage="rendering", step=1, steps=4)
    assert progress == queue.Progress(is_held=True, cancel_requested=True)
    assert queue.job_stop(lease=lease, now=after(2))
    job.refresh_from_db()
    assert (job.status, job.cancel_requested) == (Status.CANCELLED, False)


def test_a_cancel_behind_the_last_step_still_wins(shop, job):
    lease = claim()
    services.render_cancel(advertiser=shop, job_id=job.pk)
    assert not finish(lease, job)
    assert queue.job_stop(lease=lease, now=after(2))
    assert job.creatives.count() == 0


@pytest.mark.parametrize("ending", ["error", "crash", "release"])
def test_a_cancelled_job_never_goes_back_into_the_queue(shop, job, ending):
    lease = claim()
    services.render_cancel(advertiser=shop, job_id=job.pk)
    if ending == "error":
        fail(lease)
    elif ending == "crash":
        queue.leases_expire(now=after(31), jitter=0.5)
    else:
        queue.job_release(lease=lease, now=after(1))
    job.refresh_from_db()
    assert job.status == Status.CANCELLED


def test_a_finished_job_cannot_be_cancelled_or_retried(shop, job):
    finish(claim(), job)
    with pytest.raises(DomainError) as refusal:
        services.render_cancel(advertiser=shop, job_id=job.pk)
    assert (refusal.value.code, refusal.value.status) == ("render_job_finished", 409)
    with pytest.raises(DomainError) as refusal:
        services.render_retry(advertiser=shop, job_id=job.pk)
    assert refusal.value.code == "render_job_succeeded"


def test_a_person_may_retry_a_dead_job_with_fresh_counters(shop, job):
    fail(claim(), permanent=True)
    services.render_retry(advertiser=shop, job_id=job.pk)
    job.refresh_from_db()
    assert (job.status, job.attempts, job.error_code, job.finished_at) == (Status.QUEUED, 0, "", None)
    assert job.tries.count() == 1, "history stays"
    lease = queue.job_claim(worker="a", now=timezone.now())[1]
    assert finish(lease, job)


def test_another_advertisers_job_looks_like_no_job(other_shop, job):
    for service in (services.render_cancel, services.render_retry):
        with pytest.raises(NotFound):
            service(advertiser=other_shop, job_id=job.pk)
        with pytest.raises(NotFound):
            service(advertiser=other_shop, job_id="nonsense")


def test_the_database_itself_refuses_a_lease_without_an_owner(job):
    with pytest.raises(IntegrityError), transaction.atomic():
        RenderJob.objects.filter(pk=job.pk).update(status=Status.LEASED)


# --- any history at all

OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "claim",
                "finish",
                "fail",
                "refuse",
                "free",
                "stop",
                "release",
                "beat",
                "expire",
                "cancel",
                "retry",
                "tick",
            ]
        ),
        st.integers(0, 2),  # which worker
    ),
    max_size=40,
)


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OPERATIONS)
def test_no_history_makes_two_successes_or_a_job_that_is_stuck(shop, job, history):
    """Three workers do anything in any order, with stale leases too; the books always balance."""
    RenderAttempt.objects.all().delete()
    Creative.objects.all().delete()
    RenderJob.objects.update(
        status=Status.QUEUED, lease_owner="", lease_expires_at=None, lease_epoch=0, attempts=0,
        crashes=0, cancel_requested=False, available_at=NOW, finished_at=None,
    )  # fmt: skip
    seconds = 0.0
    leases: dict[int, queue.Lease] = {}
    successes = 0
    for operation, worker in history:
        lease = leases.get(worker)
        now = after(seconds)
        if operation == "tick":
            seconds += 20
        elif operation == "claim":
            claimed = queue.job_claim(worker=str(worker), now=now)
            if claimed:
                leases[worker] = claimed[1]
        elif operation == "expire":
            queue.leases_expire(now=now, jitter=0.5)
        elif operation in ("cancel", "retry"):
            service = services.render_cancel if operation == "cancel" else services.render_retry
            with contextlib.suppress(DomainError):
                service(advertiser=shop, job_id=job.pk)
        elif lease is None:
            continue
        elif operation == "finish":
            successes += finish(lease, job, seconds)
        elif operation in ("fail", "refuse", "free"):
            fail(lease, seconds, permanent=operation == "refuse", is_counted=operation != "free")
        elif operation == "stop":
            queue.job_stop(lease=lease, now=now)
        elif operation == "release":
            queue.job_release(lease=lease, now=now)
        else:
            queue.lease_renew(lease=lease, now=now)
        row = RenderJob.objects.get(pk=job.pk)
        running = RenderAttempt.objects.filter(outcome="running")
        assert successes <= 1
        assert (row.status == Status.SUCCEEDED) == (successes == 1)
        assert Creative.objects.count() == 2 * successes
        assert running.count() == (row.status == Status.LEASED)
        assert all(attempt.epoch == row.lease_epoch for attempt in running)
        assert row.attempts <= 3
        assert row.crashes <= 3
        assert (row.finished_at is not None) == (row.status in RenderJob.TERMINAL)
    # Whatever happened: a job that is not over ends well once a healthy worker comes by.
    row = RenderJob.objects.get(pk=job.pk)
    if row.status not in RenderJob.TERMINAL and not row.cancel_requested and row.crashes < 2:
        queue.leases_expire(now=after(seconds + 100), jitter=0.5)
        claimed = queue.job_claim(worker="healthy", now=after(seconds + 1000))
        assert claimed is not None
        assert finish(claimed[1], job, seconds + 1001)
