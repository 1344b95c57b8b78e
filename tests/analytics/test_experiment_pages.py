"""The pages of experiments, from the wizard to the decision."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.experiment_reports import reports_refresh
from analytics.models import Event, ExperimentReport
from analytics.rollups import rollups_rebuild
from analytics.words import lift_words
from campaigns.models import Experiment
from tests.analytics import experiment_cast as cast

pytestmark = pytest.mark.django_db


def test_the_pages_lead_from_the_wizard_to_the_decision(alice_client, alice, shop):
    campaign, _ = cast.make_storefront(shop)
    assert "No experiments yet" in alice_client.get(reverse("experiment-list")).content.decode()
    page = alice_client.get(reverse("experiment-create"), {"campaign": campaign.pk})
    assert page.status_code == 200
    form = {
        "campaign": campaign.pk, "name": "Mountains", "hypothesis": "They like them.", "design": "dividend",
        "control_percent": 40, "traffic_percent": 90, "primary_metric": "click_rate", "effect_percent": 10,
        "guardrail": "revenue_cents", "margin_percent": 5, "planned_shoppers": 900, "planned_days": 14,
    }  # fmt: skip
    bad = alice_client.post(reverse("experiment-create"), {**form, "effect_percent": "-3", "name": ""})
    assert bad.status_code == 200
    assert bad.content.decode().count("field-error") == 2
    plan = alice_client.get(reverse("experiment-plan"), form).content.decode()
    assert "has not been looked at yet" in plan
    made = alice_client.post(reverse("experiment-create"), form, follow=True)
    assert "1 of 1 product" in made.content.decode()
    experiment = Experiment.objects.get()
    assert [round(arm.weight) for arm in experiment.arms.all()] == [40, 30, 30]
    detail = reverse("experiment-detail", args=[experiment.pk])
    alice_client.post(reverse("experiment-start", args=[experiment.pk]))
    assert "No figures yet" in alice_client.get(detail).content.decode()
    now = timezone.now()
    Experiment.objects.update(started_at=now - timedelta(days=20), planned_end_at=now - timedelta(days=6))
    experiment.refresh_from_db()
    rates = {"generic": 0.05, "own_segment": 0.12, "other_segment": 0.05}
    cast.make_touches(experiment, 1500, click_rates=rates, order_rate=0.05)
    alice_client.post(reverse("experiment-refresh", args=[experiment.pk]))
    assert "being computed" in alice_client.get(detail).content.decode()
    reports_refresh()
    waiting = alice_client.get(reverse("experiment-waiting", args=[experiment.pk]))
    assert waiting.headers["HX-Refresh"] == "true"
    text = alice_client.get(detail).content.decode()
    order = [
        text.index(f"<h2>{title}")
        for title in ("Health", "Numbers", "Lift so far", "By dimension", "Verdict")
    ]
    assert order == sorted(order)
    trend = experiment.report.content["trend"]
    table = text[text.index("Both charts as a table") : text.index("By dimension")]
    assert table.count("<tr>") == 1 + len(trend["days"])
    last = trend["lines"][0]
    assert f"{lift_words(last['low'][-1])} to {lift_words(last['high'][-1])}" in table
    assert f'<td class="nowrap">{date.fromisoformat(trend["days"][-1]):%-d %b %Y}</td>' in table
    for never in ("nan", "inf ", ">100.0 %", ">0.0 %", "None"):
        assert never not in text, never
    no_comment = alice_client.post(
        reverse("experiment-decide", args=[experiment.pk]), {"choice": "roll_back"}, follow=True
    )
    assert "Say why" in no_comment.content.decode()
    choice = {"choice": "ship:own_segment", "comment": "It sells."}
    decided = alice_client.post(reverse("experiment-decide", args=[experiment.pk]), choice, follow=True)
    assert "Decided on" in decided.content.decode()
    assert experiment.records.last().user == alice
    ExperimentReport.objects.all().delete()
    assert "<h2>Verdict" in alice_client.get(detail).content.decode()  # the frozen figures
    assert "Ship" in alice_client.get(reverse("experiment-list"), {"q": "mount"}).content.decode()


def test_mallory_finds_nothing_and_rita_changes_nothing(mallory_client, rita_client, shop):
    experiment = cast.make_running(shop)
    names = ("detail", "waiting")
    for name in names:
        url = reverse(f"experiment-{name}", args=[experiment.pk])
        assert mallory_client.get(url).status_code == 404
        assert rita_client.get(url).status_code == 200
    for name in ("start", "stop", "decide", "refresh", "delete"):
        url = reverse(f"experiment-{name}", args=[experiment.pk])
        assert mallory_client.post(url).status_code == 404, name
    for name in ("start", "stop", "decide"):
        assert rita_client.post(reverse(f"experiment-{name}", args=[experiment.pk])).status_code == 403
    assert rita_client.get(reverse("experiment-create")).status_code == 403
    assert "Own picture" not in mallory_client.get(reverse("experiment-list")).content.decode()
    assert list(
        mallory_client.get(reverse("experiment-plan"), {"campaign": experiment.campaign_id})
        .context["form"]
        .errors
    )


def test_made_up_shoppers_are_named_on_every_page_that_counts_them(alice_client, shop):
    experiment = cast.make_running(shop)
    cast.make_touches(experiment, 5, click_rates={"generic": 0.1, "own_segment": 0.1})
    pages = [reverse("experiment-list"), reverse("experiment-detail", args=[experiment.pk])]

    def marks() -> list[bool]:
        return ["Simulated traffic" in alice_client.get(page).content.decode() for page in pages]

    assert marks() == [False, False]
    Event.objects.filter(experiment_id=experiment.pk).update(is_simulated=True)
    rollups_rebuild(advertiser_id=shop.pk)
    assert marks() == [True, True]
