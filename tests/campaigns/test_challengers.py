"""A variant's second picture: asked for, compared, shipped, dropped; and the one before a replacement."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from dataclasses import replace

import pytest
from django.urls import reverse
from django.utils import timezone

from adplatform.lib.errors import DomainError, NotFound
from campaigns import services
from campaigns.challenger_services import challenger_drop, challengers_request
from campaigns.experiment_services import ArmPlan, experiment_create, experiment_decide, experiment_start
from campaigns.models import Campaign, Product, Variant
from campaigns.serving.engine import decide, explain
from campaigns.serving.experiments import Arm, coverage
from campaigns.serving.loading import snapshot_load
from campaigns.variant_services import variant_regenerate
from generation.models import Creative
from generation.review import creative_approve, creative_withdraw
from tests import factories
from tests.campaigns.campaign_cast import generate
from tests.campaigns.serving_cast import candidate_of, context_of, creative_of
from tests.campaigns.test_serving_experiments import HIKERS, PRODUCT, TEST, snapshot_of

PICTURES = replace(TEST, arms=(Arm("own_segment", "own_segment", 0.5), Arm("challenger", "challenger", 0.5)))
SECOND = creative_of(77)


def challenged(number, **changes):
    candidate = candidate_of(number, **changes)
    second = replace(candidate, creatives={(300, 250): SECOND}, is_challenger=True)
    return replace(candidate, challenger=second)


# --- the decision
@pytest.mark.parametrize("segment", [HIKERS, None], ids=["segment's picture", "generic picture"])
def test_both_pictures_are_shown_in_proportion_and_chances_sum_to_one(segment):
    own = challenged(1, segment_id=segment, product_id=PRODUCT)
    lonely = candidate_of(9, segment_id=segment)
    snapshot = snapshot_of(own, lonely, experiment=PICTURES)
    shown = Counter()
    for n in range(3000):
        context = context_of(pseudonym=f"s{n}", segment_ids=(HIKERS,))
        answer = decide(context, snapshot, random.Random(1)).slots[0]
        shown[answer.creative.id] += 1
        if n < 50:
            lines = explain(context, answer, snapshot)
            assert sum(line.propensity for line in lines) == pytest.approx(1)
            mine = next(line for line in lines if line.candidate.creatives[300, 250] is answer.creative)
            assert (mine.reason, mine.propensity) == (None, pytest.approx(answer.propensity))
    assert shown[SECOND.id] == pytest.approx(750, abs=90)
    assert shown[own.creatives[300, 250].id] == pytest.approx(750, abs=90)


def test_without_its_experiment_a_challenger_is_never_shown():
    snapshot = snapshot_of(challenged(1, segment_id=HIKERS), experiment=None)
    for n in range(50):
        context = context_of(pseudonym=f"s{n}", segment_ids=(HIKERS,))
        answer = decide(context, snapshot, random.Random(n)).slots[0]
        assert answer.creative.id != SECOND.id
        assert all(not line.candidate.is_challenger for line in explain(context, answer, snapshot))


def test_a_challenger_of_another_size_or_of_none_exposes_nobody():
    other = challenged(1, segment_id=HIKERS)
    other = replace(other, challenger=replace(other.challenger, creatives={(970, 250): SECOND}))
    for candidate in (other, candidate_of(1, segment_id=HIKERS)):
        snapshot = snapshot_of(candidate, experiment=PICTURES)
        context = context_of(pseudonym="someone", segment_ids=(HIKERS,))
        answer = decide(context, snapshot, random.Random(1)).slots[0]
        assert (answer.arm, answer.propensity) == (None, 1.0)
        assert coverage(snapshot, candidate.campaign_id, ["own_segment", "challenger"]) == (0, 1)


# --- asked for, compared, settled
@pytest.fixture
def live(shop, campaign):
    """A live campaign whose every picture is approved."""
    generate(campaign)
    for variant in campaign.variants.select_related("job"):
        approve(variant.job)
    Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.LIVE)
    campaign.refresh_from_db()
    return campaign


def approve(job, status="approved"):
    for width, height in job.brief["sizes"]:
        factories.make_creative(job, width, height, status=status)


def ask(campaign, *variants, **changes):
    return challengers_request(
        advertiser=campaign.advertiser,
        campaign_id=campaign.pk,
        variant_ids=[variant.pk for variant in variants],
        **changes,
    )


def personal(campaign) -> Variant:
    return campaign.variants.exclude(segment=None).order_by("pk").first()


def experiment_of(campaign):
    return experiment_create(
        advertiser=campaign.advertiser,
        campaign_id=campaign.pk,
        name="Which picture",
        hypothesis="The studio is clearer.",
        arms=[ArmPlan("own_segment"), ArmPlan("challenger")],
        min_effect_rate=0.1,
        planned_shoppers=1000,
        planned_days=14,
    )


def start(experiment):
    return experiment_start(advertiser=experiment.advertiser, experiment_id=experiment.pk, now=timezone.now())


def refused(code, call):
    with pytest.raises(DomainError) as error:
        call()
    assert error.value.code == code
    return error.value


def on_air(campaign, variant_id):
    snapshot = snapshot_load(campaign.advertiser_id)
    slots = snapshot.slots.values()
    found = {c.variant_id: c for slot in slots for c in slot.candidates}
    return {size: creative.id for size, creative in found[variant_id].creatives.items()}


def test_another_seed_style_template_or_model_makes_another_job(live, alice):
    variant = personal(live)
    (plain,) = ask(live, variant, requested_by=alice)
    first = plain.challenger_job
    assert (first.brief["take"], first.brief["style"]) == (1, live.style)
    assert (first.replaces_id, first.requested_by) == (variant.job_id, alice)
    (studio,) = ask(live, variant, style="studio", template="packshot")
    brief = studio.challenger_job.brief
    assert (brief["style"], brief["template"].partition("@")[0], brief["take"]) == ("studio", "packshot", 0)
    first.refresh_from_db()
    assert first.status == "cancelled"  # nobody wants it any more
    (again,) = ask(live, variant, style="studio", template="packshot")
    assert again.challenger_job.brief["take"] == 1  # asked twice: another one
    variant.refresh_from_db()
    assert variant.job.brief["style"] == live.style


def test_what_cannot_be_asked_for_is_refused_with_a_code(live, other_shop):
    variant = personal(live)
    errors = refused("invalid", lambda: ask(live, variant, style="nope", template="nope", model="nope"))
    assert set(errors.errors) == {"style", "template", "model"}
    assert "variant_ids" in refused("invalid", lambda: ask(live)).errors
    stranger = factories.make_campaign(live.advertiser)
    with pytest.raises(NotFound):
        ask(stranger, variant)
    with pytest.raises(NotFound):
        challenger_drop(advertiser=live.advertiser, campaign_id=live.pk, variant_id=variant.pk)
    Variant.objects.filter(pk=variant.pk).update(job=None)
    refused("variant_without_picture", lambda: ask(live, variant))
    Campaign.objects.filter(pk=live.pk).update(status=Campaign.Status.ENDED)
    refused("campaign_ended", lambda: ask(live, variant))


def test_an_experiment_starts_only_with_both_pictures_in_every_size(live):
    experiment = experiment_of(live)
    refused("challenger_missing", lambda: start(experiment))
    variant = personal(live)
    (asked,) = ask(live, variant)
    error = refused("challenger_not_approved", lambda: start(experiment))
    assert variant.product.title in error.message
    assert "the challenger in" in error.errors["pictures"][0]
    approve(asked.challenger_job)
    taken = Creative.objects.filter(job=variant.job).first()
    creative_withdraw(advertiser=live.advertiser, creative_id=taken.pk, reviewer=None)
    error = refused("challenger_not_approved", lambda: start(experiment))
    assert f"the present picture in {taken.width}x{taken.height}" in error.message
    Creative.objects.filter(pk=taken.pk).update(status="approved", approved_sha256=taken.sha256)
    assert start(experiment).status == "running"
    refused("challenger_compared", lambda: ask(live, variant))
    refused(
        "challenger_compared",
        lambda: challenger_drop(advertiser=live.advertiser, campaign_id=live.pk, variant_id=variant.pk),
    )


def settle(live, outcome, arm=""):
    variant = personal(live)
    before = variant.job
    (asked,) = ask(live, variant, style="studio")
    approve(asked.challenger_job)
    experiment = start(experiment_of(live))
    experiment_decide(
        advertiser=live.advertiser, experiment_id=experiment.pk, outcome=outcome, arm=arm, comment="So.",
        now=timezone.now(),
    )  # fmt: skip
    variant.refresh_from_db()
    return variant, before, asked.challenger_job


def test_a_shipped_challenger_is_the_picture_and_keeps_its_style(live):
    variant, before, challenger = settle(live, "ship", "challenger")
    assert (variant.job, variant.challenger_job, variant.former_job) == (challenger, None, before)
    assert challenger.replaces == before  # the old one is history
    assert set(on_air(live, variant.pk).values()) == set(challenger.creatives.values_list("pk", flat=True))
    # It is not outdated by being of another style than its campaign ...
    outdated = services.variants_outdated(campaign=live, now=timezone.now())
    assert variant.pk not in {planned.variant.pk for planned in outdated if "style" in planned.changes}
    take = variant_regenerate(advertiser=live.advertiser, variant_id=variant.pk)
    assert take.brief["style"] == "studio"
    # ... until somebody chooses a style for the whole campaign.
    services.campaign_update(advertiser=live.advertiser, campaign_id=live.pk, style="editorial")
    variant.refresh_from_db()
    assert variant.look == {}


@pytest.mark.parametrize(("outcome", "arm"), [("roll_back", ""), ("ship", "own_segment")])
def test_a_challenger_that_lost_is_dropped(live, outcome, arm):
    variant, before, challenger = settle(live, outcome, arm)
    assert (variant.job, variant.challenger_job, variant.look) == (before, None, {})
    assert set(on_air(live, variant.pk).values()) == set(before.creatives.values_list("pk", flat=True))
    assert challenger.creatives.exists()  # it stays in the gallery


def test_where_things_are_left_as_they_are_the_challenger_waits(live):
    variant, before, challenger = settle(live, "no_change")
    assert (variant.job, variant.challenger_job) == (before, challenger)
    challenger_drop(advertiser=live.advertiser, campaign_id=live.pk, variant_id=variant.pk)


def test_a_challenger_with_yesterdays_price_is_not_shown(live):
    variant = personal(live)
    (asked,) = ask(live, variant)
    approve(asked.challenger_job)
    found = snapshot_load(live.advertiser_id).slots
    candidates = [c for slot in found.values() for c in slot.candidates if c.variant_id == variant.pk]
    assert all(c.challenger is not None for c in candidates)
    Product.objects.filter(pk=variant.product_id).update(price_cents=1)
    renewed = variant_regenerate(advertiser=live.advertiser, variant_id=variant.pk)
    approve(renewed)
    found = snapshot_load(live.advertiser_id).slots
    candidates = [c for slot in found.values() for c in slot.candidates if c.variant_id == variant.pk]
    assert candidates
    assert all(c.challenger is None for c in candidates)


# --- the picture before its replacement
def test_the_old_picture_stays_on_the_air_until_its_replacement_is_approved_size_by_size(live, alice, rita):
    variant = personal(live)
    old = on_air(live, variant.pk)
    take = variant_regenerate(advertiser=live.advertiser, variant_id=variant.pk, requested_by=alice)
    assert on_air(live, variant.pk) == old
    approve(take, "in_review")
    assert on_air(live, variant.pk) == old
    first, *others = take.creatives.all()
    creative_approve(advertiser=live.advertiser, creative_id=first.pk, reviewer=rita)
    shown = on_air(live, variant.pk)
    assert shown.pop((first.width, first.height)) == first.pk
    assert shown.items() <= old.items()
    # Who takes the new one off the air means the size, not its forerunner.
    creative_withdraw(advertiser=live.advertiser, creative_id=first.pk, reviewer=rita)
    assert on_air(live, variant.pk) == {
        size: pk for size, pk in old.items() if size != (first.width, first.height)
    }
    # A second take before the first was approved: what is on the air stays.
    again = variant_regenerate(advertiser=live.advertiser, variant_id=variant.pk, requested_by=alice)
    assert on_air(live, variant.pk) == old
    assert {c.status for c in take.creatives.all()} == {"withdrawn"}
    approve(again)
    assert set(on_air(live, variant.pk).values()) == set(again.creatives.values_list("pk", flat=True))
    assert len(others) > 0


def test_the_old_picture_with_yesterdays_price_goes_off_the_air(live):
    variant = personal(live)
    Product.objects.filter(pk=variant.product_id).update(price_cents=1)
    variant_regenerate(advertiser=live.advertiser, variant_id=variant.pk)
    with pytest.raises(KeyError):
        on_air(live, variant.pk)


def test_a_product_that_leaves_takes_its_challenger_along(live):
    variant = personal(live)
    (asked,) = ask(live, variant)
    kept = [product for product in live.products.all() if product.pk != variant.product_id]
    services.campaign_update(advertiser=live.advertiser, campaign_id=live.pk, products=kept)
    variant.refresh_from_db()
    assert (variant.job, variant.challenger_job, variant.former_job) == (None, None, None)
    asked.challenger_job.refresh_from_db()
    assert asked.challenger_job.status == "cancelled"


# --- the page and the API
def test_the_page_shows_both_and_asks_for_one(live, alice_client, rita_client, mallory_client):
    variant = personal(live)
    url = reverse("challenger-list", args=[live.pk])
    page = alice_client.get(url, {"variant": variant.pk}).content.decode()
    assert page.count("none yet") == live.variants.count()
    asked = reverse("challenger-ask", args=[live.pk])
    nothing = alice_client.post(asked, {"style": "studio"}, follow=True).content.decode()
    assert "Between 1 and 200 pictures" in nothing
    bad = alice_client.post(asked, {"variant": [variant.pk], "style": "x"}, follow=True).content.decode()
    assert "Select a valid choice" in bad
    done = alice_client.post(asked, {"variant": [variant.pk], "style": "studio"}, follow=True)
    assert "1 challenger asked for" in done.content.decode()
    assert "Still to approve: the challenger in" in done.content.decode()
    assert "Its challenger" in alice_client.get(reverse("campaign-detail", args=[live.pk])).content.decode()
    drop = reverse("challenger-drop", args=[live.pk, variant.pk])
    for client, status in ((rita_client, 403), (mallory_client, 404)):
        assert client.post(drop).status_code == status
    assert rita_client.get(url).status_code == 200
    assert mallory_client.get(url).status_code == 404
    assert "taken back" in alice_client.post(drop, follow=True).content.decode()
    assert alice_client.post(drop).status_code == 404  # gone already


def test_the_api_says_what_the_page_says(live, api, other_api):
    variant = personal(live)
    url = f"/api/v1/campaigns/{live.pk}/challengers"
    body = {"variant_ids": [str(variant.pk)], "style": "studio"}
    (made,) = api.post(url, body, format="json").json()
    assert (made["variant_id"], made["challenger"]["state"]) == (str(variant.pk), "rendering")
    assert (made["present"]["state"], made["is_ready"]) == ("approved", False)
    listed = api.get(url).json()
    assert listed["count"] == live.variants.count()
    assert [row["missing"] for row in listed["results"] if row["variant_id"] == str(variant.pk)] == [
        made["missing"]
    ]
    wrong = api.post(url, {**body, "model": "none"}, format="json")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid")
    foreign = api.post(url, {"variant_ids": [str(uuid.uuid4())]}, format="json")
    assert foreign.status_code == 404
    for call in (other_api.get(url), other_api.post(url, body, format="json")):
        assert call.status_code == 404
    assert other_api.delete(f"{url}/{variant.pk}").status_code == 404
    assert api.delete(f"{url}/{variant.pk}").status_code == 204
    assert api.delete(f"{url}/{variant.pk}").status_code == 404


def test_a_held_out_shopper_of_learning_stays_one_where_an_experiment_leaves_the_draw_alone():
    """Who takes no part in an experiment sees what was drawn, and is counted as what they are."""
    test = replace(PICTURES, traffic_rate=0.2)
    own = replace(challenged(1, segment_id=HIKERS), learned_share=0.9, holdout_rate=0.5)
    lonely = replace(candidate_of(9, segment_id=HIKERS), learned_share=0.1, holdout_rate=0.5)
    counts = Counter()
    for n in range(1500):
        context = context_of(pseudonym=f"s{n}", segment_ids=(HIKERS,))
        answer = decide(context, snapshot_of(own, lonely, experiment=test), random.Random(1)).slots[0]
        if answer.candidate.variant_id == own.variant_id and answer.arm is None:
            counts[answer.is_holdout] += 1
    assert counts[True] / sum(counts.values()) == pytest.approx(0.25 / 0.7, abs=0.06)
