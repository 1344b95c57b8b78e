from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adplatform.lib.ids import uuid7
from analytics import rollups, selectors
from analytics.creative_lines import creative_lines_get
from analytics.leaders import leaders_rank
from analytics.metrics import counting_metrics_get
from analytics.models import (
    DailyCreativeRollup,
    DailyInvalid,
    DailyRollup,
    DirtyHour,
    Event,
    HourlyInvalid,
    HourlyRollup,
)
from analytics.periods import days_get
from analytics.services import events_record
from analytics.tracking import IncomingEvent
from profiles.models import Shopper
from tests import factories

DAY = date(2026, 11, 10)
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
IDS = [uuid7() for _ in range(3)]


def incoming(advertiser, kind="impression", at=NOON, **fields) -> IncomingEvent:
    """An event of a decision, or an order."""
    defaults = {"event_id": str(uuid7()), "shopper_pseudonym": "ann", "device": "desktop"}
    if kind in ("conversion", "refund"):
        defaults |= {"order_id": str(uuid7()), "value_cents": 1000, "currency": "EUR", "device": ""}
    else:
        defaults |= {
            "decision_id": uuid7(at), "campaign_id": IDS[0], "variant_id": IDS[0], "creative_id": IDS[0],
            "placement_id": IDS[0],
        }  # fmt: skip
    return IncomingEvent(advertiser_id=advertiser.pk, kind=kind, occurred_at=at, **{**defaults, **fields})


def record(*events, received_at=None):
    for event in events:
        Shopper.objects.get_or_create(  # who agreed, so that their orders may be joined to their clicks
            advertiser_id=event.advertiser_id,
            pseudonym=event.shopper_pseudonym,
            defaults={"measurement_allowed": True},
        )
        events_record(events=[event], received_at=received_at or event.occurred_at)


def totals(shop, start=DAY, end=DAY, **filters):
    return period(shop, start, end, **filters).totals


def period(shop, start, end, **filters):
    days = days_get(advertiser_id=shop.pk, spans=[(start, end)], currency=shop.currency, **filters)
    return days.period(start, end)


def rows_of(shop):
    """Everything in the roll-ups but ids and times."""
    left_out = ("id", "created_at", "computed_at")

    def plain(model):
        names = [field.attname for field in model._meta.fields if field.attname not in left_out]
        return sorted(map(str, model.objects.filter(advertiser=shop).values_list(*names)))

    models = DailyRollup, DailyCreativeRollup, HourlyRollup, HourlyInvalid, DailyInvalid
    return tuple(plain(model) for model in models)


def test_an_order_counts_on_its_day_for_the_creative_that_led_to_it(shop):
    click = incoming(shop, "click", NOON - timedelta(days=3), creative_id=IDS[1])
    record(click, incoming(shop, "conversion"), incoming(shop, "conversion", shopper_pseudonym="bob"))
    rollups.rollups_refresh()
    found = totals(shop)
    assert (found.conversions, found.revenue_cents, found.unattributed_conversions) == (1, 1000, 1)
    assert DailyRollup.objects.get(day=DAY, creative_id=IDS[1]).conversions == 1
    assert not DirtyHour.objects.exists()


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_arrival_days_late_gives_the_same_report(shop, seed):
    """Impression, view, click and order of several shoppers over ten days, each in its own request."""
    story = []
    for n in range(12):
        at = NOON + timedelta(days=n % 6, hours=n % 5)
        creative = {"shopper_pseudonym": f"s{n % 4}", "creative_id": IDS[n % 3]}
        decision = {"decision_id": uuid7(at), **creative}
        story += [
            incoming(shop, "impression", at, **decision),
            incoming(shop, "viewable", at + timedelta(seconds=1), **decision),
        ]
        if n % 3 == 0:
            story.append(incoming(shop, "click", at + timedelta(seconds=9), **decision))
        if n % 2 == 0:
            story.append(
                incoming(
                    shop, "conversion", at + timedelta(days=n % 4, hours=1), shopper_pseudonym=f"s{n % 4}"
                )
            )
    record(*story)
    rollups.rollups_refresh()
    in_order = rows_of(shop)
    assert totals(shop, end=DAY + timedelta(days=12)).conversions > 0

    Event.objects.all().delete()
    rng = random.Random(seed)
    rng.shuffle(story)
    arrival = NOON + timedelta(days=12)
    for event in story:
        record(event, received_at=arrival)
        if rng.random() < 0.3:
            rollups.rollups_refresh()
    rollups.rollups_refresh()
    assert not DirtyHour.objects.exists()  # one call is enough, although early days mark later ones
    assert rows_of(shop) == in_order


def test_a_late_click_takes_the_order_of_a_later_day(shop):
    record(incoming(shop, "conversion", NOON + timedelta(days=4)))
    rollups.rollups_refresh()
    later = {"start": DAY + timedelta(days=4), "end": DAY + timedelta(days=4)}
    assert totals(shop, **later).conversions == 0
    record(incoming(shop, "click", NOON), received_at=NOON + timedelta(days=5))
    rollups.rollups_refresh()
    assert totals(shop, **later).conversions == 1
    assert not DirtyHour.objects.exists()


def test_an_order_that_only_the_later_of_two_clicks_could_claim_is_given_back(shop):
    """The earlier click of the decision comes last, takes its place, and lies too long before the order."""
    one = {"decision_id": uuid7(NOON - timedelta(days=8))}
    record(
        incoming(shop, "click", NOON - timedelta(days=6), **one),
        incoming(shop, "conversion"),
    )
    rollups.rollups_refresh()
    assert totals(shop).unattributed_conversions == 0
    record(incoming(shop, "click", NOON - timedelta(days=8), **one))
    rollups.rollups_refresh()
    assert totals(shop).unattributed_conversions == 1
    assert not DirtyHour.objects.exists()


def test_rebuilding_twice_changes_nothing(shop):
    record(*(incoming(shop, kind) for kind in Event.Kind.values), incoming(shop, invalid_reason="ua_bot"))
    rollups.rollups_refresh()
    before = rows_of(shop)
    assert rollups.rollups_rebuild() == 1
    assert rollups.rollups_rebuild() == 1
    assert rows_of(shop) == before


def test_an_event_that_arrives_during_the_rebuild_is_not_lost(shop):
    record(incoming(shop))
    swap = rollups._swap_day

    def arriving(*args):
        record(incoming(shop))
        swap(*args)

    with patch("analytics.rollups._swap_day", side_effect=arriving):
        rollups.rollups_refresh()
    assert totals(shop).impressions == 1
    assert DirtyHour.objects.count() == 1  # the mark of what came meanwhile
    rollups.rollups_refresh()
    assert totals(shop).impressions == 2
    assert not DirtyHour.objects.exists()


def test_a_day_that_cannot_be_counted_stays_its_advertisers_own_trouble(shop, other_shop):
    tomorrow = NOON + timedelta(days=1)
    huge = {"value_cents": 9 * 10**18}  # two of them leave 64 bits
    record(*(incoming(shop, "conversion", **huge) for _ in range(2)), incoming(shop, at=tomorrow))
    record(incoming(other_shop), incoming(other_shop, at=tomorrow))
    for failures in (1, 2):
        rollups.rollups_refresh()
        assert list(DirtyHour.objects.values_list("advertiser", "hour", "failures").distinct()) == [
            (shop.pk, NOON, failures)
        ]
    assert totals(shop, end=DAY + timedelta(days=1)).impressions == 1
    assert totals(other_shop, end=DAY + timedelta(days=1)).impressions == 2
    assert counting_metrics_get(now=NOON).failing_hours == 1
    Event.objects.filter(value_cents__gt=1000).update(value_cents=1000)
    rollups.rollups_refresh()
    assert totals(shop).unattributed_revenue_cents == 2000
    assert counting_metrics_get(now=NOON).failing_hours == 0


def test_a_slower_rebuild_from_older_events_gives_way(shop):
    record(incoming(shop))
    compute = rollups.hour_compute

    def overtaken(**hour):
        old = compute(**hour)
        record(incoming(shop))
        with patch("analytics.rollups.hour_compute", compute):
            rollups.rollups_refresh()
        return old

    with patch("analytics.rollups.hour_compute", overtaken):
        assert rollups.rollup_rebuild(advertiser_id=shop.pk, day=DAY, hours=[NOON]) is False
    assert totals(shop).impressions == 2


def test_a_slower_rebuild_gives_way_in_the_hour_that_was_overtaken_alone(shop):
    later = NOON + timedelta(hours=1)
    record(incoming(shop), incoming(shop, at=later))
    compute = rollups.hour_compute

    def overtaken(**hour):
        old = compute(**hour)
        if hour["start"] == NOON:  # before the second hour is read
            record(incoming(shop))
            with patch("analytics.rollups.hour_compute", compute):
                rollups.rollup_rebuild(advertiser_id=shop.pk, day=DAY, hours=[NOON])
        return old

    with patch("analytics.rollups.hour_compute", overtaken):
        assert rollups.rollup_rebuild(advertiser_id=shop.pk, day=DAY, hours=[NOON, later])
    assert (totals(shop).impressions, DirtyHour.objects.count()) == (3, 0)


def test_what_lost_its_shoppers_by_age_is_not_counted_anew(shop):
    old = NOON - timedelta(days=400)
    record(incoming(shop, "click", old), incoming(shop, "conversion", old + timedelta(minutes=5)))
    rollups.rollups_refresh()
    before = totals(shop, start=old.date(), end=old.date())
    assert before.revenue_cents == 1000
    Event.objects.update(shopper_pseudonym="")  # as retention does
    assert rollups.rollups_rebuild() == 0
    assert totals(shop, start=old.date(), end=old.date()) == before


def test_a_day_without_valid_events_any_more_has_no_rows(shop):
    record(incoming(shop))
    rollups.rollups_refresh()
    Event.objects.all().delete()
    rollups.rollups_rebuild(advertiser_id=shop.pk)
    assert not DailyRollup.objects.exists()


def test_a_report_without_places_reads_rows_that_are_added_up_over_them(shop):
    devices = ("mobile", "desktop", "tablet")
    record(*(incoming(shop, kind, device=device) for device in devices for kind in ("impression", "click")))
    rollups.rollups_refresh()
    by_device = {device: totals(shop, devices=(device,)) for device in devices}
    assert [found.impressions for found in by_device.values()] == [1, 1, 1]
    assert (totals(shop).impressions, totals(shop).clicks) == (3, 3)
    assert (DailyRollup.objects.count(), DailyCreativeRollup.objects.count()) == (3, 1)
    record(incoming(shop, device="mobile"))
    rollups.rollups_refresh()
    assert totals(shop).impressions == 4 == totals(shop, devices=devices).impressions
    Event.objects.all().delete()
    rollups.rollups_rebuild(advertiser_id=shop.pk)
    assert not DailyCreativeRollup.objects.exists()


def test_what_a_release_without_the_rows_by_creative_has_counted_is_caught_up(shop, other_shop):
    for advertiser in (shop, other_shop):
        record(incoming(advertiser), incoming(advertiser, "click", device="mobile"))
    rollups.rollups_refresh()
    assert rollups.days_catch_up() == 0
    good = rows_of(shop)
    DailyCreativeRollup.objects.filter(advertiser=shop).delete()
    assert rollups.days_catch_up() == 1
    assert rows_of(shop) == good
    later = DailyRollup.objects.values_list("computed_at", flat=True)[0] + timedelta(seconds=9)
    DailyRollup.objects.filter(advertiser=other_shop).update(impressions=7, computed_at=later)
    assert rollups.days_catch_up() == 1
    assert totals(other_shop).impressions == 7 * DailyRollup.objects.filter(advertiser=other_shop).count()
    assert rollups.days_catch_up() == 0
    assert rows_of(shop) == good


def test_money_of_another_currency_is_not_added_up(shop):
    record(incoming(shop, "click", NOON - timedelta(hours=1)))
    record(*(incoming(shop, "conversion", currency=currency) for currency in ("EUR", "EUR", "USD")))
    rollups.rollups_refresh()
    found = totals(shop)
    assert (found.conversions, found.revenue_cents, found.other_revenue) == (3, 2000, {"USD": 1000})


def test_an_order_is_simulated_when_its_click_was(shop):
    record(incoming(shop, "click", NOON - timedelta(hours=1), is_simulated=True))
    record(incoming(shop, "conversion"))
    rollups.rollups_refresh()
    assert totals(shop, is_simulated=True).conversions == 1
    assert totals(shop, is_simulated=False).is_empty
    assert totals(shop).has_simulated


def test_the_command_rebuilds_what_it_is_asked_for(shop, other_shop):
    record(incoming(shop), incoming(shop, at=NOON + timedelta(days=1)), incoming(other_shop))
    out = StringIO()
    days = ("--from", "2026-11-10", "--to", "2026-11-10")
    call_command("rollups_rebuild", *days, "--advertiser", "shop", stdout=out)
    assert totals(shop).impressions == 1
    with pytest.raises(CommandError):
        call_command("rollups_rebuild", "--advertiser", "nobody")


kinds = st.sampled_from(["impression", "impression", "viewable", "click"])
happenings = st.lists(
    st.tuples(
        kinds,
        st.integers(0, 71),
        st.integers(0, 2),
        st.integers(0, 2),
        st.booleans(),
        st.sampled_from(["", "ua_bot"]),
    ),
    max_size=40,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings)
def test_the_roll_up_is_what_sql_counts_in_the_events(db, found):
    advertiser = factories.make_advertiser()
    events = [
        incoming(
            advertiser,
            kind,
            NOON + timedelta(hours=hour),
            creative_id=IDS[creative],
            segment_id=[None, *IDS][segment],
            is_simulated=simulated,
            invalid_reason=reason,
        )
        for kind, hour, creative, segment, simulated, reason in found
    ]
    events_record(events=events, received_at=NOON + timedelta(days=4))
    rollups.rollups_refresh()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, validity, COUNT(*) FROM analytics_event WHERE advertiser_id = %s GROUP BY 1, 2",
            [advertiser.pk.hex if connection.vendor == "sqlite" else advertiser.pk],
        )
        raw = {(kind, validity): count for kind, validity, count in cursor.fetchall()}
    end = DAY + timedelta(days=4)
    shown = totals(advertiser, DAY, end)
    assert shown.impressions == raw.get(("impression", "valid"), 0)
    assert shown.viewables == raw.get(("viewable", "valid"), 0)
    assert shown.clicks == raw.get(("click", "valid"), 0)
    assert shown.invalid_events == sum(count for (_, validity), count in raw.items() if validity == "invalid")
    series = period(advertiser, DAY, end).series
    lines = creative_lines_get(advertiser_id=advertiser.pk, start=DAY, end=end)
    for parts in (series, lines, leaders_rank(lines)):
        assert sum(part.clicks for part in parts) == shown.clicks
        assert sum(part.impressions for part in parts) == shown.impressions
    invalid = selectors.invalid_get(advertiser_id=advertiser.pk, start=DAY, end=end)
    expected = Counter({kind: count for (kind, validity), count in raw.items() if validity == "invalid"})
    assert {line.kind: line.events for line in invalid} == dict(expected)


def test_freshness_is_the_oldest_event_not_yet_counted(shop):
    assert selectors.freshness_get(advertiser_id=shop.pk).is_stale is False
    record(incoming(shop))
    DirtyHour.objects.update(created_at=NOON)
    fresh = selectors.freshness_get(advertiser_id=shop.pk)
    assert (fresh.as_of, fresh.is_stale, fresh.pending_hours) == (NOON, True, 1)
    rollups.rollups_refresh()
    assert selectors.freshness_get(advertiser_id=shop.pk).is_stale is False
