"""Raw records: every list and form opens, and edits reach serving."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import ServingVersion
from tests import factories
from tests.campaigns.serving_cast import make_live, make_variant


@pytest.fixture
def operator_client(client, db):
    client.force_login(factories.make_user("operator", is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("name", ["product", "catalogimport", "placement", "campaign", "variant"])
def test_every_list_opens_and_is_searched(operator_client, shop, name):
    factories.make_campaign(shop, products=[factories.make_product(shop)])
    factories.make_placement(shop)
    url = reverse(f"admin:campaigns_{name}_changelist")
    assert operator_client.get(url, {"q": "x"}).status_code == 200
    assert operator_client.get(url).status_code == 200


def test_what_keeps_a_record_is_not_edited_past_it(operator_client, shop):
    campaign, placement = make_live(shop)
    variant = make_variant(campaign, placement)
    for row, fields in ((variant, ["weight"]), (campaign, ["learns", "dividend_rate"])):
        url = reverse(f"admin:campaigns_{row._meta.model_name}_change", args=[row.pk])
        page = operator_client.get(url).content.decode()
        assert not any(f'name="{field}"' in page for field in fields)


def test_an_edit_of_an_operator_reaches_serving_and_cannot_move_a_row(operator_client, shop, other_shop):
    placement = factories.make_placement(shop)
    url = reverse("admin:campaigns_placement_change", args=[placement.pk])
    assert operator_client.get(url).status_code == 200
    fields = {"name": "New", "code": "new", "width": 300, "height": 250, "advertiser": str(other_shop.pk)}
    assert operator_client.post(url, fields).status_code == 302
    placement.refresh_from_db()
    assert (placement.name, placement.advertiser) == ("New", shop)
    assert ServingVersion.objects.get(advertiser=shop).number == 1
