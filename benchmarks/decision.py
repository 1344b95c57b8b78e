"""What a decision costs: CPU microseconds a call in process, beside an echo view in the same run.

    python benchmarks/decision.py [--seconds 6]

Both go through the whole WSGI application (all middleware) with the same body, in turns, block by block;
only ratios taken inside one run mean anything on a shared machine. Every answer has to be a 200 and every
placement filled, otherwise the run fails. Uses a database of its own in a temporary folder.
"""

from __future__ import annotations

import argparse

# ruff: noqa: E402  (Django's settings have to be named before Django is imported)
import io
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="adplatform-benchmark-")
os.environ["SERVING_SNAPSHOT_SECONDS"] = "3600"
os.environ["SERVING_KEY_RATE"] = "0"
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ["DJANGO_SETTINGS_MODULE"] = "adplatform.hot_settings"

import django

django.setup()

import msgspec
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

CANDIDATES = 50
BLOCK = 200
TARGETS = {"decision / echo": 2.0, "engine_us": 40.0}
urlpatterns: list = []


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    """The floor: decode the same body, answer something constant."""
    from campaigns.serving.wire import decode

    return HttpResponse(msgspec.json.encode({"n": len(decode(request.body).placements)}))


def environ_make(target: str, body: bytes, key: str) -> dict:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": target,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.input": io.BytesIO(body),
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "localhost",
        "HTTP_AUTHORIZATION": f"Bearer {key}",
    }


def seed() -> tuple[str, str]:
    """A shop with one placement and 50 candidates; returns a publishable key and a shopper's key."""
    from accounts.models import ApiKey
    from profiles.services import consent_record
    from tests import factories
    from tests.campaigns.serving_cast import make_live, make_variant

    shop = factories.make_advertiser("benchmark")
    campaign, placement = make_live(shop)
    for _ in range(CANDIDATES):
        make_variant(campaign, placement)
    consent_record(
        advertiser=shop, shopper_key="anna", personalisation=True, text_version="1", source="benchmark"
    )
    return factories.make_key(shop, ApiKey.Kind.PUBLISHABLE), "anna"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6.0)
    seconds = parser.parse_args().seconds

    from adplatform.lib.garbage import loaded_is_kept
    from campaigns.decisions_api import decisions_decide
    from campaigns.serving import keys

    urlpatterns.extend(
        [path("echo", echo), path("decisions", decisions_decide), path("", include("adplatform.urls"))]
    )
    settings.ROOT_URLCONF = "__main__"
    keys.FRESH_SECONDS = 3600.0  # the bound on a revoked key is one query a second, not one a request
    call_command("migrate", verbosity=0)
    key, shopper = seed()
    application = get_wsgi_application()
    loaded_is_kept()  # as the hot group does
    plain = b'{"placements":["hero"],"context":{"device":"mobile"}}'
    named = b'{"placements":["hero"],"shopper":"%s"}' % shopper.encode()
    cases = {
        "echo": ("/echo", plain),
        "decision": ("/decisions", plain),
        "decision + shopper": ("/decisions", named),
    }

    failures: list[str] = []

    def call(target: str, body: bytes) -> bytes:
        statuses: list[str] = []
        answer = application(
            environ_make(target, body, key), lambda status, headers, *_: statuses.append(status)
        )
        content = b"".join(answer)
        answer.close()  # as a server does: ends the request
        if not statuses[0].startswith("200") or (target == "/decisions" and b'"filled":true' not in content):
            failures.append(f"{target}: {statuses[0]} {content[:200]!r}")
        return content

    for target, body in cases.values():
        for _ in range(50):
            call(target, body)
    blocks: dict[str, list[float]] = {name: [] for name in cases}
    walls: dict[str, list[float]] = {name: [] for name in cases}
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(blocks["echo"]) < 5:
        for name, (target, body) in cases.items():
            started = time.process_time()
            for _ in range(BLOCK):
                wall = time.perf_counter()
                call(target, body)
                walls[name].append(time.perf_counter() - wall)
            blocks[name].append((time.process_time() - started) / BLOCK * 1e6)

    engine_us = engine_time()
    print(f"{'case':<22}{'CPU us (min)':>14}{'x echo':>8}{'wall p50 us':>13}{'p99 us':>9}{'calls':>8}")
    floor = min(blocks["echo"])
    for name, found in blocks.items():
        ordered = sorted(walls[name])
        print(
            f"{name:<22}{min(found):>14.0f}{min(found) / floor:>8.2f}"
            f"{statistics.median(ordered) * 1e6:>13.0f}"
            f"{ordered[int(len(ordered) * 0.99)] * 1e6:>9.0f}{len(ordered):>8}"
        )
    print(f"decide() alone, {CANDIDATES} candidates: {engine_us:.1f} us")
    if failures:
        print(f"FAILED: {len(failures)} answers were not a filled 200, e.g. {failures[0]}")
        return 1
    ratio = min(blocks["decision"]) / floor
    print(
        f"targets: decision / echo {ratio:.2f} <= {TARGETS['decision / echo']}; "
        f"engine {engine_us:.0f} us <= {TARGETS['engine_us']:.0f} us"
    )
    return 0 if ratio <= TARGETS["decision / echo"] and engine_us <= TARGETS["engine_us"] else 2


def engine_time() -> float:
    """The pure function alone: eligibility, sticky hash and draw over 50 candidates."""
    from campaigns.serving.context import ServeContext
    from campaigns.serving.engine import decide
    from campaigns.serving.store import snapshots

    snapshot = next(iter(snapshots))
    context = ServeContext(snapshot.advertiser_id, ("hero",), timezone.now(), pseudonym="p" * 64)
    rng, best = random.Random(1), float("inf")
    for _ in range(15):
        started = time.process_time()
        for _ in range(BLOCK):
            decide(context, snapshot, rng)
        best = min(best, (time.process_time() - started) / BLOCK * 1e6)
    return best


if __name__ == "__main__":
    sys.exit(main())
