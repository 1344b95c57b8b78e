"""Sums by shopper and by hour: kept up to the events and equal to what they say, whatever came when."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from adplatform.lib.ids import uuid7
from analytics import experiment_reports, rollups
from analytics.exchange_rates import exchange_rates_set, line_parse
from analytics.experiment_metrics import Column
from analytics.experiment_models import ExperimentHour, ExperimentShopper
from analytics.experiment_reading import PRE_PERIOD, Split, shoppers_read
from analytics.experiment_shoppers import ShopperSums
from analytics.experiment_sums import (
    invalid_counts,
    pictures_changed,
    shoppers_stored,
    sums_refresh,
    window_of,
)
from analytics.models import Event, ExchangeRate
from analytics.services import events_record
from analytics.tracking import IncomingEvent
from campaigns.experiment_services import experiment_stop
from campaigns.models import Experiment
from profiles.models import Shopper
from tests.analytics import experiment_cast as cast
from tests.analytics.experiment_cast import report_compute

pytestmark = pytest.mark.django_db
ARMS = ("generic", "own_segment")
DAY = timedelta(days=1)


class Shop:
    """Shoppers who do anything: before the start, in two arms, late, abroad, and give things back."""

    def __init__(self, advertiser, seed, shoppers=12):
        self.rng = random.Random(seed)
        self.experiment = cast.make_running(advertiser, days_ago=9)
        self.advertiser = advertiser
        self.names = [f"shopper-{number}" for number in range(shoppers)]
        allowed = [*self.names, "both", "abroad"]
        Shopper.objects.bulk_create(
            Shopper(advertiser=advertiser, pseudonym=name, measurement_allowed=True) for name in allowed
        )
        self.variants = [uuid7() for _ in range(3)]
        self.orders = 0

    def moment(self, first=-16.0, last=9.0):
        return self.experiment.started_at + DAY * self.rng.uniform(first, last)

    def events(self, decisions):
        """In any order; some twice, some not counted."""
        found = [event for _ in range(decisions) for event in self._decision()]
        found += [self.order(self.rng.choice(self.names), self.moment()) for _ in range(decisions // 2)]
        found += [self._refund() for _ in range(decisions // 6)]
        self.rng.shuffle(found)
        return found + self.rng.sample(found, len(found) // 5)

    def _decision(self):
        shopper, at = self.rng.choice(self.names), self.moment()
        own = ARMS[self.names.index(shopper) % 2]
        arm = own if self.rng.random() < 0.8 else self.rng.choice((*ARMS, "no such arm"))
        takes_part = at >= self.experiment.started_at and self.rng.random() < 0.8
        common = {
            "advertiser_id": self.advertiser.pk,
            "decision_id": uuid7(at),
            "campaign_id": self.experiment.campaign_id,
            "variant_id": self.rng.choice(self.variants),
            "creative_id": self.rng.choice(self.variants),
            "placement_id": self.variants[0],
            "shopper_pseudonym": shopper if self.rng.random() < 0.9 else "",
            "device": self.rng.choice(("mobile", "desktop")),
            **(
                {"experiment_id": self.experiment.pk, "arm": arm, "drawn_segment_id": uuid7()}
                if takes_part
                else {}
            ),
            **({"invalid_reason": "ua_bot"} if self.rng.random() < 0.1 else {}),
        }
        # A share per kind, and seconds after the decision: some clicks come first.
        steps = {"impression": (0.9, 0), "viewable": (0.6, 2), "click": (0.4, -1)}
        for kind, (share, seconds) in steps.items():
            for _ in range(1 + (self.rng.random() < 0.1)):  # a repeat
                if self.rng.random() < share:
                    then = at + timedelta(seconds=seconds + self.rng.random() / 2)
                    yield IncomingEvent(event_id=str(uuid7()), kind=kind, occurred_at=then, **common)

    def planted(self):
        """A shopper of both arms, and an order in a currency without a rate."""
        at = self.experiment.started_at + timedelta(hours=30)
        common = {
            "advertiser_id": self.advertiser.pk,
            "kind": "impression",
            "experiment_id": self.experiment.pk,
        }
        for shopper, arm in (("both", ARMS[0]), ("both", ARMS[1]), ("abroad", ARMS[0])):
            yield IncomingEvent(
                event_id=str(uuid7()),
                occurred_at=at,
                decision_id=uuid7(at),
                shopper_pseudonym=shopper,
                arm=arm,
                **common,
            )
        yield self.order("abroad", at, order_id="abroad", currency="GBP")

    def order(self, shopper, at, **changes):
        self.orders += 1
        number = self.orders if self.rng.random() < 0.85 else self.rng.randrange(1, self.orders + 1)
        fields = {"order_id": f"O{number}", "value_cents": self.rng.randrange(1, 9000)}
        fields |= {"currency": self.rng.choice(("EUR", "USD")), **changes}
        return IncomingEvent(
            advertiser_id=self.advertiser.pk, event_id=str(uuid7()), kind="conversion", occurred_at=at,
            shopper_pseudonym=shopper, **fields,
        )  # fmt: skip

    def _refund(self):
        return IncomingEvent(
            advertiser_id=self.advertiser.pk, event_id=str(uuid7()), kind="refund", occurred_at=self.moment(),
            order_id=f"O{self.rng.randrange(1, self.orders + 2)}", value_cents=self.rng.randrange(1, 4000),
            currency=self.rng.choice(("EUR", "USD")),
        )  # fmt: skip

    def rate_enter(self):
        rate = f"{self.rng.randrange(50, 150) / 100}"
        line = line_parse(day=self.moment(last=0).date().isoformat(), currency="USD", rate=rate)
        exchange_rates_set(advertiser=self.advertiser, lines=[line])


def said_by_the_events(experiment):
    """The plain way: every event, one after the other, in a few dictionaries."""
    start, end = window_of(experiment)
    rates = {row.day: row.rate for row in ExchangeRate.objects.filter(currency="USD")}
    valid = list(Event.objects.filter(validity="valid").order_by("occurred_at", "id"))
    refunds = defaultdict(Counter)
    for event in valid:
        if event.kind == "refund":
            refunds[event.order_id][event.currency] += event.value_cents

    def worth(order):
        kept = order.value_cents - min(order.value_cents, refunds[order.order_id][order.currency])
        if order.currency == "EUR":
            return kept
        day = order.occurred_at.astimezone(UTC).date()
        if order.currency == "GBP":
            return None
        known = [rates[day - timedelta(days=n)] for n in range(5) if day - timedelta(days=n) in rates]
        return int((kept * known[0]).quantize(Decimal(1), "ROUND_HALF_EVEN")) if known else None

    found = {}
    for shopper in {event.shopper_pseudonym for event in valid} - {""}:
        mine = [event for event in valid if event.shopper_pseudonym == shopper and event.occurred_at < end]
        touches = [e for e in mine if e.experiment_id == experiment.pk and e.arm in ARMS]
        touches = [event for event in touches if event.occurred_at >= start]
        if not touches:
            continue
        first = touches[0]
        orders = [e for e in mine if e.kind == "conversion" and e.occurred_at >= first.occurred_at]
        days = defaultdict(lambda: [0] * len(Column))
        place = {"impression": Column.IMPRESSIONS, "viewable": Column.VIEWABLES, "click": Column.CLICKS}
        for event in touches:
            days[event.occurred_at.astimezone(UTC).date()][place[event.kind]] += 1
        for order in orders:
            line, value = days[order.occurred_at.astimezone(UTC).date()], worth(order)
            line[Column.ORDERS] += 1
            line[Column.REVENUE if value is not None else Column.DAYS] += 1 if value is None else value
        past = [e for e in mine if start - PRE_PERIOD <= e.occurred_at < start and e.kind != "refund"]
        kinds = Counter(event.kind for event in past)
        shown = {e.occurred_at.astimezone(UTC).date() for e in past if e.kind == "impression"}
        revenue = sum(worth(e) or 0 for e in past if e.kind == "conversion")
        before = [*(kinds[kind] for kind in (*place, "conversion")), revenue, len(shown)] if past else []
        found[shopper] = ShopperSums(
            shopper,
            first.arm,
            len({event.arm for event in touches}) > 1,
            first.occurred_at,
            touches[-1].occurred_at,
            max(event.occurred_at for event in (*touches, *orders)),
            first.device,
            first.placement_id,
            first.variant_id,
            first.drawn_segment_id,
            [[day.toordinal(), *line] for day, line in sorted(days.items())],
            before,
        )
    return found


def stored(experiment):
    return {row.shopper: row for row in shoppers_stored(experiment)}


@pytest.mark.parametrize("seed", range(4))
def test_they_equal_the_events_after_every_refresh_whatever_came_when(shop, seed):
    world = Shop(shop, seed)
    events_record(events=list(world.planted()), received_at=timezone.now())
    for _ in range(4):
        for _ in range(world.rng.randrange(1, 4)):
            events_record(events=world.events(15), received_at=timezone.now())
        if world.rng.random() < 0.5:
            rollups.rollups_refresh()
        if world.rng.random() < 0.5:
            world.rate_enter()
        sums_refresh(world.experiment)
        expected = said_by_the_events(world.experiment)
        assert stored(world.experiment) == expected
    assert expected["both"].is_mixed
    assert [line[-1] for line in expected["abroad"].days] == [1]
    # Nothing that was kept matters: from the beginning they come out the same.
    before = hours_of(world.experiment)
    ExperimentHour.objects.all().delete()
    ExperimentShopper.objects.all().delete()
    sums_refresh(world.experiment)
    assert stored(world.experiment) == expected
    assert with_events(before) == with_events(hours_of(world.experiment))
    # The dividend's way, which keeps nothing.
    start, end = window_of(world.experiment)
    read = shoppers_read(Split.of(world.experiment), start=start, end=end)
    assert {row.shopper: row for row in read} == expected
    bad = Event.objects.filter(experiment_id=world.experiment.pk, occurred_at__lt=end, arm=ARMS[0])
    robots = bad.filter(validity="invalid", invalid_reason__startswith="ua_").count()
    others = bad.filter(validity="invalid").count() - robots
    assert invalid_counts(world.experiment, end=end)[ARMS[0]] == (robots, others, bad.count())


def hours_of(experiment):
    rows = ExperimentHour.objects.filter(experiment=experiment)
    return {hour: (arms, pictures) for hour, arms, pictures in rows.values_list("hour", "arms", "pictures")}


def with_events(hours):
    return {hour: found for hour, found in hours.items() if found[0]}


def test_a_report_without_news_reads_no_event(shop):
    world = Shop(shop, 1)
    events_record(events=world.events(60), received_at=timezone.now())
    rollups.rollups_refresh()
    first = report_compute(world.experiment, now=timezone.now())
    with CaptureQueriesContext(connection) as queries:
        again = report_compute(world.experiment, now=timezone.now())
    assert not [query["sql"] for query in queries if "analytics_event" in query["sql"]]
    assert again["metrics"] == first["metrics"]


def test_only_shoppers_of_changed_hours_are_computed_anew(shop):
    world = Shop(shop, 2)
    events_record(events=world.events(60), received_at=timezone.now())
    rollups.rollups_refresh()
    sums_refresh(world.experiment)
    rows = dict(ExperimentShopper.objects.values_list("shopper_pseudonym", "pk"))
    buyer, *others = rows
    order = world.order(buyer, timezone.now() - timedelta(minutes=1), order_id="fresh")
    events_record(events=[order], received_at=timezone.now())
    quiet = {name for name in others if not recent(name)}
    rollups.rollups_refresh()
    assert ExperimentHour.objects.filter(mark__isnull=False).exists()
    sums_refresh(world.experiment)
    assert not ExperimentHour.objects.filter(mark__isnull=False).exists()
    after = dict(ExperimentShopper.objects.values_list("shopper_pseudonym", "pk"))
    assert quiet
    assert all(rows[name] == after[name] for name in quiet)
    assert rows[buyer] != after[buyer]


def test_what_stopped_is_computed_anew_when_its_orders_are_given_back(shop):
    world = Shop(shop, 4)
    buyer, at = "shopper-1", world.experiment.started_at + DAY
    events_record(events=[*world.events(40), world.order(buyer, at, order_id="O-back")], received_at=at + DAY)
    now = timezone.now() + timedelta(hours=2)
    Experiment.objects.update(status=Experiment.Status.STOPPED, stopped_at=now - timedelta(hours=2))
    rollups.rollups_refresh()
    assert experiment_reports.reports_refresh(now=now) == 1
    assert experiment_reports.reports_refresh(now=now) == 0
    back = IncomingEvent(
        advertiser_id=shop.pk, event_id="back", kind="refund", occurred_at=now, order_id="O-back",
        value_cents=1, currency="EUR",
    )  # fmt: skip
    events_record(events=[back], received_at=now)
    rollups.rollups_refresh()
    assert experiment_reports.reports_refresh(now=now) == 1
    assert experiment_reports.reports_refresh(now=now) == 0


def recent(name):
    hour = timezone.now() - timedelta(hours=2)
    return Event.objects.filter(shopper_pseudonym=name, occurred_at__gte=hour).exists()


def test_a_mark_that_came_meanwhile_stays(shop, monkeypatch):
    world = Shop(shop, 3)
    events_record(events=world.events(20), received_at=timezone.now())
    rollups.rollups_refresh()
    from analytics import experiment_sums

    real, late = experiment_sums.shoppers_rebuild, world.order("shopper-1", timezone.now(), order_id="late")

    def rebuild(*arguments):
        real(*arguments)
        if not Event.objects.filter(event_id=late.event_id).exists():
            events_record(events=[late], received_at=timezone.now())
            rollups.rollups_refresh()

    monkeypatch.setattr(experiment_sums, "shoppers_rebuild", rebuild)
    sums_refresh(world.experiment)
    assert ExperimentHour.objects.filter(mark__isnull=False).exists()
    sums_refresh(world.experiment)
    assert stored(world.experiment) == said_by_the_events(world.experiment)


def test_what_happened_after_the_stop_drops_out(shop):
    world = Shop(shop, 4)
    events_record(events=world.events(60), received_at=timezone.now())
    sums_refresh(world.experiment)
    end = world.experiment.started_at + 4 * DAY + timedelta(minutes=20)
    experiment_stop(advertiser=shop, experiment_id=world.experiment.pk, now=end)
    world.experiment.refresh_from_db()
    sums_refresh(world.experiment)
    rows = stored(world.experiment)
    assert rows == said_by_the_events(world.experiment)
    assert max(row.last_at for row in rows.values()) < end
    counted = Event.objects.filter(experiment_id=world.experiment.pk, occurred_at__lt=end).count()
    assert sum(found.total for found in invalid_counts(world.experiment, end=end).values()) == counted


def test_a_picture_exchanged_is_counted_by_variant_and_place(shop):
    experiment = cast.make_running(shop)
    cast.make_touches(experiment, 30, click_rates=dict.fromkeys(ARMS, 0.2))
    shown = Event.objects.filter(kind="impression")
    shown.update(variant_id=experiment.pk, placement_id=experiment.pk, creative_id=experiment.pk)
    sums_refresh(experiment)
    assert pictures_changed(experiment, end=timezone.now()) == 0
    Event.objects.filter(pk=shown.first().pk).update(creative_id=uuid7())
    cast.touched(experiment)
    sums_refresh(experiment)
    assert pictures_changed(experiment, end=timezone.now()) == 1


def test_each_shopper_is_read_by_their_own_index(shop):
    world = Shop(shop, 5)
    events_record(events=world.events(30), received_at=timezone.now())
    with CaptureQueriesContext(connection) as queries:
        sums_refresh(world.experiment)
    (sql, *_) = [q["sql"] for q in queries if "value_cents" in q["sql"] and "IN (" in q["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if connection.vendor == 'sqlite' else ''} {sql}")
        plan = str(cursor.fetchall())
    assert connection.vendor != "sqlite" or "event_by_shopper" in plan
