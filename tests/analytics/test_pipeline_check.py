"""The self-check through the real path, small; and what is published of it."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from analytics.management.commands.statistics_selfcheck import _publish
from analytics.models import Event, SelfCheckRun
from analytics.pipeline_check import pipeline_check
from analytics.stats.simulation import Outcome

pytestmark = pytest.mark.django_db


def test_planted_truths_come_out_of_the_pipeline(monkeypatch):
    monkeypatch.setattr("analytics.pipeline_check.LOOKS", 3)
    monkeypatch.setattr("analytics.pipeline_check.planned_shoppers", lambda lift: 500)
    outcomes = {o.name.partition(",")[0]: o for o in pipeline_check(experiments=1, seed=4, lift=1.0)}
    equal = outcomes["Figures of report and dashboard that equal SQL over the raw events"]
    assert equal.measured == 1
    assert int(equal.note.split()[0]) > 30
    assert outcomes["An arm that lost two fifths of its shoppers is caught"].measured == 1
    assert Event.objects.filter(validity="valid").count() > 3000


def test_a_wrong_roll_up_is_seen(monkeypatch):
    from analytics import pipeline_check as module

    monkeypatch.setattr(module, "LOOKS", 1)
    monkeypatch.setattr(module, "planned_shoppers", lambda lift: 200)
    monkeypatch.setattr(module, "rollups_refresh", lambda: 0)  # the dashboard stays empty
    outcomes = pipeline_check(experiments=1, seed=5, lift=1.0)
    assert outcomes[-1].measured < 1
    assert not outcomes[-1].is_passed


def test_the_check_refuses_a_database_in_use(shop):
    with pytest.raises(CommandError, match="needs an empty one"):
        call_command("statistics_pipeline_check", stdout=io.StringIO())


def test_what_was_measured_is_published_with_its_date(alice_client, api):
    assert "Not run yet" in alice_client.get(reverse("statistics-selfcheck")).content.decode()
    assert api.get("/api/v1/statistics/selfcheck").json()["results"] == []
    _publish([Outcome("False alarms", 0.012, 0, 0.06, 1000, "a note")], 7, 44.2)
    text = alice_client.get(reverse("statistics-selfcheck")).content.decode()
    assert "Every promise is kept" in text
    assert "1.2 %" in text
    assert api.get("/api/v1/statistics/selfcheck").json()["results"][0]["outcomes"][0]["is_passed"]
    _publish([Outcome("False alarms", 0.3, 0, 0.06, 1000)], 7, 44.2)
    assert "A promise is broken" in alice_client.get(reverse("statistics-selfcheck")).content.decode()
    assert SelfCheckRun.objects.count() == 2
