"""Experiments from the design to the decision, through HTTP, and what their reports say of the data."""

from __future__ import annotations

import json
import math
import random
from datetime import timedelta

import pytest
from django.utils import timezone

from adplatform.lib.errors import DomainError
from analytics.experiment_reports import report_refresh, reports_refresh
from analytics.experiment_services import experiment_decide
from analytics.models import Event
from campaigns.experiment_services import experiments_finish
from campaigns.models import Experiment
from campaigns.serving.store import snapshots
from campaigns.weight_services import weights_write
from tests.analytics import experiment_cast as cast
from tests.analytics.experiment_cast import report_compute

pytestmark = pytest.mark.django_db


def numbers_in(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in numbers_in(item)]
    return [value] if isinstance(value, float) else []


def test_the_whole_way_through_http(api, other_api, shop, settings):
    settings.SERVING_SNAPSHOT_SECONDS = 0
    campaign, segment = cast.make_storefront(shop)
    created = api.post("/api/v1/experiments", {**cast.BODY, "campaign_id": str(campaign.pk)}, format="json")
    assert created.status_code == 201, created.content
    url = f"/api/v1/experiments/{created.json()['id']}"
    assert api.get(f"{url}/report").json()["code"] == "report_not_ready"
    assert api.post(f"{url}/start").json()["status"] == "running"
    # Ten days of visits in a moment: the simulation's own clock reaches back, and so must the start.
    now = timezone.now()
    Experiment.objects.update(started_at=now - timedelta(days=10), planned_end_at=now + timedelta(days=4))
    snapshots.clear()
    rng = random.Random(3)
    shown = {"segment": 0, "generic": 0}
    for key in cast.make_shoppers(shop, segment, 60):
        at = now - timedelta(days=rng.uniform(0.1, 9.5))
        decision = cast.visit(api, key, at, click=rng.random() < 0.5, order=rng.random() < 0.2)
        shown[decision["match"]] += 1
        again = cast.visit(api, key, at + timedelta(minutes=30), click=False)
        assert again["match"] == decision["match"]  # sticky
    assert min(shown.values()) > 15
    split = Event.objects.filter(experiment_id=created.json()["id"])
    assert split.exclude(arm="").count() >= 120
    # Whatever an arm shows, the event says whom the shopper was decided for.
    assert set(split.values_list("arm", "drawn_segment_id", "segment_id")) == {
        ("generic", segment.pk, None),
        ("own_segment", segment.pk, segment.pk),
    }

    assert api.post(f"{url}/report").status_code == 202
    assert reports_refresh() == 1
    report = api.get(f"{url}/report").json()
    assert {arm["key"]: arm["shoppers"] for arm in report["arms"]} == {
        "generic": shown["generic"],
        "own_segment": shown["segment"],
    }
    assert report["interval_kind"] == "always_valid"
    assert report["verdict"]["code"] == "collecting"
    assert report["verdict"]["days_left"] in (4, 5)
    # A number in the report equals the number in SQL over the raw events.
    clicks = Event.objects.filter(kind="click", arm="generic", validity="valid").count()
    assert report["arms"][0]["clicks"] == clicks
    orders = Event.objects.filter(kind="conversion", validity="valid").count()
    conversion = next(m for m in report["metrics"] if m["metric"] == "conversion_rate")
    assert sum(row["numerator"] for row in conversion["rows"]) == orders

    refused = api.post(f"{url}/decide", {"outcome": "ship", "comment": "no arm"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
    decision = {"outcome": "ship", "arm": "generic", "comment": "Cheaper to make."}
    assert api.post(f"{url}/decide", decision, format="json").json()["status"] == "decided"
    after = cast.visit(api, "visitor-1", now - timedelta(minutes=5), click=False)
    assert after["match"] == "segment"  # before the decision
    snapshots.clear()
    fresh = api.post("/api/v1/decisions", {"shopper": "visitor-1", "placements": ["hero"]}, format="json")
    assert fresh.json()["decisions"][0]["match"] == "generic"
    experiment = Experiment.objects.get()
    assert experiment.decision_report["verdict"]["code"] == "collecting"
    assert [record.action for record in experiment.records.all()] == ["created", "started", "ship"]
    for path in ("", "/report", "/start", "/stop", "/decide"):
        method = other_api.get if path in ("", "/report") else other_api.post
        body = decision if path == "/decide" else {}
        assert method(url + path, body, format="json").status_code == 404, path


def test_a_planted_lift_is_found_after_the_planned_end(shop):
    experiment = cast.make_running(shop, days_ago=15, planned_shoppers=1200)
    cast.make_touches(experiment, 1200, click_rates={"generic": 0.08, "own_segment": 0.14})
    experiments_finish(now=timezone.now())
    content = report_refresh(experiment_id=experiment.pk).content
    assert content["interval_kind"] == "fixed"
    row = content["metrics"][0]["rows"][1]
    assert row["lift_low"] > 0.1
    assert row["lift_high"] < 1.4
    assert row["p_adjusted"] < 0.001
    assert row["chance_to_beat"] > 0.999
    assert (content["verdict"]["code"], content["verdict"]["arm"]) == ("ship", "own_segment")
    assert {check["key"]: check["level"] for check in content["health"]}["split"] == "ok"
    assert sum(sum(counts) for counts in content["trend"]["exposures"]) == 1200
    assert all(math.isfinite(number) for number in numbers_in(content))
    json.dumps(content, allow_nan=False)


def test_where_the_usual_lost_a_roll_back_is_told_from_shipping_the_control(shop):
    experiment = cast.make_running(shop, days_ago=15, planned_shoppers=1200)
    cast.make_touches(experiment, 1200, click_rates={"generic": 0.16, "own_segment": 0.07})
    verdict = report_compute(experiment, now=timezone.now())["verdict"]
    assert verdict["code"] == "roll_back"
    assert "To show the control to everybody, ship it." in verdict["reasons"][-1]


def test_missing_shoppers_of_one_arm_hide_the_verdict(shop):
    experiment = cast.make_running(shop, days_ago=15)
    cast.make_touches(
        experiment,
        1500,
        click_rates={"generic": 0.05, "own_segment": 0.3},
        skip=lambda number, arm: arm == "own_segment" and number % 4 == 0,
    )
    content = report_refresh(experiment_id=experiment.pk).content
    assert content["verdict"]["code"] == "unhealthy"
    assert "Split of the shoppers" in content["verdict"]["reasons"][0]
    with pytest.raises(DomainError) as refused:
        experiment_decide(
            advertiser=shop, experiment_id=experiment.pk, outcome="ship", arm="own_segment", comment="x",
            now=timezone.now(),
        )  # fmt: skip
    assert refused.value.code == "experiment_unhealthy"


def test_shoppers_of_two_arms_are_left_out_and_counted(shop):
    experiment = cast.make_running(shop)
    cast.make_touches(experiment, 50, click_rates={"generic": 0.2, "own_segment": 0.2})
    first = Event.objects.filter(shopper_pseudonym="shopper-3", kind="impression").first()
    Event.objects.filter(pk=first.pk).update(arm="generic" if first.arm != "generic" else "own_segment")
    content = report_compute(experiment, now=timezone.now())
    assert (content["mixed_shoppers"], content["shoppers"]) == (1, 49)


def test_too_many_shoppers_of_two_arms_hide_the_verdict(shop):
    experiment = cast.make_running(shop)
    cast.make_touches(experiment, 120, click_rates={"generic": 0.2, "own_segment": 0.2})
    for number in range(10):
        mine = Event.objects.filter(shopper_pseudonym=f"shopper-{number}", kind="impression").order_by("pk")
        other = "generic" if mine[0].arm != "generic" else "own_segment"
        Event.objects.filter(pk=mine[0].pk).update(arm=other)
    content = report_compute(experiment, now=timezone.now())
    assert (content["mixed_shoppers"], content["verdict"]["code"]) == (10, "unhealthy")
    assert "seen in two arms" in content["verdict"]["reasons"][0]


def test_only_what_follows_the_first_impression_counts(shop):
    experiment = cast.make_running(shop)
    cast.make_touches(experiment, 20, click_rates={"generic": 0, "own_segment": 0}, order_rate=1.0)
    early = experiment.started_at + timedelta(seconds=1)
    Event.objects.filter(kind="conversion", shopper_pseudonym="shopper-1").update(occurred_at=early)
    content = report_compute(experiment, now=timezone.now())
    conversion = next(m for m in content["metrics"] if m["metric"] == "conversion_rate")
    assert sum(row["numerator"] for row in conversion["rows"]) == 19


def test_nothing_after_the_planned_end_is_looked_at(shop):
    experiment = cast.make_running(shop, days_ago=20)
    cast.make_touches(experiment, 40, click_rates={"generic": 0.5, "own_segment": 0.5})
    before = report_compute(experiment, now=timezone.now())
    Event.objects.filter(kind="click").update(occurred_at=experiment.planned_end_at + timedelta(hours=1))
    after = report_compute(experiment, now=timezone.now())
    assert before["metrics"][0]["rows"][0]["numerator"] > 0
    assert after["metrics"][0]["rows"][0]["numerator"] == 0


@pytest.mark.parametrize(
    ("clicks", "orders", "value"), [(0.0, 0.0, 1), (1.0, 1.0, 1), (0.0, 1.0, -500), (0.3, 0.5, 0)]
)
def test_hopeless_data_gives_a_verdict_and_no_nan(shop, clicks, orders, value):
    experiment = cast.make_running(shop)
    cast.make_touches(
        experiment, 30, click_rates={"generic": clicks, "own_segment": clicks}, order_rate=orders,
        value_cents=value,
    )  # fmt: skip
    content = report_compute(experiment, now=timezone.now())
    json.dumps(content, allow_nan=False)
    assert content["verdict"]["code"] in {"collecting", "unhealthy"}


def test_an_experiment_without_an_event_says_so(shop):
    content = report_compute(cast.make_running(shop), now=timezone.now())
    assert content["verdict"]["code"] == "no_data"
    json.dumps(content, allow_nan=False)


@pytest.mark.parametrize("days", [-3, 3])
def test_a_start_or_an_event_in_the_future_breaks_nothing(shop, days):
    experiment = cast.make_running(shop)
    cast.make_touches(experiment, 20, click_rates={"generic": 0.5, "own_segment": 0.5})
    if days > 0:
        experiment.started_at = timezone.now() + timedelta(days=days)
    else:
        Event.objects.filter(kind="click").update(occurred_at=timezone.now() + timedelta(days=400))
    content = report_compute(experiment, now=timezone.now())
    json.dumps(content, allow_nan=False)
    assert content["verdict"]["code"] in {"no_data", "collecting"}


def test_weights_that_people_change_in_the_middle_are_told(shop):
    experiment = cast.make_running(shop)

    def found():
        checks = {check["key"]: check for check in report_compute(experiment, now=timezone.now())["health"]}
        return checks["unchanged"]["level"], checks["unchanged"]["sentence"]

    assert found() == ("ok", "Split, pictures and weights stayed as they were.")
    variant = experiment.campaign.variants.first()
    weights_write(
        advertiser=shop, campaign_id=experiment.campaign_id, weights={variant.pk: 3.0},
        now=timezone.now() - timedelta(days=1),
    )  # fmt: skip
    assert found() == ("warn", "The draw's weights changed 1 time.")
