import contextlib
import dataclasses
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from adplatform.lib.errors import DomainError
from generation import queue, services, tasks
from generation.briefs import Brief
from generation.models import RenderJob
from tests import factories
from tests.generation.motif_renderer import MotifRenderer

Status = RenderJob.Status
pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    """The wake-ups that would have gone to the broker."""
    messages: list[str] = []
    monkeypatch.setattr(tasks.render_wake, "apply_async", lambda args=(), **_: messages.append(*args or [""]))
    return messages


def test_a_request_freezes_the_brief_and_its_prompt(shop, alice, brief):
    job = services.render_request(advertiser=shop, brief=brief, requested_by=alice)
    assert Brief.from_dict(RenderJob.objects.get(pk=job.pk).brief) == brief
    assert job.fingerprint == brief.fingerprint
    assert job.prompt == ", ".join(part["text"] for part in job.prompt_parts)
    assert (job.status, job.requested_by, job.prompt_template) == (Status.QUEUED, alice, "scene@1")


def test_the_same_brief_is_one_job_for_an_advertiser(shop, other_shop, brief):
    first = services.render_request(advertiser=shop, brief=brief)
    assert services.render_request(advertiser=shop, brief=brief) == first
    assert services.render_request(advertiser=other_shop, brief=brief) != first
    assert services.render_request(advertiser=shop, brief=dataclasses.replace(brief, take=1)) != first


def test_a_cancelled_brief_that_is_asked_for_again_waits_again(shop, brief):
    job = services.render_request(advertiser=shop, brief=brief)
    services.render_cancel(advertiser=shop, job_id=job.pk)
    assert services.render_request(advertiser=shop, brief=brief).status == Status.QUEUED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"model": "dall-e"}, "model_unknown"),
        ({"style": "x"}, "style_unknown"),
        ({"sizes": ()}, "brief_without_sizes"),
    ],
)
def test_a_brief_that_cannot_be_made_is_refused_before_it_is_queued(shop, brief, change, code):
    with pytest.raises(DomainError) as refusal:
        services.render_request(advertiser=shop, brief=dataclasses.replace(brief, **change))
    assert refusal.value.code == code
    assert not RenderJob.objects.exists()


def test_a_hundred_jobs_of_one_transaction_send_one_wake_up_after_it(
    shop, brief, sent, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        jobs = [
            services.render_request(advertiser=shop, brief=dataclasses.replace(brief, take=take))
            for take in range(5)
        ]
        assert sent == []
    assert sent == [str(jobs[0].pk)]


def test_a_rolled_back_request_leaves_neither_row_nor_message(
    shop, brief, sent, django_capture_on_commit_callbacks
):
    with (
        django_capture_on_commit_callbacks(execute=True),
        contextlib.suppress(ZeroDivisionError),
        transaction.atomic(),
    ):
        services.render_request(advertiser=shop, brief=brief)
        raise ZeroDivisionError
    assert (sent, RenderJob.objects.count()) == ([], 0)


def test_ten_wake_ups_for_one_job_make_one_attempt(shop, brief, install, sent):
    renderer = install(MotifRenderer())
    job = services.render_request(advertiser=shop, brief=brief)
    for _ in range(10):
        tasks.render_wake(str(job.pk))
    assert renderer.renders == job.tries.count() == 1
    assert job.creatives.count() == 2


def test_a_wake_up_works_until_nothing_is_due_and_calls_one_helper(shop, brief, install, sent):
    install(MotifRenderer())
    for take in range(3):
        services.render_request(advertiser=shop, brief=dataclasses.replace(brief, take=take))
    tasks.render_wake()
    assert RenderJob.objects.filter(status=Status.SUCCEEDED).count() == 3
    assert sent == [""], "one more message for an idle worker, however deep the queue"


def test_a_wake_up_ends_with_its_time_and_leaves_the_rest(shop, brief, install, sent, monkeypatch):
    install(MotifRenderer(lambda step: time.sleep(0.02)))
    monkeypatch.setattr(tasks, "WAKE_SECONDS", 0.01)
    for take in range(3):
        services.render_request(advertiser=shop, brief=dataclasses.replace(brief, take=take))
    tasks.render_wake()
    assert RenderJob.objects.filter(status=Status.SUCCEEDED).count() == 1


def test_losing_every_message_costs_one_sweep(shop, brief, sent):
    tasks.render_sweep()
    assert sent == [], "nothing is due, so nobody is woken"
    services.render_request(advertiser=shop, brief=brief)
    tasks.render_sweep()
    assert sent == [""]


def test_a_sweep_takes_back_the_lease_of_a_dead_worker_and_wakes_another(shop, brief, install, sent):
    install(MotifRenderer())
    job = services.render_request(advertiser=shop, brief=brief)
    queue.job_claim(worker="dead", now=timezone.now())
    RenderJob.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    tasks.render_sweep()
    assert sent == [""]
    tasks.render_wake()
    job.refresh_from_db()
    assert (job.status, job.crashes, job.attempts) == (Status.SUCCEEDED, 1, 0)


def test_rendering_has_a_queue_of_its_own_and_sweeps_do_not_wait_behind_it():
    route = tasks.render_wake.app.amqp.router.route
    assert route({}, tasks.render_wake.name)["queue"].name == "gpu"
    assert route({}, tasks.render_sweep.name)["queue"].name == "default"


def test_a_poison_job_does_not_hold_up_the_others(shop, brief, install, sent):
    poison = services.render_request(advertiser=shop, brief=brief, priority=1)
    good = [factories.make_render_job(shop, model="tiny", take=take) for take in (1, 2)]
    install(MotifRenderer())
    now = timezone.now()
    claimed = queue.job_claim(worker="dies", now=now)
    assert claimed is not None
    assert claimed[0] == poison
    tasks.render_wake()
    assert {RenderJob.objects.get(pk=job.pk).status for job in good} == {Status.SUCCEEDED}
    starts = 1
    for minutes in range(20, 200, 20):
        moment = now + timedelta(minutes=minutes)
        queue.leases_expire(now=moment, jitter=0)
        starts += queue.job_claim(worker="dies", now=moment + timedelta(minutes=10)) is not None
    poison.refresh_from_db()
    assert (poison.status, starts) == (Status.DEAD, 3)


def test_a_stopping_worker_claims_nothing_more(shop, brief, monkeypatch):
    job = services.render_request(advertiser=shop, brief=brief)
    monkeypatch.setattr(tasks, "_stop_flag", b"\x01")
    tasks.render_wake()
    job.refresh_from_db()
    assert job.status == Status.QUEUED
