"""Made-up shoppers with a planted truth through the product's own path: events, roll-ups, report, dashboard.

It writes, so ``statistics_selfcheck`` runs it in a database of its own. Arms come from the serving code's
hash, events go through ``events_record`` (some twice), figures come out of ``report_compute`` and the
dashboard's selectors, and are held against plain SQL over the raw rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from django.utils import timezone

from accounts.models import Advertiser
from accounts.services import advertiser_create
from adplatform.lib.ids import uuid7
from analytics.experiment_reports import report_compute
from analytics.rollups import rollups_refresh
from analytics.selectors import series_get, totals_get
from analytics.services import events_record
from analytics.stats.samplecheck import sample_needed
from analytics.stats.simulation import LOOKS, Outcome
from analytics.stats.statistics import Sums
from analytics.tracking import IncomingEvent
from campaigns.experiment_services import ArmPlan, experiment_create
from campaigns.models import Campaign, Experiment
from campaigns.serving.experiments import Arm, RunningExperiment, arm_of
from profiles.models import Shopper

RATE, SPREAD, IMPRESSIONS = 0.08, 40.0, 3.0
DAYS = 14
BATCH = 1000
ARMS = ("generic", "own_segment")


@dataclass(frozen=True)
class _Run:
    experiment: Experiment
    events: list[IncomingEvent]


def planned_shoppers(lift: float) -> int:
    """The sample, both arms together, that the product would plan for this lift."""
    rng = np.random.default_rng(3)
    x = 1 + rng.poisson(IMPRESSIONS - 1, 50_000)
    y = rng.binomial(x, rng.beta(RATE * SPREAD, (1 - RATE) * SPREAD, 50_000))
    needed = sample_needed(Sums.of_pairs(y.tolist(), x.tolist()), effect=lift)
    assert needed is not None  # noqa: S101
    return needed


def pipeline_check(*, experiments: int, seed: int, lift: float = 0.5) -> list[Outcome]:
    """False alarms under peeking, coverage, power, split check and reconciliation, through the real code."""
    rng = random.Random(seed)
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    advertiser = advertiser_create(
        slug=f"selfcheck-{seed}", name="Self-check", shop_url="https://shop.example"
    )
    shoppers = planned_shoppers(lift)
    alarms, covered, found, caught, silent = 0, 0, 0, 0, 0
    equal: list[bool] = []
    for number in range(experiments):
        alike = _play(advertiser, rng, f"alike {number}", shoppers, 0.0, now)
        alarms += any(_is_significant(report) for report in _looks(alike, now))
        report = report_compute(alike.experiment, now=now)
        silent += _split_level(report) != "fail"
        equal += _report_equals_sql(alike, report)
        better = _play(advertiser, rng, f"better {number}", shoppers, lift, now)
        row = report_compute(better.experiment, now=now)["metrics"][0]["rows"][1]
        covered += row["lift_low"] is not None and row["lift_low"] <= lift <= row["lift_high"]
        found += row["lift_low"] is not None and row["lift_low"] > 0
        broken = _play(advertiser, rng, f"broken {number}", shoppers, 0.0, now, lost=0.4)
        caught += _split_level(report_compute(broken.experiment, now=now)) == "fail"
    equal += _dashboard_equals_sql(advertiser, now)
    share, path, shown = 1 / experiments, "through the pipeline", f"{lift:.0%}"
    return [
        Outcome(f"False alarms, always-valid, {LOOKS} looks, {path}", alarms * share, 0, 0.06, experiments),
        Outcome(
            f"Coverage of a lift of {shown} at the planned end, {path}", covered * share, 0.93, 1, experiments
        ),
        Outcome(
            f"A lift of {shown} found at the planned sample, {path}", found * share, 0.78, 1, experiments
        ),
        Outcome(
            f"An arm that lost two fifths of its shoppers is caught, {path}",
            caught * share,
            0.95,
            1,
            experiments,
        ),
        Outcome(f"Healthy splits left alone, {path}", silent * share, 0.95, 1, experiments),
        Outcome(
            "Figures of report and dashboard that equal SQL over the raw events",
            sum(equal) / len(equal),
            1,
            1,
            max(1000, len(equal)),
            f"{len(equal):,} figures; some events were sent twice",
        ),
    ]


def _play(
    advertiser: Advertiser,
    rng: random.Random,
    name: str,
    shoppers: int,
    lift: float,
    now: datetime,
    lost: float = 0.0,
) -> _Run:
    """An experiment that ran for two weeks until yesterday, its events stored and rolled up."""
    campaign = Campaign.objects.create(
        advertiser=advertiser, name=name, style="soft_3d", status=Campaign.Status.LIVE
    )
    experiment = experiment_create(
        advertiser=advertiser,
        campaign_id=campaign.pk,
        name=name,
        hypothesis="Planted.",
        arms=[ArmPlan(arm) for arm in ARMS],
        min_effect_rate=max(lift, 0.1),
        planned_shoppers=shoppers,
        planned_days=DAYS,
    )
    experiment.status = Experiment.Status.RUNNING
    experiment.started_at = now - timedelta(days=DAYS, hours=1)
    experiment.planned_end_at = now - timedelta(hours=1)
    experiment.salt = f"{name}:{rng.random()}"
    experiment.save()
    events = list(_events(experiment, rng, shoppers, lift, lost))
    names = {event.shopper_pseudonym for event in events}
    Shopper.objects.bulk_create(
        [Shopper(advertiser=advertiser, pseudonym=who, measurement_allowed=True) for who in sorted(names)],
        batch_size=BATCH,
    )
    for start in range(0, len(events), BATCH):
        events_record(events=events[start : start + BATCH], received_at=now)
    events_record(events=events[:BATCH], received_at=now)  # sent again: counted once
    rollups_refresh()
    return _Run(experiment, events)


def _events(
    experiment: Experiment, rng: random.Random, shoppers: int, lift: float, lost: float
) -> Iterator[IncomingEvent]:
    assert experiment.started_at is not None  # noqa: S101
    arms = tuple(Arm(arm, arm, 1 / len(ARMS)) for arm in ARMS)
    running = RunningExperiment(experiment.pk, experiment.campaign_id, experiment.salt, arms)
    span = timedelta(days=DAYS).total_seconds()
    variants = {arm: uuid7() for arm in ARMS}
    for number in range(shoppers):
        who = f"{experiment.pk.hex[-8:]}-{number}"
        arm = arm_of(running, who)
        assert arm is not None  # noqa: S101
        if arm.key == ARMS[1] and rng.random() < lost:
            continue
        rate = RATE * (1 + lift) if arm.key == ARMS[1] else RATE
        own = rng.betavariate(rate * SPREAD, (1 - rate) * SPREAD)
        first = rng.random() * span
        for _ in range(1 + int(np.random.default_rng(rng.getrandbits(32)).poisson(IMPRESSIONS - 1))):
            at = experiment.started_at + timedelta(seconds=first + rng.random() * (span - first))
            common: dict[str, Any] = {
                "advertiser_id": experiment.advertiser_id,
                "occurred_at": at,
                "decision_id": uuid7(at),
                "campaign_id": experiment.campaign_id,
                "variant_id": variants[arm.key],
                "creative_id": variants[arm.key],
                "shopper_pseudonym": who,
                "experiment_id": experiment.pk,
                "arm": arm.key,
                "propensity": 0.5,
                "device": "mobile" if number % 2 else "desktop",
            }
            key = common["decision_id"].hex
            yield IncomingEvent(event_id=f"{key}:i", kind="impression", **common)
            if rng.random() < own:
                yield IncomingEvent(event_id=f"{key}:c", kind="click", **common)


def _looks(run: _Run, now: datetime) -> Iterator[dict[str, Any]]:
    """The report as it would have been at twenty moments before the planned end."""
    assert run.experiment.started_at is not None  # noqa: S101
    for look in range(1, LOOKS + 1):
        at = run.experiment.started_at + timedelta(days=DAYS) * (look / (LOOKS + 1))
        yield report_compute(run.experiment, now=at)


def _is_significant(report: dict[str, Any]) -> bool:
    row = report["metrics"][0]["rows"][1]
    return row["lift_low"] is not None and (row["lift_low"] > 0 or row["lift_high"] < 0)


def _split_level(report: dict[str, Any]) -> str:
    return next(check["level"] for check in report["health"] if check["key"] == "split")


# --- against plain SQL
def _sql(query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def _key(value: UUID) -> Any:
    return value.hex if connection.vendor == "sqlite" else value


def _report_equals_sql(run: _Run, report: dict[str, Any]) -> list[bool]:
    rows = _sql(
        "SELECT arm, COUNT(DISTINCT shopper_pseudonym), "
        "SUM(CASE WHEN kind = 'impression' THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN kind = 'click' THEN 1 ELSE 0 END) FROM analytics_event "
        "WHERE experiment_id = %s AND validity = 'valid' GROUP BY arm",
        [_key(run.experiment.pk)],
    )
    raw = {arm: counts for arm, *counts in rows}
    return [
        shown == stored
        for arm in report["arms"]
        for shown, stored in zip(
            (arm["shoppers"], arm["impressions"], arm["clicks"]), raw.get(arm["key"], (0, 0, 0)), strict=True
        )
    ]


def _dashboard_equals_sql(advertiser: Advertiser, now: datetime) -> list[bool]:
    start, end = (now - timedelta(days=DAYS + 2)).astimezone(UTC).date(), now.astimezone(UTC).date()
    totals = totals_get(advertiser_id=advertiser.pk, start=start, end=end)
    day = "date(occurred_at)" if connection.vendor == "sqlite" else "(occurred_at AT TIME ZONE 'UTC')::date"
    rows = _sql(
        # The dialect's own word for a day.
        f"SELECT {day}, kind, COUNT(*) FROM analytics_event "  # noqa: S608 # nosec B608
        "WHERE advertiser_id = %s AND validity = 'valid' GROUP BY 1, 2",
        [_key(advertiser.pk)],
    )
    raw: dict[tuple[str, str], int] = {(str(at), kind): count for at, kind, count in rows}
    found = [
        totals.impressions == sum(n for (_, kind), n in raw.items() if kind == "impression"),
        totals.clicks == sum(n for (_, kind), n in raw.items() if kind == "click"),
    ]
    for point in series_get(advertiser_id=advertiser.pk, start=start, end=end):
        at = point.day.isoformat()
        found.append(point.impressions == raw.get((at, "impression"), 0))
        found.append(point.clicks == raw.get((at, "click"), 0))
    return found
