"""What benchmarks ask of processes and of the database beside the clock."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from django.db import connection


def processor_seconds(pids: Iterable[int]) -> dict[int, float]:
    """Time on a processor so far of each process with all its threads; without those that ended."""
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            threads = Path(f"/proc/{pid}/task").iterdir()
            found[pid] = sum(int((at / "schedstat").read_text().split()[0]) for at in threads) / 1e9
    return found


def children_of(pid: int) -> list[int]:
    """The workers that a granian started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def backends() -> list[int]:
    """PostgreSQL's processes for this database; none for SQLite, whose work its callers do."""
    return _numbers("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")


def deadlocks() -> int:
    """Since the database's statistics began."""
    found = _numbers("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return found[0] if found else 0


def _numbers(sql: str) -> list[int]:
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [number for (number,) in cursor.fetchall()]
