"""What-if answers against a planted truth, on logs that the serving engine itself made."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from adplatform.lib.ids import uuid7
from analytics.models import Event
from analytics.what_if_report import what_if_compute
from campaigns.serving.context import ServeContext
from campaigns.serving.engine import decide
from campaigns.serving.experiments import Arm, RunningExperiment, standing_split
from campaigns.serving.loading import snapshot_load
from campaigns.serving.tokens import token_make
from generation.models import Creative
from tests import factories
from tests.analytics import learning_cast as cast
from tests.campaigns.serving_cast import make_live, make_variant

pytestmark = pytest.mark.django_db
FIELDS = (
    "decision_id", "campaign_id", "variant_id", "creative_id", "placement_id", "segment_id", "propensity",
    "shopper_pseudonym", "experiment_id", "arm", "drawn_segment_id",
)  # fmt: skip


def line_of(content, policy="uniform", variant=None):
    return next(
        line
        for line in content["lines"]
        if line["policy"] == policy and (variant is None or line["variant_id"] == str(variant.pk))
    )


def decisions_log(snapshot, campaign, segment, rates, *, count):
    """Impressions and clicks of hikers as the engine decided; ``rates`` by variant, the rest click at 0.4."""
    rng, now, rows = random.Random(7), timezone.now(), []
    for number in range(count):
        at = now - timedelta(days=rng.uniform(0.1, 9))
        context = ServeContext(campaign.advertiser_id, ("hero",), at, f"s{number}", segment_ids=(segment.pk,))
        answer = decide(context, snapshot, rng).slots[0]
        token = token_make(uuid7(at), context, answer)
        fields = {name: getattr(token, name) for name in FIELDS}
        decision = fields.pop("decision_id")
        rows.append(cast.event(campaign.advertiser, "impression", at, decision, **fields))
        if rng.random() < rates.get(token.variant_id, 0.4):
            rows.append(cast.event(campaign.advertiser, "click", at, decision, **fields))
    Event.objects.bulk_create(rows, batch_size=2000)


@pytest.mark.parametrize("traffic", [0.3, 0.8, 1.0])
@pytest.mark.parametrize("is_split", [False, True])
def test_the_log_and_its_propensities_speak_of_the_same_shoppers(shop, traffic, is_split):
    """One product has a picture for every arm, the other none but its own; 12.5 % if drawn alike."""
    campaign, placement = make_live(shop)
    hikers, tea = (factories.make_segment(shop, interests=(i,)) for i in ("outdoor_hiking", "food_tea"))
    covered = make_variant(campaign, placement, segment=hikers)
    for segment in (None, tea):
        make_variant(campaign, placement, segment=segment, product=covered.product)
    alone = make_variant(campaign, placement, segment=hikers)
    arms = (Arm("generic", "generic", 0.5), Arm("own_segment", "own_segment", 0.5))
    test = RunningExperiment(uuid7(), campaign.pk, "salt", arms, traffic)
    split = standing_split(campaign.pk, traffic) if is_split else test
    snapshot = replace(snapshot_load(shop.pk), experiments={campaign.pk: split})
    rates = {covered.pk: 0.2, alone.pk: 0.05}
    decisions_log(snapshot, campaign, hikers, rates, count=5000)
    content = what_if_compute(campaign, {}, timezone.now())
    found = line_of(content)
    assert found["decisions"] == 5000
    assert found["mean_weight"] == pytest.approx(1, abs=0.06)
    for estimator in ("ips", "snips", "doubly_robust"):
        assert found[estimator]["value"] == pytest.approx(0.125, abs=0.025), estimator
    only = line_of(content, "only", covered)
    assert only["doubly_robust"]["value"] == pytest.approx(0.2, abs=0.04)


def test_a_picture_that_was_never_shown_gets_no_figure_in_any_policy(shop):
    campaign, placement, _, variants = cast.make_campaign(shop, 3)
    cast.make_draws(campaign, placement, variants[:2], [0.05, 0.25], count=3000)

    def asked(*weights):
        given = {str(v.pk): weight for v, weight in zip(variants, weights, strict=True) if weight}
        return what_if_compute(campaign, {"days": 28, "weights": given}, timezone.now())

    content = asked(0, 0, 1)
    for line in (line_of(content), line_of(content, "weights"), line_of(content, "only", variants[2])):
        assert (line["refusal"], line["doubly_robust"]["value"]) == ("no_support", None), line["label"]
    assert line_of(asked(1, 0, 99), "weights")["refusal"] == "no_support"
    assert line_of(asked(1, 0, 0), "weights")["snips"]["value"] == pytest.approx(0.05, abs=0.02)

    # What nobody could show is no part of "every picture alike"; asked for alone it has no answer.
    Creative.objects.filter(job=variants[2].job).update(status=Creative.Status.IN_REVIEW)
    content = asked(1, 0, 1)
    assert line_of(content)["snips"]["value"] == pytest.approx(0.15, abs=0.03)
    assert line_of(content, "weights")["snips"]["value"] == pytest.approx(0.05, abs=0.02)
    assert line_of(asked(0, 0, 1), "weights")["refusal"] == "no_support"


def test_a_paused_campaign_is_asked_about_what_it_could_show(shop):
    campaign, placement, _, variants = cast.make_campaign(shop, 3)
    cast.make_draws(campaign, placement, variants[:2], [0.05, 0.25], count=3000)
    for status, refusal in (("paused", "no_support"), ("ended", "")):
        type(campaign).objects.filter(pk=campaign.pk).update(status=status)
        assert line_of(what_if_compute(campaign, {}, timezone.now()))["refusal"] == refusal, status
