#!/usr/bin/env python3
"""How long one erasure takes with 10,000 events, and whether anything of the shopper is found afterwards.

    .venv/bin/python -m benchmarks.erasure [--events 10000]

On a database of its own (SQLite in a temporary folder, or what DATABASE_URL names), which it migrates. On
PostgreSQL the whole of ``pg_dump`` is searched as well, and then a backup that still knows the shopper is
restored and ``replay_erasures`` run. Exits with 1 when anything is found or 60 seconds are not enough.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

BAR_SECONDS = 60


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=10_000)
    count = parser.parse_args().events
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    folder = Path(tempfile.mkdtemp(prefix="erasure-"))
    os.environ["VAR_DIR"] = str(folder)
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test.utils import setup_test_environment
    from django.utils import timezone

    from profiles.pseudonyms import id_stored
    from rights.erasure import erasures_settle, shopper_erase
    from rights.models import Erasure
    from tests import factories
    from tests.hostile import client_make
    from tests.rights.cast import KEY, dump, everywhere

    setup_test_environment()
    call_command("migrate", verbosity=0)
    shop = factories.make_advertiser(f"shop-{time.time_ns()}")
    name = everywhere(shop, factories.make_campaign(shop), events=count)
    order = {"event_id": f"order of {KEY}", "order_id": KEY, "value_cents": 100, "currency": "EUR"}
    answer = client_make(factories.make_key(shop)).post("/api/v1/conversions", {**order, "shopper": KEY})
    assert answer.status_code == 201, answer.content
    texts = {"key": KEY, "pseudonym": name, "name in the key": KEY.partition("@")[0]}
    texts |= {f"digest of {text[:9]}": id_stored(shop.pk, text, KEY) for text in (KEY, order["event_id"])}
    texts |= {
        f"{kind} of the key": hashlib.new(kind, KEY.encode()).hexdigest()
        for kind in ("md5", "sha1", "sha256")
    }
    is_postgresql = connection.vendor == "postgresql"
    if is_postgresql:
        call_command("backup", str(folder / "backup"))

    def found() -> int:
        where = dump() + (_sql_dump() if is_postgresql else "")
        hits = {what: where.count(text) for what, text in texts.items()}
        print(f"found in {len(where):,} characters of rows, files and the database's own: {hits}")
        return sum(hits.values())

    assert found(), "the shopper is there before"
    started = time.perf_counter()
    erasure = shopper_erase(
        advertiser=shop, shopper_key=KEY, origin=Erasure.Origin.COMMAND, now=timezone.now()
    )
    first = time.perf_counter() - started
    started = time.perf_counter()
    erasures_settle(now=timezone.now() + timedelta(seconds=25))
    second = time.perf_counter() - started
    print(f"{erasure.counts['events_unlinked']} events: {first:.2f} s, second pass {second:.2f} s")
    left = found()
    if is_postgresql:
        _restore(folder / "backup")
        print("restored a backup of before:")
        assert found(), "the backup knows the shopper"
        started = time.perf_counter()
        call_command("replay_erasures")
        erasures_settle(now=timezone.now() + timedelta(seconds=25))
        print(f"replayed in {time.perf_counter() - started:.2f} s:")
        left += found()
    sys.exit(int(left > 0 or first + second > BAR_SECONDS))


def _sql_dump() -> str:
    """The whole database as plain SQL."""
    return _run("pg_dump")


def _restore(backup: Path) -> None:
    (file,) = backup.glob("*/adplatform.dump")
    _run("pg_restore", "--clean", "--if-exists", "--no-owner", str(file))


def _run(program: str, *arguments: str) -> str:
    from django.db import connection

    kept = connection.settings_dict
    connection.close_pool()  # a restore drops tables that an open connection holds
    places = {"PGHOST": kept["HOST"], "PGPORT": str(kept["PORT"] or ""), "PGUSER": kept["USER"],
              "PGPASSWORD": kept["PASSWORD"]}  # fmt: skip
    command = [program, "--dbname", kept["NAME"], *arguments]
    return subprocess.run(  # noqa: S603
        command, env={**os.environ, **places}, check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    main()
