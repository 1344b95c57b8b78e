"""The checks before the numbers, one row a situation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from analytics import experiment_health as health
from analytics.models import Event
from campaigns.models import Experiment
from tests.analytics import experiment_cast as cast
from tests.analytics.experiment_cast import report_compute


@pytest.mark.parametrize(
    ("count", "kept", "level"),
    [
        (0, 1000, "ok"),
        (10, 990, "ok"),
        (20, 980, "warn"),
        (50, 950, "warn"),
        (60, 940, "fail"),
        (9, 9, "warn"),
    ],
)
def test_shoppers_of_two_arms_fail_once_too_many_are_left_out(count, kept, level):
    assert health.mixed(count, kept).level == level


@pytest.mark.parametrize(
    ("own", "generic", "level", "word"),
    [
        ((50, 1000), (55, 1000), "ok", ""),
        ((50, 1000), (150, 1000), "warn", "more than to another"),
        ((400, 1000), (410, 1000), "warn", "That is much"),
        ((0, 0), (0, 0), "ok", ""),
    ],
)
def test_robots_are_compared_between_the_arms(own, generic, level, word):
    found = health.robots({"Own": own, "Generic": generic})
    assert (found.level, word in found.advice) == (level, True)


def test_events_that_stopped_before_the_end_fail_it_for_good():
    end = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert health.fresh(None, end).level == "unknown"
    assert health.fresh(end - timedelta(hours=23), end).level == "ok"
    found = health.fresh(end - timedelta(days=6), end)
    assert (found.level, "2026-11-20 12:00 UTC nothing came" in found.sentence) == ("fail", True)


@pytest.mark.django_db
def test_an_experiment_whose_events_stopped_is_not_healthy_once_it_is_over(shop):
    experiment = cast.make_running(shop)
    cast.make_touches(experiment, 120, click_rates={"generic": 0.2, "own_segment": 0.2})
    last = Event.objects.latest("occurred_at").occurred_at
    end = last + timedelta(days=5)
    Experiment.objects.update(planned_end_at=end)
    experiment.refresh_from_db()
    for now in (end - timedelta(minutes=1), end + timedelta(minutes=1), end + timedelta(days=30)):
        checks = {check["key"]: check for check in report_compute(experiment, now=now)["health"]}
        assert checks["fresh"]["level"] == "fail", now


@pytest.mark.django_db
def test_robots_and_repeats_are_told_apart_by_arm(shop):
    experiment = cast.make_running(shop)
    cast.make_touches(experiment, 120, click_rates={"generic": 0.2, "own_segment": 0.2})
    for arm, reason, count in (
        ("generic", "ua_bot", 60),
        ("generic", "repeat", 4),
        ("own_segment", "rate", 4),
    ):
        some = Event.objects.filter(arm=arm, kind="impression", validity="valid")[:count]
        Event.objects.filter(pk__in=[event.pk for event in some]).update(
            validity="invalid", invalid_reason=reason
        )
    checks = {check["key"]: check for check in report_compute(experiment, now=timezone.now())["health"]}
    assert (checks["robots"]["level"], checks["repeats"]["level"]) == ("warn", "ok")
    assert "Own segment none" in checks["robots"]["sentence"]
