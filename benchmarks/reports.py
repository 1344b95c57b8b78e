"""What a dashboard costs: the same figures from the roll-ups and from the raw events, side by side.

    python benchmarks/reports.py [--events 200000] [--rounds 3] [--keep] [--shop SLUG]

Loads events of 200 creatives over 28 days (``bulk_events``), counts them, asks for the totals, the days, the
creatives and what was left out both ways in turns, and opens the pages of a signed-in person. The run fails
when the two ever differ. The ratio grows with the events, because the roll-ups have the same rows whatever
their number: at 5,000,000 the daily ones are to be 100 times as fast and a page is to take less than 300 ms.
``--keep`` leaves the events for another run with ``--shop``. Uses a SQLite database of its own, or the one
that DATABASE_URL names.
"""

from __future__ import annotations

import argparse

# ruff: noqa: E402  (Django's settings have to be named before Django is imported)
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="adplatform-benchmark-")
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("ALLOWED_HOSTS", "*")
os.environ["DJANGO_SETTINGS_MODULE"] = "adplatform.settings"

import django

django.setup()

from django.core.management import call_command
from django.db import connection
from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Advertiser, Membership
from analytics import rollups, selectors
from analytics.creative_lines import creative_lines_get
from analytics.funnel import funnel_get
from analytics.leaders import leaders_rank
from analytics.matrix import matrix_make
from analytics.models import DailyInvalid, DailyRollup, Event, HourlyInvalid, HourlyRollup
from analytics.periods import days_get
from analytics.reach import reach_of
from analytics.report_query import ReportQuery
from analytics.small_groups import small_groups_get
from benchmarks.bulk_events import events_load, period, shop_make
from campaigns.models import Campaign
from generation.models import Creative

TARGET, PAGE_TARGET, TARGET_EVENTS = 100.0, 0.3, 5_000_000
START, END = period()


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
    when = {"advertiser_id": advertiser.pk, "start": START.date(), "end": END.date() - timedelta(days=1)}
    span = when["start"], when["end"]

    def totals() -> Any:
        found = selectors.counts_get(**when)
        return found.impressions, found.clicks

    def raw_totals() -> Any:
        found = raw(advertiser).aggregate(**COUNTS)
        return found["shown"], found["clicked"]

    def days() -> Any:
        found = days_get(advertiser_id=advertiser.pk, spans=[span], currency="EUR").period(*span)
        return [(p.day, p.impressions, p.clicks) for p in found.series]

    def raw_days() -> Any:
        rows = raw(advertiser).annotate(day=TruncDate("occurred_at", tzinfo=UTC)).values("day")
        return sorted((r["day"], r["shown"], r["clicked"]) for r in rows.annotate(**COUNTS))

    def pairs() -> Any:
        return sorted(
            (p.segment_id, p.creative_id, p.impressions, p.clicks) for p in creative_lines_get(**when)
        )

    def raw_pairs() -> Any:
        rows = raw(advertiser).filter(creative_id__isnull=False).values("segment_id", "creative_id")
        return sorted(
            (r["segment_id"], r["creative_id"], r["shown"], r["clicked"]) for r in rows.annotate(**COUNTS)
        )

    def left_out() -> Any:
        return [(line.kind, line.reason, line.events) for line in selectors.invalid_get(**when)]

    def raw_left_out() -> Any:
        rows = Event.objects.filter(
            advertiser=advertiser,
            occurred_at__gte=START,
            occurred_at__lt=END,
            validity=Event.Validity.INVALID,
        )
        found = rows.values("kind", "invalid_reason").annotate(events=Count("pk"))
        return [(r["kind"], r["invalid_reason"], r["events"]) for r in found.order_by("kind", "-events")]

    return {
        "totals": (totals, raw_totals),
        "days": (days, raw_days),
        "creatives": (pairs, raw_pairs),
        "left out": (left_out, raw_left_out),
    }


def pages(advertiser: Advertiser) -> dict[str, str]:
    """Name -> address of what people open."""
    whole = f"start={START.date()}&end={END.date() - timedelta(days=1)}"
    day = f"start={END.date() - timedelta(days=1)}&end={END.date() - timedelta(days=1)}"
    campaign = Campaign.objects.filter(advertiser=advertiser).values_list("pk", flat=True)[0]
    creative = Creative.objects.filter(advertiser=advertiser).values_list("pk", flat=True)[0]
    return {
        "overview": "/",
        "performance, 28 days": f"/performance/?{whole}",
        "performance, 14 and 14 before": "/performance/?days=14",
        "performance, a day by the hour": f"/performance/?{day}",
        "performance, one campaign": f"/performance/?{whole}&campaign={campaign}&sort=revenue",
        "performance, as CSV": f"/performance/export.csv?{whole}&table=creatives",
        "performance, as XLSX": f"/performance/export.xlsx?{whole}&table=creatives",
        "rows behind a number": f"/performance/events/?{whole}&of=impressions",
        "rows behind a number, page 1000": f"/performance/events/?{whole}&of=impressions&page=1000",
        "saved views": "/performance/views/",
        "a creative's serves": f"/performance/creatives/{creative}",
        "placements' funnels": "/placements/funnels?days=28",
        "campaigns": "/campaigns/",
        "experiments": "/experiments/",
    }


def panels(advertiser: Advertiser) -> dict[str, Callable[[], Any]]:
    """What the performance page is made of."""
    when = {"advertiser_id": advertiser.pk, "start": START.date(), "end": END.date() - timedelta(days=1)}
    lines = creative_lines_get(**when)
    groups = small_groups_get(lines=lines, **when)
    return {
        "panel: totals, days and spend": lambda: days_get(
            advertiser_id=advertiser.pk, spans=[(when["start"], when["end"])], currency="EUR"
        ).period(when["start"], when["end"]),
        "panel: creatives": lambda: creative_lines_get(**when),
        "panel: leaderboard of them": lambda: leaders_rank(lines, limit=12),
        "panel: small groups": lambda: small_groups_get(lines=lines, **when),
        "panel: segments by creative": lambda: matrix_make(
            advertiser_id=advertiser.pk,
            lines=lines,
            query=ReportQuery(when["start"], when["end"]),
            groups=groups,
        ),
        "panel: left out": lambda: selectors.invalid_get(**when),
        "panel: shoppers": lambda: reach_of(
            selectors.day_sketches_get(advertiser_id=advertiser.pk, spans=[(when["start"], when["end"])]),
            when["start"],
            when["end"],
        ),
        "panel: from decision to order": lambda: funnel_get(**when),
    }


def panels_time(advertiser: Advertiser, rounds: int) -> None:
    """Each panel's own time: on the clock, and of the processor, which a busy machine does not lengthen."""
    print(f"{'':30s} {'clock':>10s} {'processor':>12s}")
    for name, panel in panels(advertiser).items():
        panel()  # imports
        started = time.process_time()
        clock = statistics.median(timed(panel)[0] for _ in range(rounds))
        processor = (time.process_time() - started) / rounds
        print(f"{name:30s} {clock * 1000:7.0f} ms {processor * 1000:9.0f} ms")


def timed(question: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds: of this process's CPU with SQLite, which runs in it, so that a busy machine does not count."""
    clock = time.process_time if connection.vendor == "sqlite" else time.perf_counter
    start = clock()
    answer = question()
    return clock() - start, answer


def queries_time(advertiser: Advertiser, rounds: int) -> list[float]:
    """Each question both ways; the ratios."""
    print(f"{'':30s} {'roll-ups':>10s} {'events':>12s} {'ratio':>8s}")
    ratios = []
    for name, (quick, slow) in questions(advertiser).items():
        pairs = []
        for _ in range(rounds):
            quick()  # as a page in use finds it
            (quick_s, quick_answer), (slow_s, slow_answer) = timed(quick), timed(slow)
            if quick_answer != slow_answer:
                raise SystemExit(f"{name}: the roll-ups and the events differ")
            pairs.append((quick_s, slow_s))
        quick_s, slow_s = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratios.append(slow_s / quick_s)
        print(f"{name:30s} {quick_s * 1000:7.1f} ms {slow_s * 1000:9,.0f} ms {ratios[-1]:7.0f}x")
    return ratios


def pages_time(advertiser: Advertiser, rounds: int) -> list[float]:
    """Each page through the whole application, signed in: clock and processor; the clock's seconds."""
    client = Client()
    client.force_login(Membership.objects.filter(advertiser=advertiser)[0].user)
    print(f"{'':34s} {'clock':>10s} {'processor':>12s} {'queries':>8s} {'kB':>6s}")
    found = []
    for name, address in pages(advertiser).items():
        clocks, processors = [], []
        for _ in range(rounds + 1):  # the first one also imports and compiles templates
            started, worked = time.perf_counter(), time.process_time()
            answer = client.get(address)
            clocks.append(time.perf_counter() - started)
            processors.append(time.process_time() - worked)
            if answer.status_code != 200:
                raise SystemExit(f"{address}: {answer.status_code}")
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        found.append(statistics.median(clocks[1:]))
        worked = statistics.median(processors[1:])
        size = len(answer.content) / 1000
        print(f"{name:34s} {found[-1] * 1000:7.0f} ms {worked * 1000:9.0f} ms {len(captured):8d} {size:6.0f}")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="leave the events for another run")
    parser.add_argument("--shop", default="", help="slug of an advertiser that a run before has kept")
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    if options.shop:
        advertiser = Advertiser.objects.get(slug=options.shop)
    else:
        shop = shop_make()
        advertiser = shop.advertiser
        loaded, _ = timed(lambda: events_load(shop, options.events))
        print(f"loaded in {loaded:.0f} s", flush=True)
    counted, hours = timed(rollups.rollups_refresh)
    print(f"{hours} hours counted in {counted:.0f} s", flush=True)
    rows = Event.objects.filter(advertiser=advertiser).count()
    print(f"database     {connection.vendor}")
    print(f"Event        {rows:10,}   rows")
    for model in (HourlyRollup, HourlyInvalid, DailyRollup, DailyInvalid):
        print(f"{model.__name__:12s} {model.objects.filter(advertiser=advertiser).count():10,}   rows")
    ratios = queries_time(advertiser, options.rounds)
    panels_time(advertiser, options.rounds)
    seconds = pages_time(advertiser, options.rounds)
    if options.keep:
        print(f"kept: --shop {advertiser.slug}")
    else:
        advertiser.delete()
    if rows >= TARGET_EVENTS * 0.98 and min(ratios) < TARGET:
        raise SystemExit(f"the roll-ups are to be {TARGET:.0f} times as fast at {TARGET_EVENTS:,} events")
    if max(seconds) > PAGE_TARGET:
        raise SystemExit(f"a page is to take less than {PAGE_TARGET * 1000:.0f} ms")


if __name__ == "__main__":
    main()
