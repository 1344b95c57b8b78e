"""What a dashboard costs: the same figures from the roll-ups and from the raw events, side by side.

    python benchmarks/reports.py [--events 200000] [--rounds 3]

Loads events of 200 creatives over 28 days, counts them, and asks for the creatives, the days and the totals
both ways in turns. The run fails when the two ever differ. The ratio grows with the events, because the
roll-ups have the same rows whatever their number: at 5,000,000 the daily ones are to be 100 times as fast.
Uses a SQLite database of its own, or the one that DATABASE_URL names.
"""

from __future__ import annotations

import argparse

# ruff: noqa: E402  (Django's settings have to be named before Django is imported)
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="adplatform-benchmark-")
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ["DJANGO_SETTINGS_MODULE"] = "adplatform.settings"

import django

django.setup()

from django.core.management import call_command
from django.db import connection
from django.db.models import Count, Q
from django.db.models.functions import TruncDate

from accounts.models import Advertiser
from adplatform.lib.ids import uuid7
from analytics import rollups, selectors
from analytics.models import DailyRollup, Event, HourlyRollup
from analytics.services import batches_record
from analytics.tracking import EventBatch, IncomingEvent

CREATIVES, DAYS, BATCH = 200, 28, 1000
TARGET, TARGET_EVENTS = 100.0, 5_000_000
START = datetime(2026, 10, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
DEVICES = ("desktop", "mobile")


def load(advertiser: Advertiser, count: int) -> None:
    """Impressions, one in twenty of them clicked, spread evenly."""
    rng = random.Random(1)
    creatives = [uuid7() for _ in range(CREATIVES)]
    campaigns, placement = [uuid7() for _ in range(10)], uuid7()
    batch: list[IncomingEvent] = []

    def add(kind: str, number: int, at: datetime, decision: Any) -> None:
        batch.append(
            IncomingEvent(
                advertiser_id=advertiser.pk, event_id=f"{decision}:{kind}", kind=kind, occurred_at=at,
                decision_id=decision, campaign_id=campaigns[number % 10], variant_id=creatives[number],
                creative_id=creatives[number], placement_id=placement, device=DEVICES[number % 2],
                shopper_pseudonym=f"s{rng.randrange(count // 12 + 1)}",
            )
        )  # fmt: skip

    made = 0
    while made < count:
        at = START + timedelta(seconds=rng.randrange(DAYS * 86400))
        number, decision = rng.randrange(CREATIVES), uuid7(at)
        add("impression", number, at, decision)
        if rng.random() < 0.05:
            add("click", number, at + timedelta(seconds=3), decision)
        if len(batch) >= BATCH:
            batches_record([EventBatch(tuple(batch), END)])
            made += len(batch)
            batch.clear()


def raw(advertiser: Advertiser) -> Any:
    """The events of the period that count."""
    return Event.objects.filter(
        advertiser=advertiser, occurred_at__gte=START, occurred_at__lt=END, validity=Event.Validity.VALID
    ).order_by()


COUNTS = {
    "shown": Count("pk", filter=Q(kind="impression")),
    "clicked": Count("pk", filter=Q(kind="click")),
}


def questions(advertiser: Advertiser) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Name -> (from the roll-ups, from the events); both give the same value."""
    period = {"advertiser_id": advertiser.pk, "start": START.date(), "end": END.date() - timedelta(days=1)}

    def totals() -> Any:
        found = selectors.totals_get(**period)
        return found.impressions, found.clicks

    def raw_totals() -> Any:
        found = raw(advertiser).aggregate(**COUNTS)
        return found["shown"], found["clicked"]

    def days() -> Any:
        return [(p.day, p.impressions, p.clicks) for p in selectors.series_get(**period)]

    def raw_days() -> Any:
        rows = raw(advertiser).annotate(day=TruncDate("occurred_at", tzinfo=UTC)).values("day")
        return sorted((r["day"], r["shown"], r["clicked"]) for r in rows.annotate(**COUNTS))

    def creatives() -> Any:
        # Of this load a variant is a creative; the leaderboard computes intervals besides.
        return sorted((p.variant_id, p.impressions, p.clicks) for p in selectors.pairs_get(**period))

    def raw_creatives() -> Any:
        rows = raw(advertiser).values("creative_id").annotate(**COUNTS)
        return sorted((r["creative_id"], r["shown"], r["clicked"]) for r in rows)

    return {
        "totals": (totals, raw_totals),
        "days": (days, raw_days),
        "creatives": (creatives, raw_creatives),
    }


def timed(question: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    answer = question()
    return time.perf_counter() - start, answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    slug = f"reports-{uuid7().hex[-12:]}"
    advertiser = Advertiser.objects.create(name="Benchmark", slug=slug)
    loaded, _ = timed(lambda: load(advertiser, options.events))
    counted, hours = timed(rollups.rollups_refresh)
    rows = Event.objects.filter(advertiser=advertiser).count()
    print(f"database     {connection.vendor}")
    print(f"events       {rows:10,}   stored in {loaded:.1f} s, {hours} hours counted in {counted:.1f} s")
    for model in (HourlyRollup, DailyRollup):
        print(f"{model.__name__:12s} {model.objects.filter(advertiser=advertiser).count():10,}   rows")
    print(f"{'':12s} {'roll-ups':>10s} {'events':>10s} {'ratio':>8s}")
    ratios = []
    for name, (quick, slow) in questions(advertiser).items():
        pairs = []
        for _ in range(options.rounds):
            (quick_s, quick_answer), (slow_s, slow_answer) = timed(quick), timed(slow)
            if quick_answer != slow_answer:
                raise SystemExit(f"{name}: the roll-ups and the events differ")
            pairs.append((quick_s, slow_s))
        quick_s, slow_s = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratios.append(slow_s / quick_s)
        print(f"{name:12s} {quick_s * 1000:7.1f} ms {slow_s * 1000:7.0f} ms {ratios[-1]:7.0f}x")
    advertiser.delete()
    if rows >= TARGET_EVENTS and min(ratios) < TARGET:
        raise SystemExit(f"the roll-ups are to be {TARGET:.0f} times as fast at {TARGET_EVENTS:,} events")


if __name__ == "__main__":
    main()
