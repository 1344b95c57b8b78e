from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.funnel import funnel_get, funnel_make, placement_funnels_list, stages_make
from analytics.selectors import Counts
from analytics.windows import today
from campaigns.decision_counts import PlacementDecisions, decision_counts_add
from campaigns.serving.counters import UNKNOWN_PLACEMENT_ID, DecisionKey
from tests import factories
from tests.analytics.test_reports import World


def count(shop, placement_id, number, outcome="segment", reason="", simulated=False, at=None):
    hour = int((at or timezone.now()).timestamp()) // 3600
    decision_counts_add(counts={DecisionKey(shop.pk, hour, placement_id, outcome, reason, simulated): number})


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


@pytest.mark.parametrize("name", ["segments", "devices", "products"])
def test_a_filter_that_decisions_are_not_counted_by_begins_at_the_impressions(shop, name):
    world = World(shop)
    count(shop, world.placement.pk, 60)
    value = {"segments": world.segment.pk, "devices": "mobile", "products": world.product.pk}[name]
    funnel = funnel_get(advertiser_id=shop.pk, start=today(), end=today(), **{name: (value,)})
    assert funnel.decisions is funnel.filled is None
    assert funnel.stages[0].name == "Impressions"
    assert funnel.stages[0].count == 40


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
