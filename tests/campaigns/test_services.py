"""Campaigns, placements and variants: what is written, once, and for whom."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from adplatform.lib.errors import DomainError, NotFound
from campaigns import services
from campaigns.models import Campaign, Variant
from campaigns.planning import VARIANTS_MAX
from campaigns.selectors import landing_url_get, progress_get
from generation.models import RenderJob
from tests import factories
from tests.campaigns.campaign_cast import NOW, approve_one, generate, version_of

# --- serving version


def test_the_first_bump_makes_the_row_and_each_one_moves_the_number(shop):
    services.serving_version_bump(shop.pk)
    services.serving_version_bump(shop.pk)
    assert version_of(shop) == 2


# --- create and update


def test_a_draft_needs_nothing_but_a_name(shop, alice):
    campaign = services.campaign_create(advertiser=shop, name="  Spring ", created_by=alice)
    assert (campaign.name, campaign.status, campaign.language) == ("Spring", "draft", "en")
    assert campaign.created_by == alice


def test_a_shop_in_china_starts_in_chinese(db):
    shop = factories.make_advertiser(market="cn")
    assert services.campaign_create(advertiser=shop, name="春季").language == "zh"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"style": "nonsense"}, "style"),
        ({"model": "nonsense"}, "model"),
        ({"keeps_product": True}, "keeps_product"),
        ({"keeps_product": True, "model": "scene-diffusion"}, "keeps_product"),
        ({"language": "fr"}, "language"),
        ({"priority": 0}, "priority"),
        ({"headline": "x" * 61}, "headline"),
        ({"starts_at": NOW, "ends_at": NOW - timedelta(days=1)}, "ends_at"),
    ],
)
def test_a_wrong_field_is_refused_by_name(shop, campaign, changes, field):
    with pytest.raises(DomainError) as refusal:
        services.campaign_update(advertiser=shop, campaign_id=campaign.pk, **changes)
    assert (refusal.value.code, list(refusal.value.errors)) == ("campaign_invalid", [field])
    assert Campaign.objects.get(pk=campaign.pk).style == "soft_3d"


def test_a_model_that_may_inpaint_paints_around_the_product(shop, campaign, settings, tmp_path):
    settings.GENERATION_MODELS = {**settings.GENERATION_MODELS, "sdxl": str(tmp_path)}
    services.campaign_update(advertiser=shop, campaign_id=campaign.pk, keeps_product=True, model="sdxl")
    assert Campaign.objects.get(pk=campaign.pk).keeps_product


@pytest.mark.parametrize("noun", ["products", "segments", "placements"])
def test_rows_of_another_advertiser_look_like_no_rows_at_all(shop, other_shop, campaign, noun):
    make = {
        "products": factories.make_product,
        "segments": factories.make_segment,
        "placements": factories.make_placement,
    }[noun]
    foreign, random_id = make(other_shop).pk, uuid.uuid4()
    sentences = []
    for wanted in (foreign, random_id):
        with pytest.raises(DomainError) as refusal:
            services.campaign_update(advertiser=shop, campaign_id=campaign.pk, **{noun: [wanted]})
        sentences.append(refusal.value.errors[noun][0].replace(str(wanted), "ID"))
    assert sentences[0] == sentences[1]


def test_another_advertisers_campaign_does_not_exist(campaign, other_shop):
    for service in (
        services.campaign_update,
        services.campaign_generate,
        services.campaign_launch,
        services.campaign_delete,
    ):
        with pytest.raises(NotFound):
            service(advertiser=other_shop, campaign_id=campaign.pk)


def test_a_product_without_a_picture_cannot_join(shop, campaign):
    bare = factories.make_product(shop, cutout="")
    with pytest.raises(DomainError) as refusal:
        services.campaign_update(advertiser=shop, campaign_id=campaign.pk, products=[bare.pk])
    assert bare.external_id in refusal.value.errors["products"][0]


def test_status_is_not_a_field(shop, campaign):
    with pytest.raises(TypeError):
        services.campaign_update(advertiser=shop, campaign_id=campaign.pk, status="live")


# --- plan


def test_a_plan_counts_products_times_segments_and_one_more_for_everyone_else(campaign):
    plan = services.campaign_plan(campaign=campaign, now=NOW)
    assert plan.picture_count == plan.new_picture_count == 2 * (2 + 1)
    assert plan.creative_count == 6 * 2  # two placements share a size
    assert Variant.objects.count() == RenderJob.objects.count() == 0


def test_a_plan_shows_each_prompt_with_the_origin_of_its_words(campaign):
    plan = services.campaign_plan(campaign=campaign, now=NOW)
    for planned in plan.variants:
        assert planned.prompt.motif
        assert ", ".join(words.text for words in planned.words) == planned.prompt.text
        origins = {words.origin for words in planned.words}
        assert ("segment" in origins) == (planned.segment is not None)


def test_equal_plans_have_equal_seeds(campaign):
    plans = [services.campaign_plan(campaign=campaign, now=NOW) for _ in range(2)]
    assert [p.prompt.seed for p in plans[0].variants] == [p.prompt.seed for p in plans[1].variants]
    assert len({p.prompt.seed for p in plans[0].variants}) == 6


def test_the_time_is_guessed_from_pictures_that_were_made(campaign):
    assert services.campaign_plan(campaign=campaign, now=NOW).seconds_estimated is None
    generate(campaign)
    for job in RenderJob.objects.all():
        factories.make_creative(job)  # 2 s each
    style = services.campaign_update(advertiser=campaign.advertiser, campaign_id=campaign.pk, style="studio")
    assert services.campaign_plan(campaign=style, now=NOW).seconds_estimated == 12


@pytest.mark.parametrize(("emptied", "code"), [("products", "no_products"), ("placements", "no_placements")])
def test_a_plan_that_cannot_be_says_why(campaign, emptied, code):
    getattr(campaign, emptied).clear()
    with pytest.raises(DomainError) as refusal:
        services.campaign_plan(campaign=campaign, now=NOW)
    assert refusal.value.code == code


def test_too_many_variants_are_refused_with_the_numbers(shop, campaign):
    picture = factories.make_product(shop)
    many = [
        factories.Product(
            advertiser=shop,
            external_id=f"many-{n}",
            title="Shoe",
            link="https://shop.example/p",
            price_cents=1,
            currency="EUR",
            cutout=picture.cutout,
        )
        for n in range(VARIANTS_MAX // 3 + 1)
    ]
    factories.Product.objects.bulk_create(many)
    campaign.products.set(many)
    with pytest.raises(DomainError) as refusal:
        generate(campaign)
    assert refusal.value.code == "too_many_variants"
    assert str(VARIANTS_MAX) in refusal.value.message
    assert Variant.objects.count() == 0


# --- leaving a campaign


def test_a_draft_forgets_the_variants_of_a_product_that_left(shop, campaign):
    generate(campaign)
    kept = campaign.products.first()
    services.campaign_update(advertiser=shop, campaign_id=campaign.pk, products=[kept.pk])
    assert set(campaign.variants.values_list("product", flat=True)) == {kept.pk}


def test_a_live_campaign_takes_them_off_the_air_but_a_click_still_lands(shop, campaign):
    generate(campaign)
    approve_one(campaign)
    services.campaign_launch(advertiser=shop, campaign_id=campaign.pk, now=NOW)
    kept, left = campaign.products.all()
    before = version_of(shop)
    services.campaign_update(advertiser=shop, campaign_id=campaign.pk, products=[kept.pk])
    gone = campaign.variants.filter(product=left)
    assert gone.count() == 3
    assert set(gone.values_list("job", flat=True)) == {None}
    assert landing_url_get(gone.first().pk) == left.link
    assert version_of(shop) > before
    # and coming back brings the same pictures back
    services.campaign_update(advertiser=shop, campaign_id=campaign.pk, products=[kept.pk, left.pk])
    assert generate(campaign).created_count == 0
    assert RenderJob.objects.count() == 6


# --- lifecycle


def test_nothing_is_launched_before_something_is_approved(shop, campaign):
    generate(campaign)
    with pytest.raises(DomainError) as refusal:
        services.campaign_launch(advertiser=shop, campaign_id=campaign.pk, now=NOW)
    assert (refusal.value.code, refusal.value.status) == ("nothing_approved", 409)
    approve_one(campaign)
    before = version_of(shop)
    assert services.campaign_launch(advertiser=shop, campaign_id=campaign.pk, now=NOW).status == "live"
    assert version_of(shop) == before + 1


def test_an_approved_creative_in_a_size_no_placement_asks_for_is_nothing_to_show(shop, campaign):
    generate(campaign)
    factories.make_creative(campaign.variants.first().job, 160, 600, status="approved")
    with pytest.raises(DomainError) as refusal:
        services.campaign_launch(advertiser=shop, campaign_id=campaign.pk, now=NOW)
    assert refusal.value.code == "nothing_approved"


def test_a_campaign_goes_live_pauses_comes_back_and_ends_for_good(shop, campaign):
    generate(campaign)
    approve_one(campaign)
    arguments = {"advertiser": shop, "campaign_id": campaign.pk, "now": NOW}
    services.campaign_launch(**arguments)
    assert services.campaign_pause(**arguments).status == "paused"
    assert services.campaign_launch(**arguments).status == "live"
    assert services.campaign_end(**arguments).status == "ended"
    with pytest.raises(DomainError) as refusal:
        services.campaign_update(advertiser=shop, campaign_id=campaign.pk, name="Again")
    assert refusal.value.code == "campaign_ended"
    with pytest.raises(DomainError):
        generate(campaign)


def test_only_a_draft_can_be_deleted(shop, campaign):
    generate(campaign)
    approve_one(campaign)
    services.campaign_launch(advertiser=shop, campaign_id=campaign.pk, now=NOW)
    with pytest.raises(DomainError) as refusal:
        services.campaign_delete(advertiser=shop, campaign_id=campaign.pk)
    assert refusal.value.code == "not_a_draft"
    draft = factories.make_campaign(shop)
    services.campaign_delete(advertiser=shop, campaign_id=draft.pk)
    assert not Campaign.objects.filter(pk=draft.pk).exists()


def test_progress_counts_each_variant_once(campaign):
    generate(campaign)
    variant = approve_one(campaign)
    factories.make_creative(variant.job, 728, 90)
    progress = progress_get(campaign=campaign)
    assert (progress.variant_count, progress.done_count, progress.waiting_count) == (6, 1, 5)
    assert (progress.approved_count, progress.in_review_count) == (1, 1)
    assert progress.is_busy
    assert progress.done_rate == pytest.approx(1 / 6)


# --- placements


def test_a_placement_code_is_taken_once_per_advertiser(shop, other_shop):
    values = {"name": "Top", "code": "top", "width": 300, "height": 250}
    services.placement_create(advertiser=shop, **values)
    services.placement_create(advertiser=other_shop, **values)
    with pytest.raises(DomainError) as refusal:
        services.placement_create(advertiser=shop, **values)
    assert (refusal.value.code, refusal.value.status) == ("placement_code_taken", 409)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"code": "no spaces"}, "code"),
        ({"width": 301}, "size"),
        ({"height": 2001}, "size"),
        ({"code": "x" * 61}, "code"),
    ],
)
def test_a_placement_that_cannot_be_is_refused_by_field(shop, changes, field):
    values = {"name": "Top", "code": "top", "width": 300, "height": 250, **changes}
    with pytest.raises(DomainError) as refusal:
        services.placement_create(advertiser=shop, **values)
    assert list(refusal.value.errors) == [field]


def test_closing_a_placement_tells_serving(shop):
    placement = factories.make_placement(shop)
    before = version_of(shop)
    assert not services.placement_deactivate(advertiser=shop, placement_id=placement.pk).is_active
    assert version_of(shop) == before + 1


def test_the_landing_page_of_an_unknown_variant_is_none(db):
    assert landing_url_get(uuid.uuid4()) is None
