"""Which advertiser's job comes next, and which of an advertiser's own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from adplatform.lib.errors import DomainError, NotFound
from generation import queue, services
from generation.models import RenderJob
from tests import factories

Status = RenderJob.Status
NOW = timezone.now()
PICTURE = queue.Picture("renders/x.png", "a" * 64, "b" * 64, 1234)
pytestmark = pytest.mark.django_db


def test_advertisers_take_turns_whatever_the_priorities_of_one(shop, other_shop):
    """A shop with many pictures, all moved to the front, delays another's by one."""
    product = factories.make_product(shop)
    for number in range(4):
        job = factories.make_render_job(shop, product=product, take=number)
        RenderJob.objects.filter(pk=job.pk).update(priority=-5)
    theirs = factories.make_render_job(other_shop)
    now = queue.clock()
    claimed = [queue.job_claim(worker=f"w{n}", now=now)[0] for n in range(5)]
    assert theirs.pk in [job.pk for job in claimed[:2]]
    assert len({job.pk for job in claimed}) == 5
    assert queue.job_claim(worker="w", now=now) is None


def test_a_waiting_job_is_moved_before_the_others_of_its_shop(shop, other_shop):
    product = factories.make_product(shop)
    jobs = [factories.make_render_job(shop, product=product, take=n) for n in range(3)]
    later = queue.clock() + timedelta(hours=1)
    RenderJob.objects.filter(pk=jobs[2].pk).update(available_at=later)
    services.render_first(advertiser=shop, job_id=jobs[1].pk)
    services.render_first(advertiser=shop, job_id=jobs[2].pk)
    now = queue.clock()
    order = [queue.job_claim(worker="w", now=now)[0].pk for _ in range(3)]
    assert order == [jobs[2].pk, jobs[1].pk, jobs[0].pk]
    with pytest.raises(DomainError) as refused:
        services.render_first(advertiser=shop, job_id=jobs[0].pk)
    assert refused.value.code == "render_job_not_waiting"
    with pytest.raises(NotFound):
        services.render_first(advertiser=other_shop, job_id=jobs[0].pk)
