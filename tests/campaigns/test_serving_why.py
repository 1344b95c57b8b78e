"""Why this ad: the page behind a creative's label, and taking an interest away on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import Membership
from adplatform.lib.tokens import token_read
from analytics.models import Event
from campaigns.models import Campaign
from profiles.models import Segment, SegmentMembership
from profiles.services import segment_create
from tests import factories
from tests.analytics.posting import post
from tests.campaigns.decision_cast import ask, first, make_shopper
from tests.campaigns.serving_cast import make_live, make_variant
from tests.profiles.profile_cast import did, record


@pytest.fixture
def boss_client(shop) -> Client:
    client = Client()
    client.force_login(factories.make_member(shop, Membership.Role.ADMIN, "boss"))
    return client


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


def test_what_was_taken_away_stands_there_as_taken_away_at_once(shop, live, pk):
    campaign, placement = live
    hikers = factories.make_segment(shop, "hikers", ("outdoor_hiking", "outdoor_camping"), size=500)
    make_variant(campaign, placement, segment=hikers)
    make_shopper(shop, segments=[hikers])
    url = first(ask(pk, shopper="anna"))["why_url"]
    path = url.removeprefix("http://testserver")
    before = why(url)
    assert before.count("Not interested</button>") == 2
    assert "<s>" not in before
    page = Client().post(path, {"interest": "outdoor_hiking"}, follow=True).content.decode()
    assert "<s>Hiking" in page
    assert page.count("Not interested</button>") == 1
    assert "plays no part any more" in page
    chinese = Client(headers={"Accept-Language": "zh"}).get(path).content.decode()
    assert "已移除，不再参与选择" in chinese
    page = Client().post(path, {"interest": "all"}, follow=True).content.decode()
    assert page.count("<s>") == 2
    assert "<button" not in page, "nothing is left to take away"
    assert "What you take away" not in page


def test_who_pays_is_said_where_it_is_somebody_else(shop, live, pk, boss_client, alice_client, settings):
    settings.SERVING_SNAPSHOT_SECONDS = 0  # the version is looked at by every request
    campaign, placement = live
    make_variant(campaign, placement)
    assert alice_client.post("/advertiser/payer/", {"payer_name": "Mine"}).status_code == 403
    boss_client.post("/advertiser/payer/", {"payer_name": "  Makers <b> &  Sons "})
    answer = first(ask(pk))
    assert answer["disclosure"]["on_behalf_of"] == "Shop"
    assert answer["disclosure"]["paid_by"] == "Makers <b> & Sons"
    page = why(answer["why_url"])
    assert "shown on behalf of" in page
    assert "paid for by <strong>Makers &lt;b&gt; &amp; Sons</strong>" in page
    refused = boss_client.post("/advertiser/payer/", {"payer_name": "x" * 121}, follow=True)
    assert "120 characters" in refused.content.decode()
    boss_client.post("/advertiser/payer/", {"payer_name": "Shop"})
    answer = first(ask(pk))
    assert answer["disclosure"]["paid_by"] == "Shop"
    assert "shown and paid for by" in why(answer["why_url"])


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


def test_only_the_shoppers_own_interests_that_led_there_are_named(shop, live, pk):
    """The segment is for hikers and tea drinkers; Anna only hikes, and likes pots that no condition names."""
    campaign, placement = live
    segment = segment_create(
        advertiser=shop,
        name="Hikers and tea drinkers",
        rule={
            "any": [
                {"interest": "outdoor_hiking", "min_weight": 0.1},
                {"interest": "food_tea", "min_weight": 0.1},
            ]
        },
    )
    make_variant(campaign, placement)
    make_variant(campaign, placement, segment=segment)
    anna = make_shopper(shop)
    record(shop, did("1", "anna", kind="interest", text="hiking boots"))
    record(shop, did("2", "anna", kind="interest", text="cookware"))
    Segment.objects.update(size=500)
    answer = first(ask(pk, shopper="anna"))
    assert (answer["match"], answer["disclosure"]["parameters"]) == ("segment", ["interest:outdoor_hiking"])
    page = why(answer["why_url"])
    assert "These interests of yours entered the decision" in page
    assert "Hiking" in page
    assert "Tea" not in page
    held = anna.profile.weights
    assert "outdoor_hiking" in held
    assert len(held) > 1, "she has other interests, which played no part"


def test_of_a_group_the_interest_itself_is_named_and_taking_one_away_leaves_the_other_at_once(shop, live, pk):
    campaign, placement = live
    segment = segment_create(
        advertiser=shop,
        name="Outdoor",
        rule={"all": [{"interest": "outdoor", "min_weight": 0.1}]},
    )
    make_variant(campaign, placement)
    make_variant(campaign, placement, segment=segment)
    make_shopper(shop)
    record(shop, did("1", "anna", kind="interest", text="hiking boots"))
    record(shop, did("2", "anna", kind="interest", text="camping tent"))
    Segment.objects.update(size=500)
    answer = first(ask(pk, shopper="anna"))
    assert set(answer["disclosure"]["parameters"]) == {"interest:outdoor_hiking", "interest:outdoor_camping"}
    path = answer["why_url"].removeprefix("http://testserver")
    Client().post(path, {"interest": "outdoor_hiking"})
    Segment.objects.update(size=500)
    answer = first(ask(pk, shopper="anna"))
    assert answer["disclosure"]["parameters"] == ["interest:outdoor_camping"]
    Client().post(path, {"interest": "outdoor_camping"})
    assert first(ask(pk, shopper="anna"))["disclosure"]["parameters"] == ["none"]


def test_a_token_of_before_names_the_segments_interests_and_says_so(shop, live, pk):
    campaign, placement = live
    hikers = factories.make_segment(shop, "hikers", ("outdoor_hiking", "outdoor_camping"), size=500)
    make_variant(campaign, placement, segment=hikers)
    make_shopper(shop, segments=[hikers])
    SegmentMembership.objects.update(interests="")
    page = why(first(ask(pk, shopper="anna"))["why_url"])
    assert "made for a group of people with these interests" in page
    assert "of yours entered" not in page


def test_who_agreed_to_personal_ads_but_not_to_measurement_may_take_interests_away_too(shop, live, pk):
    campaign, placement = live
    hikers = factories.make_segment(shop, "hikers", ("outdoor_hiking",), size=500)
    make_variant(campaign, placement)
    make_variant(campaign, placement, segment=hikers)
    anna = make_shopper(shop, segments=[hikers])
    type(anna).objects.update(measurement_allowed=False)
    answer = first(ask(pk, shopper="anna"))
    assert answer["match"] == "segment"
    token = token_read(answer["impression_token"], purpose="impression", max_age=timedelta(days=1))
    assert token.get("u", "") == ""
    page = why(answer["why_url"])
    assert "not noted down that you have seen this one" in page
    path = answer["why_url"].removeprefix("http://testserver")
    done = Client().post(path, {"interest": "outdoor_hiking"}, follow=True).content.decode()
    assert "Taken away" in done
    assert first(ask(pk, shopper="anna"))["match"] == "generic"


def test_events_of_such_a_shopper_are_joined_to_nobody(shop, live, pk):
    campaign, placement = live
    hikers = factories.make_segment(shop, "hikers", ("outdoor_hiking",), size=500)
    make_variant(campaign, placement, segment=hikers)
    anna = make_shopper(shop, segments=[hikers])
    type(anna).objects.update(measurement_allowed=False)
    answer = first(ask(pk, shopper="anna"))
    sent = post([{"event_id": "e1", "kind": "impression", "token": answer["impression_token"]}])
    assert sent.json()["accepted"] == 1, sent.json()
    assert Event.objects.get().shopper_pseudonym == ""
