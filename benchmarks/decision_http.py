"""What a decision costs over HTTP: both worker groups of ``serve``, an echo view, a dashboard in use.

    python benchmarks/decision_http.py [--seconds 4] [--rounds 3] [--port 8140]

Every round measures all cases one after the other against the same running servers, so that their ratios mean
something on a shared machine; the load comes from this machine too. A case is C connections kept open, each
asking again as soon as it is answered. Every answer has to be a 200 (and every placement filled), or the run
fails. Processor time is that of the hot group alone, from /proc.
"""

from __future__ import annotations

import argparse

# ruff: noqa: E402  (the repository has to be on the path first)
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.measuring import children_of, processor_seconds

TARGETS = {
    "rate, decision / echo": 0.5,
    "processor, decision / echo": 2.0,
    "p99 ms at 2": 10.0,
    "beside": 0.8,
}
SEED = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.test import Client
from accounts.models import ApiKey, Membership
from tests import factories
from tests.campaigns.serving_cast import make_live, make_variant
shop = factories.make_advertiser("benchmark")
campaign, placement = make_live(shop)
for _ in range(50):
    make_variant(campaign, placement)
client = Client()
client.force_login(factories.make_member(shop, Membership.Role.ADMIN, "alice"))
print(factories.make_key(shop, ApiKey.Kind.PUBLISHABLE), client.cookies["sessionid"].value)
"""


def ask(port: int, target: str, seconds: float, key: str, out) -> None:
    """One connection's worth of load; puts (latencies in s, wrong answers)."""
    body = b'{"placements":["hero"],"context":{"device":"mobile"}}'
    head = f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    request = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    latencies, wrong = [], 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        end = time.perf_counter() + seconds
        while (started := time.perf_counter()) < end:
            connection.sendall(request)
            answer = _read(connection)
            latencies.append(time.perf_counter() - started)
            is_filled = target == "/echo" or b'"filled":true' in answer
            wrong += not (answer.startswith(b"HTTP/1.1 200") and is_filled)
    out.put((latencies, wrong))


def _read(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + body


def browse(port: int, session: str, seconds: float, out) -> None:
    """A person who opens the dashboard's pages, one after the other, a third of a second apart."""
    pages, wrong, end = 0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for page in ("/", "/performance/", "/campaigns/", "/placements/"):
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}{page}", headers={"Cookie": f"sessionid={session}"}
            )
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                wrong += answer.status != 200 or "/login/" in answer.url
                answer.read()
            pages += 1
            time.sleep(0.3)
    out.put((pages, wrong))


def processor_time(pids: list[int]) -> float:
    return sum(processor_seconds(pids).values())


def measure(port: int, target: str, connections: int, seconds: float, key: str, pids: list[int]) -> dict:
    """Rate, latencies and processor time of one case."""
    out: multiprocessing.Queue = multiprocessing.Queue()
    before, started = processor_time(pids), time.perf_counter()
    clients = [
        multiprocessing.Process(target=ask, args=(port, target, seconds, key, out))
        for _ in range(connections)
    ]
    for client in clients:
        client.start()
    found = [out.get() for _ in clients]
    wall = time.perf_counter() - started
    spent = processor_time(pids) - before
    for client in clients:
        client.join()
    latencies = sorted(latency for some, _ in found for latency in some)
    return {
        "rate": len(latencies) / wall,
        "p50": statistics.median(latencies) * 1000,
        "p99": latencies[int(len(latencies) * 0.99)] * 1000,
        "cpu_us": spent / len(latencies) * 1e6,
        "wrong": sum(wrong for _, wrong in found),
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=8140)
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="adplatform-benchmark-")
    os.environ |= {
        "SERVING_KEY_RATE": "0",  # one key asks all
        "VAR_DIR": folder, "LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "adplatform.settings",
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    key, session = subprocess.run(  # noqa: S603
        [sys.executable, "-c", SEED], capture_output=True, text=True, check=True
    ).stdout.split()
    from adplatform.supervisor import web_children

    pages, hot = web_children("127.0.0.1", options.port, 2, 1)
    hot.command = [
        "benchmarks.decision_server:application" if part == "adplatform.hot_wsgi:application" else part
        for part in hot.command
    ]
    for child in (pages, hot):
        child.start()
    try:
        return report(options, key, session, hot.process.pid)
    finally:
        for child in (hot, pages):
            child.ask_to_stop()
        for child in (hot, pages):
            child.wait_or_kill()


def report(options: argparse.Namespace, key: str, session: str, hot_pid: int) -> int:
    """Measure, print, judge."""
    port, seconds = options.port, options.seconds
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
            break
        except OSError:
            time.sleep(0.2)
    pids = children_of(hot_pid)
    rounds: list[dict[str, dict]] = []
    pages = 0
    for number in range(options.rounds + 1):
        found = {}
        for connections in (2, 16):
            for target in ("/echo", "/api/v1/decisions"):
                name = f"{target.rpartition('/')[2]} at {connections}"
                found[name] = measure(port, target, connections, seconds, key, pids)
        out: multiprocessing.Queue = multiprocessing.Queue()
        person = multiprocessing.Process(target=browse, args=(port, session, seconds, out))
        person.start()
        found["decisions at 2, dashboard in use"] = measure(port, "/api/v1/decisions", 2, seconds, key, pids)
        seen, wrong = out.get()
        person.join()
        found["decisions at 2, dashboard in use"]["wrong"] += wrong
        if number:  # the first round warms everything up
            rounds.append(found)
            pages += seen
    print(f"{'case':<36}{'req/s':>8}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}   (medians of {len(rounds)})")
    middle = {}
    for name in rounds[0]:
        middle[name] = {
            column: statistics.median(found[name][column] for found in rounds)
            for column in ("rate", "p50", "p99", "cpu_us")
        }
        row = middle[name]
        print(f"{name:<36}{row['rate']:>8.0f}{row['p50']:>9.2f}{row['p99']:>9.1f}{row['cpu_us']:>9.0f}")

    def ratio(column: str, one: str, other: str) -> float:
        return statistics.median(found[one][column] / found[other][column] for found in rounds)

    results = {
        "rate, decision / echo": min(ratio("rate", f"decisions at {c}", f"echo at {c}") for c in (2, 16)),
        "processor, decision / echo": max(
            ratio("cpu_us", f"decisions at {c}", f"echo at {c}") for c in (2, 16)
        ),
        "p99 ms at 2": middle["decisions at 2"]["p99"],
        "beside": ratio("rate", "decisions at 2, dashboard in use", "decisions at 2"),
    }
    failed = [line for found in rounds for line in found.items() if line[1]["wrong"]]
    print(f"pages opened beside: {pages}; wrong answers: {len(failed)}")
    is_good = not failed
    for name, value in results.items():
        is_floor = name in ("rate, decision / echo", "beside")
        holds = value >= TARGETS[name] if is_floor else value <= TARGETS[name]
        is_good &= holds
        sign = ">=" if is_floor else "<="
        print(f"{name:<30}{value:6.2f} {sign} {TARGETS[name]}  {'holds' if holds else 'DOES NOT HOLD'}")
    return 0 if is_good else 2


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
