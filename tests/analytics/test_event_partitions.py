"""Events by the day of their decision: what is sent again is found again, whichever day it is."""

from __future__ import annotations

import importlib
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext

from adplatform.lib.ids import uuid7
from analytics import event_partitions, tasks
from analytics.event_partitions import TABLE, partitions_ensure, partitions_get
from analytics.models import Event
from analytics.services import events_record
from tests import factories
from tests.analytics.test_rollups import incoming

MONDAY = datetime(2026, 11, 2, 12, tzinfo=UTC)
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one table")


def story(shop, days=10) -> list:
    """Decisions of several days, some acted on days later; orders and a refund."""
    events = []
    for day in range(days):
        at = MONDAY + timedelta(days=day)
        for number in range(3):
            decision = {"decision_id": uuid7(at + timedelta(hours=5 * number)), "shopper_pseudonym": ""}
            events += [
                incoming(shop, "impression", at, **decision),
                incoming(shop, "viewable", at, **decision),
                incoming(shop, "click", at + timedelta(days=number), **decision),
            ]
        events.append(incoming(shop, "conversion", at, shopper_pseudonym="", order_id=f"O{day}"))
        events.append(incoming(shop, "refund", at, shopper_pseudonym="", order_id=f"O{day}"))
    return events


def send(events, seed, at=MONDAY, size=7) -> int:
    """In batches in a random order; how many were new."""
    mixed = events[:]
    random.Random(seed).shuffle(mixed)
    batches = (mixed[i : i + size] for i in range(0, len(mixed), size))
    return sum(events_record(events=batch, received_at=at).accepted for batch in batches)


def stored_in(**found) -> set[str]:
    """The partitions of these events."""
    events = Event.objects.filter(**found).extra(select={"place": "tableoid::regclass::text"})
    return {place.removeprefix(f"{TABLE}_") for place in events.values_list("place", flat=True)}


@pytest.mark.parametrize("seed", range(3))
def test_a_full_resend_on_other_days_adds_nothing(shop, seed):
    events = story(shop)
    assert send(events, seed) == len(events)
    # Days go by, and with them partitions come; a decision's own day stays its day.
    for week in range(1, 4):
        partitions_ensure(today=(MONDAY + timedelta(weeks=week)).date(), first=MONDAY.date())
        assert send(events, seed + week, at=MONDAY + timedelta(weeks=week)) == 0
    assert Event.objects.count() == len(events)


@pytest.mark.django_db(transaction=True)
def test_eight_clients_send_everything_at_once_while_partitions_are_made():
    shop = factories.make_advertiser()
    events = story(shop)

    def client(number):
        try:
            return send(events, number)
        finally:
            connections.close_all()

    def keeper():
        try:
            return partitions_ensure(today=date(2026, 12, 20), first=MONDAY.date())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(9) as pool:
        clients = [pool.submit(client, number) for number in range(8)]
        made = pool.submit(keeper).result(60)
        assert sum(found.result(60) for found in clients) == len(events) == Event.objects.count()
    assert bool(made) == (connection.vendor == "postgresql")
    assert sum(send(events, seed) for seed in range(3)) == 0


def test_an_id_used_for_two_decisions_names_two_events(shop):
    today, next_day = (
        incoming(shop, "impression", event_id="1", decision_id=uuid7(MONDAY + timedelta(days=day)))
        for day in range(2)
    )
    same_day = incoming(shop, "impression", event_id="1", decision_id=uuid7(MONDAY))
    order = incoming(shop, "conversion", event_id="1")
    assert events_record(events=[today, next_day, same_day, order], received_at=MONDAY).accepted == 4
    assert events_record(events=[order, same_day, next_day, today], received_at=MONDAY).duplicates == 4
    assert Event.objects.filter(validity="valid").count() == 4
    # Of one decision it is one, whatever else is said of it; of the orders, too.
    other_kind = incoming(shop, "click", event_id="1", decision_id=today.decision_id)
    other_order = incoming(shop, "refund", event_id="1")
    assert events_record(events=[other_kind, other_order], received_at=MONDAY).duplicates == 2


# --- PostgreSQL's partitions
@on_postgresql
def test_a_decisions_day_names_the_partition_and_orders_have_their_own(shop):
    partitions_ensure(today=MONDAY.date(), first=MONDAY.date())
    send(story(shop, days=2), seed=1)
    assert stored_in(kind__in=("conversion", "refund")) == {"undated"}
    assert stored_in(kind="click") == {"d20261102", "d20261103"}
    early = incoming(shop, "impression", decision_id=uuid7(MONDAY - timedelta(days=1)))
    events_record(events=[early], received_at=MONDAY)
    assert stored_in(decision_id=early.decision_id) == {"before"}


@on_postgresql
def test_what_waited_at_an_open_end_moves_into_its_day(shop):
    ends = partitions_get()
    late = datetime.combine(ends.end, MONDAY.timetz()) + timedelta(days=20)
    for at in (late, MONDAY):
        event = incoming(shop, "impression", at, decision_id=uuid7(at), shopper_pseudonym="")
        events_record(events=[event], received_at=at)
    assert stored_in() == {"after", "before"}
    made = partitions_ensure(today=late.date(), first=MONDAY.date())
    assert stored_in() == {f"d{late:%Y%m%d}", "d20261102"}
    assert MONDAY.date() in made
    assert partitions_get().days == [made[0] + timedelta(days=n) for n in range(len(partitions_get().days))]
    assert partitions_ensure(today=late.date()) == []
    assert events_record(events=[event], received_at=MONDAY).duplicates == 1


@on_postgresql
@pytest.mark.django_db
def test_another_day_reads_nothing_of_the_time_before_the_partitions():
    """That end may hold millions of events, and attaching it anew would read them all under the lock."""
    found = partitions_get()
    with CaptureQueriesContext(connection) as queries:
        assert partitions_ensure(today=found.end)
    statements = [query["sql"] for query in queries if "pg_inherits" not in query["sql"]]
    assert statements
    assert not [sql for sql in statements if f"{TABLE}_before" in sql]


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_long_reader_keeps_no_writer_waiting(monkeypatch):
    shop = factories.make_advertiser()
    monkeypatch.setattr(event_partitions, "LOCK_WAIT", "100ms")
    days, far = partitions_get(), date(2027, 3, 1)

    def tried():
        try:
            with pytest.raises(OperationalError):
                partitions_ensure(today=far)
            monkeypatch.setattr(tasks.timezone, "now", lambda: datetime(2027, 3, 1, tzinfo=UTC))
            tasks.event_partitions_ensure()  # says so and goes on
        finally:
            monkeypatch.undo()
            connections.close_all()

    with connection.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        cursor.execute("BEGIN")
        cursor.execute(f"SELECT count(*) FROM {TABLE}")  # noqa: S608
        pool.submit(tried).result(30)
        cursor.execute("COMMIT")
    assert partitions_get() == days
    event = incoming(shop, "impression", decision_id=uuid7(datetime(2027, 3, 1, tzinfo=UTC)))
    assert events_record(events=[event], received_at=MONDAY).accepted == 1
    assert partitions_ensure(today=far)


@on_postgresql
def test_an_hour_opens_the_partitions_of_its_decisions_alone(shop):
    partitions_ensure(today=date(2026, 11, 25), first=date(2026, 6, 1))
    hour = datetime(2026, 9, 1, 10, tzinfo=UTC)
    ends = [hour - timedelta(days=30), hour + timedelta(minutes=59), hour + timedelta(days=29)]
    events = [incoming(shop, "impression", hour, decision_id=uuid7(at)) for at in ends]
    events.append(incoming(shop, "conversion", hour))
    assert send(events, seed=1) == 4
    found = Event.objects.within(hour, hour + timedelta(hours=1)).filter(advertiser=shop)
    assert found.count() == 4
    assert found.explain().count("event_d") in range(60, 130)  # of 186 days; a line or two each
    plan = Event.objects.filter(decision_id__in=[event.decision_id for event in events[:2]]).explain()
    assert {day for day in ("d20260802", "d20260901", "d20260930") if day in plan} == {
        "d20260802",
        "d20260901",
    }


@on_postgresql
def test_the_migration_moves_orders_and_leaves_the_rest_where_it_is(db):
    migration = importlib.import_module("analytics.migrations.0018_events_by_day")
    far = UUID("ffffffff-0000-4000-8000-000000000000")  # of no day of ours
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA old; SET LOCAL search_path = old, public")
        cursor.execute(f"CREATE TABLE {TABLE} (LIKE public.{TABLE}_undated INCLUDING DEFAULTS)")
        cursor.execute(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (id)")
        cursor.execute(f"ALTER TABLE {TABLE} ADD CONSTRAINT event_once UNIQUE (advertiser_id, event_id)")
        cursor.execute(
            f"ALTER TABLE {TABLE} ADD FOREIGN KEY (advertiser_id) REFERENCES accounts_advertiser(id) "
            "DEFERRABLE INITIALLY DEFERRED"
        )
        cursor.execute(f"CREATE INDEX event_of_advertiser ON {TABLE} (advertiser_id)")
        for name, sql in (migration.KEPT | migration.UNDATED).items():
            if name != "event_once_undated":
                cursor.execute("CREATE " + sql.format(name=name, table=TABLE))
        shop = factories.make_advertiser()
        for number, decision in enumerate([uuid7(MONDAY), uuid7(MONDAY), None, far]):
            Event.objects.create(
                advertiser=shop,
                event_id=str(number),
                kind="impression" if decision else "conversion",
                decision_id=decision,
                order_id="" if decision else "O1",
                occurred_at=MONDAY,
                received_at=MONDAY,
            )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with connection.schema_editor(atomic=False) as editor:
            migration.partition(None, editor)
        assert stored_in(event_id__in=["0", "1"]) == {"before"}
        assert (stored_in(event_id="2"), stored_in(event_id="3")) == ({"undated"}, {"after"})
        assert Event.objects.count() == 4
        again = incoming(shop, "conversion", event_id="2")
        assert events_record(events=[again], received_at=MONDAY).duplicates == 1
