"""What an experiment's report costs a worker: the first one over all its events, and the next one.

    python benchmarks/experiment_events.py [--events 1000000] [--shoppers 120000]

Four weeks of an experiment with two arms, two weeks of the same shoppers before it, orders and refunds. Then
five minutes bring as many events as such a time does, and the report is computed again, as a worker does it.
Uses a database of its own, in a temporary folder or in ``DATABASE_URL``.
"""

from __future__ import annotations

import argparse

# ruff: noqa: E402  (Django's settings have to be named before Django is imported)
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="adplatform-benchmark-")
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ["DJANGO_SETTINGS_MODULE"] = "adplatform.settings"

import django

django.setup()

from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from accounts.models import Advertiser
from adplatform.lib.ids import uuid7
from analytics.dirty_hours import hour_of, hours_mark
from analytics.experiment_reports import report_refresh
from analytics.models import DirtyHour
from benchmarks.bulk_events import CHUNK, DEVICES, _insert, _row
from campaigns.models import Campaign, Experiment, ExperimentArm, Variant
from tests import factories

DAYS, BEFORE_DAYS = 28, 14
VIEWABLE_RATE, CLICK_RATE, ORDER_RATE, REFUND_RATE = 0.6, 0.03, 0.1, 0.1
EVENTS_A_DECISION = 1 + VIEWABLE_RATE + CLICK_RATE * (1 + ORDER_RATE)


def experiment_make() -> Experiment:
    """Running for four weeks, with a week to go."""
    advertiser = factories.make_advertiser("benchmark")
    campaign = factories.make_campaign(advertiser, status=Campaign.Status.LIVE)
    now = timezone.now()
    experiment = Experiment.objects.create(
        advertiser=advertiser, campaign=campaign, name="Long", hypothesis="It is long.", status="running",
        min_effect_rate=0.05, planned_shoppers=200_000, planned_days=DAYS + 7, salt="salt",
        started_at=now - timedelta(days=DAYS), planned_end_at=now + timedelta(days=7),
    )  # fmt: skip
    for position, rule in enumerate(("generic", "own_segment")):
        ExperimentArm.objects.create(
            advertiser=advertiser, experiment=experiment, key=rule, rule=rule, position=position, weight=1
        )
    return experiment


def events_make(
    experiment: Experiment, start: Any, end: Any, count: int, shoppers: int, *, takes_part: bool, seed: int
) -> Iterator[dict[str, Any]]:
    """About ``count`` events, oldest first."""
    rng, decisions = random.Random(seed), round(count / EVENTS_A_DECISION)
    places = [factories.make_placement(experiment.advertiser, f"p-{seed}-{n}").pk for n in range(2)]
    variants = list(Variant.objects.filter(campaign=experiment.campaign).values_list("pk", flat=True))
    seconds = (end - start).total_seconds() - 20
    for number in range(decisions):
        at = start + timedelta(seconds=number / decisions * seconds)
        shopper = rng.randrange(shoppers)
        decision = uuid7(at)
        common = {
            "advertiser_id": experiment.advertiser_id,
            "campaign_id": experiment.campaign_id,
            "variant_id": rng.choice(variants) if variants else uuid7(at),
            "placement_id": rng.choice(places),
            "decision_id": decision,
            "shopper_pseudonym": f"{shopper:064x}",
            "device": DEVICES[shopper % 3],
        }
        if takes_part:
            common |= {"experiment_id": experiment.pk, "arm": ("generic", "own_segment")[shopper % 2]}
        yield _row(common, "impression", at, f"{decision}:impression")
        if rng.random() < VIEWABLE_RATE:
            yield _row(common, "viewable", at + timedelta(seconds=1), f"{decision}:viewable")
        if rng.random() >= CLICK_RATE:
            continue
        yield _row(common, "click", at + timedelta(seconds=3), f"{decision}:click")
        if rng.random() < ORDER_RATE:
            order = {name: common[name] for name in ("advertiser_id", "shopper_pseudonym", "device")}
            order |= {"order_id": decision.hex, "value_cents": rng.randrange(500, 20_000), "currency": "EUR"}
            yield _row(order, "conversion", at + timedelta(seconds=9), f"order-{decision}")
            if rng.random() < REFUND_RATE:
                back = order | {"value_cents": 500}
                yield _row(back, "refund", at + timedelta(seconds=11), f"refund-{decision}")


def load(advertiser: Advertiser, rows: Iterator[dict[str, Any]]) -> int:
    """Into the table as the store does it: rows, and marks on their hours."""
    loaded, chunk = 0, []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            loaded += _store(advertiser, chunk)
            chunk = []
    return loaded + _store(advertiser, chunk)


def _store(advertiser: Advertiser, rows: list[dict[str, Any]]) -> int:
    with transaction.atomic():
        _insert(rows)
        hours_mark(hours={(advertiser.pk, hour_of(row["occurred_at"])) for row in rows})
    return len(rows)


def report_time(experiment: Experiment, name: str) -> None:
    cpu, clock = time.process_time(), time.monotonic()
    row = report_refresh(experiment_id=experiment.pk)
    cpu, clock = time.process_time() - cpu, time.monotonic() - clock
    assert row is not None
    shoppers = row.content["shoppers"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{name}: {cpu:.1f} s CPU, {clock:.1f} s, {shoppers} shoppers, peak {peak} MiB", flush=True)


def main() -> None:
    """Load, compute, add five minutes, compute again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--shoppers", type=int, default=120_000)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    experiment = experiment_make()
    start = experiment.started_at
    shape = {"shoppers": options.shoppers}
    before = events_make(
        experiment, start - timedelta(days=BEFORE_DAYS), start, options.events // 4, takes_part=False, seed=1,
        **shape,
    )  # fmt: skip
    now = timezone.now() - timedelta(minutes=5)
    during = events_make(experiment, start, now, options.events, takes_part=True, seed=2, **shape)
    loaded = load(experiment.advertiser, before), load(experiment.advertiser, during)
    print(f"{loaded[1]} events in the experiment, {loaded[0]} before it", flush=True)
    DirtyHour.objects.all().delete()  # as after the roll-ups, which this does not time
    report_time(experiment, "first report")
    report_time(experiment, "again, nothing new")
    minutes = max(10, round(options.events / DAYS / 288))
    fresh = events_make(
        experiment, now, now + timedelta(minutes=5), minutes, takes_part=True, seed=3, **shape
    )
    print(f"{load(experiment.advertiser, fresh)} events in five minutes")
    report_time(experiment, "next report")


if __name__ == "__main__":
    main()
