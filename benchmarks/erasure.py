#!/usr/bin/env python3
"""How long one erasure takes with 10,000 events, and whether anything of the shopper is found afterwards.

    .venv/bin/python -m benchmarks.erasure [--events 10000]

On a database of its own (SQLite in a temporary folder, or what DATABASE_URL names), which it migrates.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from datetime import timedelta


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=10_000)
    count = parser.parse_args().events
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="erasure-")
    import django

    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    from rights.erasure import erasures_settle, shopper_erase
    from rights.models import Erasure
    from tests import factories
    from tests.rights.cast import KEY, dump, everywhere

    call_command("migrate", verbosity=0)
    shop = factories.make_advertiser("shop")
    name = everywhere(shop, factories.make_campaign(shop), events=count)
    started = time.perf_counter()
    erasure = shopper_erase(
        advertiser=shop, shopper_key=KEY, origin=Erasure.Origin.COMMAND, now=timezone.now()
    )
    first = time.perf_counter() - started
    started = time.perf_counter()
    erasures_settle(now=timezone.now() + timedelta(seconds=25))
    second = time.perf_counter() - started
    found = dump()
    print(f"{erasure.counts['events_unlinked']} events: {first:.2f} s, second pass {second:.2f} s, bar 60 s")
    hits = {"key": found.count(KEY), "pseudonym": found.count(name)}
    print(f"found in {len(found):,} characters of rows, files and SQLite's own file: {hits}")


if __name__ == "__main__":
    main()
