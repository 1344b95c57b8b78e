"""From stored per-arm sums to a report's figures, whoever collected them: our events or a CSV; pure.

Slow by the standards of a request (tea-tasting), so workers and imports only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from analytics.experiment_metrics import METRICS, metric_label, metric_unit
from analytics.stats.adjustment import Adjustment, PairedSums, adjust
from analytics.stats.bayesian import Belief, believe, believe_estimates
from analytics.stats.frequentist import Comparison, compare, compare_estimates
from analytics.stats.multiplicity import benjamini_hochberg, holm
from analytics.stats.sequential import compare_always_valid, compare_always_valid_estimates
from analytics.stats.statistics import Sums, estimate_of
from analytics.verdict import GuardrailFacts, TreatmentFacts

NOT_SEEN = "No period before the start is known."


@dataclass(frozen=True)
class ArmDesign:
    """One arm as planned; the first one of a design is the control."""

    key: str
    label: str
    weight: float = 1.0
    is_shippable: bool = True


@dataclass(frozen=True)
class Design:
    """What was promised before the start, and whether the planned end was reached."""

    arms: Sequence[ArmDesign]
    primary: str
    guardrails: Mapping[str, float] = field(default_factory=dict)  # metric -> margin
    planned_shoppers: int = 5000
    is_complete: bool = False
    with_chances: bool = True  # Monte Carlo: most of a report's time


@dataclass(frozen=True)
class Slice:
    """Sums of the shoppers of one dimension's value, by metric and arm."""

    dimension: str
    value: str
    metrics: Mapping[str, Sequence[Sums]]


@dataclass(frozen=True)
class StoredSums:
    """All that a report is made from."""

    metrics: Mapping[str, Sequence[PairedSums]]
    slices: Sequence[Slice] = ()

    def to_dict(self) -> dict[str, Any]:
        """For a JSON column: sums as lists of numbers."""
        return {
            "metrics": {name: [_flat(arm) for arm in arms] for name, arms in self.metrics.items()},
            "slices": [
                {
                    "dimension": part.dimension,
                    "value": part.value,
                    "metrics": {name: [astuple(arm) for arm in arms] for name, arms in part.metrics.items()},
                }
                for part in self.slices
            ],
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> StoredSums:
        """Back from ``to_dict``."""
        return cls(
            metrics={
                name: [PairedSums(Sums(*arm[0]), Sums(*arm[1]), *arm[2:]) for arm in arms]
                for name, arms in _ordered(stored["metrics"])
            },
            slices=[
                Slice(
                    part["dimension"],
                    part["value"],
                    {name: [Sums(*arm) for arm in arms] for name, arms in _ordered(part["metrics"])},
                )
                for part in stored["slices"]
            ],
        )


def _ordered(metrics: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """In the order of METRICS: PostgreSQL keeps the keys of JSON in another one."""
    known = [name for name in METRICS if name in metrics]
    return [(name, metrics[name]) for name in (*known, *(name for name in metrics if name not in METRICS))]


def _flat(arm: PairedSums) -> list[Any]:
    return [astuple(arm.now), astuple(arm.before), arm.yy, arm.yx, arm.xy, arm.xx, arm.seen]


def metrics_make(design: Design, stored: StoredSums) -> list[dict[str, Any]]:
    """The primary one first, then guardrails, then the rest, which share one correction."""
    rails = [name for name in design.guardrails if name in stored.metrics]
    rest = [name for name in stored.metrics if name != design.primary and name not in rails]
    found = [
        _metric(design, name, role, stored.metrics[name])
        for names, role in (([design.primary], "primary"), (rails, "guardrail"), (rest, "secondary"))
        for name in names
    ]
    others = [row for metric in found if metric["role"] == "secondary" for row in metric["rows"][1:]]
    for row, p in zip(others, benjamini_hochberg([row["p"] for row in others]), strict=True):
        row["p_adjusted"] = p
    return found


def _metric(design: Design, name: str, role: str, arms: Sequence[PairedSums]) -> dict[str, Any]:
    pairs = [_compared(design, arms[0], other) for other in arms[1:]]
    p_values = [found.p for found, _ in pairs]
    # Guardrails are not corrected: there a false alarm is the cheaper mistake.
    adjusted = holm(p_values) if role == "primary" else p_values
    rows = [_row(design, 0, arms[0].now)]
    for i, ((found, adjustment), p) in enumerate(zip(pairs, adjusted, strict=True), start=1):
        belief = _believed(arms[0], arms[i], adjustment) if design.with_chances else Belief()
        plain = estimate_of(arms[0].now), estimate_of(arms[i].now)
        rows.append(
            _row(design, i, arms[i].now)
            | {
                "difference": found.difference,
                "difference_low": found.difference_low,
                "difference_high": found.difference_high,
                "lift": found.lift,
                "lift_low": found.lift_low,
                "lift_high": found.lift_high,
                "p": found.p,
                "p_adjusted": p,
                "chance_to_beat": belief.chance_to_beat,
                "expected_loss": belief.expected_loss,
                "is_adjusted": adjustment.is_used,
                "variance_reduction_rate": adjustment.reduction if adjustment.is_used else None,
                "adjustment_reason": adjustment.reason,
                "lift_unadjusted": compare_estimates(*plain).lift,
            }
        )
    return {
        "metric": name,
        "label": metric_label(name),
        "unit": metric_unit(name),
        "role": role,
        "margin_rate": design.guardrails.get(name) if role == "guardrail" else None,
        "correction": {"primary": "holm", "guardrail": "none"}.get(role, "benjamini_hochberg"),
        "rows": rows,
    }


def _compared(design: Design, control: PairedSums, treatment: PairedSums) -> tuple[Comparison, Adjustment]:
    """With CUPED where the period before helps; the plain comparison else."""
    has_before = control.before.n > 0 and treatment.before.n > 0
    adjustment = adjust(control, treatment) if has_before else Adjustment(reason=NOT_SEEN)
    if adjustment.is_used:
        if design.is_complete:
            return compare_estimates(adjustment.control, adjustment.treatment), adjustment
        return (
            compare_always_valid_estimates(
                adjustment.control, adjustment.treatment, tuned_for=design.planned_shoppers
            ),
            adjustment,
        )
    return sums_compare(design, control.now, treatment.now), adjustment


def _believed(control: PairedSums, treatment: PairedSums, adjustment: Adjustment) -> Belief:
    """Of the same two values as the row's lift, interval and p: adjusted where those are."""
    if adjustment.control is not None and adjustment.treatment is not None:
        return believe_estimates(adjustment.control, adjustment.treatment)
    return believe(control.now, treatment.now)


def sums_compare(design: Design, control: Sums, treatment: Sums) -> Comparison:
    """Always-valid until the planned end, the ordinary interval afterwards."""
    if design.is_complete:
        return compare(control, treatment)
    return compare_always_valid(control, treatment, tuned_for=design.planned_shoppers)


def _row(design: Design, position: int, sums: Sums) -> dict[str, Any]:
    arm = design.arms[position]
    return {
        "arm": arm.key,
        "label": arm.label,
        "is_control": position == 0,
        "shoppers": sums.n,
        "numerator": sums.y,
        "denominator": sums.x,
        "value": sums.value,
    }


def dimensions_make(design: Design, stored: StoredSums) -> list[dict[str, Any]]:
    """Every metric in every slice: to look at, not to decide by. One correction a metric."""
    rows = []
    for part in stored.slices:
        for name, arms in part.metrics.items():
            for arm, other in zip(design.arms[1:], arms[1:], strict=True):
                rows.append(_slice_row(design, part, name, arm, arms[0], other))
    for name in {row["metric"] for row in rows}:
        mine = [row for row in rows if row["metric"] == name]
        for row, p in zip(mine, benjamini_hochberg([row["p"] for row in mine]), strict=True):
            row["p_adjusted"] = p
    return rows


def _slice_row(
    design: Design, part: Slice, name: str, arm: ArmDesign, control: Sums, other: Sums
) -> dict[str, Any]:
    if design.is_complete:
        found = compare_estimates(estimate_of(control), estimate_of(other))
    else:
        found = compare_always_valid(control, other, tuned_for=design.planned_shoppers)
    return {
        "dimension": part.dimension,
        "slice": part.value,
        "metric": name,
        "arm": arm.key,
        "label": arm.label,
        "shoppers": control.n + other.n,
        "control": control.value,
        "value": other.value,
        "lift": found.lift,
        "lift_low": found.lift_low,
        "lift_high": found.lift_high,
        "p": found.p,
        "is_exploratory": True,
    }


def treatments_make(design: Design, metrics: Sequence[Mapping[str, Any]]) -> tuple[TreatmentFacts, ...]:
    """What the verdict asks of each treatment."""
    rails = [metric for metric in metrics if metric["role"] == "guardrail"]
    return tuple(
        TreatmentFacts(
            key=arm.key,
            label=arm.label,
            lift=metrics[0]["rows"][position]["lift"],
            low=metrics[0]["rows"][position]["lift_low"],
            high=metrics[0]["rows"][position]["lift_high"],
            p_adjusted=metrics[0]["rows"][position]["p_adjusted"],
            guardrails=tuple(
                GuardrailFacts(
                    rail["label"],
                    rail["margin_rate"],
                    rail["rows"][position]["lift_low"],
                    rail["rows"][position]["lift_high"],
                )
                for rail in rails
            ),
            is_shippable=arm.is_shippable,
        )
        for position, arm in enumerate(design.arms)
        if position
    )
