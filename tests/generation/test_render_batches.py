"""Many pictures from one click: asked for once, watched, paused, resumed, moved, cancelled, tried again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.urls import reverse

from adplatform.lib.errors import DomainError, NotFound
from generation import queue, render_batches, services
from generation.batch_selectors import batch_failures, batch_states
from generation.models import RenderBatch, RenderJob
from generation.services import Wanted, renders_request
from tests import factories

Status = RenderJob.Status


@pytest.fixture
def briefs(shop) -> list:
    brief = factories.make_brief(factories.make_product(shop))
    return [replace(brief, take=take) for take in range(4)]


@pytest.fixture
def batch(shop, alice, briefs) -> RenderBatch:
    batch = render_batches.batch_create(
        advertiser=shop, name="Autumn", asked_count=4, shared_count=0, created_by=alice
    )
    wanted = [Wanted(brief, priority=4 + (brief.take > 0)) for brief in briefs]
    renders_request(advertiser=shop, wanted=wanted, requested_by=alice, batch=batch)
    return batch


def state(batch):
    return batch_states([RenderBatch.objects.get(pk=batch.pk)])[0]


def claimable() -> int:
    return queue.jobs_due(now=queue.clock()).count()


def test_asking_for_many_makes_what_asking_for_each_makes(shop, other_shop, briefs, batch):
    many = list(RenderJob.objects.filter(advertiser=shop).order_by("fingerprint"))
    for brief in briefs:
        services.render_request(advertiser=other_shop, brief=brief)
    single = list(RenderJob.objects.filter(advertiser=other_shop).order_by("fingerprint"))
    same = ("fingerprint", "brief", "prompt", "motif", "prompt_parts", "seed", "status", "model")
    assert [[getattr(job, name) for name in same] for job in many] == [
        [getattr(job, name) for name in same] for job in single
    ]


def test_equal_briefs_are_one_job_and_a_cancelled_one_waits_again_in_the_new_batch(shop, briefs, batch):
    ids = set(RenderJob.objects.values_list("pk", flat=True))
    RenderJob.objects.filter(fingerprint=briefs[0].fingerprint).update(status=Status.CANCELLED, attempts=2)
    again = render_batches.batch_create(
        advertiser=shop, name="Again", asked_count=2, shared_count=2, created_by=None
    )
    found = renders_request(
        advertiser=shop, wanted=[Wanted(briefs[0]), Wanted(briefs[0]), Wanted(briefs[1])], batch=again
    )
    assert set(found) == {briefs[0].fingerprint, briefs[1].fingerprint}
    assert set(RenderJob.objects.values_list("pk", flat=True)) == ids
    revived = RenderJob.objects.get(fingerprint=briefs[0].fingerprint)
    assert (revived.status, revived.attempts, revived.batch) == (Status.QUEUED, 0, again)


def test_one_wrong_brief_and_nothing_is_asked_for(shop, briefs):
    with pytest.raises(DomainError) as caught:
        renders_request(advertiser=shop, wanted=[Wanted(briefs[0]), Wanted(replace(briefs[1], model="no"))])
    assert caught.value.code == "model_unknown"
    assert not RenderJob.objects.exists()


def test_a_paused_batch_is_not_claimed_until_it_goes_on(shop, batch):
    assert claimable() == 4
    render_batches.batch_pause(advertiser=shop, batch_id=batch.pk)
    assert claimable() == 0
    assert queue.job_claim(worker="w", now=queue.clock()) is None
    other = factories.make_render_job(shop)  # whatever belongs to no batch goes on
    assert queue.job_claim(worker="w", now=queue.clock())[0] == other
    with pytest.raises(DomainError) as caught:
        render_batches.batch_pause(advertiser=shop, batch_id=batch.pk)
    assert caught.value.code == "batch_not_open"
    render_batches.batch_resume(advertiser=shop, batch_id=batch.pk)
    assert claimable() == 4


def test_cancelling_stops_what_waits_and_flags_what_runs(shop, batch):
    job, _ = queue.job_claim(worker="w", now=queue.clock())
    render_batches.batch_cancel(advertiser=shop, batch_id=batch.pk)
    render_batches.batch_cancel(advertiser=shop, batch_id=batch.pk)
    job.refresh_from_db()
    assert (job.status, job.cancel_requested, job.lease_owner) == (Status.LEASED, True, "w")
    assert state(batch).counts == {Status.CANCELLED: 3, Status.LEASED: 1}
    assert not RenderJob.objects.filter(status=Status.CANCELLED, finished_at=None).exists()


def test_a_batch_moves_as_a_whole_and_keeps_its_order(shop, batch):
    rival = factories.make_render_job(shop)  # priority 5
    render_batches.batch_prioritise(advertiser=shop, batch_id=batch.pk, priority=8)
    due = list(queue.jobs_due(now=queue.clock()))
    assert due[0] == rival
    assert [job.priority for job in due[1:]] == [7, 8, 8, 8]
    render_batches.batch_prioritise(advertiser=shop, batch_id=batch.pk, priority=2)
    assert [job.priority for job in queue.jobs_due(now=queue.clock())] == [1, 2, 2, 2, 5]
    with pytest.raises(DomainError) as caught:
        render_batches.batch_prioritise(advertiser=shop, batch_id=batch.pk, priority=1)
    assert caught.value.code == "priority_unknown"


def test_failures_are_grouped_and_tried_again_by_code(shop, batch):
    jobs = list(batch.jobs.all())
    for job, code in zip(jobs, ("out_of_memory", "out_of_memory", "model_missing"), strict=False):
        job.status, job.error_code, job.attempts = Status.DEAD, code, 3
        job.save()
    groups = [(group.code, group.count) for group in batch_failures(batch)]
    assert groups == [("out_of_memory", 2), ("model_missing", 1)]
    assert (state(batch).failed, state(batch).left) == (3, 1)
    assert render_batches.batch_retry(advertiser=shop, batch_id=batch.pk, code="out_of_memory") == 2
    again = RenderJob.objects.filter(pk__in=[jobs[0].pk, jobs[1].pk])
    assert set(again.values_list("status", "attempts", "error_code")) == {(Status.QUEUED, 0, "")}
    assert services.renders_retry(advertiser=shop, code="model_missing") == 1


def test_another_advertisers_batch_does_not_exist(other_shop, batch):
    for service in (render_batches.batch_pause, render_batches.batch_resume, render_batches.batch_cancel):
        with pytest.raises(NotFound):
            service(advertiser=other_shop, batch_id=batch.pk)
    assert services.renders_retry(advertiser=other_shop, code="") == 0


def test_pages_and_api_steer_a_batch(alice_client, api, shop, batch):
    job = batch.jobs.first()
    RenderJob.objects.filter(pk=job.pk).update(status=Status.DEAD, error_code="internal_error")
    page = reverse("render-batch-detail", args=[batch.pk])

    def move(verb, **form):
        return alice_client.post(reverse("render-batch-move", args=[batch.pk, verb]), form)

    assert b"Retry these" in alice_client.get(page).content
    assert move("pause").url == page
    assert b"Resume" in alice_client.get(page).content
    for verb, form in (
        ("resume", {}),
        ("priority", {"priority": "2"}),
        ("retry", {"code": "internal_error"}),
    ):
        move(verb, **form)
    move("priority", priority="x" * 9)  # a message, not an error
    assert move("explode").status_code == 404
    body = api.get(f"/api/v1/render-batches/{batch.pk}").json()
    assert (body["status"], body["priority"], body["waiting"], body["failures"]) == ("open", 2, 4, [])
    assert api.post(f"/api/v1/render-batches/{batch.pk}/pause").json()["status"] == "paused"
    assert api.post(f"/api/v1/render-batches/{batch.pk}/pause").status_code == 409
    assert api.post(f"/api/v1/render-batches/{batch.pk}/cancel").json()["status"] == "cancelled"
    assert api.get("/api/v1/render-batches").json()["results"][0]["waiting"] == 0
    assert b"Autumn" in alice_client.get(reverse("render-batch-list")).content
