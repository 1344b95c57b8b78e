"""The demo storefront: there only when switched on, a tenant's own, and its shoppers have a past."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from django.test import Client

from accounts.models import ApiKey
from accounts.services import api_key_revoke
from campaigns import storefront
from campaigns.models import Placement, Product
from campaigns.storefront_services import storefront_key_ensure, storefront_shoppers_ensure
from profiles.models import Behaviour, ConsentRecord, Shopper
from profiles.selectors import audience_get
from profiles.services import consent_record
from tests import factories
from tests.campaigns.serving_cast import make_live, make_variant

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small_shop(settings):
    settings.DEMO_STOREFRONT = True
    settings.PROFILES_SEGMENT_MIN_SHOPPERS = 1


@pytest.fixture
def hikers(shop):
    return factories.make_segment(shop, "hikers", ("outdoor_hiking",))


def home(slug="shop", **query):
    return Client().get(f"/storefront/{slug}/", query)


def photo(product, **changes):
    digest = changes.get("digest", product.image_sha256[:16])
    return Client().get(f"/p/{changes.get('pk', product.pk)}/{digest}.{changes.get('extension', 'png')}")


def test_the_page_shows_products_placements_shoppers_and_the_tag(shop, hikers):
    factories.make_placement(shop, "hero", 970, 250)
    product = factories.make_product(shop, "P-1", sale_price_cents=4500)
    page = home().content.decode()
    assert product.title in page
    assert "€45" in page
    assert "–49 %" in page  # 49.9, rounded down
    assert 'data-placement="hero" data-width="970" data-height="250"' in page
    assert "Hiking and mountains" in page
    assert storefront_key_ensure(advertiser=shop) in page
    assert "js/adtag.js" in page
    assert "<script>" not in page


def test_it_speaks_chinese_and_survives_odd_parameters(shop, hikers):
    factories.make_product(shop)
    assert "加入购物车" in home(lang="zh").content.decode()
    for odd in ({"page": "x"}, {"page": "-1"}, {"as": "nobody-known"}, {"lang": "xx"}, {"q": "%_'\""}):
        assert home(**odd).status_code == 200
    assert "Nothing on the shelves" in home(q="submarine").content.decode()


def test_an_empty_shop_says_what_to_do(shop):
    page = home().content.decode()
    assert "import a catalogue first" in page
    assert "no placements yet" in page


def test_a_product_page_is_where_a_click_lands(shop, other_shop):
    product = factories.make_product(shop, "P/1 ü")
    factories.make_product(other_shop, "Q-1")
    response = Client().get("/storefront/shop/products/P%2F1%20%C3%BC/")
    assert response.status_code == 200
    assert f'data-product="{product.external_id}"' in response.content.decode()
    assert Client().get("/storefront/shop/products/Q-1/").status_code == 404
    Product.objects.update(is_active=False)
    assert Client().get("/storefront/shop/products/P%2F1%20%C3%BC/").status_code == 404


def test_switched_off_nothing_of_it_is_there(shop, settings):
    product = factories.make_product(shop)
    assert photo(product).status_code == 200
    settings.DEMO_STOREFRONT = False
    for response in (
        home(),
        Client().get(f"/storefront/shop/products/{product.external_id}/"),
        photo(product),
    ):
        assert response.status_code == 404


def test_only_photos_of_active_products_are_public(shop):
    product = factories.make_product(shop)
    response = photo(product)
    assert response["Content-Type"] == "image/png"
    assert "immutable" in response["Cache-Control"]
    assert photo(product, digest="0" * 16).status_code == 404
    assert photo(product, extension="webp").status_code == 404
    assert photo(product, pk=uuid.uuid4()).status_code == 404
    Product.objects.update(is_active=False)
    assert photo(product).status_code == 404


def test_its_key_is_stable_publishable_and_stays_revoked(shop, other_shop):
    key = storefront_key_ensure(advertiser=shop)
    assert key == storefront_key_ensure(advertiser=shop)
    assert key != storefront_key_ensure(advertiser=other_shop)
    row = ApiKey.objects.get(advertiser=shop)
    assert (row.kind, row.scopes) == (ApiKey.Kind.PUBLISHABLE, ["decide", "track"])
    api_key_revoke(advertiser=shop, key_id=str(row.pk))
    assert storefront_key_ensure(advertiser=shop) == ""
    assert "was revoked" in home().content.decode()


def test_its_shoppers_get_their_creative_through_the_real_api(shop, hikers):
    campaign, placement = make_live(shop)
    make_variant(campaign, placement)
    mine = make_variant(campaign, placement, segment=hikers)
    home()
    answers = {}
    for persona in storefront.personas_list(shop):
        response = Client().post(
            "/api/v1/decisions",
            {"placements": [placement.code], "shopper": persona.shopper_key},
            content_type="application/json",
            headers={"Authorization": f"Bearer {storefront_key_ensure(advertiser=shop)}"},
        )
        answers[persona.slug] = response.json()["decisions"][0]
    assert {slug: answer["match"] for slug, answer in answers.items()} == {
        "hikers": "segment",
        "guest": "generic",
        "nobody": "generic",
    }
    assert answers["hikers"]["creative"]["id"] == str(mine.job.creatives.get().pk)


def test_its_shoppers_are_made_once_marked_as_simulated_and_a_withdrawal_stays(
    shop, hikers, django_assert_num_queries
):
    personas = storefront.personas_list(shop)
    storefront_shoppers_ensure(advertiser=shop, personas=personas, now=NOW)
    with django_assert_num_queries(1):
        storefront_shoppers_ensure(advertiser=shop, personas=personas, now=NOW)
    assert Shopper.objects.filter(is_simulated=True).count() == Shopper.objects.count() == 2
    said = {"advertiser": shop, "shopper_key": personas[0].shopper_key, "text_version": "1", "source": "test"}
    consent_record(personalisation=False, **said)
    storefront_shoppers_ensure(advertiser=shop, personas=personas, now=NOW)
    assert not audience_get(advertiser_id=shop.pk, shopper_key=personas[0].shopper_key).segment_ids
    assert not Behaviour.objects.exists()
    consent_record(personalisation=True, **said)
    storefront_shoppers_ensure(advertiser=shop, personas=personas, now=NOW)
    assert audience_get(advertiser_id=shop.pk, shopper_key=personas[0].shopper_key).segment_ids == (
        hikers.pk,
    )
    assert ConsentRecord.objects.count() == 4


@pytest.mark.parametrize(
    ("sizes", "hero", "side", "shelf", "foot"),
    [
        ([(970, 250), (728, 90), (300, 250), (160, 600), (1080, 1080), (320, 50)], 970, [250, 600], 1080, 50),
        ([(728, 90)], 728, [], None, None),
        ([(300, 250)], None, [250], None, None),
        ([], None, [], None, None),
    ],
)
def test_placements_find_their_room_by_shape(sizes, hero, side, shelf, foot):
    rooms = storefront.placements_arrange([Placement(width=width, height=height) for width, height in sizes])
    assert (rooms.hero and rooms.hero.width) == hero
    assert [placement.height for placement in rooms.side] == side
    assert (rooms.shelf and rooms.shelf.width) == shelf
    assert (rooms.foot and rooms.foot.height) == foot
