"""Orders, refunds and currencies: the order of arrival never matters, and no rate is ever guessed."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adplatform.lib.errors import DomainError
from adplatform.lib.ids import uuid7
from analytics import rollups, selectors
from analytics.currencies import MAX_VALUE_CENTS, Rates, convert
from analytics.exchange_rates import Line, exchange_rates_set, rates_parse
from analytics.models import DailyRollup, DirtyHour, Event, ExchangeRate, HourlyInvalid, HourlyRollup
from analytics.orders import Order, order_value
from analytics.reach import reach_days, reach_of
from analytics.services import events_record
from tests import factories
from tests.analytics.test_rollups import DAY, IDS, NOON, incoming, record, rows_of, totals

PAID = Order("o", NOON, 1000, "EUR")


def refund(shop, at=NOON, currency="EUR"):
    return incoming(
        shop, "refund", at, order_id="o", value_cents=400, currency=currency, shopper_pseudonym=""
    )


def usd(rate="0.5", day=DAY):
    return Line(day, "USD", Decimal(rate))


# --- pure
@pytest.mark.parametrize(
    ("refunds", "kept", "count"),
    [
        ([], 1000, 0),
        ([("EUR", 400)], 600, 1),
        ([("EUR", 400), ("EUR", 600)], 0, 2),
        ([("EUR", 900), ("EUR", 900)], 0, 2),  # never more than was paid
        ([("USD", 400)], 1000, 0),  # not this order's money
    ],
)
def test_a_refund_takes_off_at_most_what_was_paid(refunds, kept, count):
    value = order_value(PAID, refunds, Rates("EUR"))
    assert (value.net_cents, value.refunded_cents, value.refunds) == (kept, 1000 - kept, count)


def test_money_is_converted_by_whole_units_and_half_to_even():
    assert convert(1000, currency="USD", into="EUR", rate=Decimal("0.9")) == 900
    assert convert(1000, currency="JPY", into="EUR", rate=Decimal("0.006")) == 600  # the yen has no cents
    assert convert(1000, currency="EUR", into="KWD", rate=Decimal("0.33")) == 3300
    assert [convert(n, currency="USD", into="EUR", rate=Decimal("0.5")) for n in (1, 3, 5)] == [0, 2, 2]


def test_an_order_that_a_mistyped_rate_makes_too_large_stays_in_its_own_money(shop):
    rates = Rates("EUR", {"USD": {DAY: Decimal(100)}})
    found = [
        order_value(Order("o", NOON, cents, "USD"), [("USD", 7)], rates)
        for cents in (MAX_VALUE_CENTS // 100, MAX_VALUE_CENTS // 100 + 1)
    ]
    assert [value.currency for value in found] == ["EUR", "USD"]
    assert [value.net_cents for value in found] == [MAX_VALUE_CENTS - 700, MAX_VALUE_CENTS // 100 - 6]
    exchange_rates_set(advertiser=shop, lines=[usd("999999999")])
    record(incoming(shop, "click", NOON - timedelta(hours=1)))
    record(*(incoming(shop, "conversion", value_cents=MAX_VALUE_CENTS, currency="USD") for _ in range(20)))
    rollups.rollups_refresh()
    assert totals(shop).other_revenue == {"USD": 20 * MAX_VALUE_CENTS}


@pytest.mark.parametrize(("days_before", "known"), [(0, True), (4, True), (5, False), (-1, False)])
def test_a_rate_stands_for_a_long_weekend_and_no_longer(days_before, known):
    rates = Rates.of_rows("EUR", [("USD", DAY - timedelta(days=days_before), Decimal("0.5"))])
    value = order_value(Order("o", NOON, 1000, "USD"), [("USD", 400)], rates)
    assert (value.currency, value.net_cents, value.refunded_cents) == (
        ("EUR", 300, 200) if known else ("USD", 600, 400)
    )


# --- through the database
def test_a_return_weeks_later_changes_the_day_of_its_order(shop):
    record(incoming(shop, "click", NOON - timedelta(hours=1)), incoming(shop, "conversion", order_id="o"))
    rollups.rollups_refresh()
    assert totals(shop).revenue_cents == 1000
    events_record(events=[refund(shop, at=NOON + timedelta(days=14))], received_at=NOON)
    rollups.rollups_refresh()
    found = totals(shop)
    assert (found.conversions, found.revenue_cents, found.refunded_cents, found.refunds) == (1, 600, 400, 1)


def test_a_refund_waits_for_its_order_and_says_so(shop):
    events_record(events=[refund(shop, at=NOON + timedelta(days=1))], received_at=NOON)
    rollups.rollups_refresh()
    assert [(i.reason, i.events) for i in HourlyInvalid.objects.all()] == [("order_unknown", 1)]
    record(incoming(shop, "conversion", order_id="o"))
    rollups.rollups_refresh()
    assert not HourlyInvalid.objects.exists()
    assert totals(shop).unattributed_revenue_cents == 600


def test_a_refund_in_another_currency_is_kept_and_not_counted(shop):
    record(incoming(shop, "conversion", order_id="o"), refund(shop, currency="USD"))
    rollups.rollups_refresh()
    assert totals(shop).unattributed_revenue_cents == 1000
    assert HourlyInvalid.objects.get().reason == "refund_currency"


def test_a_rate_that_is_entered_late_converts_what_was_counted_apart(shop):
    record(incoming(shop, "click", NOON - timedelta(hours=1)))
    record(incoming(shop, "conversion", currency="USD"))
    rollups.rollups_refresh()
    assert (totals(shop).revenue_cents, totals(shop).other_revenue) == (0, {"USD": 1000})
    exchange_rates_set(advertiser=shop, lines=[usd(day=DAY - timedelta(days=3))])
    rollups.rollups_refresh()
    assert (totals(shop).revenue_cents, totals(shop).other_revenue) == (500, {})
    exchange_rates_set(advertiser=shop, lines=[usd("0.6")])  # the day's own
    rollups.rollups_refresh()
    assert totals(shop).revenue_cents == 600


happenings = st.lists(
    st.tuples(
        st.sampled_from(["impression", "viewable", "click", "conversion", "conversion", "refund", "refund"]),
        st.integers(0, 5),  # decision, or order
        st.integers(0, 60),  # hour
        st.sampled_from(["EUR", "EUR", "USD", "GBP"]),
        st.sampled_from([100, 250, 999]),
    ),
    min_size=4,
    max_size=16,
)


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(happenings, st.integers(0, 2**32))
def test_no_permutation_of_arrivals_changes_a_roll_up(db, found, seed):
    """Repeats of decisions and orders, refunds before their orders and rates in between included."""
    shop = factories.make_advertiser()
    decisions = [uuid7(NOON) for _ in range(6)]
    story, nobody = [], {"shopper_pseudonym": "", "decision_id": None}
    for kind, number, hour, currency, cents in found:
        at = NOON + timedelta(hours=hour)
        who = {"shopper_pseudonym": f"s{number % 2}"}
        if kind in ("conversion", "refund"):
            order = {"order_id": f"o{number % 3}", "value_cents": cents, "currency": currency}
            story.append(incoming(shop, kind, at, **order, **(who if kind == "conversion" else nobody)))
        else:
            creative = {"creative_id": IDS[number % 3], "decision_id": decisions[number]}
            story.append(incoming(shop, kind, at, **creative, **who))
    rate = [usd(), Line(DAY + timedelta(days=1), "USD", Decimal("0.7"))]

    def told(events, rng):
        Event.objects.filter(advertiser=shop).delete()
        ExchangeRate.objects.filter(advertiser=shop).delete()
        steps = [lambda e=event: record(e) for event in events]
        steps.insert(rng.randint(0, len(steps)), lambda: exchange_rates_set(advertiser=shop, lines=rate))
        for step in steps:
            step()
            if rng.random() < 0.2:
                rollups.rollups_refresh()
        rollups.rollups_refresh()
        assert not DirtyHour.objects.filter(advertiser=shop).exists()
        return rows_of(shop)

    rng = random.Random(seed)
    in_order = told(sorted(story, key=lambda e: e.occurred_at), rng)
    rollups.rollups_rebuild(advertiser_id=shop.pk)
    assert rows_of(shop) == in_order
    rng.shuffle(story)
    assert told(story, rng) == in_order
    hours, days = (
        sum(model.objects.filter(advertiser=shop).values_list("revenue_cents", flat=True))
        for model in (HourlyRollup, DailyRollup)
    )
    assert hours == days


def test_different_shoppers_of_several_days_are_counted_once(shop):
    for day in range(3):
        at = NOON + timedelta(days=day)
        record(*(incoming(shop, at=at, shopper_pseudonym=f"s{n + day}") for n in range(5)))
    record(incoming(shop, shopper_pseudonym="elsewhere", campaign_id=IDS[1]))
    rollups.rollups_refresh()
    end = DAY + timedelta(days=2)

    def reach(first=DAY, last=end, **filters):
        found = selectors.day_sketches_get(advertiser_id=shop.pk, spans=[(first, last)], **filters)
        return (
            None if found is None else (reach_of(found, first, last).shoppers, reach_days(found, first, last))
        )

    assert reach() == (8, [6, 5, 5])
    assert reach(campaigns=(IDS[0],)) == (7, [5, 5, 5])
    assert reach(campaigns=(IDS[0], IDS[1])) == (8, [6, 5, 5])
    assert reach(devices=("mobile",)) is None
    later = DAY + timedelta(days=9)
    assert reach(later, later) == (0, [0])


# --- the door
def test_rates_are_pasted_as_people_have_them():
    text = "Date\tCurrency\tRate\n2026-11-10\tusd\t0.92\n\n2026-11-10\tGBP\t1.17\n"
    assert rates_parse(text) == [Line(DAY, "USD", Decimal("0.92")), Line(DAY, "GBP", Decimal("1.17"))]
    for bad, code in (
        ("", "import_empty"),
        ("2026-11-10,USD", "bad_line"),
        ("10.11.2026,USD,1", "bad_day"),
        ("2026-11-10,US,1", "bad_currency"),
        ("2026-11-10,USD,one", "bad_rate"),
    ):
        with pytest.raises(DomainError) as refused:
            rates_parse(bad)
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (usd("0"), "bad_rate"),
        (usd("NaN"), "bad_rate"),
        (usd("1e12"), "bad_rate"),
        (usd(day=date(1, 1, 1)), "bad_day"),
        (Line(DAY, "EUR", Decimal(1)), "own_currency"),
    ],
)
def test_a_rate_that_cannot_be_is_refused_and_nothing_is_stored(shop, line, code):
    with pytest.raises(DomainError) as refused:
        exchange_rates_set(advertiser=shop, lines=[Line(DAY, "GBP", Decimal("1.17")), line])
    assert refused.value.code == code
    assert not ExchangeRate.objects.exists()


def test_the_api_and_the_page_store_and_remove_rates(api, shop, alice_client):
    body = {"rates": [{"day": "2026-11-10", "currency": "USD", "rate": "0.92"}]}
    assert api.post("/api/v1/exchange-rates", body).json() == {"stored": 1}
    assert api.post("/api/v1/exchange-rates", body).json() == {"stored": 1}  # again changes nothing
    assert api.get("/api/v1/exchange-rates?currency=USD").json()["count"] == 1
    page = alice_client.post("/exchange-rates/", {"table": "2026-11-11;GBP;1.17"}, follow=True)
    assert "1 rate stored" in page.content.decode()
    page = alice_client.post("/exchange-rates/", {"day": "2026-11-11", "currency": "EUR", "rate": "1"})
    assert "needs no rate" in page.content.decode()
    for rate in ExchangeRate.objects.filter(advertiser=shop, currency="USD"):
        assert api.delete(f"/api/v1/exchange-rates/{rate.pk}").status_code == 204
    assert ExchangeRate.objects.get().rate == Decimal("1.17")
