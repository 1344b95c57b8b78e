"""kill -9 in the middle of ingestion: nothing that was answered 202 is lost, nothing is counted twice.

    python benchmarks/kill.py [--kills 3] [--seconds 4] [--port 8150] [--fault kill|freeze|command]

Four clients post batches to a granian with two workers while its whole process group is killed and started
again, time after time; or frozen for three seconds and thawed; or a command crashes the database
(``--command "pg_ctl ... -m immediate restart"``). In the end eight clients send everything once more, in
random order. The run fails
when fewer rows are stored than were accepted, when an id is stored twice, when the resend leaves a row out or
adds one, when the roll-ups' sum is not the number of rows, or (PostgreSQL) when there was a deadlock. Uses a
SQLite database of its own, or the one that DATABASE_URL names.
"""

from __future__ import annotations

import argparse
import atexit

# ruff: noqa: E402  (Django's settings have to be named before Django is imported)
import contextlib
import http.client
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="adplatform-benchmark-")
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ["DJANGO_SETTINGS_MODULE"] = "adplatform.settings"
os.environ["EVENTS_SOURCE_MINUTE"] = "0"  # all of it comes from here

import django

django.setup()

from django.core.management import call_command
from django.db import connection, connections

from accounts.models import Advertiser
from adplatform.lib.ids import uuid7
from analytics import rollups
from analytics.models import DailyRollup, Event
from benchmarks.measuring import deadlocks
from benchmarks.sample_events import BROWSER, event_make

CLIENTS, RESENDERS, BATCH = 4, 8, 10


class Server:
    """granian in a process group of its own, so that one signal kills all of it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            sys.executable, "-m", "granian", "--interface", "wsgi", "adplatform.wsgi:application",
            "--port", str(self.port), "--workers", "2", "--blocking-threads", "4", "--no-ws",
            "--log-level", "error",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)  # noqa: S603
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                link.request("GET", "/healthz")
                if link.getresponse().status == 200:
                    return
            time.sleep(0.1)

    def freeze(self, seconds: float) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.killpg(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def post(port: int, events: list[dict[str, str]]) -> int:
    """The number accepted. Raises OSError or HTTPException when the server dies before it answers."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"events": events})
    link.request("POST", "/api/v1/events", body, {"Content-Type": "text/plain", "User-Agent": BROWSER})
    response = link.getresponse()
    answer = json.loads(response.read())
    if response.status == 503:  # "send the same batch again"
        raise OSError("busy")
    if response.status != 202 or answer["rejected"]:
        raise SystemExit(f"{response.status}: {answer}")
    return int(answer["accepted"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of load before each kill")
    parser.add_argument("--port", type=int, default=8150)
    parser.add_argument("--fault", choices=("kill", "freeze", "command"), default="kill")
    parser.add_argument("--command", default="", help="what --fault command runs")
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    advertiser = Advertiser.objects.create(name="Benchmark", slug=f"kill-{uuid7().hex[-12:]}")
    deadlocks_before = deadlocks()
    server, stopping = Server(options.port), threading.Event()
    atexit.register(lambda: server.process is not None and server.process.poll() is None and server.kill())
    sent: list[dict[str, str]] = []
    accepted = unanswered = 0
    lock = threading.Lock()

    def client() -> None:
        nonlocal accepted, unanswered
        while not stopping.is_set():
            events = [event_make(advertiser) for _ in range(BATCH)]
            with lock:
                sent.extend(events)
            try:
                count = post(options.port, events)
            except (OSError, http.client.HTTPException, ValueError):
                with lock:
                    unanswered += 1
                time.sleep(0.3)
                continue
            with lock:
                accepted += count

    server.start()
    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for _ in range(options.kills):
        accepted_before = accepted
        time.sleep(options.seconds)
        while accepted == accepted_before:  # a fault that interrupts nothing proves nothing
            time.sleep(0.2)
        if options.fault == "kill":
            server.kill()
            server.start()
        elif options.fault == "freeze":
            server.freeze(3.0)
        else:
            subprocess.run(shlex.split(options.command), check=True, cwd="/tmp", stdout=subprocess.DEVNULL)  # noqa: S603, S108
    stopping.set()
    for thread in threads:
        thread.join()
    connections.close_all()
    if connection.vendor == "postgresql":
        connection.close_pool()  # ours was cut off with the database
    rows = Event.objects.filter(advertiser=advertiser).count()

    def resend(number: int) -> int:
        mixed = sent[:]
        random.Random(number).shuffle(mixed)
        total = 0
        for start in range(0, len(mixed), 50):
            while True:
                with contextlib.suppress(OSError):
                    total += post(options.port, mixed[start : start + 50])
                    break
        return total

    with ThreadPoolExecutor(RESENDERS) as pool:
        added = sum(pool.map(resend, range(RESENDERS)))
    server.kill()
    stored = Event.objects.filter(advertiser=advertiser)
    final, distinct = stored.count(), stored.values("event_id").distinct().count()
    rollups.rollups_refresh()
    counted = sum(DailyRollup.objects.filter(advertiser=advertiser).values_list("impressions", flat=True))
    met = max(0, deadlocks() - deadlocks_before)  # a crashed database forgets what it counted
    print(f"database              {connection.vendor}")
    print(f"{options.fault + 's':<22}{options.kills:10,}   {unanswered} requests unanswered")
    print(f"accepted (202)        {accepted:10,}")
    print(f"rows after the kills  {rows:10,}")
    print(f"sent                  {len(sent):10,}")
    print(f"added by the resend   {added:10,}   by {RESENDERS} clients in random order, {met} deadlocks")
    print(f"rows                  {final:10,}   distinct {distinct:,}")
    print(f"roll-ups' sum         {counted:10,}")
    advertiser.delete()
    if rows < accepted:
        raise SystemExit("events that were answered 202 are lost")
    if not final == distinct == counted == len(sent) == rows + added or met:
        raise SystemExit("events were counted twice or left out")


if __name__ == "__main__":
    main()
