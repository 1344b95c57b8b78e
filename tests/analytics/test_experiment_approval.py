"""Two people, layers: who may start and ship, and what the log keeps of it."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, WebhookDelivery, WebhookEndpoint
from adplatform.lib.errors import DomainError
from analytics.experiment_reports import report_refresh
from campaigns.experiment_layers import first_gap
from campaigns.experiment_services import experiment_start, experiment_stop
from campaigns.models import Experiment
from campaigns.serving.loading import snapshot_load
from tests import factories
from tests.analytics import experiment_cast as cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob_client(shop):
    client = Client()
    client.force_login(factories.make_member(shop, Membership.Role.MANAGER, "bob"))
    return client


def post(client, name, experiment, **data):
    url = reverse(f"experiment-{name}", args=[experiment.pk])
    return client.post(url, data, follow=True).content.decode()


def test_the_author_asks_and_another_person_starts_and_ships(alice_client, bob_client, alice, shop):
    experiment = cast.make_experiment(shop, user=alice)
    assert "Another person than the author" in post(alice_client, "start", experiment)
    assert "Say why" in post(alice_client, "ask", experiment, choice="start")
    page = post(alice_client, "ask", experiment, choice="start", comment="All pictures are there.")
    assert "Somebody else has to approve it" in page
    assert (
        "Approve and start"
        in bob_client.get(reverse("experiment-detail", args=[experiment.pk])).content.decode()
    )
    assert "Declined" in post(bob_client, "decline", experiment, comment="Not in this week.")
    post(alice_client, "ask", experiment, choice="start", comment="Next week, then.")
    post(bob_client, "start", experiment)
    experiment.refresh_from_db()
    assert (experiment.status, experiment.asked_action) == ("running", "")

    cast.make_touches(experiment, 200, click_rates={"generic": 0.2, "own_segment": 0.2})
    report_refresh(experiment_id=experiment.pk)
    ship = {"choice": "ship:own_segment", "comment": "It wins."}
    assert "Another person than the author" in post(alice_client, "decide", experiment, **ship)
    post(alice_client, "ask", experiment, **ship)
    post(bob_client, "decide", experiment, **ship)
    experiment.refresh_from_db()
    assert (experiment.status, experiment.outcome) == ("decided", "ship")
    assert experiment.decision_report["verdict"]["code"] == "collecting"
    assert [(r.action, r.user.username if r.user else "") for r in experiment.records.all()] == [
        ("created", "alice"), ("asked to start", "alice"), ("declined to start", "bob"),
        ("asked to start", "alice"), ("started", "bob"), ("asked to ship", "alice"), ("ship", "bob"),
    ]  # fmt: skip


def test_who_listens_is_told_that_approval_is_asked_for(alice_client, alice, shop):
    shop_hook = {"advertiser": shop, "secret": "whsec_eA==", "url": "https://hook.example/a"}
    WebhookEndpoint.objects.create(**shop_hook, kinds=["experiment.approval_requested"])
    WebhookEndpoint.objects.create(**shop_hook, kinds=["experiment.decided"])
    experiment = cast.make_experiment(shop, user=alice)
    post(alice_client, "ask", experiment, choice="start")  # says no reason, so nothing is asked for
    assert not WebhookDelivery.objects.exists()
    post(alice_client, "ask", experiment, choice="start", comment="All pictures are there.")
    told = json.loads(WebhookDelivery.objects.get().body)
    asked = told["data"].pop("asked_at")
    assert abs(datetime.fromisoformat(asked) - Experiment.objects.get().asked_at).total_seconds() < 0.01
    assert told["type"] == "experiment.approval_requested"
    assert told["data"] == {
        "experiment_id": str(experiment.pk),
        "campaign_id": str(experiment.campaign_id),
        "name": experiment.name,
        "action": "start",
        "arm": "",
        "comment": "All pictures are there.",
    }


def test_stopping_and_rolling_back_need_nobody_else(alice_client, bob_client, alice, shop):
    experiment = cast.make_running(shop, user=alice)
    assert "Stopped" in post(alice_client, "stop", experiment)
    page = post(alice_client, "decide", experiment, choice="roll_back", comment="Enough.")
    assert "Decided on" in page


def test_alone_or_allowed_one_may_do_both(alice_client, alice, shop, request):
    experiment = cast.make_experiment(shop, user=alice)
    post(alice_client, "start", experiment)
    assert Experiment.objects.get().status == "running"
    request.getfixturevalue("bob_client")
    shop.allows_self_approval = True
    shop.save()
    experiment_stop(advertiser=shop, experiment_id=experiment.pk, now=timezone.now())
    other = cast.make_experiment(shop, experiment.campaign, user=alice)
    post(alice_client, "start", other)
    assert Experiment.objects.get(pk=other.pk).status == "running"


def test_a_key_cannot_approve_where_people_could(api, alice, shop):
    experiment = cast.make_experiment(shop)
    url = f"/api/v1/experiments/{experiment.pk}"
    answer = api.post(f"{url}/start")
    assert (answer.status_code, answer.json()["code"]) == (403, "approval_needed")
    asked = api.post(f"{url}/ask", {"action": "start", "comment": "Ready."}, format="json")
    assert asked.json()["asked_action"] == "start"
    assert api.post(f"{url}/ask", {"action": "ship", "comment": "x"}, format="json").status_code == 409
    declined = api.post(f"{url}/decline", {"comment": "No."}, format="json")
    assert declined.json()["asked_action"] == ""
    assert api.post(f"{url}/decline", {"comment": "No."}, format="json").json()["code"] == "nothing_asked"


# --- layers
@pytest.mark.parametrize(
    ("taken", "size", "start"),
    [
        ([], 1.0, 0.0),
        ([(0.0, 0.5)], 0.5, 0.5),
        ([(0.5, 0.5)], 0.5, 0.0),
        ([(0.0, 0.3), (0.6, 0.4)], 0.3, 0.3),
        ([(0.0, 0.3), (0.6, 0.4)], 0.31, None),
        ([(0.0, 1.0)], 0.01, None),
    ],
)
def test_the_first_gap_that_fits(taken, size, start):
    found = first_gap(taken, size)
    assert found == start if start is None else found == pytest.approx(start)


def test_experiments_of_one_layer_get_ranges_apart_until_it_is_full(shop):
    first = cast.make_running(shop, layer="home", traffic_rate=0.6)
    second = cast.make_experiment(shop, cast.make_storefront(shop, "side")[0], layer="home", traffic_rate=0.5)
    with pytest.raises(DomainError) as refused:
        experiment_start(advertiser=shop, experiment_id=second.pk, now=timezone.now())
    assert refused.value.code == "layer_full"
    assert "40%" in refused.value.message
    Experiment.objects.filter(pk=second.pk).update(traffic_rate=0.4)
    started = experiment_start(advertiser=shop, experiment_id=second.pk, now=timezone.now())
    assert (first.layer_start, started.layer_start) == (0.0, pytest.approx(0.6))
    running = snapshot_load(shop.pk).experiments
    assert sorted(e.layer_start for e in running.values()) == pytest.approx([0.0, 0.6])
    assert len({e.layer_salt for e in running.values()}) == 1


def test_a_layers_name_is_checked(api, shop):
    campaign, _ = cast.make_storefront(shop)
    body = {**cast.BODY, "campaign_id": str(campaign.pk), "layer": "Not a slug!"}
    assert "layer" in api.post("/api/v1/experiments", body, format="json").json()["errors"]
