"""How many shoppers a group has, told only where they are enough."""

from __future__ import annotations

import pytest

from profiles.group_sizes import parts_told, size_told, size_words
from tests import factories
from tests.profiles.profile_cast import HIKERS, hikers

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fifty(settings):
    settings.REPORTS_MIN_SHOPPERS = 50


def test_a_number_below_the_minimum_is_not_told():
    assert [size_told(n) for n in (0, 1, 49, 50, 1234)] == [None, None, None, 50, 1234]
    assert (size_words(49), size_words(50)) == ("fewer than 50", "50")


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([300, 80, 60], [True, True, True]),
        ([300, 80, 7], [True, False, False]),  # one alone would follow from the whole
        ([300, 80, 20, 10], [True, False, False, False]),  # so would two of 30 together
        ([300, 80, 40, 30], [True, True, False, False]),
        ([7], [False]),
        ([], []),
    ],
)
def test_what_is_hidden_does_not_follow_from_the_whole(numbers, told):
    assert parts_told(numbers) == told


def test_pages_and_api_say_fewer_than_50(shop, alice_client, api):
    small = factories.make_segment(shop, slug="few", name="Few", size=7, interests=("outdoor_hiking",))
    factories.make_segment(shop, slug="many", name="Many", size=321, interests=("food_tea",))
    type(small).objects.update(refreshed_at="2026-11-25T00:00:00Z")
    page = alice_client.get("/segments/").content.decode()
    assert "fewer than 50" in page
    assert ">7<" not in page
    assert "321" in page
    assert "fewer than 50" in alice_client.get(f"/segments/{small.pk}/").content.decode()
    sizes = {row["slug"]: row["size"] for row in api.get("/api/v1/segments").json()["results"]}
    assert sizes == {"few": None, "many": 321}


def test_the_live_size_of_a_rule_tells_no_small_number_either(shop, api, alice_client):
    hikers(shop, *"abcdefg")
    body = api.post("/api/v1/segments/preview", {"rule": HIKERS}, format="json").json()
    assert body["size"] is None
    form = {"part": ["any"], "interest": ["outdoor_hiking"], "percent": ["20"]}
    page = alice_client.post("/segments/size", form).content.decode()
    assert "fewer than 50" in page
    assert "w-100" not in page


def test_favourites_of_a_few_are_not_counted_out(shop, alice_client):
    hikers(shop, *"abcdefg")
    page = alice_client.get("/shoppers/").content.decode()
    assert "too few to tell" in page
