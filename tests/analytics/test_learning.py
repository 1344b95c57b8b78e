"""Learning through its services, pages and API: new shares, their record, what they are worth, other
questions.
"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from adplatform.lib.errors import DomainError
from analytics import report_caps
from analytics.dividend_report import _answer, _segment_answer, dividend_compute
from analytics.learning import campaign_learn, counts_get, learning_refresh
from analytics.learning_report import learning_compute
from analytics.learning_selectors import draw_changes_count
from analytics.models import Event, StoredReport
from analytics.stats.multiplicity import holm
from analytics.stored_reports import stored_reports_refresh
from campaigns.learning_models import AllocationPeriod, WeightRecord
from campaigns.models import Product, Variant
from campaigns.serving.loading import snapshot_load
from campaigns.weight_services import allocation_write, learning_configure, weights_write
from generation.models import Creative, RenderJob
from profiles.models import Segment
from tests import factories
from tests.analytics import learning_cast as cast

pytestmark = pytest.mark.django_db


def learns(campaign, **changes):
    return learning_configure(
        advertiser=campaign.advertiser, campaign_id=campaign.pk, now=timezone.now(), learns=True, **changes
    )


def computed(client, campaign, kind, **data):
    client.post(reverse("stored-report-refresh", args=[campaign.pk, kind]), data)
    stored_reports_refresh()
    row = StoredReport.objects.get(campaign=campaign, kind=kind)
    json.dumps(row.content, allow_nan=False)
    assert "error" not in row.content
    return row.content


def test_off_by_default_nothing_is_written(shop):
    campaign, placement, _, variants = cast.make_campaign(shop)
    cast.make_draws(campaign, placement, variants, [0.1, 0.1, 0.3], count=1500)
    assert learning_refresh() == 0
    assert not AllocationPeriod.objects.exists()


def test_the_better_picture_is_drawn_more_often_and_every_change_is_kept(shop):
    campaign, placement, segment, variants = cast.make_campaign(shop)
    learns(campaign, holdout_rate=0.2)
    assert learning_refresh() == 1
    first = AllocationPeriod.objects.get()
    assert first.reason == "cold_start"
    assert list(first.shares.values()) == pytest.approx([1 / 3] * 3, abs=0.02)
    cast.make_draws(campaign, placement, variants, [0.05, 0.05, 0.15], count=3000)
    assert learning_refresh() == 1
    assert learning_refresh() == 0  # nothing new, so no new period
    now, before = AllocationPeriod.objects.all()
    assert (now.reason, before.ended_at) == ("learned", now.started_at)
    assert now.shares[str(variants[2].pk)] > 0.9
    assert min(now.shares.values()) >= 0.019
    evidence = {line["variant_id"]: line for line in now.evidence}[str(variants[2].pk)]
    shown = Event.objects.filter(kind="impression", variant_id=variants[2].pk).count()
    assert evidence["impressions"] == shown
    draw = snapshot_load(shop.pk).slots["hero"].by_segment[segment.pk].draw_of_all
    chances = {c.variant_id: share for c, share in zip(draw.candidates, draw.shares, strict=True)}
    expected = 0.8 * now.shares[str(variants[2].pk)] + 0.2 / 3
    assert chances[variants[2].pk] == pytest.approx(expected, abs=1e-5)
    assert {row.weight for row in Variant.objects.filter(campaign=campaign)} == {1.0}  # people's stay theirs

    learning_configure(advertiser=shop, campaign_id=campaign.pk, now=timezone.now(), learns=False)
    assert not AllocationPeriod.objects.filter(ended_at=None).exists()
    draw = snapshot_load(shop.pk).slots["hero"].by_segment[segment.pk].draw_of_all
    assert draw.shares == pytest.approx((1 / 3,) * 3)


def test_what_an_experiment_showed_to_other_eyes_is_not_learned_from(shop):
    campaign, placement, _, variants = cast.make_campaign(shop)
    cast.make_draws(campaign, placement, variants, [0.1] * 3, count=300)
    before = counts_get(campaign=campaign, now=timezone.now())
    some = Event.objects.filter(kind="impression", variant_id=variants[0].pk)[:20]
    Event.objects.filter(pk__in=[e.pk for e in some]).update(experiment_id=campaign.pk, arm="other_segment")
    after = counts_get(campaign=campaign, now=timezone.now())
    key = (placement.pk, variants[0].pk)
    assert before[key][0] - after[key][0] == 20


def test_a_picture_that_nobody_can_show_keeps_no_other_from_learning(shop):
    campaign, placement, _, variants = cast.make_campaign(shop, 4)
    learns(campaign)
    Creative.objects.filter(job=variants[2].job).update(status=Creative.Status.IN_REVIEW)
    Product.objects.filter(pk=variants[3].product_id).update(availability="out_of_stock")
    cast.make_draws(campaign, placement, variants[:2], [0.02, 0.2], count=1500)
    assert learning_refresh() == 1
    period = AllocationPeriod.objects.get()
    assert (period.reason, set(period.shares)) == ("learned", {str(v.pk) for v in variants[:2]})
    assert period.shares[str(variants[1].pk)] > 0.9
    Creative.objects.filter(job=variants[2].job).update(
        status=Creative.Status.APPROVED, approved_sha256=F("sha256")
    )
    learning_refresh()  # from its approval on it is one of them, and stands on its prior
    period = AllocationPeriod.objects.get(ended_at=None)
    assert (period.reason, len(period.shares)) == ("learned", 3)


def test_another_take_starts_without_the_clicks_of_the_old_picture(shop):
    campaign, placement, _, variants = cast.make_campaign(shop)
    cast.make_draws(campaign, placement, variants, [0.1] * 3, count=300)
    key = (placement.pk, variants[0].pk)
    assert counts_get(campaign=campaign, now=timezone.now())[key][0] > 50
    fresh = factories.make_render_job(shop, product=variants[0].product)
    factories.make_creative(fresh)
    Variant.objects.filter(pk=variants[0].pk).update(job=fresh)
    counts = counts_get(campaign=campaign, now=timezone.now())
    assert key not in counts
    assert counts[placement.pk, variants[1].pk][0] > 50


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
    assert found["money"] == recent["money"]


def test_the_pictures_match_speaks_before_any_click(shop):
    """Elsewhere pictures of a high score were clicked more; here nobody has seen anything yet."""
    old, placement, _, variants = cast.make_campaign(shop, 6)
    for number, variant in enumerate(variants):
        RenderJob.objects.filter(pk=variant.job_id).update(match_score=0.1 * number)
    cast.make_draws(old, placement, variants, [0.02, 0.04, 0.06, 0.08, 0.1, 0.12], count=9000)
    new, _, _, fresh = cast.make_campaign(shop, 2, code="side")
    for score, variant in zip((0.0, 0.5), fresh, strict=True):
        RenderJob.objects.filter(pk=variant.job_id).update(match_score=score)
    learns(new)
    assert campaign_learn(campaign=type(new).objects.get(pk=new.pk), now=timezone.now()) == 1
    period = AllocationPeriod.objects.get(campaign=new)
    assert period.reason == "cold_start"
    assert period.shares[str(fresh[1].pk)] > period.shares[str(fresh[0].pk)] + 0.1


@pytest.mark.parametrize("shares", [{}, {0: 0.5, 1: 0.6}, {0: float("nan"), 1: 1.0}, {0: -0.5, 1: 1.5}])
def test_shares_that_are_none_are_refused(shop, shares):
    campaign, placement, segment, variants = cast.make_campaign(shop)
    learns(campaign)
    with pytest.raises(DomainError) as refused:
        allocation_write(
            advertiser=shop, campaign_id=campaign.pk, placement_id=placement.pk, segment_id=segment.pk,
            shares={variants[n].pk: share for n, share in shares.items()}, reason="learned", evidence=[],
            now=timezone.now(),
        )  # fmt: skip
    assert refused.value.code == "weights_invalid"


def test_what_learning_is_worth_is_told_by_period(shop, alice_client):
    campaign, placement, _, variants = cast.make_campaign(shop, 2)
    learns(campaign, holdout_rate=0.3)
    now = timezone.now()
    learning_refresh(now=now - timedelta(days=20))
    cast.make_draws(
        campaign, placement, variants, [0.05, 0.15], count=8000, shares=[0.1, 0.9], holdout=0.3,
        since=now - timedelta(days=19),
    )  # fmt: skip
    content = computed(alice_client, campaign, "learning")
    assert content["strata"] == 1
    assert content["lift_low"] > 0
    assert content["lift"] == pytest.approx(0.14 / 0.10 - 1, abs=0.2)
    learning_refresh()
    text = alice_client.get(reverse("learning-detail", args=[campaign.pk])).content.decode()
    for word in (
        "Learning earns more clicks",
        "Learned from what was counted",
        "Chance to be best",
        "holdout",
    ):
        assert word in text, word
    assert 'value="20' not in text
    bad = alice_client.post(
        reverse("learning-settings", args=[campaign.pk]), {"holdout_percent": 1, "dividend_percent": 99},
        follow=True,
    )  # fmt: skip
    assert "greater than or equal to 5" in bad.content.decode()


def allocate(campaign, placement, segment, variants, at):
    allocation_write(
        advertiser=campaign.advertiser, campaign_id=campaign.pk, placement_id=placement.pk,
        segment_id=segment.pk, shares={v.pk: 1 / len(variants) for v in variants}, reason="learned",
        evidence=[], now=at,
    )  # fmt: skip


def test_switched_off_learning_goes_on_counting_nothing(shop):
    campaign, placement, segment, variants = cast.make_campaign(shop, 2)
    now = timezone.now()
    off = now - timedelta(days=10)
    learns(campaign, holdout_rate=0.3)
    allocate(campaign, placement, segment, variants, now - timedelta(days=20))
    cast.make_draws(
        campaign, placement, variants, [0.1, 0.1], count=2000, holdout=0.3, since=now - timedelta(days=19),
        until=off,
    )  # fmt: skip
    learning_configure(advertiser=shop, campaign_id=campaign.pk, now=off, learns=False)
    before = learning_compute(campaign, {}, off)
    cast.make_draws(campaign, placement, variants, [0.2, 0.2], count=2000, since=off, seed=2)  # a sale
    after = learning_compute(campaign, {}, now)
    assert before == after | {"start": before["start"]}
    assert after["lift_low"] < 0 < after["lift_high"]


def test_beyond_so_many_impressions_learning_stops_at_a_day_and_says_so(shop, alice_client, monkeypatch):
    campaign, placement, _, variants = cast.make_campaign(shop, 2)
    now = timezone.now()
    cast.make_draws(campaign, placement, variants, [0.2, 0.2], count=400, since=now - timedelta(days=10))
    AllocationPeriod.objects.create(
        advertiser=shop, campaign=campaign, placement=placement, segment=variants[0].segment,
        started_at=now - timedelta(days=10), shares={}, reason="cold_start", holdout_rate=0.1,
    )  # fmt: skip
    assert learning_compute(campaign, {}, now)["capped"] == ""
    monkeypatch.setattr(report_caps, "MAX_IMPRESSIONS", 200)
    found = learning_compute(campaign, {}, now)
    assert 100 < found["learned"]["impressions"] <= 200
    assert found["capped"].startswith("Counted until ")
    assert found["start"] == (now - timedelta(days=10)).isoformat()


def test_beyond_so_many_impressions_the_dividend_does_so_too(shop, monkeypatch):
    campaign, *_ = cast.make_campaign(shop, 2)
    rates = {"generic": 0.1, "own_segment": 0.1, "other_segment": 0.1}
    cast.make_split(campaign, 100, rates, order_rates=rates)
    assert dividend_compute(campaign, {}, timezone.now())["capped"] == ""
    monkeypatch.setattr(report_caps, "MAX_IMPRESSIONS", 60)
    found = dividend_compute(campaign, {}, timezone.now())
    assert found["capped"].startswith("Counted until ")
    assert 0 < found["shoppers"] <= 60


def test_shares_of_last_year_that_are_still_in_force_are_counted(shop):
    """Once a year the comparison begins anew, in the middle of a period."""
    campaign, placement, segment, variants = cast.make_campaign(shop, 2)
    now = timezone.now()
    learns(campaign, holdout_rate=0.3)
    allocate(campaign, placement, segment, variants, now - timedelta(days=385))
    cast.make_draws(
        campaign, placement, variants, [0.1, 0.1], count=1000, holdout=0.3, since=now - timedelta(days=19),
        until=now,
    )  # fmt: skip
    cast.make_draws(
        campaign, placement, variants, [0.9, 0.9], count=500, holdout=0.3, since=now - timedelta(days=22),
        until=now - timedelta(days=21), seed=2,
    )  # fmt: skip
    found = learning_compute(campaign, {}, now)
    assert found["start"] == (now - timedelta(days=20)).isoformat()
    assert found["strata"] == 1
    assert found["learned"]["impressions"] + found["holdout"]["impressions"] == 1000


def test_the_api_switches_and_tells(api, other_api, shop):
    campaign, *_ = cast.make_campaign(shop)
    url = f"/api/v1/campaigns/{campaign.pk}/learning"
    assert api.get(url).json()["learns"] is False
    changed = api.patch(url, {"learns": True, "dividend_rate": 0.1}, format="json").json()
    assert (changed["learns"], changed["dividend_rate"], changed["contexts"]) == (True, 0.1, [])
    learning_refresh()
    context = api.get(url).json()["contexts"][0]
    assert sum(line["share"] for line in context["shares"]) == pytest.approx(1)
    assert "holdout_rate" in api.patch(url, {"holdout_rate": 0.9}, format="json").json()["errors"]
    assert other_api.get(url).status_code == 404
    reports = f"/api/v1/campaigns/{campaign.pk}/reports"
    assert api.get(f"{reports}/fatigue").json()["code"] == "report_not_ready"
    assert api.post(f"{reports}/fatigue", {}, format="json").status_code == 202
    stored_reports_refresh()
    assert api.get(f"{reports}/fatigue").json()["lines"] == []
    assert api.get(f"{reports}/nonsense").status_code == 404
    bad = api.post(f"{reports}/what_if", {"days": 9000, "weights": {"x": 1}}, format="json")
    assert set(bad.json()["errors"]) == {"days", "weights"}


# --- changes by hand
def test_who_changed_what_by_hand_is_kept_and_shown(shop, alice, alice_client, api):
    campaign, _, _, variants = cast.make_campaign(shop, 7)
    url = reverse("learning-settings", args=[campaign.pk])
    settings = {"learns": "on", "holdout_percent": 20, "dividend_percent": 0}
    alice_client.post(url, {**settings, "comment": "The season begins."})
    alice_client.post(url, settings)  # nothing changed
    lines = [{"variant": str(variant.pk), "weight": 2} for variant in variants]
    api.patch(f"/api/v1/campaigns/{campaign.pk}/weights", {"weights": lines}, format="json")
    weights, switched = WeightRecord.objects.all()
    assert (switched.user, switched.old, switched.new) == (
        alice, {"learns": False, "holdout_rate": 0.1}, {"learns": True, "holdout_rate": 0.2},
    )  # fmt: skip
    assert weights.new == {str(variant.pk): 2 for variant in variants}
    text = alice_client.get(reverse("learning-detail", args=[campaign.pk])).content.decode()
    for words in (
        "Learning: off → on",
        "Holdout: 10.0 % → 20.0 %",
        "The season begins.",
        ": 1 → 2",
        "and 2 more",
    ):
        assert words in text, words


def test_every_change_of_the_draw_is_counted_once(shop):
    campaign, _, _, variants = cast.make_campaign(shop)
    now = timezone.now()
    inside = {"campaign_id": campaign.pk, "start": now - timedelta(days=5), "end": now}
    learns(campaign)
    learning_refresh(now=now - timedelta(days=9))
    assert draw_changes_count(**inside) == 0  # learned before the start
    learning_configure(
        advertiser=shop, campaign_id=campaign.pk, now=now - timedelta(days=4), learns=False, dividend_rate=0.1
    )
    assert draw_changes_count(**inside) == 1  # shares ended
    weights_write(
        advertiser=shop, campaign_id=campaign.pk, weights={variants[0].pk: 5.0}, now=now - timedelta(days=3)
    )
    assert draw_changes_count(**inside) == 2
    learns(campaign)
    learning_refresh(now=now - timedelta(days=2))
    learning_refresh(now=now - timedelta(days=1))
    assert draw_changes_count(**inside) == 3  # the second run found nothing new


# --- what if
def test_questions_to_the_log_cover_the_planted_truth(shop, alice_client):
    campaign, placement, _, variants = cast.make_campaign(shop)
    rates = [0.05, 0.10, 0.20]
    cast.make_draws(campaign, placement, variants, rates, count=6000, shares=[0.6, 0.3, 0.1])
    weights = {f"weight-{variants[0].pk}": "1", f"weight-{variants[2].pk}": "3"}
    content = computed(alice_client, campaign, "what_if", days=28, **weights)
    lines = {line["policy"]: line for line in content["lines"] if line["policy"] != "only"}
    truth = {"now": 0.6 * 0.05 + 0.3 * 0.1 + 0.1 * 0.2, "uniform": sum(rates) / 3, "weights": 0.1625}
    for policy, value in truth.items():
        found = lines[policy]["doubly_robust"]
        assert found["low"] <= value <= found["high"], policy
        assert lines[policy]["ips"]["value"] == pytest.approx(lines[policy]["snips"]["value"], rel=0.1)
    only = {line["variant_id"]: line for line in content["lines"] if line["policy"] == "only"}
    best = only[str(variants[2].pk)]["doubly_robust"]
    assert best["low"] <= 0.20 <= best["high"]
    assert lines["generic"]["refusal"] == "no_split"
    text = alice_client.get(reverse("what-if", args=[campaign.pk])).content.decode()
    assert "No shopper of a segment was shown the generic picture by chance" in text
    assert "nan" not in text


def test_a_picture_that_was_hardly_shown_gets_no_figure(shop, alice_client):
    campaign, placement, _, variants = cast.make_campaign(shop)
    cast.make_draws(campaign, placement, variants, [0.1] * 3, count=800, shares=[0.7, 0.295, 0.005])
    content = computed(alice_client, campaign, "what_if")
    line = next(li for li in content["lines"] if li.get("variant_id") == str(variants[2].pk))
    assert line["refusal"] == "too_little"
    assert line["doubly_robust"]["value"] is None


def test_no_personalisation_is_asked_of_the_standing_split(shop, alice_client):
    campaign, *_ = cast.make_campaign(shop)
    cast.make_split(
        campaign, 1500, {"own_segment": 0.2, "generic": 0.1, "other_segment": 0.12},
        order_rates=dict.fromkeys(("own_segment", "generic", "other_segment"), 0.0),
    )  # fmt: skip
    content = computed(alice_client, campaign, "what_if")
    line = content["lines"][-1]
    # Who is in which arm hangs on the campaign's random id: four standard errors, not one interval in twenty.
    assert line["doubly_robust"]["value"] == pytest.approx(0.1, abs=0.035)
    assert line["now"]["value"] == pytest.approx(0.2, abs=0.045)


# --- dividend
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


# --- fatigue
def test_a_worn_picture_is_named_and_one_click_asks_for_another(shop, alice_client):
    campaign, placement, _, variants = cast.make_campaign(shop, 2)
    now = timezone.now()
    for since, until, rates in ((29, 23, [0.4, 0.4]), (6, 0.1, [0.1, 0.4])):
        cast.make_draws(
            campaign, placement, variants, rates, count=2000, shoppers=1500, seed=int(since),
            since=now - timedelta(days=since), until=now - timedelta(days=until),
        )  # fmt: skip
    content = computed(alice_client, campaign, "fatigue")
    states = {line["variant_id"]: line["state"] for line in content["lines"]}
    assert states == {str(variants[0].pk): "fatigued", str(variants[1].pk): "healthy"}
    url = reverse("fatigue", args=[campaign.pk])
    text = alice_client.get(url).content.decode()
    assert text.count(">Replace<") == 1
    replace = reverse("picture-regenerate", args=[variants[0].job_id])
    assert replace in text
    alice_client.post(replace, {"next": url})
    assert Variant.objects.get(pk=variants[0].pk).job_id != variants[0].job_id
    assert ">Replace<" not in alice_client.get(url).content.decode()  # its place is taken already
    RenderJob.objects.filter(pk=variants[0].job_id).delete()
    assert "Deleted creative" in alice_client.get(url).content.decode()


def test_what_was_asked_for_once_is_kept_fresh_by_day(shop, alice_client):
    campaign, *_ = cast.make_campaign(shop)
    computed(alice_client, campaign, "fatigue")
    assert stored_reports_refresh() == 0
    StoredReport.objects.update(computed_at=timezone.now() - timedelta(days=2))
    assert stored_reports_refresh() == 1


def test_a_report_that_fails_says_so_and_no_page_breaks(shop, alice_client, monkeypatch):
    campaign, *_ = cast.make_campaign(shop)
    monkeypatch.setattr("analytics.fatigue_report.fatigue_compute", lambda *a: 1 / 0)
    alice_client.post(reverse("stored-report-refresh", args=[campaign.pk, "fatigue"]))
    assert stored_reports_refresh() == 0
    text = alice_client.get(reverse("fatigue", args=[campaign.pk])).content.decode()
    assert "could not be computed" in text


def test_mallory_sees_nothing_of_it(shop, mallory_client):
    campaign, *_ = cast.make_campaign(shop)
    for name in ("learning-detail", "what-if", "dividend", "fatigue"):
        assert mallory_client.get(reverse(name, args=[campaign.pk])).status_code == 404
    assert campaign.name not in mallory_client.get(reverse("learning-list")).content.decode()


def test_a_report_that_takes_too_long_ends_its_task_and_is_not_tried_again(shop, alice_client, monkeypatch):
    def slow(*_):
        raise SoftTimeLimitExceeded

    campaign, *_ = cast.make_campaign(shop)
    monkeypatch.setattr("analytics.fatigue_report.fatigue_compute", slow)
    alice_client.post(reverse("stored-report-refresh", args=[campaign.pk, "fatigue"]))
    with pytest.raises(SoftTimeLimitExceeded):
        stored_reports_refresh()
    assert stored_reports_refresh() == 0
    text = alice_client.get(reverse("fatigue", args=[campaign.pk])).content.decode()
    assert "took too long" in text
