"""What an event costs: batches of 100 beside single posts, through the whole WSGI application.

    python benchmarks/ingest.py [--events 3000] [--rounds 3]

Both kinds take turns inside one run, every request commits before it is answered, and only their ratio
means anything on a shared machine. The run fails when an answer is not 202, when fewer rows are stored
than were accepted, or when a full resend by eight clients at once, each in a random order, adds one. Uses a
SQLite database of its own in a temporary folder, or the one that DATABASE_URL names.
"""

from __future__ import annotations

import argparse

# ruff: noqa: E402  (Django's settings have to be named before Django is imported)
import io
import json
import os
import random
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="adplatform-benchmark-")
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ["DJANGO_SETTINGS_MODULE"] = "adplatform.settings"
os.environ["EVENTS_SOURCE_MINUTE"] = "0"  # all of it comes from here

import django

django.setup()

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection, connections

from accounts.models import Advertiser
from adplatform.lib.ids import uuid7
from analytics import rollups
from analytics.models import DailyRollup, Event
from benchmarks.sample_events import BROWSER, event_make

BATCH = 100
TARGETS = {"sqlite": 5.0, "postgresql": 15.0}  # batch-100 to single
RESENDERS = 8


def post(application, events: list[dict[str, str]]) -> int:
    """Send one batch; the number accepted."""
    body = json.dumps({"events": events}).encode()
    status: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/api/v1/events", "QUERY_STRING": "",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "HTTP_HOST": "localhost",
        "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": str(len(body)), "HTTP_USER_AGENT": BROWSER, "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http", "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    response = application(environ, lambda line, headers, exc_info=None: status.append(line))
    answer = json.loads(b"".join(response))
    response.close()
    if not status[0].startswith("202") or answer["rejected"]:
        raise SystemExit(f"{status[0]}: {answer}")
    return answer["accepted"]


def measure(application, events: list[dict[str, str]], size: int) -> tuple[float, int]:
    """Events a second, and how many were accepted."""
    start = time.perf_counter()
    accepted = sum(post(application, events[i : i + size]) for i in range(0, len(events), size))
    return len(events) / (time.perf_counter() - start), accepted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=3000, help="in batches, a round; a tenth of it singly")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    advertiser = Advertiser.objects.create(name="Benchmark", slug=f"ingest-{uuid7().hex[-12:]}")
    application = get_wsgi_application()
    post(application, [event_make(advertiser)])  # warm

    sent: list[dict[str, str]] = []
    accepted, batch_rates, single_rates = 1, [], []
    for _ in range(options.rounds):
        batched = [event_make(advertiser) for _ in range(options.events)]
        single = [event_make(advertiser) for _ in range(options.events // 10)]
        for events, size, rates in ((batched, BATCH, batch_rates), (single, 1, single_rates)):
            rate, count = measure(application, events, size)
            rates.append(rate)
            accepted += count
        sent += batched + single

    stored = Event.objects.filter(advertiser=advertiser)
    rows = stored.count()

    def resend(number: int) -> int:
        mixed = sent[:]
        random.Random(number).shuffle(mixed)
        try:
            return measure(application, mixed, BATCH)[1]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(RESENDERS) as pool:
        again = sum(pool.map(resend, range(RESENDERS)))
    rollups.rollups_refresh()
    counted = sum(DailyRollup.objects.filter(advertiser=advertiser).values_list("impressions", flat=True))
    target = TARGETS[connection.vendor]
    batch, single = statistics.median(batch_rates), statistics.median(single_rates)
    print(f"database            {connection.vendor}")
    print(f"single posts        {single:10,.0f} events/s")
    print(f"batches             {batch:10,.0f} events/s")
    print(f"ratio               {batch / single:10.1f}   (target {target})")
    print(f"accepted            {accepted:10,}")
    print(f"rows                {rows:10,}")
    print(f"rows of the resend  {again:10,}   ({RESENDERS} clients at once)")
    print(f"roll-up's sum       {counted:10,}")
    advertiser.delete()
    if rows < accepted or again or counted != rows:
        raise SystemExit("events were lost or counted twice")
    if batch / single < target:
        raise SystemExit("batches are too slow")


if __name__ == "__main__":
    main()
