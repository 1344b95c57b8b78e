"""What a report says beyond its primary metric: the period before, many metrics, slices."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from statistics import NormalDist

import pytest
from django.urls import reverse
from django.utils import timezone

from adplatform.lib.ids import uuid7
from analytics.experiment_figures import (
    ArmDesign,
    Design,
    StoredSums,
    dimensions_make,
    metrics_make,
)
from analytics.experiment_metrics import METRICS
from analytics.experiment_reports import report_refresh
from analytics.models import Event
from analytics.stats.adjustment import PairedSums
from analytics.stats.statistics import Sums
from tests import factories
from tests.analytics import experiment_cast as cast
from tests.analytics.experiment_cast import report_compute

pytestmark = pytest.mark.django_db
Z = NormalDist().inv_cdf(0.975)


def make_past(experiment, shoppers, rate_of):
    """Impressions and clicks in the two weeks before the start."""
    rng, rows = random.Random(9), []
    for number in range(shoppers):
        for _ in range(6):
            at = experiment.started_at - timedelta(days=rng.uniform(0.1, 13))
            decision = uuid7(at)
            kinds = ["impression"] + ["click"] * (rng.random() < rate_of(number))
            rows += [
                Event(
                    advertiser_id=experiment.advertiser_id, event_id=f"{decision}:{kind}", kind=kind,
                    occurred_at=at, received_at=at, decision_id=decision,
                    campaign_id=experiment.campaign_id, shopper_pseudonym=f"shopper-{number}",
                )
                for kind in kinds
            ]  # fmt: skip
    Event.objects.bulk_create(rows, batch_size=2000)


def lasting_taste(experiment):
    """Half of the shoppers click everything, now and before; the others nothing."""
    clicks = Event.objects.filter(experiment_id=experiment.pk, kind="click")
    lovers = [f"shopper-{n}" for n in range(0, 600, 2)]
    clicks.exclude(shopper_pseudonym__in=lovers).delete()


def test_the_period_before_narrows_the_interval_and_the_report_says_by_how_much(shop):
    experiment = cast.make_running(shop, days_ago=15)
    cast.make_touches(experiment, 600, click_rates={"generic": 0.6, "own_segment": 0.7})
    lasting_taste(experiment)
    make_past(experiment, 600, lambda n: 0.6 if n % 2 == 0 else 0.0)
    content = report_refresh(experiment_id=experiment.pk).content
    row = content["metrics"][0]["rows"][1]
    assert row["is_adjusted"]
    assert row["variance_reduction_rate"] > 0.5
    # The row's chance and loss are of the same adjusted values as its difference and interval.
    adjusted = {m["metric"]: m["rows"][1] for m in content["metrics"] if m["rows"][1]["is_adjusted"]}
    assert {"click_rate", "clicker_rate"} <= adjusted.keys()  # a ratio, and one of yes and no
    for told in adjusted.values():
        believed = NormalDist(told["difference"], (told["difference_high"] - told["difference"]) / Z)
        assert told["chance_to_beat"] == pytest.approx(1 - believed.cdf(0), abs=1e-5)
        loss = sum(max(0.0, -believed.inv_cdf((n + 0.5) / 2000)) for n in range(2000)) / 2000
        assert told["expected_loss"] == pytest.approx(loss, abs=0.002 * believed.stdev)
    Event.objects.filter(occurred_at__lt=experiment.started_at).delete()
    plain = report_compute(experiment, now=timezone.now())["metrics"][0]["rows"][1]
    assert not plain["is_adjusted"]
    assert "Fewer than 100" in plain["adjustment_reason"]
    assert row["lift_high"] - row["lift_low"] < 0.8 * (plain["lift_high"] - plain["lift_low"])
    assert row["lift_unadjusted"] == pytest.approx(plain["lift"])


def test_twenty_metrics_are_told_and_corrected_together(shop, alice_client):
    experiment = cast.make_running(shop, days_ago=15)
    cast.make_touches(experiment, 400, click_rates={"generic": 0.2, "own_segment": 0.5}, order_rate=0.3)
    content = report_refresh(experiment_id=experiment.pk).content
    assert [metric["metric"] for metric in content["metrics"]][:1] == ["click_rate"]
    assert {metric["metric"] for metric in content["metrics"]} == METRICS.keys()
    others = [metric for metric in content["metrics"] if metric["role"] == "secondary"]
    assert {metric["correction"] for metric in others} == {"benjamini_hochberg"}
    tested = [m["rows"][1] for m in others if m["rows"][1]["p"] is not None]
    assert all(row["p_adjusted"] >= row["p"] for row in tested)
    by_name = {metric["metric"]: metric["rows"] for metric in content["metrics"]}
    shown = Event.objects.filter(kind="impression", arm="generic").count()
    assert by_name["impressions_per_shopper"][0]["numerator"] == shown
    assert by_name["conversion_rate"][0]["value"] == by_name["orders_per_shopper"][0]["value"]
    # Slices: one value a shopper, so they add up to the whole.
    rows = [r for r in content["dimensions"] if r["dimension"] == "device" and r["metric"] == "click_rate"]
    assert sum(row["shoppers"] for row in rows) == content["shoppers"]
    assert all(row["is_exploratory"] for row in rows)
    url = reverse("experiment-detail", args=[experiment.pk])
    text = alice_client.get(url, {"by": "active_days"}).content.decode()
    assert "Exploratory" in text
    assert "Days with an impression by shopper" in text
    assert alice_client.get(url, {"by": "nonsense"}).status_code == 200


def test_small_segments_are_withheld_from_the_slices_and_cannot_be_worked_out(shop, settings):
    settings.REPORTS_MIN_SHOPPERS = 50
    experiment = cast.make_running(shop, days_ago=8)
    cast.make_touches(experiment, 600, click_rates={"generic": 0.2, "own_segment": 0.2}, impressions=1)
    segments = [factories.make_segment(shop, slug) for slug in ("hikers", "tea", "few")]
    events = Event.objects.filter(experiment_id=experiment.pk)
    for ending in range(10):
        segment = segments[2 if ending == 9 else ending % 2]
        events.filter(shopper_pseudonym__endswith=str(ending)).update(drawn_segment_id=segment.pk)
    content = report_compute(experiment, now=timezone.now())
    shown = {row["slice"] for row in content["dimensions"] if row["dimension"] == "segment"}
    assert len(shown) == 1  # with all three arms' totals on the page, one hidden segment alone would follow
    assert shown < {"Hikers", "Tea"}


def test_what_is_stored_gives_the_same_figures_again(shop):
    experiment = cast.make_running(shop, days_ago=15)
    cast.make_touches(experiment, 300, click_rates={"generic": 0.2, "own_segment": 0.3}, order_rate=0.2)
    report = report_refresh(experiment_id=experiment.pk)
    report.refresh_from_db()
    arms = [ArmDesign("generic", "Generic"), ArmDesign("own_segment", "Own segment")]
    design = Design(arms, "click_rate", {}, experiment.planned_shoppers, is_complete=True)
    stored = StoredSums.from_dict(report.sums)
    assert json.loads(json.dumps(metrics_make(design, stored))) == report.content["metrics"]
    assert json.loads(json.dumps(dimensions_make(design, stored))) == report.content["dimensions"]


def test_a_picture_exchanged_in_the_middle_is_named(shop):
    experiment = cast.make_running(shop, days_ago=10)
    cast.make_touches(experiment, 60, click_rates={"generic": 0.2, "own_segment": 0.3})
    Event.objects.filter(kind="impression").update(variant_id=experiment.pk, creative_id=experiment.pk)
    first = Event.objects.filter(kind="impression").first()
    Event.objects.filter(pk=first.pk).update(creative_id=first.pk)
    content = report_compute(experiment, now=timezone.now())
    check = next(check for check in content["health"] if check["key"] == "unchanged")
    assert (check["level"], "1 variant got another picture" in check["sentence"]) == ("warn", True)


@pytest.mark.parametrize(
    "arms",
    [
        [Sums(), Sums()],
        [Sums.of_counts(0, 500), Sums.of_counts(0, 500)],
        [Sums.of_values([5.0] * 300), Sums.of_values([5.0] * 300)],
        [Sums.of_values([-5.0, 3.0] * 150), Sums.of_values([2.0, 1.0] * 150)],
        [Sums.of_counts(1, 1), Sums.of_counts(0, 1)],
        [Sums.of_counts(20 + n, 500) for n in range(50)],
        [Sums(n=3, y=1e300, x=3, yy=1e308, xx=3, xy=1e300)] * 2,
        [Sums(n=500, y=900, x=500, yy=2000, xx=500, xy=900)] * 2,
    ],
)
@pytest.mark.parametrize("is_complete", [True, False])
def test_hopeless_sums_give_figures_without_nan(arms, is_complete):
    design = Design(
        [ArmDesign(str(n), str(n)) for n in range(len(arms))], "click_rate", {"revenue_cents": 0.05}, 1000,
        is_complete,
    )  # fmt: skip
    paired = [PairedSums(sums, Sums()) for sums in arms]
    content = metrics_make(design, StoredSums({"click_rate": paired, "revenue_cents": paired}))
    json.dumps(content, allow_nan=False)
    assert [len(metric["rows"]) for metric in content] == [len(arms)] * 2
