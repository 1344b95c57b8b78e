"""The self-check through the real path, small; runs that are asked for, and what is published of them."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from analytics import pipeline_check, selfcheck_services
from analytics.models import Event, ExperimentReport, SelfCheckRun
from analytics.pipeline_check import Tally, batch_check, outcomes_of
from analytics.stats.outcomes import PIPELINE, Outcome

pytestmark = pytest.mark.django_db


@pytest.fixture
def _small(monkeypatch):
    monkeypatch.setattr(pipeline_check, "LOOKS", 3)
    monkeypatch.setattr(pipeline_check, "LIFT", 1.0)


@pytest.mark.usefixtures("_small")
def test_planted_truths_come_out_of_the_pipeline():
    tally = batch_check(experiments=1, seed=4, number=0, shoppers=900)  # of 500 one broken split in 20 hides
    assert (tally.equal, tally.caught, tally.unblamed) == (tally.compared, 1, 1)
    assert tally.compared > 60
    assert tally.events == Event.objects.count() > 4000
    # Some impressions came again: under the same id stored once, under a new one kept and not counted.
    repeats = Event.objects.filter(validity="invalid")
    assert set(repeats.values_list("invalid_reason", flat=True)) == {"repeat"}
    reports = ExperimentReport.objects.all()
    assert [report.content["interval_kind"] for report in reports] == ["fixed"] * 3


@pytest.mark.usefixtures("_small")
def test_a_wrong_roll_up_is_seen(monkeypatch):
    monkeypatch.setattr(pipeline_check, "rollups_refresh", lambda: 0)  # the dashboard stays empty
    outcome = outcomes_of(batch_check(experiments=1, seed=5, number=0, shoppers=200))[-1]
    assert outcome.measured < 1
    assert not outcome.is_passed


def test_the_check_refuses_a_database_in_use(shop):
    with pytest.raises(CommandError, match="needs an empty one"):
        call_command("statistics_pipeline_check", stdout=io.StringIO())


def test_rates_of_the_pipeline_carry_their_interval_and_what_they_rest_on():
    tally = Tally(experiments=200, alarms=3, acted=9, silent=191, unblamed=200, covered=190, found=160)
    tally.add(Tally(experiments=200, shipped=300, caught=400, compared=900, equal=899))
    found = {outcome.name.partition(",")[0]: outcome for outcome in outcomes_of(tally)}
    alarms = found["False alarms"].as_dict()
    assert (alarms["measured"], alarms["simulations"], alarms["source"]) == (3 / 400, 400, PIPELINE)
    assert 0 < alarms["interval_low"] < 3 / 400 < alarms["interval_high"] < 0.03
    equal = found["Figures of report and dashboard that equal SQL over the raw events"]
    assert not equal.is_passed  # 899 of 900: no noise is granted to a sum
    assert replace(equal, measured=1).is_passed


# --- runs
def test_a_run_that_is_asked_for_is_started_once_in_a_process_of_its_own(monkeypatch):
    started = []
    monkeypatch.setattr(
        selfcheck_services.subprocess, "Popen", lambda command, **how: started.append(command)
    )
    call_command("statistics_selfcheck", "--in-worker", "--pipeline", "7", stdout=io.StringIO())
    run = SelfCheckRun.objects.get()
    assert (run.status, run.experiments, run.version) == ("waiting", 7, "0.1.0")
    assert selfcheck_services.selfchecks_start() == 1
    assert selfcheck_services.selfchecks_start() == 0
    assert [command[-3:] for command in started] == [["statistics_selfcheck", "--run", str(run.pk)]]


def test_a_run_that_died_is_called_failed_and_said_so(alice_client):
    run = selfcheck_services.selfcheck_begin(simulations=10, experiments=5, seed=1)
    selfcheck_services.selfcheck_advance(run, played=3)
    page = reverse("statistics-selfcheck")
    assert "3 of 5 experiments" in alice_client.get(page).content.decode()
    assert "3 of 5" in alice_client.get(reverse("statistics-selfcheck-waiting")).content.decode()
    selfcheck_services.selfchecks_start(now=timezone.now() + timedelta(hours=2))
    assert "broke off" in alice_client.get(page).content.decode()
    assert alice_client.get(reverse("statistics-selfcheck-waiting"))["HX-Refresh"] == "true"


def test_what_was_measured_is_published_with_its_date(alice_client, api):
    page = reverse("statistics-selfcheck")
    assert "Not run yet" in alice_client.get(page).content.decode()
    assert api.get("/api/v1/statistics/selfcheck").json()["results"] == []

    def publish(*outcomes: Outcome) -> str:
        run = selfcheck_services.selfcheck_begin(simulations=1000, experiments=200, seed=7)
        selfcheck_services.selfcheck_finish(run, outcomes=outcomes, seconds=44.2)
        return alice_client.get(page).content.decode()

    arrays = Outcome("False alarms", 0.012, 0, 0.06, 1000, "a note")
    text = publish(arrays, Outcome("Through it all", 0.015, 0, 0.06, 200, source=PIPELINE))
    assert "Every promise is kept" in text
    assert "200 experiments of each kind through the product, 1000 on arrays" in text
    product, plain = text.index("Through the product"), text.index("From arrays")
    assert product < text.index("Through it all") < plain < text.index("a note")
    assert "0.5 % to 4.3 %" in text  # 3 of 200
    outcome = api.get("/api/v1/statistics/selfcheck").json()["results"][0]["outcomes"][0]
    assert outcome["is_passed"]
    assert "A promise is broken" in publish(replace(arrays, measured=0.3))
    assert SelfCheckRun.objects.count() == 2
