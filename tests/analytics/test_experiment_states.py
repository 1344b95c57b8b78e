"""What an experiment may become, what it refuses, and the plan that it starts from."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from adplatform.lib.errors import DomainError
from analytics.baselines import baseline_refresh
from analytics.experiment_reports import report_refresh, reports_refresh
from analytics.experiment_services import experiment_decide, plan_make
from analytics.models import Event, ExperimentReport
from campaigns.experiment_services import experiment_decide as campaigns_decide
from campaigns.experiment_services import experiment_start, experiment_stop, experiments_finish
from campaigns.models import Experiment, ExperimentRecord
from campaigns.serving.loading import snapshot_load
from tests import factories
from tests.analytics import experiment_cast as cast
from tests.campaigns.serving_cast import make_live, make_variant

pytestmark = pytest.mark.django_db


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
