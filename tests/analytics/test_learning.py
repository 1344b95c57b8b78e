"""Learning through its services, pages and API: new shares, their record, what they are worth, other
questions.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from adplatform.lib.errors import DomainError
from analytics import report_caps
from analytics.learning import campaign_learn, counts_get, learning_refresh
from analytics.learning_report import learning_compute
from analytics.learning_selectors import draw_changes_count
from analytics.models import Event
from analytics.stored_reports import stored_reports_refresh
from campaigns.learning_models import AllocationPeriod, WeightRecord
from campaigns.models import Product, Variant
from campaigns.serving.loading import snapshot_load
from campaigns.weight_services import allocation_write, learning_configure, weights_write
from generation.models import Creative, RenderJob
from tests import factories
from tests.analytics import learning_cast as cast
from tests.analytics.learning_cast import computed, learns

pytestmark = pytest.mark.django_db


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
