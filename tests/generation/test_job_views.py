from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from generation import queue, services
from generation.job_selectors import duration_words, queue_state_get
from generation.models import RenderAttempt, RenderJob
from tests import factories

pytestmark = pytest.mark.django_db
Status = RenderJob.Status


@pytest.fixture
def job(shop, brief) -> RenderJob:
    return services.render_request(advertiser=shop, brief=brief)


def page(client: Client, name: str, *args, **query) -> str:
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def fail(job: RenderJob, code: str) -> None:
    claimed = queue.job_claim(worker="w", now=timezone.now())
    queue.job_fail(
        lease=claimed[1], now=timezone.now(), code=code, message="It broke.", permanent=True, jitter=0
    )


def test_an_empty_queue_says_what_to_do(alice_client):
    assert "No picture was asked for yet" in page(alice_client, "render-job-list")


def test_the_queue_shows_waiting_running_and_failed_jobs_with_their_reasons(alice_client, shop, job):
    fail(job, "missing_glyph")
    running = factories.make_render_job(shop, model="tiny", take=1)
    queue.job_claim(worker="w", now=timezone.now())
    queue.progress_write(lease=queue.Lease(running.pk, 1), stage="rendering", step=3, steps=12)
    factories.make_render_job(shop, model="tiny", take=2)
    html = page(alice_client, "render-job-list")
    assert "missing_glyph" in html
    assert "It broke." in html
    assert "rendering 3 of 12" in html
    assert 'aria-valuenow="29"' in html  # 10 % for loading, then a quarter of 75 %
    assert 'hx-trigger="every 2s"' in html
    assert html.count("<tr>") - 2 == 1 + 3  # a failure and three jobs below two heads


def test_an_idle_queue_is_polled_calmly(alice_client, job):
    services.render_cancel(advertiser=job.advertiser, job_id=job.pk)
    assert 'hx-trigger="every 10s"' in page(alice_client, "render-job-list-live")


def test_jobs_that_wait_without_any_worker_are_pointed_out(alice_client, job):
    RenderJob.objects.update(available_at=timezone.now() - timedelta(minutes=5))
    assert "Is the worker running?" in page(alice_client, "render-job-list")


def test_the_list_filters_by_status_and_turns_pages(alice_client, shop, job):
    product = factories.make_product(shop)
    for take in range(1, 30):
        factories.make_render_job(shop, model="tiny", product=product, take=take)
    assert "Page 1 of 2" in page(alice_client, "render-job-list")
    assert "No job has this status" in page(alice_client, "render-job-list", status="dead")
    assert "Page 1 of 2" in page(alice_client, "render-job-list", status="nonsense", page="zzz")


def test_a_jobs_page_colours_its_prompt_by_where_the_words_came_from(alice_client, job):
    html = page(alice_client, "render-job-detail", job.pk)
    for source in ("segment", "product", "brand", "season", "style"):
        assert f'data-from="{source}"' in html
    assert str(job.seed) in html
    assert job.fingerprint in html
    assert "No worker has taken it up yet" in html


def test_a_title_with_markup_is_text_on_the_page(alice_client, shop, brief):
    product = factories.make_product(shop, title="<script>alert(1)</script>")
    job = factories.make_render_job(shop, product=product, model="tiny")
    for name, args in (("render-job-list", ()), ("render-job-detail", (job.pk,))):
        assert "<script>alert" not in page(alice_client, name, *args)


def test_the_live_part_of_a_finished_job_reloads_the_page_once(alice_client, job):
    url = reverse("render-job-live", args=[job.pk])
    assert "HX-Refresh" not in alice_client.get(url).headers
    factories.make_creative(job)
    assert alice_client.get(url).headers["HX-Refresh"] == "true"
    assert "hx-get" not in page(alice_client, "render-job-detail", job.pk)


def test_cancel_and_try_again_come_back_to_where_they_were_pressed(alice_client, job):
    back = reverse("render-job-list") + "?status=queued"
    answer = alice_client.post(reverse("render-job-cancel", args=[job.pk]), {"next": back})
    assert (answer.status_code, answer.url) == (302, back)
    job.refresh_from_db()
    assert job.status == Status.CANCELLED
    answer = alice_client.post(reverse("render-job-retry", args=[job.pk]), {"next": "https://evil.example/"})
    assert answer.url == reverse("render-job-detail", args=[job.pk])
    job.refresh_from_db()
    assert job.status == Status.QUEUED


def test_a_reporter_looks_but_does_not_touch(shop, job):
    reporter = Client()
    reporter.force_login(factories.make_member(shop, Membership.Role.REPORTER))
    assert ">Cancel<" not in page(reporter, "render-job-list")
    assert reporter.post(reverse("render-job-cancel", args=[job.pk])).status_code == 403


@pytest.mark.parametrize("name", ["render-job-detail", "render-job-live"])
def test_another_advertisers_job_is_not_there(mallory_client, job, name):
    assert mallory_client.get(reverse(name, args=[job.pk])).status_code == 404
    assert mallory_client.post(reverse("render-job-cancel", args=[job.pk])).status_code == 404
    assert str(job.pk) not in page(mallory_client, "render-job-list")


def test_the_time_to_go_follows_the_recent_pace(shop, job):
    now = timezone.now()
    assert queue_state_get(advertiser_id=shop.pk, now=now).eta_seconds is None
    done = factories.make_render_job(shop, model="tiny", take=1)
    RenderJob.objects.filter(pk=done.pk).update(status=Status.SUCCEEDED)
    RenderAttempt.objects.create(
        advertiser=shop,
        job=done,
        epoch=1,
        worker="w:1",
        started_at=now - timedelta(seconds=4),
        ended_at=now,
        outcome=RenderAttempt.Outcome.SUCCEEDED,
    )
    state = queue_state_get(advertiser_id=shop.pk, now=timezone.now())
    assert (state.waiting, state.eta_seconds, state.eta_words) == (1, 4, "4 seconds")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 second"),
        (1, "1 second"),
        (40, "40 seconds"),
        (60, "1 minute"),
        (150, "2 minutes"),
        (9000, "2 hours"),
    ],
)
def test_durations_are_said_as_exactly_as_a_guess_deserves(seconds, words):
    assert duration_words(seconds) == words


def test_the_raw_records_are_readable_but_not_editable_in_the_admin(job, admin_client):
    factories.make_creative(job)
    for model in ("renderjob", "renderattempt", "creative", "reviewrecord", "brandkit"):
        assert admin_client.get(reverse(f"admin:generation_{model}_changelist")).status_code == 200
    url = reverse("admin:generation_renderjob_change", args=[job.pk])
    assert admin_client.get(url).status_code == 200
    assert admin_client.post(url, {"status": "succeeded"}).status_code == 403
