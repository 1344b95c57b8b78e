"""Creatives that wear out: found by the worker, kept, told, and replaced without a gap."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import WebhookDelivery, WebhookEndpoint
from analytics.fatigue_report import fatigue_compute
from analytics.fatigue_services import fatigue_write, fatigued_counts
from analytics.models import CreativeFatigue, Event, FatigueRecord, StoredReport
from analytics.stored_reports import stored_reports_refresh
from campaigns.models import Campaign, Variant
from campaigns.serving.loading import snapshot_load
from tests import factories
from tests.analytics import learning_cast as cast

pytestmark = pytest.mark.django_db


def play(campaign, placement, variants, *, late, early=((29, 23), [0.4, 0.4]), shoppers=1500, days=13):
    """Draws of the first days at the early rates, and of the last ``days`` at ``late``."""
    now = timezone.now()
    for (since, until), rates in (early, ((days, 0.1), late)):
        cast.make_draws(
            campaign, placement, variants, rates, count=2000, shoppers=shoppers, seed=int(since),
            since=now - timedelta(days=since), until=now - timedelta(days=until),
        )  # fmt: skip


@pytest.fixture
def worn(shop):
    """A campaign of two pictures; the first wears out."""
    campaign, placement, _, variants = cast.make_campaign(shop, 2)
    play(campaign, placement, variants, late=[0.1, 0.4])
    return campaign, variants


def listener(shop):
    return WebhookEndpoint.objects.create(
        advertiser=shop, url="https://shop.example/", kinds=["creative.fatigued"], secret="whsec_"
    )


def test_the_worker_finds_it_without_being_asked_and_tells_once(shop, alice_client, worn):
    campaign, variants = worn
    listener(shop)
    factories.make_campaign(shop)  # a draft is not looked at
    assert stored_reports_refresh() == 1
    assert StoredReport.objects.get().campaign == campaign
    states = dict(CreativeFatigue.objects.values_list("creative__job__variants", "state"))
    assert states == {variants[0].pk: "fatigued", variants[1].pk: "healthy"}
    record = FatigueRecord.objects.get(state="fatigued")
    assert (record.before, record.change < -0.5, record.high < 0) == ("", True, True)
    (told,) = WebhookDelivery.objects.all()
    assert told.kind == "creative.fatigued"
    assert str(record.creative_id) in str(told.body)
    # The next day nothing has changed: nothing is told, and since when it is stays.
    since = CreativeFatigue.objects.get(state="fatigued").since
    StoredReport.objects.update(computed_at=timezone.now() - timedelta(days=2))
    assert stored_reports_refresh() == 1
    assert stored_reports_refresh() == 0
    assert (WebhookDelivery.objects.count(), FatigueRecord.objects.count()) == (1, 2)
    assert CreativeFatigue.objects.get(state="fatigued").since == since
    # Pages say so where somebody looks.
    badge = "1 creative fatigued"
    assert badge in alice_client.get(reverse("campaign-list")).content.decode()
    assert badge in alice_client.get(reverse("campaign-detail", args=[campaign.pk])).content.decode()
    assert f"1 creative of “{campaign.name}” is fatigued" in alice_client.get("/").content.decode()
    page = alice_client.get(reverse("fatigue", args=[campaign.pk])).content.decode()
    assert "Changes of state" in page


def test_a_fall_of_one_week_may_be_chance_and_is_told_when_the_next_week_shows_it_too(shop):
    campaign, placement, _, variants = cast.make_campaign(shop, 2)
    play(campaign, placement, variants, late=[0.1, 0.4], days=6)
    listener(shop)
    now = timezone.now()

    def look(now):
        content = fatigue_compute(campaign, {}, now)
        fatigue_write(campaign=campaign, content=content, now=now)
        return next(line for line in content["lines"] if line["variant_id"] == str(variants[0].pk))

    line = look(now)
    assert (line["state"], line["high"] < -0.25) == ("limited", True)
    on = next(
        day
        for ahead in range(1, 8)
        if f"still holds on {(day := now + timedelta(days=ahead)).day} {day:%b %Y}." in line["reason"]
    )
    assert not WebhookDelivery.objects.exists()
    assert look(on - timedelta(days=1))["state"] == "limited"
    assert look(on)["state"] == "fatigued"  # of the impressions before and after, which share none
    assert WebhookDelivery.objects.count() == 1


def test_a_change_of_state_is_recorded_with_what_it_was_before(shop, worn):
    campaign, _ = worn
    now = timezone.now()
    content = fatigue_compute(campaign, {}, now)
    assert fatigue_write(campaign=campaign, content=content, now=now) == 2
    line = next(line for line in content["lines"] if line["state"] == "fatigued")
    line["state"] = "limited"
    assert fatigue_write(campaign=campaign, content=content, now=now + timedelta(days=1)) == 1
    newest = FatigueRecord.objects.first()
    assert (newest.before, newest.state) == ("fatigued", "limited")
    assert fatigued_counts(advertiser_id=shop.pk) == {}


def test_what_was_told_is_told_again_only_after_it_was_healthy(shop, worn):
    campaign, _ = worn
    listener(shop)
    now = timezone.now()
    content = fatigue_compute(campaign, {}, now)
    line = next(line for line in content["lines"] if line["state"] == "fatigued")
    told = []
    for day, state in enumerate(
        ("fatigued", "limited", "fatigued", "unknown", "fatigued", "healthy", "limited", "fatigued")
    ):
        line["state"] = state
        fatigue_write(campaign=campaign, content=content, now=now + timedelta(days=day))
        told.append(WebhookDelivery.objects.count())
    assert told == [1, 1, 1, 1, 1, 1, 1, 2]


def on_air(campaign):
    slots = snapshot_load(campaign.advertiser_id).slots.values()
    return {c.variant_id: {x.id for x in c.creatives.values()} for slot in slots for c in slot.candidates}


def test_one_click_replaces_all_that_are_worn_and_nothing_goes_off_the_air(
    shop, alice_client, rita_client, mallory_client, worn
):
    campaign, variants = worn
    factories.make_product(shop)
    campaign.products.set([variant.product for variant in variants])
    stored_reports_refresh()
    url = reverse("fatigue-replace", args=[campaign.pk])
    assert mallory_client.post(url).status_code == 404
    before = on_air(campaign)
    page = alice_client.post(url, follow=True).content.decode()
    assert "1 replacement is asked for" in page
    assert "is shown until that is approved" in page
    assert "Request replacements" not in page
    fresh = Variant.objects.get(pk=variants[0].pk)
    assert fresh.job_id != variants[0].job_id
    assert fresh.former_job_id == variants[0].job_id
    assert on_air(campaign) == before
    made = factories.make_creative(fresh.job)
    assert on_air(campaign) == before
    made.status, made.approved_sha256 = "approved", made.sha256
    made.save()
    assert on_air(campaign)[fresh.pk] == {made.pk}
    again = alice_client.post(url, follow=True).content.decode()
    assert "No creative of this campaign is fatigued" in again


def test_the_api_replaces_them_too(shop, api, other_api, worn):
    campaign, variants = worn
    url = f"/api/v1/campaigns/{campaign.pk}/fatigue/replacements"
    assert (api.post(url).status_code, api.post(url).json()["code"]) == (409, "nothing_fatigued")
    stored_reports_refresh()
    assert other_api.post(url).status_code == 404
    (job,) = api.post(url).json()
    assert job["id"] == str(Variant.objects.get(pk=variants[0].pk).job_id)
    assert api.post(url).json()["code"] == "nothing_fatigued"


def test_early_life_is_that_of_the_first_impression_however_long_ago(shop):
    """Worn out within its first month, half a year ago: the last 120 days look alike."""
    campaign, placement, _, variants = cast.make_campaign(shop, 2)
    play(campaign, placement, variants, early=((200, 194), [0.4, 0.4]), late=[0.1, 0.4])
    now = timezone.now()
    for since, until in ((110, 104), (60, 50)):
        cast.make_draws(
            campaign, placement, variants, [0.1, 0.4], count=2000, shoppers=1500, seed=since,
            since=now - timedelta(days=since), until=now - timedelta(days=until),
        )  # fmt: skip
    lines = {line["variant_id"]: line for line in fatigue_compute(campaign, {}, now)["lines"]}
    first = lines[str(variants[0].pk)]
    assert (first["state"], lines[str(variants[1].pk)]["state"]) == ("fatigued", "healthy")
    assert first["early_rate"] == pytest.approx(0.4, abs=0.05)
    assert first["impressions"] == Event.objects.filter(kind="impression", variant_id=variants[0].pk).count()
    # A shopper's looks are counted through the months in between, which are not read.
    assert first["late_frequency"] > first["early_frequency"] + 1


def test_a_young_creative_does_not_make_the_old_ones_whole_life_be_read(shop):
    campaign, placement, _, variants = cast.make_campaign(shop, 2)
    now = timezone.now()
    for since, until, shown in ((200, 199, variants[:1]), (150, 30, variants[:1]), (10, 9, variants[1:])):
        cast.make_draws(
            campaign, placement, shown, [0.1], count=300 if since == 150 else 20, seed=since,
            since=now - timedelta(days=since), until=now - timedelta(days=until),
        )  # fmt: skip
    with CaptureQueriesContext(connection) as asked:
        lines = fatigue_compute(campaign, {}, now)["lines"]
    assert sorted(line["impressions"] or 0 for line in lines) == [20, 320]
    events = [query["sql"] for query in asked if 'FROM "analytics_event"' in query["sql"]]
    rows = 0
    with connection.cursor() as cursor:
        for query in events:
            cursor.execute(query[query.index("SELECT") :])  # PostgreSQL declares a cursor for it
            rows += sum("impression" in query for _ in cursor.fetchall())
    assert rows == 40  # the first days of both
    # Nor is the whole table asked when each of them was first and last seen.
    assert all('"occurred_at" >= ' in query for query in events)


def test_where_nobody_knows_any_more_who_saw_it_first_it_says_so(shop, worn):
    campaign, _ = worn
    limit = timezone.now() - timedelta(days=20)
    Event.objects.filter(occurred_at__lt=limit).update(shopper_pseudonym="")  # what retention does
    content = fatigue_compute(campaign, {}, timezone.now())
    assert {line["state"] for line in content["lines"]} == {"unknown"}
    assert all("no longer known" in line["reason"] for line in content["lines"])


def test_what_nobody_sees_any_more_is_not_listed(shop):
    campaign, placement, _, variants = cast.make_campaign(shop, 1)
    now = timezone.now()
    cast.make_draws(
        campaign, placement, variants, [0.4], count=300,
        since=now - timedelta(days=160), until=now - timedelta(days=150),
    )  # fmt: skip
    assert fatigue_compute(campaign, {}, now)["lines"] == []


def test_an_ended_campaign_is_in_no_badge(shop, worn):
    campaign, _ = worn
    stored_reports_refresh()
    assert fatigued_counts(advertiser_id=shop.pk) == {campaign.pk: 1}
    Campaign.objects.update(status=Campaign.Status.ENDED)
    assert fatigued_counts(advertiser_id=shop.pk) == {}
