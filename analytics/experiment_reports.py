"""An experiment's whole report as JSON. Slow (it reads events, it imports tea-tasting): workers only.

``reports_refresh`` and ``report_refresh`` store it; pages and API read the stored row.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from django.db.models import Count, Q
from django.utils import timezone

from analytics import experiment_health as health
from analytics import orders
from analytics.experiment_services import experiments_due
from analytics.experiment_table import CLICK, IMPRESSION, Order, Table, Touch, table_make
from analytics.models import Event, ExperimentReport
from analytics.orders import order_values
from analytics.stats.bayesian import believe
from analytics.stats.frequentist import Comparison, compare
from analytics.stats.multiplicity import holm
from analytics.stats.sequential import compare_always_valid
from analytics.stats.statistics import Sums
from analytics.verdict import Facts, GuardrailFacts, TreatmentFacts, Verdict, judge
from campaigns.experiment_services import experiments_finish
from campaigns.models import Experiment, ExperimentArm

log = structlog.get_logger(__name__)

PRE_PERIOD = timedelta(days=14)
MAX_DEVICES = 4
Metric = Experiment.Metric


def reports_refresh(*, now: datetime | None = None) -> int:
    """Finish what is over; compute running experiments and those that somebody waits for."""
    now = now or timezone.now()
    experiments_finish(now=now)
    done = 0
    for pk in experiments_due().values_list("pk", flat=True):
        try:
            report_refresh(experiment_id=pk, now=now)
            done += 1
        except Exception:
            # One broken experiment must not keep the others from their figures.
            log.exception("experiment_report_failed", experiment=str(pk))
    return done


def report_refresh(*, experiment_id: UUID, now: datetime | None = None) -> ExperimentReport | None:
    """Compute and store one report; None when the experiment is gone or never started."""
    now = now or timezone.now()
    experiment = (
        Experiment.objects.select_related("campaign", "advertiser")
        .prefetch_related("arms")
        .filter(pk=experiment_id, started_at__isnull=False)
        .first()
    )
    if experiment is None:
        return None
    content = report_compute(experiment, now=now)
    row, _ = ExperimentReport.objects.update_or_create(
        experiment=experiment,
        defaults={
            "advertiser_id": experiment.advertiser_id,
            "content": content,
            "computed_at": now,
            "requested_at": None,
        },
    )
    return row


def report_compute(experiment: Experiment, *, now: datetime) -> dict[str, Any]:
    """Health, numbers, trend, exploration and verdict, ready for JSON: no NaN, no infinity."""
    return _Computation(experiment, now).report()


class _Computation:
    """One report being made; holds what its parts share."""

    def __init__(self, experiment: Experiment, now: datetime) -> None:
        self.experiment = experiment
        self.now = now
        assert experiment.started_at is not None  # noqa: S101
        self.start = experiment.started_at
        planned = experiment.planned_end_at or now
        # What comes after the planned end is not looked at: it would be one more peek.
        self.end = min(now, planned, experiment.stopped_at or now)
        self.is_complete = self.end >= planned
        self.arms = list(experiment.arms.all())
        self.keys = [arm.key for arm in self.arms]
        self.table = self._table()

    # --- reading
    def _events(self) -> Any:
        return Event.objects.filter(
            advertiser_id=self.experiment.advertiser_id,
            occurred_at__gte=self.start,
            occurred_at__lt=self.end,
        )

    def _table(self) -> Table:
        touches = (
            self._events()
            .filter(
                experiment_id=self.experiment.pk,
                validity=Event.Validity.VALID,
                kind__in=(Event.Kind.IMPRESSION, Event.Kind.CLICK),
            )
            .exclude(shopper_pseudonym="")
            .order_by("occurred_at", "id")
            .values_list("shopper_pseudonym", "arm", "kind", "occurred_at", "device")
        )
        last = max(self.start, self.end - timedelta(microseconds=1))
        return table_make(
            self.keys,
            (
                Touch(shopper, arm, kind == Event.Kind.CLICK, at, device)
                for shopper, arm, kind, at, device in touches.iterator(chunk_size=5000)
            ),
            self._orders(),
            first=self.start.astimezone(UTC).date(),
            last=last.astimezone(UTC).date(),
        )

    def _orders(self) -> Iterator[Order]:
        """At what was kept of them; None where no exchange rate is stored."""
        advertiser = self.experiment.advertiser
        rows = (
            self._events()
            .filter(kind=Event.Kind.CONVERSION, validity=Event.Validity.VALID)
            .exclude(shopper_pseudonym="")
            .values_list("shopper_pseudonym", "order_id", "occurred_at", "value_cents", "currency")
        )
        read = rows.iterator(chunk_size=5000)
        while found := list(islice(read, 5000)):
            values = order_values(
                advertiser_id=advertiser.pk,
                home=advertiser.currency,
                orders=[
                    orders.Order(order_id, at, cents or 0, code) for _, order_id, at, cents, code in found
                ],
            )
            for shopper, order_id, at, _, _ in found:
                value = values[order_id]
                is_known = value.currency == advertiser.currency
                yield Order(shopper, at, value.net_cents if is_known else None)

    def _before(self) -> list[Sums]:
        """Clicks and impressions of these shoppers before the start, by arm."""
        arm_of = self.table.arms_of()
        rows = (
            Event.objects.filter(
                advertiser_id=self.experiment.advertiser_id,
                occurred_at__gte=self.start - PRE_PERIOD,
                occurred_at__lt=self.start,
                validity=Event.Validity.VALID,
                kind__in=(Event.Kind.IMPRESSION, Event.Kind.CLICK),
            )
            .exclude(shopper_pseudonym="")
            .order_by()
            .values_list("shopper_pseudonym", "kind")
            .annotate(events=Count("pk"))
        )
        seen: dict[str, list[int]] = {}
        for shopper, kind, events in rows.iterator(chunk_size=5000):
            if shopper in arm_of:
                seen.setdefault(shopper, [0, 0])[kind == Event.Kind.CLICK] += events
        found = []
        for arm in range(len(self.arms)):
            pairs = [counts for shopper, counts in seen.items() if arm_of[shopper] == arm]
            found.append(Sums.of_pairs([clicks for _, clicks in pairs], [shown for shown, _ in pairs]))
        return found

    def _invalid(self) -> dict[str, tuple[int, int]]:
        rows = (
            self._events()
            .filter(experiment_id=self.experiment.pk)
            .order_by()
            .values_list("arm")
            .annotate(bad=Count("pk", filter=Q(validity=Event.Validity.INVALID)), total=Count("pk"))
        )
        found = {arm: (bad, total) for arm, bad, total in rows}
        return {_label(arm): found.get(arm.key, (0, 0)) for arm in self.arms}

    # --- parts
    def report(self) -> dict[str, Any]:
        metrics = self._metrics()
        checks = self._checks(metrics[0])
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
            "health": [check.as_dict() for check in checks],
            "metrics": metrics,
            "trend": self._trend(),
            "devices": self._devices(),
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
        impressions, clicks = self.table.total(IMPRESSION), self.table.total(CLICK)
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

    def _compare(self, control: Sums, treatment: Sums) -> Comparison:
        if self.is_complete:
            return compare(control, treatment)
        return compare_always_valid(control, treatment, tuned_for=self.experiment.planned_shoppers)

    def _metrics(self) -> list[dict[str, Any]]:
        """The primary one first, then guardrails, then the rest."""
        primary = self.experiment.primary_metric
        margins = {rail["metric"]: rail["margin_rate"] for rail in self.experiment.guardrails}
        rest = [metric for metric in Metric.values if metric != primary and metric not in margins]
        return [
            self._metric(name, role, margins.get(name))
            for names, role in (([primary], "primary"), (margins, "guardrail"), (rest, "secondary"))
            for name in names
        ]

    def _metric(self, name: str, role: str, margin: float | None) -> dict[str, Any]:
        sums = self.table.sums(name)
        found = [self._compare(sums[0], other) for other in sums[1:]]
        # Guardrails are not corrected: there a false alarm is the cheaper mistake.
        p_values = [comparison.p for comparison in found]
        adjusted = p_values if role == "guardrail" else holm(p_values)
        rows = [self._row(0, sums[0])]
        for i, (comparison, p) in enumerate(zip(found, adjusted, strict=True), start=1):
            belief = believe(sums[0], sums[i])
            rows.append(
                self._row(i, sums[i])
                | {
                    "difference": comparison.difference,
                    "difference_low": comparison.difference_low,
                    "difference_high": comparison.difference_high,
                    "lift": comparison.lift,
                    "lift_low": comparison.lift_low,
                    "lift_high": comparison.lift_high,
                    "p": comparison.p,
                    "p_adjusted": p,
                    "chance_to_beat": belief.chance_to_beat,
                    "expected_loss": belief.expected_loss,
                }
            )
        label = Metric(name).label
        return {"metric": name, "label": label, "role": role, "margin_rate": margin, "rows": rows}

    def _row(self, position: int, sums: Sums) -> dict[str, Any]:
        arm = self.arms[position]
        return {
            "arm": arm.key,
            "label": _label(arm),
            "is_control": position == 0,
            "shoppers": sums.n,
            "numerator": sums.y,
            "denominator": sums.x,
            "value": sums.value,
        }

    def _checks(self, primary: dict[str, Any]) -> list[health.Check]:
        counts = self.table.counts()
        labels = [_label(arm) for arm in self.arms]
        name = self.experiment.primary_metric
        successes = self.table.sums(Metric.CONVERSION_RATE if name == Metric.REVENUE_CENTS else name)
        is_running = self.end >= self.now
        return [
            health.split(counts, [arm.weight for arm in self.arms]),
            health.mixed(self.table.mixed, self.table.shoppers),
            health.fresh(self.table.last_at, self.now, is_running=is_running),
            health.balance(self._before(), labels),
            health.enough(counts, [sums.y for sums in successes]),
            health.weeks(self._days_run),
            health.invalid(self._invalid()),
            health.unchanged(),
        ]

    @property
    def _days_run(self) -> float:
        return max(0.0, (self.end - self.start) / timedelta(days=1))

    def _trend(self) -> dict[str, Any]:
        """The lift so far by day with its always-valid interval, and new shoppers by day and arm."""
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

    def _devices(self) -> list[dict[str, Any]]:
        """The primary metric by the device of the first exposure: to look at, not to decide by."""
        rows: list[dict[str, Any]] = []
        for device in self.table.devices()[:MAX_DEVICES]:
            sums = self.table.sums(self.experiment.primary_metric, device=device)
            for arm, other in zip(self.arms[1:], sums[1:], strict=True):
                found = self._compare(sums[0], other)
                rows.append(
                    {
                        "device": device or "unknown",
                        "arm": arm.key,
                        "label": _label(arm),
                        "shoppers": sums[0].n + other.n,
                        "control": sums[0].value,
                        "value": other.value,
                        "lift": found.lift,
                        "lift_low": found.lift_low,
                        "lift_high": found.lift_high,
                        "p": found.p,
                    }
                )
        for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
            row["p_adjusted"] = p
        return rows

    def _verdict(self, metrics: list[dict[str, Any]], checks: list[health.Check]) -> Verdict:
        left = (self.experiment.planned_end_at or self.end) - self.end
        is_over = self.end < self.now or self.is_complete
        return judge(
            Facts(
                failed_checks=tuple(
                    f"{check.label}: {check.sentence}" for check in checks if check.level == health.FAIL
                ),
                shoppers=self.table.shoppers,
                planned_shoppers=self.experiment.planned_shoppers,
                is_enough=next(check.level == health.OK for check in checks if check.key == "enough"),
                days_run=self._days_run,
                days_left=None if is_over else max(1, -(-left // timedelta(days=1))),
                treatments=tuple(self._treatment(position, metrics) for position in range(1, len(self.arms))),
            )
        )

    def _treatment(self, position: int, metrics: list[dict[str, Any]]) -> TreatmentFacts:
        arm = self.arms[position]
        row = metrics[0]["rows"][position]
        return TreatmentFacts(
            key=arm.key,
            label=_label(arm),
            lift=row["lift"],
            low=row["lift_low"],
            high=row["lift_high"],
            p_adjusted=row["p_adjusted"],
            guardrails=tuple(
                GuardrailFacts(
                    metric["label"],
                    metric["margin_rate"],
                    metric["rows"][position]["lift_low"],
                    metric["rows"][position]["lift_high"],
                )
                for metric in metrics
                if metric["role"] == "guardrail"
            ),
            is_shippable=arm.rule != ExperimentArm.Rule.OTHER_SEGMENT,
        )


LABELS = {
    ExperimentArm.Rule.OWN_SEGMENT: "Own segment",
    ExperimentArm.Rule.GENERIC: "Generic",
    ExperimentArm.Rule.OTHER_SEGMENT: "Other segment",
}


def _label(arm: ExperimentArm) -> str:
    return LABELS[ExperimentArm.Rule(arm.rule)]
