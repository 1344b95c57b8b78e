"""Reports that a worker computes: asked for, kept fresh, failing, too slow, and nobody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.urls import reverse
from django.utils import timezone

from analytics.models import StoredReport
from analytics.stored_reports import stored_reports_refresh
from campaigns.models import Variant
from generation.models import RenderJob
from tests.analytics import learning_cast as cast
from tests.analytics.learning_cast import computed

pytestmark = pytest.mark.django_db


def test_a_worn_picture_is_named_and_one_click_asks_for_another(shop, alice_client):
    campaign, placement, _, variants = cast.make_campaign(shop, 2)
    now = timezone.now()
    for since, until, rates in ((29, 23, [0.4, 0.4]), (13, 0.1, [0.1, 0.4])):
        cast.make_draws(
            campaign, placement, variants, rates, count=2000, shoppers=1500, seed=int(since),
            since=now - timedelta(days=since), until=now - timedelta(days=until),
        )  # fmt: skip
    content = computed(alice_client, campaign, "fatigue")
    states = {line["variant_id"]: line["state"] for line in content["lines"]}
    assert states == {str(variants[0].pk): "fatigued", str(variants[1].pk): "healthy"}
    url = reverse("fatigue", args=[campaign.pk])
    text = alice_client.get(url).content.decode()
    assert text.count(">Replace<") == 1
    replace = reverse("picture-regenerate", args=[variants[0].job_id])
    assert replace in text
    alice_client.post(replace, {"next": url})
    assert Variant.objects.get(pk=variants[0].pk).job_id != variants[0].job_id
    assert ">Replace<" not in alice_client.get(url).content.decode()  # its place is taken already
    RenderJob.objects.filter(pk=variants[0].job_id).delete()
    assert "Deleted creative" in alice_client.get(url).content.decode()


def test_what_was_asked_for_once_is_kept_fresh_by_day(shop, alice_client):
    campaign, *_ = cast.make_campaign(shop)
    computed(alice_client, campaign, "fatigue")
    assert stored_reports_refresh() == 0
    StoredReport.objects.update(computed_at=timezone.now() - timedelta(days=2))
    assert stored_reports_refresh() == 1


def test_a_report_that_fails_says_so_and_no_page_breaks(shop, alice_client, monkeypatch):
    campaign, *_ = cast.make_campaign(shop)
    monkeypatch.setattr("analytics.fatigue_report.fatigue_compute", lambda *a: 1 / 0)
    alice_client.post(reverse("stored-report-refresh", args=[campaign.pk, "fatigue"]))
    assert stored_reports_refresh() == 0
    text = alice_client.get(reverse("fatigue", args=[campaign.pk])).content.decode()
    assert "could not be computed" in text


def test_mallory_sees_nothing_of_it(shop, mallory_client):
    campaign, *_ = cast.make_campaign(shop)
    for name in ("learning-detail", "what-if", "dividend", "fatigue"):
        assert mallory_client.get(reverse(name, args=[campaign.pk])).status_code == 404
    assert campaign.name not in mallory_client.get(reverse("learning-list")).content.decode()


def test_a_report_that_takes_too_long_ends_its_task_and_is_not_tried_again(shop, alice_client, monkeypatch):
    def slow(*_):
        raise SoftTimeLimitExceeded

    campaign, *_ = cast.make_campaign(shop)
    monkeypatch.setattr("analytics.fatigue_report.fatigue_compute", slow)
    alice_client.post(reverse("stored-report-refresh", args=[campaign.pk, "fatigue"]))
    with pytest.raises(SoftTimeLimitExceeded):
        stored_reports_refresh()
    assert stored_reports_refresh() == 0
    text = alice_client.get(reverse("fatigue", args=[campaign.pk])).content.decode()
    assert "took too long" in text
