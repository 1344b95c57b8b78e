"""Two pictures for one segment, from the request to the winner, through HTTP and with real renderings."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.experiment_reports import reports_refresh
from analytics.learning import counts_get
from analytics.models import Event
from analytics.rollups import rollups_refresh
from campaigns.models import Campaign, Experiment
from campaigns.serving.store import snapshots
from generation.services import render_execute
from tests import factories
from tests.analytics import experiment_cast as cast
from tests.test_story import post

pytestmark = pytest.mark.django_db
SHOPPERS = 240


@pytest.fixture
def live(shop, api, alice_client, rita_client):
    """A live campaign for hikers with one product in one size, rendered and approved; and the segment."""
    segment = factories.make_segment(shop, "hikers", interests=("outdoor_hiking",))
    product = factories.make_product(shop)
    placement = factories.make_placement(shop, "hero")
    body = {"name": "Autumn", "language": "en", "products": [str(product.pk)], "segments": [str(segment.pk)],
            "placements": [str(placement.pk)]}  # fmt: skip
    campaign = post(alice_client, "/api/v1/campaigns", body)
    post(alice_client, f"/api/v1/campaigns/{campaign['id']}/generate", {})
    approve_all(api, rita_client)
    post(api, f"/api/v1/campaigns/{campaign['id']}/launch", {})
    return f"/api/v1/campaigns/{campaign['id']}", segment


def approve_all(api, reviewer):
    while render_execute("story-worker"):
        pass
    for creative in api.get("/api/v1/creatives", {"status": "in_review"}).json()["results"]:
        post(reviewer, f"/api/v1/creatives/{creative['id']}/approve", {"comment": "good"})


def test_the_better_of_two_pictures_is_found_and_shipped(shop, api, alice_client, rita_client, live):
    campaign_url, segment = live
    pairs = api.get(f"{campaign_url}/challengers").json()["results"]
    mine = next(pair for pair in pairs if pair["segment_id"] == str(segment.pk))
    asked = {"variant_ids": [mine["variant_id"]], "style": "studio", "template": "packshot"}
    post(alice_client, f"{campaign_url}/challengers", asked)

    # A draft compares them; it starts when both are approved, and says until then what is missing.
    body = {
        **cast.BODY,
        "campaign_id": campaign_url.rpartition("/")[2],
        "arms": [{"rule": "own_segment"}, {"rule": "challenger"}],
        "guardrails": [],
    }
    experiment = api.post("/api/v1/experiments", body, format="json").json()
    url = f"/api/v1/experiments/{experiment['id']}"
    refused = alice_client.post(f"{url}/start")
    assert (refused.status_code, refused.json()["code"]) == (409, "challenger_not_approved")
    assert "the challenger in 300x250" in refused.json()["detail"]
    detail = reverse("experiment-detail", args=[experiment["id"]])
    page = alice_client.get(detail).content.decode()
    assert "Still to approve" in page
    approve_all(api, rita_client)
    page = alice_client.get(detail).content.decode()
    assert "What each arm would show" in page
    assert page.count("thumb-medium") == 2  # one row, a picture an arm
    wizard = alice_client.get(reverse("experiment-pictures"), {"campaign": body["campaign_id"]})
    assert "1 of 1 pair is approved in every size" in wizard.content.decode()
    assert alice_client.post(f"{url}/start").json()["status"] == "running"
    now = timezone.now()
    Experiment.objects.update(
        started_at=now - timedelta(days=15), planned_end_at=now - timedelta(days=1), salt="salt"
    )
    snapshots.clear()

    # Every shopper sees one picture on every visit; each arm sees its own.
    pair = next(p for p in api.get(f"{campaign_url}/challengers").json()["results"] if p["is_ready"])
    (present,), (challenger,) = pair["present"]["creative_ids"], pair["challenger"]["creative_ids"]
    rng, shown = random.Random(3), Counter()
    keys = cast.make_shoppers(shop, segment, SHOPPERS)
    for key in keys:
        at = now - timedelta(days=rng.uniform(1.2, 14.5))
        decision = cast.visit(api, key, at, click=False)
        mine = decision["creative"]["id"]
        again = cast.visit(
            api, key, at + timedelta(minutes=30), click=rng.random() < (0.8 if mine == challenger else 0.45)
        )
        assert again["creative"]["id"] == mine
        shown[mine] += 1
    assert set(shown) == {present, challenger}
    assert shown[challenger] == pytest.approx(SHOPPERS / 2, abs=25)
    told = Event.objects.filter(kind="impression").values_list("arm", "creative_id", "variant_id").distinct()
    assert {(arm, str(creative)) for arm, creative, _ in told} == {
        ("own_segment", present), ("challenger", challenger)
    }  # fmt: skip
    assert {round(p, 6) for p in Event.objects.values_list("propensity", flat=True)} == {0.5}

    # The report counts by arm what SQL counts by creative, and learning counts the present picture alone.
    rollups_refresh()
    reports_refresh()
    report = api.get(f"{url}/report").json()
    clicks = Event.objects.filter(kind="click")
    assert {arm["key"]: arm["clicks"] for arm in report["arms"]} == {
        "own_segment": clicks.filter(creative_id=present).count(),
        "challenger": clicks.filter(creative_id=challenger).count(),
    }
    assert (report["verdict"]["code"], report["verdict"]["arm"]) == ("ship", "challenger")
    unchanged = next(check for check in report["health"] if check["key"] == "unchanged")
    assert unchanged["level"] == "ok"  # two pictures of one variant are the design, not a change
    campaign = Campaign.objects.get()
    assert list(counts_get(campaign=campaign, now=now).values()) == [
        (2 * shown[present], clicks.filter(creative_id=present).count())
    ]
    page = alice_client.get(detail).content.decode()
    assert "What each arm has shown" in page
    assert f"/creatives/{challenger}" in page
    assert f"/creatives/{present}" in page

    # Shipped: from now on everybody of the segment sees the winner, recorded for nobody.
    decision = {"outcome": "ship", "arm": "challenger", "comment": "Twice the clicks."}
    assert post(alice_client, f"{url}/decide", decision)["decided_arm"] == "challenger"
    snapshots.clear()
    answers = [
        api.post("/api/v1/decisions", {"shopper": key, "placements": ["hero"]}, format="json").json()
        for key in keys[:60]
    ]
    assert {answer["decisions"][0]["creative"]["id"] for answer in answers} == {challenger}
    assert [r.action for r in Experiment.objects.get().records.all()][-1] == "ship"
    page = alice_client.get(detail).content.decode()
    assert f"/creatives/{present}" in page  # the frozen report keeps what was compared
    rollups_refresh()
    after = counts_get(campaign=campaign, now=now)
    assert list(after.values()) == [(2 * shown[challenger], clicks.filter(creative_id=challenger).count())]
    assert json.dumps(report)  # no NaN, no infinity


def test_an_event_that_does_not_say_its_picture_breaks_no_page(shop, alice_client):
    experiment = cast.make_running(shop)
    cast.make_touches(experiment, 120, click_rates={"generic": 0.3, "own_segment": 0.3})
    reports_refresh()
    assert experiment.report.content["pictures"] == []
    page = alice_client.get(reverse("experiment-detail", args=[experiment.pk]))
    assert page.status_code == 200
    assert "What each arm would show" in page.content.decode()
