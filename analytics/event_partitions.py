"""PostgreSQL keeps events in one partition a day: the day inside the id of their decision.

That id is ours, is signed into the token and comes back with every event, so whatever is sent again lands
where it was; what must be unique can be so within a partition (docs/decisions/0008). Orders and refunds have
no decision and share one partition for ever. Two open ends take what no day holds, so no insert ever fails
for want of a partition. SQLite has one table, and everything here does nothing there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db import connection, transaction

from adplatform.lib.ids import uuid7_first

TABLE = "analytics_event"
BEFORE, AFTER, UNDATED = f"{TABLE}_before", f"{TABLE}_after", f"{TABLE}_undated"
AHEAD = timedelta(days=7)  # so long may nobody look after the partitions before days share one
LOCK_WAIT = "1s"  # writers queue behind us meanwhile; the next run tries again
_DAY = re.compile(rf"{TABLE}_d(\d{{8}})")
_UUID = re.compile(r"'([0-9a-f-]{36})'")


@dataclass(frozen=True)
class Partitions:
    """``days`` that have a partition of their own, from ``first`` on and before ``end`` without a gap."""

    first: date
    end: date

    @property
    def days(self) -> list[date]:
        """All of them."""
        return [self.first + timedelta(days=number) for number in range((self.end - self.first).days)]


def partitions_get() -> Partitions | None:
    """What the database says; None where there are none."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_get_expr(relpartbound, pg_class.oid) FROM pg_inherits "
            "JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = %s::regclass AND relname = ANY(%s)",
            [TABLE, [BEFORE, AFTER]],
        )
        bounds = dict(cursor.fetchall())
    return Partitions(_day_of(bounds[BEFORE]), _day_of(bounds[AFTER]))


def partitions_ensure(*, today: date, first: date | None = None) -> list[date]:
    """A partition for every day up to a week ahead, and from ``first`` on; the days that got one.

    Events that an open end already holds move. Raises OperationalError when somebody reads the events for too
    long: nothing is done then, and the next run tries again.
    """
    end = today + AHEAD + timedelta(days=1)
    found = partitions_get()
    if found is None or (found.end >= end and found.first <= (first or found.first)):
        return []
    with _locked() as now:
        wanted = Partitions(min(first or now.first, now.first), max(end, now.end))
        missing = [day for day in wanted.days if not now.first <= day < now.end]
        # The other end stays as it is: attaching reads all that an end holds, and that of the days before may
        # be everything from before the partitions.
        moving = [
            end for end, moves in ((BEFORE, wanted.first < now.first), (AFTER, wanted.end > now.end)) if moves
        ]
        _execute(*(f"ALTER TABLE {TABLE} DETACH PARTITION {end}" for end in moving))
        for day in missing:
            _day_create(day)
        low, high = _floor(wanted.first), _floor(wanted.end)
        _execute(
            *(
                f"WITH moved AS (DELETE FROM {end} WHERE decision_id >= '{low}' AND decision_id < '{high}' "  # noqa: S608 # nosec B608
                f"RETURNING *) INSERT INTO {TABLE} SELECT * FROM moved"
                for end in moving
            ),
            "SET CONSTRAINTS ALL IMMEDIATE",
            *(_end_attach(end, wanted) for end in moving),
        )
    return missing


@contextmanager
def _locked() -> Iterator[Partitions]:
    """Alone with the table, in a transaction; writers wait for the milliseconds that it takes."""
    with transaction.atomic():
        _execute(
            f"SET LOCAL lock_timeout = '{LOCK_WAIT}'", f"LOCK TABLE ONLY {TABLE} IN ACCESS EXCLUSIVE MODE"
        )
        found = partitions_get()
        assert found is not None  # noqa: S101  (on PostgreSQL)
        yield found


def _day_create(day: date) -> None:
    low, high = _floor(day), _floor(day + timedelta(days=1))
    _execute(
        f"CREATE TABLE {_name(day)} PARTITION OF {TABLE} FOR VALUES FROM ('{low}') TO ('{high}')",
        f"ALTER TABLE {_name(day)} ADD PRIMARY KEY (id)",
    )


def _end_attach(end: str, days: Partitions) -> str:
    if end == BEFORE:
        bounds = f"FROM (MINVALUE) TO ('{_floor(days.first)}')"
    else:
        bounds = f"FROM ('{_floor(days.end)}') TO (MAXVALUE)"
    return f"ALTER TABLE {TABLE} ATTACH PARTITION {end} FOR VALUES {bounds}"


def _name(day: date) -> str:
    return f"{TABLE}_d{day:%Y%m%d}"


def _floor(day: date) -> UUID:
    return uuid7_first(datetime.combine(day, time.min, UTC))


def _day_of(bound: str) -> date:
    """From the text of an open end's bound; the other end is MINVALUE or MAXVALUE."""
    found = _UUID.search(bound)
    assert found is not None, bound  # noqa: S101
    return datetime.fromtimestamp((UUID(found[1]).int >> 80) / 1000, UTC).date()


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
