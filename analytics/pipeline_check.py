"""The statistics' promises measured through the product: decision, event, roll-up, stored report, verdict.

It writes, so ``statistics_selfcheck`` runs it in a database of its own. ``pipeline_cast`` plays the traffic
in the order of time; at each of twenty looks the events so far are rolled up and the report is computed
and stored by the functions that the worker calls, and what is counted here is read from the stored rows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from analytics.experiment_reports import report_refresh, reports_refresh
from analytics.models import ExperimentReport
from analytics.pipeline_cast import DAYS, IMPRESSIONS, RATE, SPREAD, Played, Stage, Truth
from analytics.pipeline_reconcile import dashboard_equals, report_equals
from analytics.rollups import rollups_refresh
from analytics.stats.outcomes import PIPELINE, Outcome
from analytics.stats.samplecheck import sample_needed
from analytics.stats.simulation import LOOKS
from analytics.stats.statistics import Sums
from analytics.verdict import Code

BATCH = 20  # experiments of each kind that run side by side
LIFT, LOST = 0.5, 0.4
ACTED = (Code.SHIP, Code.ROLL_BACK)


@dataclass
class Tally:
    """What a number of experiments of each kind came to; tallies of several batches add up."""

    experiments: int = 0  # of each kind
    alarms: int = 0  # no effect, yet an always-valid interval left zero out at some look
    acted: int = 0  # no effect, yet a verdict at some look or at the end was to ship or to roll back
    silent: int = 0  # no effect, and the fixed interval at the end holds zero
    unblamed: int = 0  # healthy split, not called broken
    covered: int = 0  # planted lift inside the fixed interval at the end
    found: int = 0  # planted lift: the whole interval above zero
    shipped: int = 0  # planted lift: the verdict was to ship
    caught: int = 0  # broken split called broken, and no verdict given
    compared: int = 0
    equal: int = 0
    decisions: int = 0
    events: int = 0

    def add(self, other: Tally) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def planned_shoppers(lift: float = LIFT) -> int:
    """The sample, both arms together, that the product would plan for this lift."""
    rng = np.random.default_rng(3)
    x = 1 + rng.poisson(IMPRESSIONS - 1, 50_000)
    y = rng.binomial(x, rng.beta(RATE * SPREAD, (1 - RATE) * SPREAD, 50_000))
    needed = sample_needed(Sums.of_pairs(y.tolist(), x.tolist()), effect=lift)
    assert needed is not None  # noqa: S101
    return needed


def batch_check(*, experiments: int, seed: int, number: int, shoppers: int | None = None) -> Tally:
    """So many experiments of each kind side by side: no effect, a lift, an arm that loses shoppers.

    ``number`` tells the batches of a run apart.
    """
    now = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    kinds = (Truth("no effect"), Truth("a lift", lift=LIFT), Truth("a broken split", lost=LOST))
    stage = Stage(
        name=f"selfcheck-{seed}-{number}",
        truths=[truth for truth in kinds for _ in range(experiments)],
        shoppers=shoppers or planned_shoppers(),
        seed=(seed, number),
        now=now,
    )
    alike, better, broken = (
        stage.played[start : start + experiments] for start in range(0, 3 * experiments, experiments)
    )
    alarmed, acted = _looks(stage, alike)
    stage.play_until(now)
    rollups_refresh()
    reports_refresh(now=now)  # the planned end: stopped, and told by the fixed interval
    final = {row.experiment_id: row.content for row in ExperimentReport.objects.filter(
        advertiser=stage.advertiser
    )}  # fmt: skip
    tally = Tally(experiments=experiments, alarms=len(alarmed))
    equal = dashboard_equals(stage)
    for played in alike:
        report = final[played.experiment.pk]
        low, high = _interval(report)
        tally.silent += low is not None and low <= 0 <= high
        tally.unblamed += _split_level(report) != "fail"
        tally.acted += played.experiment.pk in acted or report["verdict"]["code"] in ACTED
        equal += report_equals(played, report)
    for played in better:
        report = final[played.experiment.pk]
        low, high = _interval(report)
        tally.covered += low is not None and low <= LIFT <= high
        tally.found += low is not None and low > 0
        tally.shipped += report["verdict"]["code"] == Code.SHIP
        equal += report_equals(played, report)
    for played in broken:
        report = final[played.experiment.pk]
        tally.caught += _split_level(report) == "fail" and report["verdict"]["code"] == Code.UNHEALTHY
        equal += report_equals(played, report)
    tally.compared, tally.equal = len(equal), sum(equal)
    tally.decisions, tally.events = stage.decisions, stage.events
    return tally


def _looks(stage: Stage, alike: list[Played]) -> tuple[set[Any], set[Any]]:
    """The experiments without effect that were alarmed, and acted on, at one of twenty looks."""
    alarmed, acted = set(), set()
    for look in range(1, LOOKS + 1):
        at: datetime = stage.started_at + timedelta(days=DAYS) * (look / (LOOKS + 1))
        stage.play_until(at)
        rollups_refresh()
        for played in alike:
            row = report_refresh(experiment_id=played.experiment.pk, now=at, with_chances=False)
            assert row is not None  # noqa: S101
            low, high = _interval(row.content)
            if low is not None and (low > 0 or high < 0):
                alarmed.add(played.experiment.pk)
            if row.content["verdict"]["code"] in ACTED:
                acted.add(played.experiment.pk)
    return alarmed, acted


def _interval(report: dict[str, Any]) -> tuple[Any, Any]:
    """Of the primary metric's lift; (None, None) where it cannot be told."""
    row = report["metrics"][0]["rows"][1]
    return row["lift_low"], row["lift_high"]


def _split_level(report: dict[str, Any]) -> str:
    return next(check["level"] for check in report["health"] if check["key"] == "split")


def outcomes_of(tally: Tally) -> list[Outcome]:
    """The rates with what they must be."""
    lift = f"{LIFT * 100:g} %"
    runs = tally.experiments
    sample = f"{planned_shoppers():,} shoppers, as planned for it"

    def outcome(name: str, hits: int, low: float, high: float, note: str = "") -> Outcome:
        return Outcome(name, hits / runs, low, high, runs, note, PIPELINE)

    return [
        outcome(f"False alarms, always-valid, {LOOKS} looks", tally.alarms, 0, 0.06, sample),
        outcome(
            f"Ship or roll back without an effect, at {LOOKS} looks and the end", tally.acted, 0, 0.075,
            "the verdict a manager reads",
        ),
        outcome("Coverage of no effect at the planned end", tally.silent, 0.93, 0.97),
        outcome(f"Coverage of a lift of {lift} at the planned end", tally.covered, 0.93, 0.97),
        outcome(f"A lift of {lift} found at the planned sample", tally.found, 0.78, 1, sample),
        outcome(f"A lift of {lift} judged “ship” at the planned end", tally.shipped, 0.78, 1),
        outcome(
            f"An arm that lost {LOST * 100:g} % of its shoppers caught, and no verdict", tally.caught, 0.95, 1
        ),
        outcome("Healthy splits left alone", tally.unblamed, 0.99, 1),
        Outcome(
            "Figures of report and dashboard that equal SQL over the raw events",
            tally.equal / tally.compared, 1, 1, tally.compared,
            f"from {tally.decisions:,} decisions and {tally.events:,} events, some sent twice", PIPELINE,
            is_exact=True,
        ),
    ]  # fmt: skip
