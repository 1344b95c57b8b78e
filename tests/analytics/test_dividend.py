"""The dividend: is the picture good, or is the match, and what is it worth."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from analytics import report_caps
from analytics.dividend_report import _answer, _segment_answer, dividend_compute
from analytics.models import Event
from analytics.stats.multiplicity import holm
from campaigns.weight_services import learning_configure
from profiles.models import Segment
from tests import factories
from tests.analytics import learning_cast as cast
from tests.analytics.learning_cast import computed

pytestmark = pytest.mark.django_db


def test_a_month_s_money_comes_from_a_month(shop):
    """Shoppers who ordered two months ago are in the split's answers, not in the money of 30 days."""
    campaign, *_ = cast.make_campaign(shop)
    rates = dict.fromkeys(("own_segment", "generic", "other_segment"), 0.1)
    cast.make_split(campaign, 1500, rates, order_rates=rates | {"own_segment": 0.3})
    recent = dividend_compute(campaign, {}, timezone.now())
    old = timedelta(days=60)
    cast.make_split(campaign, 1500, rates, order_rates=rates | {"own_segment": 0.9}, prefix="old")
    Event.objects.filter(shopper_pseudonym__startswith="old").update(occurred_at=F("occurred_at") - old)
    found = dividend_compute(campaign, {}, timezone.now())
    assert found["shoppers"] == 3000
    assert found["money_days"] == 30
    assert found["money"] == recent["money"]


def test_a_young_split_has_the_money_of_its_days_and_of_one_look(shop, alice_client):
    campaign, placement, _, variants = cast.make_campaign(shop)
    rates = dict.fromkeys(("own_segment", "generic", "other_segment"), 0.1)
    cast.make_split(campaign, 1500, rates, order_rates=rates)
    now = timezone.now()
    for days, rate in ((11, 0), (10, 0.3)):  # off, and on again ten days ago
        learning_configure(
            advertiser=shop, campaign_id=campaign.pk, now=now - timedelta(days=days), dividend_rate=rate
        )
    for since, until, shoppers in ((25, 12, 90), (9, 1, 40)):
        cast.make_draws(
            campaign, placement, variants, [0.1] * 3, count=90, shoppers=shoppers,
            since=now - timedelta(days=since), until=now - timedelta(days=until),
        )  # fmt: skip
    content = computed(alice_client, campaign, "dividend")
    assert (content["money_days"], content["monthly_shoppers"]) == (10, 40)
    text = alice_client.get(reverse("dividend", args=[campaign.pk])).content.decode()
    assert "1,000 shoppers in 10 days" in text
    assert "the interval of the money holds for one look" in text
    assert "The intervals of these figures are always-valid" in text


def test_beyond_so_many_impressions_the_dividend_does_so_too(shop, monkeypatch):
    campaign, *_ = cast.make_campaign(shop, 2)
    rates = {"generic": 0.1, "own_segment": 0.1, "other_segment": 0.1}
    cast.make_split(campaign, 100, rates, order_rates=rates)
    assert dividend_compute(campaign, {}, timezone.now())["capped"] == ""
    monkeypatch.setattr(report_caps, "MAX_IMPRESSIONS", 60)
    found = dividend_compute(campaign, {}, timezone.now())
    assert found["capped"].startswith("Counted until ")
    assert 0 < found["shoppers"] <= 60


def test_picture_match_and_money_are_told_apart(shop, alice_client):
    campaign, placement, _, variants = cast.make_campaign(shop)
    cast.make_draws(campaign, placement, variants, [0.1] * 3, count=600, shoppers=300)
    cast.make_split(
        campaign, 3000, {"own_segment": 0.25, "generic": 0.1, "other_segment": 0.1},
        order_rates={"own_segment": 0.3, "generic": 0.1, "other_segment": 0.1},
    )  # fmt: skip
    content = computed(alice_client, campaign, "dividend")
    assert {name: answer["code"] for name, answer in content["answers"].items()} == {
        "picture": "open", "match": "yes", "both": "yes",
    }  # fmt: skip
    money = content["money"]["by_thousand_cents"]
    assert money["low"] < 0.2 * 4000 * 1000 < money["high"]
    assert content["monthly_shoppers"] == 300
    assert content["money"]["by_month_cents"]["value"] == pytest.approx(money["value"] * 0.3)
    text = alice_client.get(reverse("dividend", args=[campaign.pk])).content.decode()
    assert "Personalisation is clicked more often than the generic picture" in text
    assert "The standing split is off" not in text


def test_the_dividend_is_told_by_segment_and_small_segments_are_withheld(shop, alice_client, settings):
    settings.REPORTS_MIN_SHOPPERS = 50
    campaign, _, hikers, _ = cast.make_campaign(shop)
    tea, small = (factories.make_segment(shop, slug) for slug in ("tea", "small"))
    Segment.objects.filter(pk__in=[tea.pk, small.pk]).update(name="The same name")
    nothing = dict.fromkeys(("own_segment", "generic", "other_segment"), 0.1)
    better = nothing | {"own_segment": 0.3}
    cast.make_split(campaign, 3000, better, order_rates=better, segment=hikers, prefix="hiker")
    cast.make_split(campaign, 900, nothing, order_rates=nothing, segment=tea, prefix="tea")
    cast.make_split(campaign, 90, nothing, order_rates=nothing, segment=small, prefix="small")
    content = computed(alice_client, campaign, "dividend")
    first, second, third = content["segments"]
    assert (first["segment"], first["answers"]) == (
        hikers.name, {"picture": "open", "match": "yes", "both": "yes"},
    )  # fmt: skip
    money = first["money"]["by_thousand_cents"]
    assert money["low"] < 0.2 * 4000 * 1000 < money["high"]
    # The small one is hidden, and the next with it: else it would be all minus the others.
    assert [second["is_hidden"], third["is_hidden"]] == [True, True]
    assert {second["segment"], third["segment"]} == {"The same name (tea)", "The same name (small)"}
    assert set(third) == {"segment", "is_hidden"}
    text = alice_client.get(reverse("dividend", args=[campaign.pk])).content.decode()
    assert text.count("Withheld: too few shoppers") == 2


def test_the_many_segments_are_paid_for():
    """An answer needs the adjusted p below 0.05, not only an interval above zero."""
    found = {"low": 0.01, "high": 0.4, "p": 0.04, "p_adjusted": 0.08}
    assert _segment_answer(found) == "open"
    assert _segment_answer(found | {"p_adjusted": 0.04}) == "yes"
    assert _segment_answer({"low": None, "high": None, "p": None, "p_adjusted": None}) == "few"


@pytest.mark.parametrize(("p_match", "code"), [(0.024, "open"), (0.012, "yes")])
def test_three_questions_are_answered_as_three(p_match, code):
    """An interval above zero is not enough: p of 0.024 is 0.072 after Holm over three."""
    given = {"picture": 0.4, "match": p_match, "both": 0.3}
    found = {name: {"low": 0.01, "high": 0.3, "p": p} for name, p in given.items()}
    for each, p in zip(found.values(), holm([each["p"] for each in found.values()]), strict=True):
        each["p_adjusted"] = p
    assert _answer("match", {"metrics": {"click_rate": found}}, "ok")["code"] == code


def test_the_dividend_counts_from_the_split_s_start_anew_every_year(shop):
    campaign, *_ = cast.make_campaign(shop)
    now = timezone.now()

    def start_of(days_ago, rate):
        learning_configure(
            advertiser=shop, campaign_id=campaign.pk, now=now - timedelta(days=days_ago), dividend_rate=rate
        )
        return dividend_compute(campaign, {}, now)["start"]

    def ago(days):
        return (now - timedelta(days=days)).isoformat()

    assert start_of(1200, 0.1) == ago(105)  # its fourth year
    assert start_of(500, 0.3) == ago(105)  # another rate moves nobody
    start_of(200, 0)
    assert start_of(100, 0.1) == ago(100)


def test_without_a_split_the_dividend_says_so(shop, alice_client):
    campaign, *_ = cast.make_campaign(shop)
    content = computed(alice_client, campaign, "dividend")
    assert {answer["code"] for answer in content["answers"].values()} == {"open"}
    assert content["money"]["by_month_cents"]["value"] is None
