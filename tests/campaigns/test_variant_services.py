"""Pictures wanted for a campaign: asked for once, again, and no more."""

from __future__ import annotations

import pytest

from adplatform.lib.errors import DomainError
from campaigns import services, variant_services
from campaigns.models import Variant
from campaigns.planning import Change
from generation.models import RenderJob
from tests import factories
from tests.campaigns.campaign_cast import NOW, approve_one, generate


def test_generating_twice_makes_everything_once(campaign, alice):
    first = generate(campaign, requested_by=alice)
    ids = set(RenderJob.objects.values_list("pk", flat=True))
    second = generate(campaign)
    assert (first.created_count, first.requested_count) == (6, 6)
    assert (second.created_count, second.requested_count, second.current_count) == (0, 0, 6)
    assert set(RenderJob.objects.values_list("pk", flat=True)) == ids
    assert Variant.objects.filter(job=None).count() == 0
    assert {job.requested_by for job in RenderJob.objects.all()} == {alice}


def test_the_generic_pictures_are_rendered_first(campaign):
    generate(campaign)
    order = list(campaign.variants.order_by("job__priority").values_list("segment", flat=True))
    assert order[:2] == [None, None]


def test_the_plan_and_the_jobs_tell_the_same_prompt(campaign):
    plan = services.campaign_plan(campaign=campaign, now=NOW)
    generate(campaign)
    assert {p.prompt.text for p in plan.variants} == set(RenderJob.objects.values_list("prompt", flat=True))


def test_two_campaigns_with_one_brief_share_its_picture(shop, campaign):
    generate(campaign)
    twin = factories.make_campaign(
        shop,
        products=campaign.products.all(),
        segments=campaign.segments.all(),
        placements=campaign.placements.all(),
    )
    assert services.campaign_plan(campaign=twin, now=NOW).new_picture_count == 0
    generate(twin)
    assert RenderJob.objects.count() == 6
    assert twin.variants.count() == 6


def test_a_draft_whose_style_changed_is_rendered_again(shop, campaign):
    generate(campaign)
    services.campaign_update(advertiser=shop, campaign_id=campaign.pk, style="studio")
    assert generate(campaign).requested_count == 6
    assert {v.job.brief["style"] for v in campaign.variants.select_related("job")} == {"studio"}


def test_a_live_campaign_keeps_outdated_pictures_until_somebody_asks(shop, campaign):
    generate(campaign)
    approve_one(campaign)
    services.campaign_launch(advertiser=shop, campaign_id=campaign.pk, now=NOW)
    services.campaign_update(advertiser=shop, campaign_id=campaign.pk, style="studio")
    result = generate(campaign)
    assert (result.requested_count, result.outdated_count) == (0, 6)
    assert services.campaign_refresh(advertiser=shop, campaign_id=campaign.pk, now=NOW) == 6
    assert services.campaign_refresh(advertiser=shop, campaign_id=campaign.pk, now=NOW) == 0


def test_a_new_price_makes_variants_outdated_and_says_so(shop, campaign):
    generate(campaign)
    product = campaign.products.first()
    product.price_cents += 100
    product.save()
    outdated = services.variants_outdated(campaign=campaign, now=NOW)
    assert {planned.product for planned in outdated} == {product}
    assert {planned.changes for planned in outdated} == {(Change.PRICE,)}
    one = outdated[0].variant
    assert (
        services.campaign_refresh(advertiser=shop, campaign_id=campaign.pk, variant_ids=[one.pk], now=NOW)
        == 1
    )
    assert one.pk not in {p.variant.pk for p in services.variants_outdated(campaign=campaign, now=NOW)}


def test_another_take_has_another_seed_and_is_not_outdated(shop, campaign):
    generate(campaign)
    variant = campaign.variants.select_related("job").first()
    job = services.variant_regenerate(advertiser=shop, variant_id=variant.pk, now=NOW)
    assert job.brief["take"] == 1
    assert job.seed != variant.job.seed
    assert services.variants_outdated(campaign=campaign, now=NOW) == []
    assert generate(campaign).requested_count == 0


def test_a_new_take_takes_the_old_picture_out_of_review(shop, campaign, alice):
    generate(campaign)
    variant = campaign.variants.select_related("job").first()
    waiting = factories.make_creative(variant.job)
    (take,) = variant_services.picture_regenerate(
        advertiser=shop, job_id=variant.job_id, requested_by=alice, now=NOW
    )
    assert take.replaces == variant.job
    record = waiting.reviews.get()
    assert (record.action, record.who, record.to_status) == ("replace", "alice", "withdrawn")
    with pytest.raises(DomainError) as caught:  # nobody shows the old picture any more
        variant_services.picture_regenerate(advertiser=shop, job_id=variant.job_id, now=NOW)
    assert caught.value.code == "not_shown"


def test_another_take_over_the_api_is_asked_for_once(shop, campaign, api, other_api):
    generate(campaign)
    picture = campaign.variants.first().job
    url = f"/api/v1/render-jobs/{picture.pk}/takes"
    first, again = api.post(url), api.post(url)
    assert (first.status_code, again.status_code) == (202, 202)
    (take,) = first.json()
    assert again.json()[0]["id"] == take["id"]
    assert picture.successors.get().brief["take"] == 1
    following = api.post(f"/api/v1/render-jobs/{take['id']}/takes").json()[0]
    assert following["id"] not in (take["id"], str(picture.pk))
    assert other_api.post(url).status_code == 404
    lonely = factories.make_render_job(shop, take=7)
    answer = api.post(f"/api/v1/render-jobs/{lonely.pk}/takes")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_shown")


def test_a_picture_that_is_being_rendered_for_nobody_is_stopped(shop, campaign):
    generate(campaign)
    running = campaign.variants.select_related("job").first().job
    RenderJob.objects.filter(pk=running.pk).update(
        status="leased", lease_owner="w", lease_expires_at=NOW, lease_epoch=1
    )
    services.campaign_delete(advertiser=shop, campaign_id=campaign.pk)
    running.refresh_from_db()
    assert (running.status, running.cancel_requested, running.lease_owner) == ("leased", True, "w")


def test_pictures_wanted_again_come_back_into_review(shop, campaign):
    generate(campaign)
    creative = factories.make_creative(campaign.variants.first().job)
    for style, status in (("studio", "withdrawn"), ("soft_3d", "in_review")):
        services.campaign_update(advertiser=shop, campaign_id=campaign.pk, style=style)
        generate(campaign)
        creative.refresh_from_db()
        assert creative.status == status
    assert list(creative.reviews.order_by("id").values_list("action", flat=True)) == ["replace", "restore"]


def test_failed_pictures_are_queued_again_and_done_ones_left_alone(shop, campaign):
    generate(campaign)
    jobs = list(RenderJob.objects.all())
    RenderJob.objects.filter(pk=jobs[0].pk).update(status=RenderJob.Status.DEAD)
    RenderJob.objects.filter(pk=jobs[1].pk).update(status=RenderJob.Status.SUCCEEDED)
    assert services.campaign_retry(advertiser=shop, campaign_id=campaign.pk) == 1
    assert RenderJob.objects.get(pk=jobs[0].pk).status == RenderJob.Status.QUEUED
    assert RenderJob.objects.get(pk=jobs[1].pk).status == RenderJob.Status.SUCCEEDED


def test_pictures_nobody_wants_any_more_leave_the_queue_and_come_back_when_wanted(shop, campaign):
    generate(campaign)
    done = factories.make_creative(campaign.variants.first().job).job
    services.campaign_update(advertiser=shop, campaign_id=campaign.pk, style="studio")
    generate(campaign)
    soft = RenderJob.objects.filter(brief__style="soft_3d")
    assert set(soft.exclude(pk=done.pk).values_list("status", flat=True)) == {"cancelled"}
    assert RenderJob.objects.get(pk=done.pk).status == "succeeded"
    services.campaign_update(advertiser=shop, campaign_id=campaign.pk, style="soft_3d")
    generate(campaign)
    assert set(soft.exclude(pk=done.pk).values_list("status", flat=True)) == {"queued"}


def test_a_picture_another_campaign_waits_for_stays_in_the_queue(shop, campaign):
    twin = factories.make_campaign(
        shop, products=campaign.products.all(), placements=campaign.placements.all()
    )
    generate(campaign)
    generate(twin)
    services.campaign_delete(advertiser=shop, campaign_id=campaign.pk)
    waiting = RenderJob.objects.filter(status="queued")
    assert {job.pk for job in waiting} == set(twin.variants.values_list("job", flat=True))
    assert RenderJob.objects.filter(status="cancelled").count() == 4
