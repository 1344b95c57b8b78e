"""How long the queue will take, by the workers that are at it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from generation import queue
from generation.job_selectors import queue_state_get
from generation.models import RenderAttempt, RenderJob
from generation.pace import Pace, pace_get
from tests import factories

pytestmark = pytest.mark.django_db


def tried(shop, worker, *, began, seconds=None, outcome="succeeded", jobs=1):
    """Tries that began ``began`` seconds ago, at one moment, and took ``seconds``; None: still at it."""
    start = queue.clock() - timedelta(seconds=began)
    for _ in range(jobs):
        job = factories.make_render_job(shop)
        RenderJob.objects.filter(pk=job.pk).update(status="succeeded")
        RenderAttempt.objects.create(
            advertiser=shop,
            job=job,
            epoch=1,
            worker=worker,
            started_at=start,
            ended_at=None if seconds is None else start + timedelta(seconds=seconds),
            outcome="running" if seconds is None else outcome,
        )


def test_workers_are_those_at_a_picture_or_between_two(shop):
    tried(shop, "gone:1", began=3600, seconds=4)
    tried(shop, "dead:1", began=20, seconds=15, outcome="lost")
    tried(shop, "a:1", began=3)
    tried(shop, "b:1", began=6, seconds=4)
    assert pace_get(now=queue.clock()) == Pace(workers=2, seconds_each=4.0)


def test_pictures_of_a_microbatch_share_its_time(shop):
    tried(shop, "gpu:1", began=9, seconds=8, jobs=4)
    assert pace_get(now=queue.clock()).seconds_each == 2.0


@pytest.mark.parametrize(
    ("workers", "jobs", "seconds"), [(1, 10, 30), (3, 10, 12), (0, 10, 30), (20, 10, 3), (3, 0, None)]
)
def test_the_wait_is_shared_among_the_workers(workers, jobs, seconds):
    assert Pace(workers, 3.0).seconds_for(jobs) == seconds


def test_the_page_reckons_with_all_workers(shop, alice_client):
    for worker in ("a:1", "b:1", "c:1"):
        tried(shop, worker, began=20, seconds=10)
    tried(shop, "a:1", began=1)
    tried(shop, "b:1", began=1)
    product = factories.make_product(shop)
    for take in range(12):
        factories.make_render_job(shop, product=product, take=take)
    state = queue_state_get(advertiser_id=shop.pk, now=queue.clock())
    assert (state.pace.workers, state.pace.seconds_each) == (3, 10.0)
    assert state.eta_seconds == 40
    page = alice_client.get("/render-jobs/").content.decode()
    assert "3 workers at work" in page
    assert "about 40 seconds to go" in page
    assert "To the front" in page
