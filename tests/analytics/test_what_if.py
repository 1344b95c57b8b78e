"""Questions to the log: what other pictures, other weights or no personalisation would have brought."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.analytics import learning_cast as cast
from tests.analytics.learning_cast import computed

pytestmark = pytest.mark.django_db


def test_questions_to_the_log_cover_the_planted_truth(shop, alice_client):
    campaign, placement, _, variants = cast.make_campaign(shop)
    rates = [0.05, 0.10, 0.20]
    cast.make_draws(campaign, placement, variants, rates, count=6000, shares=[0.6, 0.3, 0.1])
    weights = {f"weight-{variants[0].pk}": "1", f"weight-{variants[2].pk}": "3"}
    content = computed(alice_client, campaign, "what_if", days=28, **weights)
    lines = {line["policy"]: line for line in content["lines"] if line["policy"] != "only"}
    truth = {"now": 0.6 * 0.05 + 0.3 * 0.1 + 0.1 * 0.2, "uniform": sum(rates) / 3, "weights": 0.1625}
    for policy, value in truth.items():
        found = lines[policy]["doubly_robust"]
        assert found["low"] <= value <= found["high"], policy
        assert lines[policy]["ips"]["value"] == pytest.approx(lines[policy]["snips"]["value"], rel=0.1)
    only = {line["variant_id"]: line for line in content["lines"] if line["policy"] == "only"}
    best = only[str(variants[2].pk)]["doubly_robust"]
    assert best["low"] <= 0.20 <= best["high"]
    assert lines["generic"]["refusal"] == "no_split"
    text = alice_client.get(reverse("what-if", args=[campaign.pk])).content.decode()
    assert "No shopper of a segment was shown the generic picture by chance" in text
    assert "nan" not in text


def test_a_picture_that_was_hardly_shown_gets_no_figure(shop, alice_client):
    campaign, placement, _, variants = cast.make_campaign(shop)
    cast.make_draws(campaign, placement, variants, [0.1] * 3, count=800, shares=[0.7, 0.295, 0.005])
    content = computed(alice_client, campaign, "what_if")
    line = next(li for li in content["lines"] if li.get("variant_id") == str(variants[2].pk))
    assert line["refusal"] == "too_little"
    assert line["doubly_robust"]["value"] is None


def test_no_personalisation_is_asked_of_the_standing_split(shop, alice_client):
    campaign, *_ = cast.make_campaign(shop)
    cast.make_split(
        campaign, 1500, {"own_segment": 0.2, "generic": 0.1, "other_segment": 0.12},
        order_rates=dict.fromkeys(("own_segment", "generic", "other_segment"), 0.0),
    )  # fmt: skip
    content = computed(alice_client, campaign, "what_if")
    line = content["lines"][-1]
    # Who is in which arm hangs on the campaign's random id: four standard errors, not one interval in twenty.
    assert line["doubly_robust"]["value"] == pytest.approx(0.1, abs=0.035)
    assert line["now"]["value"] == pytest.approx(0.2, abs=0.045)
