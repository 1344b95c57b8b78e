"""Experiments from the design to the decision, through HTTP, and every way in which they refuse."""

from __future__ import annotations

import json
import math
import random
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from adplatform.lib.errors import DomainError
from analytics.baselines import baseline_refresh
from analytics.experiment_reports import report_compute, report_refresh, reports_refresh
from analytics.experiment_services import experiment_decide, plan_make
from analytics.models import Event, ExperimentReport
from campaigns.experiment_services import experiment_decide as campaigns_decide
from campaigns.experiment_services import experiment_start, experiment_stop, experiments_finish
from campaigns.models import Experiment, ExperimentRecord
from campaigns.serving.loading import snapshot_load
from campaigns.serving.store import snapshots
from campaigns.weight_services import weights_write
from tests import factories
from tests.analytics import experiment_cast as cast
from tests.campaigns.serving_cast import make_live, make_variant

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


# --- states and refusals
def test_only_one_experiment_of_a_campaign_runs_at_a_time(shop):
    first = cast.make_running(shop)
    second = cast.make_experiment(shop, first.campaign)
    with pytest.raises(DomainError, match="Another experiment"):
        experiment_start(advertiser=shop, experiment_id=second.pk, now=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        Experiment.objects.filter(pk=second.pk).update(status="running")
    experiment_stop(advertiser=shop, experiment_id=first.pk, now=timezone.now())
    assert experiment_start(advertiser=shop, experiment_id=second.pk, now=timezone.now()).status == "running"


def test_an_experiment_ends_by_itself_at_its_planned_end(shop):
    experiment = cast.make_running(shop, days_ago=20)
    assert reports_refresh() == 1
    experiment.refresh_from_db()
    assert (experiment.status, experiment.stopped_at) == ("stopped", experiment.planned_end_at)
    assert experiments_finish(now=timezone.now()) == 0
    assert ExperimentRecord.objects.filter(action="finished").count() == 1
    assert reports_refresh() == 0  # computed once more after the end, and then no more


@pytest.mark.parametrize("by_hand", [False, True])
def test_the_end_and_the_late_events_after_it_each_bring_one_more_report(shop, by_hand):
    """A report made while it ran is not the last word: it says "collecting", with always-valid intervals."""
    experiment = cast.make_running(shop, days_ago=10)
    before_end = experiment.started_at + timedelta(days=9)
    assert reports_refresh(now=before_end) == 1
    end = experiment.planned_end_at
    if by_hand:
        end = before_end + timedelta(minutes=1)
        experiment_stop(advertiser=shop, experiment_id=experiment.pk, now=end)
    for moment, computed in (
        (end + timedelta(seconds=1), 1),
        (end + timedelta(minutes=5), 0),
        (end + timedelta(hours=2), 1),
        (end + timedelta(hours=3), 0),
    ):
        assert reports_refresh(now=moment) == computed, moment - end
    content = ExperimentReport.objects.get().content
    assert content["interval_kind"] == ("always_valid" if by_hand else "fixed")
    assert content["verdict"]["code"] != "collecting"


def test_what_runs_cannot_be_started_again_and_what_is_decided_stays_so(shop):
    experiment = cast.make_running(shop)
    with pytest.raises(DomainError, match="Only a draft"):
        experiment_start(advertiser=shop, experiment_id=experiment.pk, now=timezone.now())
    decide = {
        "advertiser": shop,
        "experiment_id": experiment.pk,
        "comment": "So be it",
        "now": timezone.now(),
    }
    with pytest.raises(DomainError) as refused:
        experiment_decide(**decide, outcome="ship", arm="own_segment")
    assert refused.value.code == "experiment_without_report"
    experiment_decide(**decide, outcome="roll_back")
    with pytest.raises(DomainError, match="Only a started"):
        experiment_decide(**decide, outcome="no_change")
    assert experiment.campaign_id not in snapshot_load(shop.pk).experiments


def test_a_roll_back_restores_what_was_shown_before(shop):
    """The segments' pictures at first; after an arm was shipped, that arm."""
    first = cast.make_running(shop)

    def end(experiment, outcome, arm=""):
        decided = campaigns_decide(
            advertiser=shop, experiment_id=experiment.pk, outcome=outcome, arm=arm, comment="So be it",
            now=timezone.now(),
        )  # fmt: skip
        served = snapshot_load(shop.pk).experiments.get(experiment.campaign_id)
        return decided.decided_arm, served.arms[0].key if served else None

    assert end(first, "roll_back") == ("", None)
    assert end(cast.make_running(shop, first.campaign), "ship", "generic") == ("generic", "generic")
    assert end(cast.make_running(shop, first.campaign), "roll_back") == ("", "generic")
    assert end(cast.make_running(shop, first.campaign), "ship", "own_segment") == (
        "own_segment",
        "own_segment",
    )


def test_a_draft_campaign_cannot_be_experimented_with(shop):
    experiment = cast.make_experiment(shop, factories.make_campaign(shop))
    with pytest.raises(DomainError) as refused:
        experiment_start(advertiser=shop, experiment_id=experiment.pk, now=timezone.now())
    assert refused.value.code == "campaign_not_live"


def test_without_a_picture_for_every_arm_nothing_starts(api, shop):
    campaign, placement = make_live(shop)
    make_variant(campaign, placement)  # generic only
    experiment = cast.make_experiment(shop, campaign)
    answer = api.post(f"/api/v1/experiments/{experiment.pk}/start")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_compare")


def test_a_draft_can_be_thrown_away_and_what_ran_cannot(api, other_api, alice_client, shop):
    draft = cast.make_experiment(shop)
    running = cast.make_running(shop, draft.campaign)
    assert other_api.delete(f"/api/v1/experiments/{draft.pk}").status_code == 404
    assert api.delete(f"/api/v1/experiments/{draft.pk}").status_code == 204
    assert api.delete(f"/api/v1/experiments/{running.pk}").json()["code"] == "experiment_not_draft"
    url = reverse("experiment-delete", args=[running.pk])
    assert "Only a draft" in alice_client.post(url, follow=True).content.decode()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"arms": [{"rule": "generic"}]}, "arms"),
        ({"arms": []}, "arms"),
        ({"arms": [{"rule": "generic", "weight": n} for n in range(50)]}, "arms"),
        ({"arms": [{"rule": "generic"}, {"rule": "generic"}]}, "arms"),
        ({"arms": [{"rule": "generic"}, {"rule": "other_segment"}]}, "arms"),
        ({"arms": [{"rule": "generic", "weight": -1}, {"rule": "own_segment"}]}, "arms"),
        ({"arms": [{"rule": "generic", "weight": "inf"}, {"rule": "own_segment"}]}, "arms"),
        ({"arms": [{"rule": "generic", "weight": "nan"}, {"rule": "own_segment"}]}, "arms"),
        ({"arms": [{"rule": "generic", "weight": 1e-9}, {"rule": "own_segment"}]}, "arms"),
        ({"arms": "x"}, "arms"),
        ({"name": ""}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"hypothesis": " "}, "hypothesis"),
        ({"min_effect_rate": 0}, "min_effect_rate"),
        ({"min_effect_rate": "nan"}, "min_effect_rate"),
        ({"planned_shoppers": 0}, "planned_shoppers"),
        ({"planned_shoppers": 10**30}, "planned_shoppers"),
        ({"planned_days": 100_000}, "planned_days"),
        ({"traffic_rate": 2}, "traffic_rate"),
        ({"primary_metric": "happiness"}, "primary_metric"),
        ({"guardrails": [{"metric": "click_rate", "margin_rate": 0.1}]}, "guardrails"),
        ({"guardrails": [{"metric": "revenue_cents", "margin_rate": -1}]}, "guardrails"),
        ({"campaign_id": "x"}, "campaign_id"),
    ],
)
def test_a_bad_design_gets_a_sentence_for_its_field(api, shop, changes, field):
    campaign, _ = make_live(shop)
    body = {**cast.BODY, "campaign_id": str(campaign.pk), **changes}
    answer = api.post("/api/v1/experiments", body, format="json")
    assert answer.status_code == 400, answer.content
    assert field in answer.json()["errors"]
    assert not Experiment.objects.exists()


def test_nothing_is_decided_by_figures_that_nobody_saw(api, alice_client, shop):
    experiment = cast.make_running(shop)
    cast.make_touches(experiment, 20, click_rates={"generic": 0.5, "own_segment": 0.5})
    now = timezone.now()
    old = report_refresh(experiment_id=experiment.pk, now=now - timedelta(hours=1)).content["computed_at"]
    new = report_refresh(experiment_id=experiment.pk, now=now).content["computed_at"]
    url = f"/api/v1/experiments/{experiment.pk}"
    body = {"outcome": "no_change", "comment": "Nothing to see.", "seen_at": old}
    refused = api.post(f"{url}/decide", body, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "report_changed")
    form = {"choice": "no_change", "comment": "Nothing to see.", "seen_at": old}
    page = alice_client.post(reverse("experiment-decide", args=[experiment.pk]), form)
    text = page.content.decode()
    assert page.status_code == 409
    for words in ("Newer figures have come", f'name="seen_at" value="{new}"', ">Nothing to see.</textarea>"):
        assert words in text, words
    alice_client.post(reverse("experiment-decide", args=[experiment.pk]), {**form, "seen_at": new})
    experiment.refresh_from_db()
    assert (experiment.status, experiment.decision_report["computed_at"]) == ("decided", new)
    # What a worker finds later is not what was decided by.
    report_refresh(experiment_id=experiment.pk, now=now + timedelta(hours=1))
    assert api.get(f"{url}/report").json()["computed_at"] == new


def test_another_shops_campaign_looks_like_none(api, other_shop):
    campaign, _ = make_live(other_shop)
    answer = api.post("/api/v1/experiments", {**cast.BODY, "campaign_id": str(campaign.pk)}, format="json")
    assert answer.status_code == 404


def test_the_plan_comes_from_the_campaigns_own_shoppers(shop):
    experiment = cast.make_running(shop, days_ago=10)
    cast.make_touches(experiment, 280, click_rates={"generic": 0.1, "own_segment": 0.1})
    arguments = {"advertiser": shop, "campaign_id": experiment.campaign_id, "metric": "click_rate"}
    arguments |= {"effect": 0.2, "weights": [1, 1]}
    assert plan_make(**arguments).computed_at is None
    baseline_refresh(campaign=experiment.campaign, now=timezone.now())
    assert plan_make(**arguments).needed is None  # nobody saw a creative of a segment
    Event.objects.update(segment_id=experiment.pk)
    baseline_refresh(campaign=experiment.campaign, now=timezone.now())
    plan = plan_make(**arguments)
    assert (plan.shoppers_seen, plan.shoppers_a_day) == (280, 20)
    assert plan.value == pytest.approx(0.1, abs=0.03)
    assert plan.days == math.ceil(plan.needed / 20)
    assert plan_make(**{**arguments, "effect": 0.1}).needed > 3 * plan.needed
    assert plan_make(**{**arguments, "weights": [1, 1, 1]}).needed > 1.7 * plan.needed  # Holm over two


def test_the_wizard_fills_in_what_is_needed_and_warns_of_less(shop, alice_client):
    experiment = cast.make_running(shop, days_ago=10)
    cast.make_touches(experiment, 280, click_rates={"generic": 0.1, "own_segment": 0.1})
    Event.objects.update(segment_id=experiment.pk)
    baseline_refresh(campaign=experiment.campaign, now=timezone.now())
    asked = {
        "campaign": experiment.campaign_id, "design": "match", "control_percent": 50, "traffic_percent": 100,
        "primary_metric": "click_rate", "effect_percent": 50, "planned_shoppers": 1, "planned_days": 1,
    }  # fmt: skip
    plan = plan_make(
        advertiser=shop, campaign_id=experiment.campaign_id, metric="click_rate", effect=0.5, weights=[1, 1]
    )
    text = alice_client.get(reverse("experiment-plan"), asked).content.decode()
    assert f"1 planned shoppers are fewer than the {plan.needed:,} needed" in text
    assert "In 1 days about 20 shoppers come" in text
    assert "?use=1" in text
    fields = alice_client.get(reverse("experiment-plan"), {**asked, "use": 1}).content.decode()
    assert f'value="{plan.needed}"' in fields
    assert f'value="{plan.full_weeks}"' in fields
    assert plan.full_weeks % 7 == 0
    enough = {**asked, "planned_shoppers": plan.needed, "planned_days": plan.full_weeks}
    assert "notice-warning" not in alice_client.get(reverse("experiment-plan"), enough).content.decode()
    draft = cast.make_experiment(shop, experiment.campaign, planned_shoppers=1, traffic_rate=0.996)
    page = alice_client.get(reverse("experiment-detail", args=[draft.pk])).content.decode()
    assert "planned shoppers are fewer" in page
    assert "99.6 % take part" in page  # never 100 %
