"""An experiment's whole report as JSON. Slow (it refreshes sums, it imports tea-tasting): workers only.

``reports_refresh`` and ``report_refresh`` store it; pages and API read the stored row.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.utils import timezone

from analytics import experiment_health as health
from analytics.experiment_figures import (
    ArmDesign,
    Design,
    Slice,
    StoredSums,
    dimensions_make,
    metrics_make,
    treatments_make,
)
from analytics.experiment_metrics import METRICS, Column, metric_label
from analytics.experiment_names import names_get
from analytics.experiment_services import experiments_due
from analytics.experiment_sums import (
    Uncounted,
    invalid_counts,
    pictures_changed,
    pictures_shown,
    shoppers_stored,
    sums_refresh,
)
from analytics.experiment_table import Table, table_make
from analytics.learning_selectors import draw_changes_count
from analytics.models import ExperimentReport
from analytics.stats.sequential import compare_always_valid
from analytics.verdict import Code, Facts, Verdict, judge
from campaigns.experiment_services import experiments_finish
from campaigns.models import Experiment, ExperimentArm

log = structlog.get_logger(__name__)

SLICES = 4  # values of a dimension, the commonest ones
Metric = Experiment.Metric


def reports_refresh(*, now: datetime | None = None) -> int:
    """Finish what is over; compute running experiments and those that somebody waits for."""
    now = now or timezone.now()
    experiments_finish(now=now)
    done = 0
    for pk in experiments_due(now=now).values_list("pk", flat=True):
        try:
            report_refresh(experiment_id=pk, now=now)
            done += 1
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            # One broken experiment must not keep the others from their figures.
            log.exception("experiment_report_failed", experiment=str(pk))
    return done


def report_refresh(
    *, experiment_id: UUID, now: datetime | None = None, with_chances: bool = True
) -> ExperimentReport | None:
    """Compute and store one report; None when the experiment is gone or never started.

    Without chances, chance to beat and expected loss (nine tenths of the time) are left out.
    """
    now = now or timezone.now()
    experiment = (
        Experiment.objects.select_related("campaign", "advertiser")
        .prefetch_related("arms")
        .filter(pk=experiment_id, started_at__isnull=False)
        .first()
    )
    if experiment is None:
        return None
    computation = _Computation(experiment, now, with_chances=with_chances)
    content = computation.report()
    row, _ = ExperimentReport.objects.update_or_create(
        experiment=experiment,
        defaults={
            "advertiser_id": experiment.advertiser_id,
            "content": content,
            "sums": computation.stored.to_dict(),
            "computed_at": now,
            "requested_at": None,
        },
    )
    return row


class _Computation:
    """One report being made; holds what its parts share."""

    def __init__(self, experiment: Experiment, now: datetime, *, with_chances: bool = True) -> None:
        self.experiment = experiment
        self.now = now
        assert experiment.started_at is not None  # noqa: S101
        self.start = experiment.started_at
        planned = experiment.planned_end_at or now
        # What comes after the planned end is not looked at: it would be one more peek.
        self.end = min(now, planned, experiment.stopped_at or now)
        self.is_complete = self.end >= planned
        self.arms = list(experiment.arms.all())
        rails = {rail["metric"]: rail["margin_rate"] for rail in experiment.guardrails}
        self.design = Design(
            arms=[
                ArmDesign(arm.key, _label(arm), arm.weight, arm.rule != ExperimentArm.Rule.OTHER_SEGMENT)
                for arm in self.arms
            ],
            primary=experiment.primary_metric,
            guardrails=rails,
            planned_shoppers=experiment.planned_shoppers,
            is_complete=self.is_complete,
            with_chances=with_chances,
        )
        sums_refresh(experiment)
        self.table = self._table()
        self._slices = self.table.slices(limit=SLICES, minimum=settings.REPORTS_MIN_SHOPPERS)
        self.stored = StoredSums(
            metrics={name: self.table.paired(name) for name in METRICS},
            slices=[
                Slice(*part, {name: self.table.sums(name, part=part) for name in METRICS})
                for part in self._slices
            ],
        )

    def _table(self) -> Table:
        last = max(self.start, self.end - timedelta(microseconds=1))
        return table_make(
            [arm.key for arm in self.arms],
            shoppers_stored(self.experiment),
            first=self.start.astimezone(UTC).date(),
            last=last.astimezone(UTC).date(),
            names=names_get(
                advertiser_id=self.experiment.advertiser_id, campaign_id=self.experiment.campaign_id
            ),
        )

    # --- parts
    def report(self) -> dict[str, Any]:
        """Health, numbers, trend, exploration and verdict, ready for JSON: no NaN, no infinity."""
        metrics = metrics_make(self.design, self.stored)
        checks = self._checks()
        verdict = self._verdict(metrics, checks)
        return {
            "experiment_id": str(self.experiment.pk),
            "computed_at": self.now.isoformat(),
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "last_event_at": self.table.last_at.isoformat() if self.table.last_at else None,
            "interval_kind": "fixed" if self.is_complete else "always_valid",
            "shoppers": self.table.shoppers,
            "planned_shoppers": self.experiment.planned_shoppers,
            "mixed_shoppers": self.table.mixed,
            "foreign_orders": self.table.foreign_orders,
            "revenue_cap_cents": self.table.cap_cents,
            "arms": self._arm_rows(),
            "pictures": pictures_shown(self.experiment, end=self.end),
            "health": [check.as_dict() for check in checks],
            "metrics": metrics,
            "trend": self._trend(),
            "dimensions": dimensions_make(self.design, self.stored),
            "verdict": {
                "code": verdict.code.value,
                "title": verdict.title,
                "reasons": list(verdict.reasons),
                "arm": verdict.arm,
                "days_left": verdict.days_left,
            },
        }

    def _arm_rows(self) -> list[dict[str, Any]]:
        counts = self.table.counts()
        impressions, clicks = self.table.total(Column.IMPRESSIONS), self.table.total(Column.CLICKS)
        total = sum(arm.weight for arm in self.arms)
        return [
            {
                "key": arm.key,
                "label": _label(arm),
                "is_control": arm.position == 0,
                "share_rate": arm.weight / total,
                "shoppers": counts[i],
                "impressions": int(impressions[i]),
                "clicks": int(clicks[i]),
            }
            for i, arm in enumerate(self.arms)
        ]

    def _checks(self) -> list[health.Check]:
        counts = self.table.counts()
        labels = [_label(arm) for arm in self.arms]
        weights = [arm.weight for arm in self.arms]
        name = self.experiment.primary_metric
        successes = self.table.sums(Metric.CONVERSION_RATE if name == Metric.REVENUE_CENTS else name)
        invalid = invalid_counts(self.experiment, end=self.end)
        uncounted = [(_label(arm), invalid.get(arm.key, Uncounted())) for arm in self.arms]
        slices = {part: self.table.counts_of(*part) for part in self._slices}
        return [
            health.split(counts, weights, slices),
            health.mixed(self.table.mixed, self.table.shoppers),
            health.fresh(self.table.last_at, self.end),
            health.balance(
                {
                    metric_label(metric): self.table.before(metric)
                    for metric in (name, *self.design.guardrails)
                },
                labels,
            ),
            health.enough(counts, [sums.y for sums in successes]),
            health.weeks(self._days_run),
            health.robots({label: (found.robots, found.total) for label, found in uncounted}),
            health.repeats({label: (found.others, found.total) for label, found in uncounted}),
            health.unchanged(
                pictures_changed(self.experiment, end=self.end),
                draw_changes_count(campaign_id=self.experiment.campaign_id, start=self.start, end=self.end),
            ),
        ]

    @property
    def _days_run(self) -> float:
        return max(0.0, (self.end - self.start) / timedelta(days=1))

    def _trend(self) -> dict[str, Any]:
        """The lift so far by day with its always-valid interval, and new shoppers by day and arm.

        Unlike the metrics it is not adjusted for the period before.
        """
        days = [day.isoformat() for day in self.table.days]
        lines: list[dict[str, Any]] = [
            {"arm": arm.key, "label": _label(arm), "lift": [], "low": [], "high": []} for arm in self.arms[1:]
        ]
        for position in range(len(days)):
            sums = self.table.sums(self.experiment.primary_metric, until=position)
            for line, other in zip(lines, sums[1:], strict=True):
                found = compare_always_valid(sums[0], other, tuned_for=self.experiment.planned_shoppers)
                # A lift without an interval (an arm without a single click) is noise on a first day.
                line["lift"].append(found.lift if found.lift_low is not None else None)
                line["low"].append(found.lift_low)
                line["high"].append(found.lift_high)
        return {"days": days, "lines": lines, "exposures": self.table.exposures()}

    def _verdict(self, metrics: list[dict[str, Any]], checks: list[health.Check]) -> Verdict:
        left = (self.experiment.planned_end_at or self.end) - self.end
        is_over = self.end < self.now or self.is_complete
        found = judge(
            Facts(
                failed_checks=tuple(
                    f"{check.label}: {check.sentence}" for check in checks if check.level == health.FAIL
                ),
                shoppers=self.table.shoppers,
                planned_shoppers=self.experiment.planned_shoppers,
                is_enough=next(check.level == health.OK for check in checks if check.key == "enough"),
                days_run=self._days_run,
                days_left=None if is_over else max(1, -(-left // timedelta(days=1))),
                treatments=treatments_make(self.design, metrics),
            )
        )
        if found.code == Code.ROLL_BACK and self.arms[0].rule != ExperimentArm.Rule.OWN_SEGMENT:
            return replace(found, reasons=(*found.reasons, ROLL_BACK_HINT))
        return found


# The usual may be the treatment that lost.
ROLL_BACK_HINT = (
    "A roll-back shows what was shown before the experiment. To show the control to everybody, ship it."
)
LABELS = {
    ExperimentArm.Rule.OWN_SEGMENT: "Own segment",
    ExperimentArm.Rule.GENERIC: "Generic",
    ExperimentArm.Rule.OTHER_SEGMENT: "Other segment",
    ExperimentArm.Rule.CHALLENGER: "Challenger",
}


def _label(arm: ExperimentArm) -> str:
    return LABELS[ExperimentArm.Rule(arm.rule)]
