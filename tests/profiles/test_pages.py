"""The pages of segments and shoppers."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from profiles import services
from profiles.forms import RuleForm
from profiles.models import Segment
from profiles.snapshots import BehaviourInput
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_segments_count(settings):
    settings.PROFILES_SEGMENT_MIN_SHOPPERS = 2


@pytest.fixture
def hikers(shop):
    for key in ("ann", "bob"):
        services.consent_record(
            advertiser=shop,
            shopper_key=key,
            personalisation=True,
            text_version="1",
            source="t",
            is_simulated=True,
        )
    now = timezone.now()
    items = [BehaviourInput(f"{key}1", key, "interest", now, "徒步 hiking") for key in ("ann", "bob")]
    services.behaviours_record(advertiser=shop, items=items, now=now)
    rule = {"any": [{"interest": "outdoor_hiking", "min_weight": 0.2}]}
    return services.segment_create(advertiser=shop, name="Hikers <徒步>", rule=rule)


def page(client, name, *args, **query):
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_empty_shop_is_told_what_to_do(alice_client):
    assert "No segments yet" in page(alice_client, "segment-list")
    assert "Nobody has a profile yet" in page(alice_client, "shopper-list")


def test_the_list_shows_sizes_and_marks_small_segments(alice_client, shop, hikers):
    factories.make_segment(shop, "lonely", interests=("food_tea",))
    html = page(alice_client, "segment-list")
    assert "Hikers &lt;徒步&gt;" in html
    assert "Serving" in html
    assert "Below 2" in html
    assert "lonely" not in page(alice_client, "segment-list", search="hik").lower()
    assert "No segment matches" in page(alice_client, "segment-list", search="zzz%_")


def test_the_detail_shows_the_group_and_says_it_is_simulated(alice_client, hikers):
    html = page(alice_client, "segment-detail", hikers.pk)
    assert "2 of 2 members are simulated" in html
    assert "Hiking and mountains" in html
    assert "Stated an interest" in html


def test_a_group_too_small_to_hide_in_is_not_looked_into(alice_client, hikers, settings):
    settings.PROFILES_SEGMENT_MIN_SHOPPERS = 3
    html = page(alice_client, "segment-detail", hikers.pk)
    assert "Too small to look into" in html
    assert "Examples" not in html


def test_a_segment_is_made_by_the_builder(alice_client, hikers):
    form = {
        "name": "Outdoor people",
        "is_active": "on",
        "part": "any",
        "interest": "outdoor",
        "percent": "30",
    }
    answer = alice_client.post(reverse("segment-create"), form)
    made = Segment.objects.get(name="Outdoor people")
    assert answer.url == reverse("segment-detail", args=[made.pk])
    assert (made.size, made.rule) == (2, {"any": [{"interest": "outdoor", "min_weight": 0.3}]})


def test_a_refused_rule_keeps_what_was_typed(alice_client):
    answer = alice_client.post(
        reverse("segment-create"), {"name": "Keep <me>", "part": "none", "interest": "auto", "percent": "30"}
    )
    assert answer.status_code == 400
    assert "Choose at least one interest" in answer.content.decode()
    assert "Keep &lt;me&gt;" in answer.content.decode()


def test_the_live_size_follows_and_rows_come_and_go(alice_client, hikers):
    form = {"part": "any", "interest": "outdoor_hiking", "percent": "20"}
    html = alice_client.post(reverse("segment-size"), form).content.decode()
    assert "of 2 shoppers with a profile" in html
    assert 'id="weight-0"' in html
    more = alice_client.post(reverse("segment-rows"), {**form, "action": "add:none"}).content.decode()
    assert more.count('name="interest"') == 2
    less = alice_client.post(reverse("segment-rows"), {**form, "action": "remove:0"}).content.decode()
    assert 'name="interest"' not in less


@pytest.mark.parametrize("percent", ["", "-5", "1e9", "abc", "99999999999", "٣"])
def test_odd_numbers_in_the_builder_are_read_as_something_sensible(alice_client, percent):
    form = {"part": "any", "interest": "outdoor", "percent": percent, "action": "remove:x"}
    assert alice_client.post(reverse("segment-rows"), form).status_code == 200


def test_a_segment_is_renamed_and_deleted(alice_client, hikers):
    form = {"name": "Walkers", "part": "any", "interest": "outdoor_hiking", "percent": "20"}
    alice_client.post(reverse("segment-edit", args=[hikers.pk]), form)
    hikers.refresh_from_db()
    assert (hikers.name, hikers.is_active) == ("Walkers", False)
    assert alice_client.post(reverse("segment-delete", args=[hikers.pk])).url == reverse("segment-list")
    assert not Segment.objects.exists()


def test_a_segment_in_use_is_not_deleted(alice_client, shop, hikers):
    hikers.campaigns.create(advertiser=shop, name="c", style="studio")
    answer = alice_client.post(reverse("segment-delete", args=[hikers.pk]), follow=True)
    assert "A campaign is aimed at this segment" in answer.content.decode()


def test_shoppers_are_shown_in_aggregate(alice_client, hikers):
    html = page(alice_client, "shopper-list")
    assert "2 of 2 shoppers are simulated" in html
    assert "徒步登山" in html


def test_one_shopper_is_found_by_the_shops_key_only(alice_client, mallory_client, hikers):
    look = reverse("shopper-lookup")
    assert "Hiking and mountains" in alice_client.post(look, {"shopper": "ann"}).content.decode()
    assert "No shopper with this key" in alice_client.post(look, {"shopper": "eve"}).content.decode()
    assert "No shopper with this key" in mallory_client.post(look, {"shopper": "ann"}).content.decode()


def test_a_text_is_tried(alice_client):
    look = reverse("shopper-text-try")
    html = alice_client.post(look, {"text": "<b>coffe</b> 帐篷"}).content.decode()
    assert "looks like coffee" in html
    assert "Camping" in html
    assert "<b>" not in html
    assert "sensitive word" in alice_client.post(look, {"text": "癌症"}).content.decode()
    assert "names no interest" in alice_client.post(look, {"text": "zzz"}).content.decode()


def test_another_shops_segment_is_not_there(mallory_client, hikers):
    for name in ("segment-detail", "segment-edit"):
        assert mallory_client.get(reverse(name, args=[hikers.pk])).status_code == 404
    assert mallory_client.post(reverse("segment-delete", args=[hikers.pk])).status_code == 404


def test_a_reviewer_reads_but_does_not_write(rita_client, hikers):
    assert "New segment" not in page(rita_client, "segment-list")
    assert "Delete" not in page(rita_client, "segment-detail", hikers.pk)
    for name, args in [("segment-create", []), ("segment-edit", [hikers.pk])]:
        assert rita_client.get(reverse(name, args=args)).status_code == 403
    assert rita_client.post(reverse("segment-delete", args=[hikers.pk])).status_code == 403
    assert rita_client.post(reverse("shopper-lookup"), {"shopper": "ann"}).status_code == 403


@pytest.mark.parametrize("name", ["segment-list", "segment-create", "shopper-list"])
def test_nobody_reads_without_signing_in(name):
    assert Client().get(reverse(name)).status_code == 302


def test_the_builder_reads_back_what_it_wrote():
    rule = {
        "any": [{"interest": "outdoor", "min_weight": 0.35}],
        "none": [{"interest": "auto", "min_weight": 1.0}],
    }
    assert RuleForm.from_rule(rule).rule == rule


def test_the_raw_records_open_in_the_admin(shop, hikers):
    boss = factories.make_user("boss", is_staff=True, is_superuser=True)
    Membership.objects.create(advertiser=shop, user=boss, role=Membership.Role.ADMIN)
    client = Client()
    client.force_login(boss)
    for model in ("shopper", "consentrecord", "behaviour", "interestprofile", "segment", "segmentmembership"):
        assert client.get(f"/admin/profiles/{model}/").status_code == 200
        assert client.get(f"/admin/profiles/{model}/add/").status_code == 403
