"""What Prometheus reads: who may, what it says of a queue with a past, and what it never says."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import yaml
from django.conf import settings as django_settings
from django.utils import timezone
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from accounts import refusals
from adplatform import metrics
from analytics.models import DailyRollup, DirtyHour, HourlyInvalid
from campaigns.models import DecisionCount
from generation import queue
from generation.models import RenderAttempt, RenderJob
from generation.queue_metrics import queue_metrics_get
from scripts import grafana_dashboard
from tests import factories

DEPLOY = django_settings.BASE_DIR / "deploy"
pytestmark = pytest.mark.django_db


@pytest.fixture
def scrape(client, settings, monkeypatch):
    settings.METRICS_TOKEN = "let-me-in"
    monkeypatch.setattr(metrics, "CACHE_SECONDS", -1.0)

    def read() -> dict[tuple[str, ...], float]:
        response = client.get("/metrics", headers={"Authorization": "Bearer let-me-in"})
        assert response.status_code == 200
        return {
            (sample.name.removeprefix("adplatform_"), *(sample.labels[k] for k in sorted(sample.labels))): (
                sample.value
            )
            for family in text_string_to_metric_families(response.content.decode())
            for sample in family.samples
        }

    return read


def test_without_a_token_there_is_no_such_page_and_with_one_only_its_holder_reads(client, settings):
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "let-me-in"
    for wrong in ("", "Bearer ", "Bearer let-me-out", "Basic let-me-in", "Bearer låt"):
        assert client.get("/metrics", headers={"Authorization": wrong}).status_code == 401


def test_a_scraper_by_address_without_tls_is_answered(client, settings):
    settings.SECURE_SSL_REDIRECT, settings.METRICS_TOKEN = True, "let-me-in"
    answer = client.get("/metrics", headers={"Authorization": "Bearer let-me-in", "Host": "10.0.0.7:8000"})
    assert answer.status_code == 200


def test_the_queue_shows_its_depth_its_age_and_its_losses(shop, scrape, settings):
    settings.GENERATION_MODELS = {**settings.GENERATION_MODELS, "tiny": "/nowhere/tiny"}
    now = timezone.now()
    for take in range(4):
        factories.make_render_job(shop, model="tiny", take=take)
    RenderJob.objects.update(available_at=now - timedelta(seconds=90))
    _, lease = queue.job_claim(worker="a", now=now)
    picture = queue.Picture("x", "a" * 64, "b" * 64, render_ms=800, details={"steps": 4})
    assert queue.job_finish(lease=lease, now=now + timedelta(seconds=3), picture=picture, creatives=[])
    queue.job_claim(worker="b", now=now)
    RenderJob.objects.filter(status="leased").update(lease_expires_at=now - timedelta(seconds=1))
    read = scrape()
    assert (read["render_jobs", "queued"], read["render_jobs", "succeeded"]) == (2, 1)
    assert read["render_jobs", "dead"] == 0, "a state without a job is a zero, not a gap"
    assert read["render_jobs_due",] == 2
    assert 90 <= read["render_oldest_due_seconds",] < 150
    assert read["render_leases_expired",] == 1
    assert read["render_step_seconds", "tiny"] == pytest.approx(0.2)
    assert read["render_seconds", "0.95"] == pytest.approx(3.0)
    queue.leases_expire(now=timezone.now(), jitter=0.5)
    assert scrape()["render_attempts_total", "worker_lost", "lost"] == 1


def test_durations_are_exact_quantiles_of_the_last_hour(shop):
    job = factories.make_render_job(shop)
    now = timezone.now()
    for epoch in range(101):
        ended = now - timedelta(minutes=1 if epoch else 61)
        RenderAttempt.objects.create(
            advertiser=shop, job=job, epoch=epoch, worker="a", outcome="succeeded",
            started_at=ended - timedelta(seconds=epoch), ended_at=ended,
        )  # fmt: skip
    seconds = queue_metrics_get(now=now).seconds
    assert seconds == {"0.5": pytest.approx(50.5), "0.95": pytest.approx(95.05)}


def test_counting_shows_its_lag_and_what_was_left_out(shop, scrape):
    read = scrape()
    assert (read["rollup_pending_hours",], read["rollup_lag_seconds",]) == (0, 0)
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    common = {"advertiser": shop, "day": now.date(), "computed_at": now}
    DailyRollup.objects.create(**common, impressions=7, clicks=2)
    DailyRollup.objects.create(**common, impressions=99, is_simulated=True)
    HourlyInvalid.objects.create(advertiser=shop, hour=hour, kind="click", reason="bot", events=3)
    for _ in range(2):
        DirtyHour.objects.create(advertiser=shop, hour=hour)
    DirtyHour.objects.update(created_at=now - timedelta(seconds=30))
    read = scrape()
    assert (read["events_today", "impressions"], read["events_today", "clicks"]) == (7, 2)
    assert read["events_not_counted_today", "click", "bot"] == 3
    assert read["rollup_pending_hours",] == 1
    assert 30 <= read["rollup_lag_seconds",] < 90


def test_a_lost_click_has_a_series_before_the_first_is_lost(scrape):
    assert scrape()["refused_total", "click_lost", "clicks"] == 0
    refusals.refused_count("clicks", ["click_lost"])
    refusals.refusals_flush()
    assert scrape()["refused_total", "click_lost", "clicks"] == 1


def test_decisions_are_told_by_what_they_ended_in_and_why(shop, scrape):
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for placement, simulated, number in ((1, False, 5), (2, False, 2), (1, True, 90)):
        DecisionCount.objects.create(
            advertiser=shop, hour_at=now, placement_id=UUID(int=placement), outcome="none",
            reason="paused", is_simulated=simulated, decisions=number,
        )  # fmt: skip
    assert scrape()["decisions_today", "none", "paused"] == 7


def test_nothing_of_an_advertiser_or_a_shopper_is_in_it_and_its_cost_does_not_grow(
    shop, scrape, client, django_assert_max_num_queries
):
    factories.make_render_job(shop)
    with django_assert_max_num_queries(22):
        scrape()
    text = client.get("/metrics", headers={"Authorization": "Bearer let-me-in"}).content.decode()
    text = text.replace('code="bad_shopper"', "")  # a reason for a refusal, of nobody
    for word in (str(shop.pk), shop.slug, shop.name, "shopper", "Trail"):
        assert word not in text


@pytest.fixture
def known_metrics(shop, scrape) -> set[str]:
    """Every name that /metrics can say; what has no sample in an empty installation is named here."""
    text = generate_latest(metrics._registry).decode()
    return {
        line.split()[2].removeprefix("adplatform_") for line in text.splitlines() if line.startswith("# TYPE")
    }


def _watched(expression: str) -> set[str]:
    return {name.removesuffix("_total") for name in re.findall(r"adplatform_(\w+)", expression)}


def _rules() -> list[dict[str, Any]]:
    return yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"][0]["rules"]


def test_every_alert_watches_a_metric_that_there_is_and_has_its_line_in_the_runbook(known_metrics):
    known = {name.removesuffix("_total") for name in known_metrics}
    runbook = (DEPLOY.parent / "docs" / "operations.md").read_text()
    for rule in _rules():
        assert _watched(rule["expr"]), rule["alert"]
        assert _watched(rule["expr"]) <= known, rule["alert"]
        assert f"| `{rule['alert']}` |" in runbook, rule["alert"]


def test_every_panel_of_the_dashboard_draws_a_metric_that_there_is_and_the_file_is_as_written(known_metrics):
    stored = json.loads((DEPLOY / "grafana" / "adplatform.json").read_text())
    assert stored == grafana_dashboard.dashboard(), "run scripts/grafana_dashboard.py"
    known = {name.removesuffix("_total") for name in known_metrics}
    drawn: set[str] = set()
    for panel in stored["panels"]:
        for target in panel.get("targets", ()):
            assert _watched(target["expr"]), panel["title"]
            drawn |= _watched(target["expr"])
    assert drawn <= known
    assert known - drawn == set(), "every metric has its panel"
