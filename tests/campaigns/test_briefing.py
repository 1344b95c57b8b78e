"""Where profile words meet a product, and where nothing else of a shopper may."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import get_args, get_type_hints

import pytest
from django.utils import timezone

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError
from campaigns.briefing import brief_make, season_of, sizes_of
from campaigns.models import Campaign
from campaigns.planning import campaign_plan
from generation.briefs import Brief
from profiles.models import Behaviour, ConsentRecord, InterestProfile, Segment, SegmentMembership, Shopper
from profiles.rebuilding import sizes_recount
from profiles.segment_services import segments_refresh
from profiles.taxonomy import INTERESTS
from tests import factories
from tests.profiles.profile_cast import agree, hikers

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HIKING, COFFEE = "outdoor_hiking", "food_coffee"


@pytest.fixture
def campaign(shop) -> Campaign:
    return factories.make_campaign(shop, style="soft_3d")


def _brief(campaign, **changes) -> Brief:
    product = changes.pop("product", None) or factories.make_product(campaign.advertiser)
    arguments = {"segment": None, "sizes": ((300, 250),), "now": NOW, **changes}
    return brief_make(campaign=campaign, product=product, **arguments)


def _field_names(kind: type) -> set[str]:
    """Every field name of a dataclass and of the dataclasses inside it."""
    hints, names = get_type_hints(kind), set()
    for field in fields(kind):
        names.add(field.name)
        pending = [hints[field.name]]
        while pending:
            hint = pending.pop()
            if is_dataclass(hint):
                names |= _field_names(hint)
            pending += get_args(hint)
    return names


def test_no_field_of_a_brief_could_hold_a_shoppers_data():
    personal = {
        field.name
        for model in (Shopper, Behaviour, ConsentRecord, InterestProfile, SegmentMembership)
        for field in model._meta.fields
    }
    shared = _field_names(Brief) & personal
    # Namesakes with a meaning of their own: the campaign's language, a taxonomy entry's id, and the
    # segment's interests. Anything else a shopper's tables hold has no place in a brief.
    assert shared == {"language", "id", "segment", "interests"}
    assert not any("shopper" in name or "pseudonym" in name for name in _field_names(Brief))


def test_what_members_of_a_segment_did_leaves_no_trace_in_the_brief(shop, campaign):
    segment = factories.make_segment(shop, "hikers", (HIKING,))
    shopper = Shopper.objects.create(advertiser=shop, pseudonym="SECRETPSEUDONYM", language="xx")
    Behaviour.objects.create(
        advertiser=shop,
        shopper=shopper,
        event_id="SECRETEVENT",
        kind=Behaviour.Kind.SEARCH,
        text="SECRETSEARCH",
        occurred_at=NOW,
    )
    SegmentMembership.objects.create(advertiser=shop, segment=segment, shopper=shopper, strength=0.9)
    told = json.dumps(_brief(campaign, segment=segment).to_dict())
    assert "SECRET" not in told
    assert str(shopper.pk) not in told


def test_a_segments_interests_become_words_in_both_languages_strongest_first(shop, campaign):
    segment = factories.make_segment(shop, "hikers", (HIKING, COFFEE))
    found = _brief(campaign, segment=segment).segment
    assert [interest.id for interest in found.interests] == [HIKING, COFFEE]
    assert found.interests[0].label_en == INTERESTS[HIKING].label_en
    assert found.interests[0].label_zh == INTERESTS[HIKING].label_zh


def test_interests_outside_the_taxonomy_never_reach_a_brief(shop, campaign):
    segment = Segment.objects.create(
        advertiser=shop, name="Odd", slug="odd", interests=["health_pregnancy", HIKING]
    )
    assert [i.id for i in _brief(campaign, segment=segment).segment.interests] == [HIKING]


def test_the_generic_brief_has_no_segment(campaign):
    assert _brief(campaign).segment is None


def test_without_a_brand_kit_the_advertisers_name_is_the_brand(campaign):
    assert _brief(campaign).brand.name == campaign.advertiser.name


def test_the_call_to_action_follows_the_campaigns_language(shop):
    factories.make_brand_kit(shop, call_to_action_en="Go", call_to_action_zh="走")
    english, chinese = (factories.make_campaign(shop, language=language) for language in ("en", "zh"))
    assert _brief(english).brand.call_to_action == "Go"
    assert _brief(chinese).brand.call_to_action == "走"


def test_a_product_without_a_picture_is_refused(shop, campaign):
    bare = factories.make_product(shop, cutout="")
    with pytest.raises(DomainError) as refusal:
        _brief(campaign, product=bare)
    assert refusal.value.code == "product_without_picture"


def test_equal_briefs_are_one_job_and_another_take_is_another(shop, campaign):
    product = factories.make_product(shop)
    first, same = _brief(campaign, product=product), _brief(campaign, product=product)
    other = _brief(campaign, product=product, take=1)
    assert first.fingerprint == same.fingerprint != other.fingerprint


def test_the_order_of_sizes_changes_nothing(shop, campaign):
    product = factories.make_product(shop)
    ways = [((300, 250), (728, 90)), ((728, 90), (300, 250), (300, 250))]
    assert len({_brief(campaign, product=product, sizes=sizes).fingerprint for sizes in ways}) == 1


def test_a_brief_survives_its_way_through_the_job_row(shop, campaign):
    brief = _brief(campaign, segment=factories.make_segment(shop, "hikers", (HIKING,)))
    assert Brief.from_dict(json.loads(json.dumps(brief.to_dict()))).fingerprint == brief.fingerprint


def test_two_placements_of_one_size_share_a_creative_and_closed_ones_need_none(shop):
    top, side = factories.make_placement(shop), factories.make_placement(shop)
    closed = factories.make_placement(shop, width=728, height=90)
    closed.is_active = False
    assert sizes_of([top, side, closed]) == ((300, 250),)


@pytest.mark.parametrize(
    ("month", "season"),
    [
        (12, "winter"),
        (1, "winter"),
        (2, "winter"),
        (3, "spring"),
        (5, "spring"),
        (6, "summer"),
        (8, "summer"),
        (9, "autumn"),
        (11, "autumn"),
    ],
)
def test_seasons_are_the_northern_hemispheres(month, season):
    assert season_of(datetime(2026, month, 15, tzinfo=UTC), "intl") == season


def test_spring_begins_with_the_markets_own_day():
    evening = datetime(2026, 2, 28, 20, tzinfo=UTC)  # 1 March, 04:00 in Shanghai
    assert season_of(evening, Advertiser.Market.CHINA) == "spring"
    assert season_of(evening, Advertiser.Market.INTERNATIONAL) == "winter"


@pytest.fixture
def favourites(shop, settings) -> list[str]:
    """Three shoppers who like hiking best, of whom an automatic segment was made."""
    settings.PROFILES_SEGMENT_MIN_SHOPPERS = 3
    keys = ["ann", "bob", "eve"]
    hikers(shop, *keys)
    segments_refresh(advertiser=shop, now=timezone.now())
    return keys


def _favourite(shop) -> Segment:
    return Segment.objects.get(advertiser=shop, slug="top-outdoor-hiking")


WITHDRAWALS = {
    "withdrawn": {"personalisation": False},
    "objection": {"objection": True},
    "minor": {"is_minor": True},
}


@pytest.mark.parametrize("how", WITHDRAWALS)
def test_who_takes_consent_back_no_longer_contributes_to_a_brief(campaign, shop, favourites, how):
    assert [i.id for i in _brief(campaign, segment=_favourite(shop)).segment.interests] == [HIKING]
    agree(shop, "eve", **WITHDRAWALS[how])
    with pytest.raises(DomainError) as refused:
        _brief(campaign, segment=_favourite(shop))
    assert (refused.value.code, refused.value.status) == ("segment_too_small", 409)


def test_who_never_agreed_or_no_longer_does_is_not_counted_whatever_is_stored(shop, favourites):
    """Should a membership ever outlive its consent, the count does not believe it."""
    Shopper.objects.filter(advertiser=shop).update(personalisation_allowed=False)
    sizes_recount(segment_ids={_favourite(shop).pk})
    assert _favourite(shop).size == 0


def test_a_plan_leaves_the_segment_out_and_says_so(campaign, shop, favourites, alice_client):
    rule = factories.make_segment(shop, "coffee", (COFFEE,))  # a manager's own words: no shopper speaks there
    campaign.products.set([factories.make_product(shop)])
    campaign.placements.set([factories.make_placement(shop)])
    campaign.segments.set([_favourite(shop), rule])
    assert campaign_plan(campaign=campaign, now=NOW).segment_count == 2
    agree(shop, "eve", personalisation=False)
    plan = campaign_plan(campaign=campaign, now=NOW)
    assert [planned.segment for planned in plan.variants] == [None, rule]
    assert [segment.slug for segment in plan.too_small] == ["top-outdoor-hiking"]
    page = alice_client.get(f"/campaigns/{campaign.pk}/preview/").content.decode()
    assert "too few shoppers who agree" in page
    assert "Favourite: Hiking" in page
