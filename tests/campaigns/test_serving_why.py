"""Why this ad: the page behind a creative's label, and taking an interest away on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from adplatform.lib.tokens import token_read
from campaigns.models import Campaign
from tests import factories
from tests.campaigns.decision_cast import ask, first, make_shopper
from tests.campaigns.serving_cast import make_live, make_variant


def why(url):
    response = Client().get(url.removeprefix("http://testserver"))
    assert response.status_code == 200
    return response.content.decode()


def test_whoever_sees_a_creative_may_read_why_in_plain_words(shop, live, pk):
    campaign, placement = live
    hikers = factories.make_segment(shop, "hikers", ("outdoor_hiking",), size=500)
    make_variant(campaign, placement)
    make_variant(campaign, placement, segment=hikers)
    make_shopper(shop, segments=[hikers])
    general, personal = why(first(ask(pk))["why_url"]), why(first(ask(pk, shopper="anna"))["why_url"])
    assert "It was made for everybody" in general
    assert "Nothing was noted down about you" in general
    assert "Hiking" in personal
    assert "by what they looked at" in personal
    for page in (general, personal):
        assert 'href="https://shop.example"' in page
        assert "artificial intelligence" in page
        assert "anna" not in page


def test_the_reason_is_given_in_the_campaigns_language_and_outlives_its_segment(shop, pk):
    segment = factories.make_segment(shop, "hikers", size=500)
    campaign, placement = make_live(shop, language=Campaign.Language.CHINESE)
    make_variant(campaign, placement, segment=segment)
    make_shopper(shop, segments=[segment])
    url = first(ask(pk, shopper="anna"))["why_url"]
    assert "为什么您看到这则广告" in why(url)
    segment.delete()
    assert "徒步登山" in why(url) or "商店现已不再使用该兴趣" in why(url)
    assert (
        "Why you see this ad"
        in Client(headers={"Accept-Language": "de, en;q=0.8"})
        .get(url.removeprefix("http://testserver"))
        .content.decode()
    )


@pytest.mark.parametrize("token", ["x", "a:b:c", "%00", "eyJhIjoxfQ:1abc:sig"])
def test_a_forged_reason_is_not_found(shop, token):
    assert Client().get(f"/why/{token}").status_code in (400, 404)


def test_an_interest_is_taken_away_and_the_next_decision_knows_it_no_more(shop, live, pk):
    campaign, placement = live
    hikers = factories.make_segment(shop, "hikers", ("outdoor_hiking",), size=500)
    make_variant(campaign, placement)
    make_variant(campaign, placement, segment=hikers)
    anna = make_shopper(shop, segments=[hikers])
    answer = first(ask(pk, shopper="anna"))
    assert answer["match"] == "segment"
    assert answer["disclosure"] == {
        "is_advertisement": True,
        "on_behalf_of": "Shop",
        "paid_by": "Shop",
        "parameters": ["interest:outdoor_hiking"],
        "change_url": answer["why_url"],
        "is_ai_generated": True,
    }
    path = answer["why_url"].removeprefix("http://testserver")
    page = Client(enforce_csrf_checks=True).post(path, {"interest": "outdoor_hiking"}, follow=True)
    assert "Taken away" in page.content.decode()
    nobody = first(ask(pk, shopper="anna"))
    assert (nobody["match"], nobody["disclosure"]["parameters"]) == ("generic", ["none"])
    anna.refresh_from_db()
    assert anna.muted_interests == ["outdoor_hiking"]


def test_all_is_taken_away_by_an_objection_in_the_ledger(shop, live, pk):
    campaign, placement = live
    hikers = factories.make_segment(shop, "hikers", ("outdoor_hiking",), size=500)
    make_variant(campaign, placement)
    make_variant(campaign, placement, segment=hikers)
    anna = make_shopper(shop, segments=[hikers])
    path = first(ask(pk, shopper="anna"))["why_url"].removeprefix("http://testserver")
    for _ in range(2):
        assert "Noted." in Client().post(path, {"interest": "all"}, follow=True).content.decode()
    answer = first(ask(pk, shopper="anna"))
    assert answer["match"] == "generic"
    assert (
        token_read(answer["impression_token"], purpose="impression", max_age=timedelta(days=1)).get("u", "")
        == ""
    )
    row = anna.consents.get()
    assert (row.objection, row.source, row.purposes) == (True, "why page", [])


def test_nothing_is_taken_away_from_whom_the_token_does_not_name(shop, live, pk):
    campaign, placement = live
    make_variant(campaign, placement)
    path = first(ask(pk))["why_url"].removeprefix("http://testserver")
    assert "nothing here" in Client().post(path, {"interest": "all"}, follow=True).content.decode()
    hikers = factories.make_segment(shop, "hikers", ("outdoor_hiking",), size=500)
    make_shopper(shop, segments=[hikers])
    path = first(ask(pk, shopper="anna"))["why_url"].removeprefix("http://testserver")
    assert Client().post(path, {"interest": "<script>"}).status_code == 400
