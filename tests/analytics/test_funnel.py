from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from adplatform.lib.ids import uuid7
from analytics.funnel import (
    FEWER_FILLED,
    NOT_BY_DEVICE,
    NOT_COUNTED,
    ONLY_FILLED,
    funnel_get,
    funnel_make,
    placement_funnels_list,
    stages_make,
)
from analytics.report_query import GENERIC
from analytics.selectors import Counts
from analytics.windows import today
from campaigns.decision_counts import PlacementDecisions, decision_counts_add
from campaigns.models import Campaign
from campaigns.serving.counters import UNKNOWN_PLACEMENT_ID, DecisionKey, Shown
from tests import factories
from tests.analytics.test_reports import World


def count(shop, placement_id, number, outcome="segment", reason="", simulated=False, at=None, shown=None):
    hour = int((at or timezone.now()).timestamp()) // 3600
    key = DecisionKey(shop.pk, hour, placement_id, outcome, reason, simulated, shown)
    decision_counts_add(counts={key: number})


def shown_of(world, **others):
    ids = {
        "campaign_id": world.campaign.pk,
        "variant_id": world.variant.pk,
        "creative_id": world.creative.pk,
        "segment_id": world.segment.pk,
    }
    return Shown(**ids | others)


# --- pure
def test_a_share_is_of_the_step_before_and_never_above_one():
    stages = stages_make(
        [("Decisions", 200), ("Filled", 50), ("Impressions", 60), ("Clicks", 0), ("Orders", 0)]
    )
    assert [stage.share for stage in stages] == [None, 0.25, 1.0, 0.0, None]
    assert [stage.width for stage in stages] == ["100.00", "25.00", "30.00", "0.00", "0.00"]


def test_refusals_and_what_was_filled_make_up_all_decisions():
    hero = PlacementDecisions(None, {"segment": 5, "none": 10}, {"daily_cap": 7, "paced": 3})
    side = PlacementDecisions(None, {"house": 1, "none": 4}, {"paced": 4})
    funnel = funnel_make(decisions=[hero, side], counts=Counts(impressions=6, viewables=4, clicks=1))
    assert (funnel.decisions, funnel.filled, funnel.fill_rate) == (20, 6, 0.3)
    assert [(row.reason, row.decisions, row.share) for row in funnel.refusals] == [
        ("daily_cap", 7, 0.35),
        ("paced", 7, 0.35),
    ]
    assert funnel.filled + sum(row.decisions for row in funnel.refusals) == funnel.decisions
    assert [stage.count for stage in funnel.stages] == [20, 6, 6, 4, 1, 0]


def test_nothing_asked_is_no_rate():
    funnel = funnel_make(decisions=[], counts=Counts())
    assert funnel.fill_rate is None
    assert [stage.share for stage in funnel.stages] == [None] * 6


# --- from the database
def test_the_funnel_of_a_day_joins_decisions_and_events(shop, other_shop):
    world = World(shop)
    for placement_id in (world.placement.pk, UNKNOWN_PLACEMENT_ID):
        count(shop, placement_id, 60)
        count(shop, placement_id, 20, "none", "outside_hours")
    count(shop, world.placement.pk, 7, simulated=True)
    count(shop, world.placement.pk, 1000, at=timezone.now() - timedelta(days=2))
    count(other_shop, world.placement.pk, 5000)
    period = {"advertiser_id": shop.pk, "start": today(), "end": today()}
    whole = funnel_get(**period, is_simulated=False)
    assert (whole.decisions, whole.filled) == (160, 120)
    one = funnel_get(**period, is_simulated=False, placements=(world.placement.pk,))
    assert [stage.count for stage in one.stages] == [80, 60, 40, 30, 4, 1]
    assert one.fill_rate == 0.75
    assert funnel_get(**period, placements=(world.placement.pk,)).decisions == 87


def test_what_was_shown_is_known_of_filled_decisions(shop):
    world = World(shop)
    at = world.placement.pk
    count(shop, at, 30, "none", "outside_hours")
    count(shop, at, 50, shown=shown_of(world))
    count(shop, at, 4, simulated=True, shown=shown_of(world))
    count(
        shop,
        at,
        9,
        "generic",
        shown=shown_of(world, variant_id=uuid7(), creative_id=uuid7(), segment_id=None),
    )
    count(shop, at, 1000, shown=shown_of(world), at=timezone.now() - timedelta(days=2))
    period = {"advertiser_id": shop.pk, "start": today(), "end": today()}
    assert funnel_get(**period).filled == 63
    style = world.creative.job.brief["style"]
    for filters, filled in (
        ({"campaigns": (world.campaign.pk,)}, 63),
        ({"campaigns": (world.campaign.pk,), "is_simulated": False}, 59),
        ({"campaigns": (world.campaign.pk,), "placements": (at,)}, 63),
        ({"segments": (world.segment.pk,)}, 54),
        ({"segments": (GENERIC,)}, 9),
        ({"products": (world.product.pk,)}, 54),
        ({"creatives": (world.creative.pk,)}, 54),
        ({"styles": (style,)}, 54),
    ):
        funnel = funnel_get(**period, **filters)
        assert (funnel.decisions, funnel.filled) == (None, filled), filters
        assert funnel.stages[0].name == "Filled"
        assert funnel.note == ONLY_FILLED
    ours = funnel_get(**period, campaigns=(world.campaign.pk,))
    assert [stage.count for stage in ours.stages] == [63, 40, 30, 4, 1]
    assert not any(row.count for row in funnel_get(**period, campaigns=(uuid7(),)).stages)
    # Of two days: those of the day before yesterday are in.
    assert (
        funnel_get(**period | {"start": today() - timedelta(days=2)}, campaigns=(world.campaign.pk,)).filled
        == 1063
    )


def test_where_nothing_was_counted_it_begins_at_the_impressions_and_says_why(shop):
    world = World(shop)
    period = {"advertiser_id": shop.pk, "start": today(), "end": today()}
    assert funnel_get(**period).note == NOT_COUNTED
    assert funnel_get(**period, campaigns=(world.campaign.pk,)).note == NOT_COUNTED
    count(shop, world.placement.pk, 35, shown=shown_of(world))
    found = funnel_get(**period, devices=("mobile",), campaigns=(world.campaign.pk,))
    assert found.decisions is found.filled is None
    assert found.stages[0].name == "Impressions"
    assert found.note == NOT_BY_DEVICE
    assert funnel_get(**period, campaigns=(world.campaign.pk,)).note == f"{ONLY_FILLED} {FEWER_FILLED}"
    assert funnel_get(**period).note == FEWER_FILLED


def test_each_placement_has_its_own_and_unknown_codes_come_last(shop):
    world = World(shop)
    quiet = factories.make_placement(shop, "quiet")
    count(shop, quiet.pk, 3, "none", "no_candidates")
    count(shop, UNKNOWN_PLACEMENT_ID, 999, "none", "unknown_placement")
    rows = placement_funnels_list(advertiser_id=shop.pk, start=today(), end=today())
    assert [row.id for row in rows] == [quiet.pk, world.placement.pk, None]
    assert [row.funnel.decisions for row in rows] == [3, 0, 999]
    assert rows[1].funnel.counts.clicks == 4


def test_days_are_utc_days(shop):
    placement = factories.make_placement(shop)
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    count(shop, placement.pk, 1, at=midnight - timedelta(seconds=1))
    count(shop, placement.pk, 2, at=midnight)
    for day, decisions in ((22, 1), (23, 2)):
        day_at = midnight.replace(day=day).date()
        assert funnel_get(advertiser_id=shop.pk, start=day_at, end=day_at).decisions == decisions


# --- on the page
def test_the_placements_page_shows_it(shop, alice_client):
    assert reverse("placement-funnels") not in alice_client.get(reverse("placement-list")).content.decode()
    world = World(shop)
    assert reverse("placement-funnels") in alice_client.get(reverse("placement-list")).content.decode()
    count(shop, world.placement.pk, 60)
    count(shop, world.placement.pk, 20, "none", "outside_hours")
    text = alice_client.get(reverse("placement-funnels"), {"days": "x"}).content.decode()
    assert "75.0" in text
    assert "The campaign does not run on this weekday or at this hour." in text


def test_the_campaigns_page_shows_its_own(shop, other_shop, alice_client):
    world = World(shop)
    count(shop, world.placement.pk, 80, shown=shown_of(world))
    count(shop, world.placement.pk, 20, "none", "outside_hours")
    address = reverse("campaign-funnel", args=[world.campaign.pk])
    assert address in alice_client.get(reverse("campaign-detail", args=[world.campaign.pk])).content.decode()
    text = alice_client.get(address, {"days": "x"}).content.decode()
    assert "50.0" in text
    assert ONLY_FILLED in text
    other = Campaign.objects.create(advertiser=shop, name="Quiet", style="soft_3d")
    assert (
        "Nothing of this campaign"
        in alice_client.get(reverse("campaign-funnel", args=[other.pk])).content.decode()
    )
    foreign = Campaign.objects.create(advertiser=other_shop, name="Theirs", style="soft_3d")
    assert alice_client.get(reverse("campaign-funnel", args=[foreign.pk])).status_code == 404
