"""Batches of 100 events over HTTP: how many a second, and what an event costs in each process.

    python benchmarks/ingest_http.py [--events 20000] [--rounds 3] [--clients 8] [--buffer redis://127.0.0.1/9]

The hot worker group as ``serve`` runs it, with two processes, and client processes that each keep a
connection open and send bodies made beforehand, with a secret key, like a shop's server. All of them and
the database share this machine's cores. Processor time is from /proc: of the web processes, of PostgreSQL's
for this database (not of those that all databases of a server share), of the clients, with ``--buffer`` of
the drain and of Redis. On a busy machine only that time means anything: two cores have two million
microseconds a second.

The run fails when an answer is not 202 or refuses an item, when fewer rows are stored than were accepted,
when a full resend by eight clients, each in a random order, adds one, or when PostgreSQL met a deadlock.
With ``--buffer`` the clock stops when the last event is committed. Uses a SQLite database of its own in a
temporary folder, or the one that DATABASE_URL names.
"""

from __future__ import annotations

import argparse

# ruff: noqa: E402  (Django's settings have to be named before Django is imported)
import json
import multiprocessing
import os
import random
import signal
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="adplatform-benchmark-")
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ["DJANGO_SETTINGS_MODULE"] = "adplatform.settings"
os.environ["SERVING_KEY_RATE"] = "0"  # one key sends all
os.environ["PYTHONPATH"] = str(ROOT)
if "--buffer" in sys.argv:
    os.environ["EVENTS_BUFFER_URL"] = sys.argv[sys.argv.index("--buffer") + 1]

import django

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from accounts.models import Advertiser
from accounts.services import api_key_create
from adplatform.lib.ids import uuid7
from adplatform.supervisor import Child, drain_child, web_children
from analytics.models import Event
from benchmarks.measuring import backends, children_of, deadlocks, processor_seconds
from benchmarks.sample_events import BROWSER, events_make
from profiles.models import Shopper

BATCH, RESENDERS, SHOPPERS = 100, 8, 20_000
TARGETS = {"sqlite": 10_000, "postgresql": 20_000}  # events a second on two quiet cores


def request_make(events: Sequence[bytes], key: str) -> bytes:
    """A whole HTTP request."""
    body = b'{"events":[' + b",".join(events) + b"]}"
    head = (
        f"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"User-Agent: {BROWSER}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send(port: int, requests: Sequence[bytes], out: Any) -> None:
    """One client: each request as soon as the one before is answered; puts (accepted, what was not 202)."""
    accepted, wrong = 0, []
    try:
        with socket.create_connection(("127.0.0.1", port)) as link:
            for request in requests:
                accepted += _ask(link, request)
    except (OSError, ValueError) as error:
        wrong.append(repr(error))
    out.put((accepted, wrong, time.process_time()))


def _ask(link: socket.socket, request: bytes) -> int:
    """The number accepted. Raises ValueError for any other answer than 202 without a refused item."""
    link.sendall(request)
    answer = part = link.recv(65536)
    while part and not answer.endswith(b"}"):  # every answer of this address is JSON
        answer += (part := link.recv(65536))
    body = answer.partition(b"\r\n\r\n")[2]
    if not answer.startswith(b"HTTP/1.1 202") or b'"rejected":[]' not in body:
        raise ValueError(answer[-300:])
    return int(json.loads(body)["accepted"])


def clients_run(port: int, shares: Sequence[Sequence[bytes]]) -> tuple[int, float]:
    """All shares at once: the number accepted and the clients' processor seconds."""
    out: multiprocessing.Queue = multiprocessing.Queue()
    clients = [multiprocessing.Process(target=send, args=(port, share, out)) for share in shares]
    for client in clients:
        client.start()
    found = [out.get() for _ in clients]
    for client in clients:
        client.join()
    wrong = [answer for _, some, _ in found for answer in some]
    if wrong:
        raise SystemExit(f"not every answer was 202: {wrong[0]}")
    return sum(accepted for accepted, _, _ in found), sum(spent for _, _, spent in found)


def buffer_wait() -> None:
    """Until all that was sent through the buffer is stored."""
    if settings.EVENTS_BUFFER_URL:
        from analytics.event_buffer import oldest_get

        while oldest_get() is not None:
            time.sleep(0.02)


def redis_pid() -> list[int]:
    if not settings.EVENTS_BUFFER_URL:
        return []
    from redis import Redis

    info: Any = Redis.from_url(settings.EVENTS_BUFFER_URL).info("server")
    return [int(info["process_id"])]


class Meter:
    """Processor time of each part between two moments."""

    def __init__(self, parts: dict[str, Callable[[], list[int]]]) -> None:
        self._parts = parts
        self._before = self._now()

    def spent(self) -> dict[str, float]:
        """Seconds by part; a process that is new counts from its start."""
        now = self._now()
        return {
            part: sum(seconds - self._before[part].get(pid, 0.0) for pid, seconds in found.items())
            for part, found in now.items()
        }

    def _now(self) -> dict[str, dict[int, float]]:
        return {part: processor_seconds(pids()) for part, pids in self._parts.items()}


def children_start(port: int) -> list[Child]:
    """The hot worker group without the pages, and the drain where there is a buffer; once they answer."""
    _, hot = web_children("127.0.0.1", port, 2, 1)
    hot.environment = {}
    children = [hot, drain_child()] if settings.EVENTS_BUFFER_URL else [hot]
    for child in children:
        child.start()
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5)
            return children
        except OSError:
            time.sleep(0.2)


def measure(children: Sequence[Child], advertiser: Advertiser, options: argparse.Namespace) -> None:
    """All rounds, the resend, and what came of it."""
    rng = random.Random(1)
    pseudonyms = [f"{rng.getrandbits(256):064x}" for _ in range(SHOPPERS)]
    Shopper.objects.bulk_create(
        Shopper(advertiser=advertiser, pseudonym=pseudonym, measurement_allowed=True)
        for pseudonym in pseudonyms
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE profiles_shopper")  # PostgreSQL would within a minute
    _, key = api_key_create(advertiser=advertiser, name="benchmark", kind="secret")
    pids = [child.process.pid for child in children if child.process is not None]
    parts: dict[str, Callable[[], list[int]]] = {
        "web": lambda: [pids[0], *children_of(pids[0])],
        "database": backends,
    }
    if settings.EVENTS_BUFFER_URL:
        parts |= {"drain": lambda: pids[1:], "redis": redis_pid}
    met, sent, accepted, rates, costs = deadlocks(), [], 0, [], []
    for number in range(options.rounds + 1):  # the first warms everything up
        made = events_make(advertiser, pseudonyms=pseudonyms, count=options.events, rng=rng)
        events = [json.dumps(event).encode() for event in made]
        requests = [request_make(events[at : at + BATCH], key) for at in range(0, len(events), BATCH)]
        meter, started = Meter(parts), time.perf_counter()
        count, clients = clients_run(
            options.port, [requests[n :: options.clients] for n in range(options.clients)]
        )
        buffer_wait()
        elapsed, spent = time.perf_counter() - started, meter.spent() | {"clients": clients}
        sent += events
        accepted += count
        if number:
            rates.append(len(events) / elapsed)
            costs.append({part: seconds / len(events) * 1e6 for part, seconds in spent.items()})
    rows = Event.objects.filter(advertiser=advertiser).count()

    shares = []
    for _ in range(RESENDERS):
        rng.shuffle(sent)
        shares.append([request_make(sent[at : at + BATCH], key) for at in range(0, len(sent), BATCH)])
    clients_run(options.port, shares)
    buffer_wait()
    added = Event.objects.filter(advertiser=advertiser).count() - rows
    met = deadlocks() - met
    target, whole = TARGETS[connection.vendor], statistics.median(sum(cost.values()) for cost in costs)
    print(f"database                {connection.vendor}{', buffered' if settings.EVENTS_BUFFER_URL else ''}")
    print(
        f"events/s by the clock   {statistics.median(rates):10,.0f}   {min(rates):,.0f} to {max(rates):,.0f}"
    )
    for part in costs[0]:
        print(f"us an event, {part:<10} {statistics.median(cost[part] for cost in costs):10.1f}")
    print(f"us an event, all        {whole:10.1f}")
    print(f"two quiet cores         {2e6 / whole:10,.0f} events/s reckoned   (target {target:,})")
    print(f"accepted                {accepted:10,}")
    print(f"rows                    {rows:10,}")
    print(f"rows of the resend      {added:10,}   {RESENDERS} clients at once, {met} deadlocks")
    print(f"load of the machine     {os.getloadavg()[0]:10.1f}")
    if rows < accepted or added or met:
        raise SystemExit("events were lost or counted twice, or batches met in a deadlock")
    if 2e6 / whole < target:
        raise SystemExit("batches cost too much")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--port", type=int, default=8160)
    parser.add_argument("--buffer", default="", help="a Redis for EVENTS_BUFFER_URL")
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    advertiser = Advertiser.objects.create(name="Benchmark", slug=f"ingest-{uuid7().hex[-12:]}")
    connections.close_all()
    children = children_start(options.port)
    try:
        measure(children, advertiser, options)
    finally:
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.wait_or_kill()
        advertiser.delete()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
