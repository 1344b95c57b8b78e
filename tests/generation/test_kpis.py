"""The figures of generation equal SQL over the rows, and say nothing where there is nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from generation import review, services
from generation.kpis import kpis_get
from generation.models import Creative, RenderAttempt, RenderJob
from tests import factories
from tests.generation.composing import requested_job


def sql(query: str, *parameters) -> float:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]


def attempt(job, epoch, seconds, outcome="succeeded"):
    started = timezone.now() - timedelta(minutes=5)
    ended = started + timedelta(seconds=seconds) if seconds else None
    return RenderAttempt.objects.create(
        advertiser=job.advertiser,
        job=job,
        epoch=epoch,
        worker="w",
        started_at=started,
        ended_at=ended,
        outcome=outcome,
    )


@pytest.fixture
def rows(shop, other_shop, alice, rita):
    """Two briefs, five creatives: one blocked, two approved; four tries. A check, an old job, a neighbour."""
    first, second = requested_job(shop, alice), requested_job(shop, alice)
    for size in ((300, 250), (320, 50), (728, 90)):
        factories.make_creative(first, *size)
    for size in ((300, 250), (320, 50)):
        factories.make_creative(second, *size)
    blocked = second.creatives.first()
    blocked.inspection = {"is_blocked": True, "codes": ["contrast_low"]}
    blocked.save()
    for creative in first.creatives.all()[:2]:
        review.creative_approve(advertiser=shop, creative_id=creative.pk, reviewer=rita)
    review.creative_withdraw(advertiser=shop, creative_id=creative.pk, reviewer=rita)  # it was approved
    for number, seconds in ((1, 2.5), (2, 4.0)):
        attempt(first, number, seconds)
    attempt(second, 1, 3.5, "error")
    attempt(second, 2, None, "running")
    RenderJob.objects.filter(pk=first.pk).update(picture="renders/x.png")
    attempt(services.render_check(advertiser=shop, job_id=first.pk), 1, 50)
    old = factories.make_creative(requested_job(shop, alice)).job
    RenderJob.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=40))
    attempt(old, 1, 99)
    attempt(factories.make_creative(factories.make_render_job(other_shop)).job, 1, 77)
    return first, second


def test_discarded_and_refused_pictures_count_and_sizes_do_not(shop, rows, alice):
    first, second = rows
    faults = [{"seed": seed, "codes": ["low_match"], "match_score": 0.1} for seed in (1, 2)]
    RenderJob.objects.filter(pk=first.pk).update(render_details={"discarded": faults})
    for status in ("rejected", "dead", "cancelled", "queued"):
        RenderJob.objects.filter(pk=requested_job(shop, alice).pk).update(status=status)
    kpis = kpis_get(advertiser_id=shop.pk, now=timezone.now())
    assert (kpis.drawn, kpis.discarded, kpis.refused, kpis.usable) == (5, 2, 1, 2)
    assert kpis.available_rate == 2 / 5
    assert kpis.drawn_per_approved == 5 / 1  # two sizes of one picture were approved
    for creative in second.creatives.all():
        creative.inspection = {"is_blocked": True}
        creative.save()
    assert kpis_get(advertiser_id=shop.pk, now=timezone.now()).usable == 1


def test_each_figure_equals_sql_over_the_rows(shop, rows):
    kpis = kpis_get(advertiser_id=shop.pk, now=timezone.now())
    mine = (
        f"{Creative._meta.db_table} c JOIN {RenderJob._meta.db_table} j ON j.id = c.job_id"
        " WHERE c.advertiser_id = %s AND j.created_at >= %s"
    )
    shop_id = shop.pk if connection.vendor == "postgresql" else shop.pk.hex
    since = connection.ops.adapt_datetimefield_value(timezone.now() - timedelta(days=30))
    drawn = sql(f"SELECT COUNT(DISTINCT c.job_id) FROM {mine}", shop_id, since)  # noqa: S608
    approved = sql(
        f"SELECT COUNT(*) FROM {mine} AND c.id IN"  # noqa: S608
        " (SELECT creative_id FROM generation_reviewrecord WHERE action = 'approve')",
        shop_id,
        since,
    )
    assert (drawn, approved) == (2, 2)
    assert kpis.available_rate == 2 / drawn
    assert kpis.drawn_per_approved == drawn / 1
    assert kpis.seconds_per_approved == pytest.approx(10.0 / approved)


def test_what_an_hour_costs_makes_a_cost_of_each_model(shop, rows, settings, alice_client):
    assert "Cost per approved" not in alice_client.get(reverse("render-job-list")).content.decode()
    settings.GENERATION_WORKER_HOUR_CENTS = 180.0  # 1.80 EUR: 0.05 cents a second
    _, second = rows
    RenderJob.objects.filter(pk=second.pk).update(model="scene-diffusion")
    kpis = kpis_get(advertiser_id=shop.pk, now=timezone.now())
    found = {cost.model: (cost.worker_seconds, cost.approved, cost.text_per_approved) for cost in kpis.models}
    assert found == {"motif-gan": (6.5, 2, "0.0016 EUR"), "scene-diffusion": (3.5, 0, "")}
    assert (kpis.whole.text, kpis.whole.text_per_approved) == ("0.0050 EUR", "0.0025 EUR")
    text = alice_client.get(reverse("render-job-list")).content.decode()
    for words in ("Cost per approved creative", "0.0050 EUR of work / 2 approved", "scene-diffusion"):
        assert words in text


def test_the_queue_page_shows_them_with_their_formulas(alice_client, rows):
    text = alice_client.get(reverse("render-job-list")).content.decode()
    for words in (
        "100.0 %",
        "2 usable / 2 drawn",
        "2 drawn / 1 approved",
        "5.0 s",
        "Pictures drawn / pictures with an approved creative",
    ):
        assert words in text, words


def test_nothing_made_is_no_figure_at_all(shop, alice_client):
    kpis = kpis_get(advertiser_id=shop.pk, now=timezone.now())
    assert (kpis.available_rate, kpis.drawn_per_approved, kpis.seconds_per_approved) == (None, None, None)
    assert alice_client.get(reverse("render-job-list")).status_code == 200
