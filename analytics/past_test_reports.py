"""Old tests judged by the code that judges our own: figures, health, verdict."""

from __future__ import annotations

from datetime import date
from typing import Any

from analytics import experiment_health as health
from analytics.experiment_figures import (
    ArmDesign,
    Design,
    StoredSums,
    metrics_make,
    treatments_make,
)
from analytics.past_test_reading import ReadTest
from analytics.stats.adjustment import PairedSums
from analytics.stats.sequential import compare_always_valid
from analytics.stats.statistics import Sums
from analytics.verdict import MIN_DAYS, Facts, judge

MAX_LINES = 3  # treatments that a chart shows


def past_test_stored(test: ReadTest) -> StoredSums:
    """The sums as a report takes them; nothing is known of the time before."""
    return StoredSums({test.metric: [PairedSums(arm.sums, Sums()) for arm in test.arms]})


def past_test_compute(test: ReadTest, *, today: date) -> dict[str, Any]:
    """A report's content; of hopeless sums what cannot be told is null, and the verdict says why."""
    design = Design(
        [ArmDesign(arm.name, arm.name, arm.weight) for arm in test.arms], test.metric, is_complete=True
    )
    counts = [arm.sums.n for arm in test.arms]
    metrics = metrics_make(design, past_test_stored(test))
    checks = _checks(test, counts, today)
    failed = tuple(f"{c.label}: {c.sentence}" for c in checks if c.level == health.FAIL)
    days = MIN_DAYS  # without its first and last day a full week is taken for granted
    if test.has_span and test.started_on and test.ended_on:
        days = (test.ended_on - test.started_on).days + 1
    verdict = judge(
        Facts(
            failed_checks=failed,
            shoppers=sum(counts),
            planned_shoppers=None,
            is_enough=next(c.level == health.OK for c in checks if c.key == "enough"),
            days_run=float(days),
            days_left=None,
            treatments=treatments_make(design, metrics),
        )
    )
    return {
        "health": [check.as_dict() for check in checks],
        "metrics": metrics,
        "shoppers": sum(counts),
        "arms": [{"key": arm.name, "label": arm.name} for arm in test.arms],
        "trend": _trend(test, sum(counts)),
        "verdict": {
            "code": verdict.code.value,
            "title": verdict.title,
            "reasons": list(verdict.reasons),
            "arm": verdict.arm,
        },
    }


def _trend(test: ReadTest, shoppers: int) -> dict[str, Any]:
    """The lift so far by day with its always-valid interval, where the file has days; at most 366."""
    names = [arm.name for arm in test.arms]
    days = sorted(test.sequence)[:366]
    reached = {name: Sums() for name in names}
    lines: list[dict[str, Any]] = [
        {"arm": name, "label": name, "lift": [], "low": [], "high": []} for name in names[1:]
    ]
    for day in days:
        for name, sums in test.sequence[day].items():
            reached[name] += sums
        for line in lines:
            control, other = reached[names[0]], reached[line["arm"]]
            found = compare_always_valid(control, other, tuned_for=max(1, shoppers))
            line["lift"].append(found.lift if found.lift_low is not None else None)
            line["low"].append(found.lift_low)
            line["high"].append(found.lift_high)
    exposures = [[test.sequence[day].get(name, Sums()).n for name in names] for day in days]
    return {"days": [day.isoformat() for day in days], "lines": lines[:MAX_LINES], "exposures": exposures}


def _checks(test: ReadTest, counts: list[int], today: date) -> list[health.Check]:
    successes = [arm.sums.y for arm in test.arms] if test.metric == "conversion_rate" else None
    checks = [health.enough(counts, successes)]
    if len(test.arms) < 2:
        checks.append(
            health.Check("arms", "Two arms", health.FAIL, "There is one arm only: nothing to compare with.")
        )
    elif test.has_weights:
        checks.append(health.split(counts, [arm.weight for arm in test.arms]))
    else:
        found = health.split(counts, [1.0] * len(counts))
        advice = "The file names no planned weights, so equal ones are assumed."
        level = health.WARN if found.level == health.FAIL else found.level
        checks.append(health.Check(found.key, found.label, level, found.sentence, advice))
    if any(day and day > today for day in (test.started_on, test.ended_on)):
        checks.append(
            health.Check(
                "dates", "Dates", health.FAIL, "It starts or ends in the future.", "Correct the dates."
            )
        )
    return checks
