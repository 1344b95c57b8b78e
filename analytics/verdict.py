"""What an experiment's figures mean, in one word with its reasons; pure.

Health comes first: from an unhealthy experiment nothing follows, however large the lift. Ship only when the
primary metric wins and each guardrail is safely inside its margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

SIGNIFICANT = 0.05
MIN_DAYS = 7  # a full week: weekends shop differently
IMPLAUSIBLE_LIFT = 1.0  # Twyman's law: what looks too good is usually a mistake


class Code(StrEnum):
    """The verdicts."""

    UNHEALTHY = "unhealthy"
    NO_DATA = "no_data"
    COLLECTING = "collecting"
    SHIP = "ship"
    ROLL_BACK = "roll_back"
    INCONCLUSIVE = "inconclusive"
    NEEDS_REVIEW = "needs_review"


TITLES = {
    Code.UNHEALTHY: "No verdict: the experiment is not healthy",
    Code.NO_DATA: "No data yet",
    Code.COLLECTING: "Still collecting",
    Code.SHIP: "Ship it",
    Code.ROLL_BACK: "Roll back",
    Code.INCONCLUSIVE: "Inconclusive",
    Code.NEEDS_REVIEW: "A person has to look",
}


@dataclass(frozen=True)
class GuardrailFacts:
    """One guardrail of one treatment."""

    label: str
    margin_rate: float
    low: float | None  # interval of the relative change
    high: float | None

    @property
    def is_breached(self) -> bool:
        return self.high is not None and self.high < -self.margin_rate

    @property
    def is_safe(self) -> bool:
        return self.low is not None and self.low >= -self.margin_rate


@dataclass(frozen=True)
class TreatmentFacts:
    """The primary metric of one treatment against the control."""

    key: str
    label: str
    lift: float | None
    low: float | None
    high: float | None
    p_adjusted: float | None
    guardrails: tuple[GuardrailFacts, ...] = ()
    is_shippable: bool = True

    @property
    def _is_significant(self) -> bool:
        return self.p_adjusted is not None and self.p_adjusted < SIGNIFICANT

    @property
    def wins(self) -> bool:
        return self._is_significant and self.low is not None and self.low > 0

    @property
    def loses(self) -> bool:
        return self._is_significant and self.high is not None and self.high < 0


@dataclass(frozen=True)
class Facts:
    """All that a verdict depends on."""

    failed_checks: tuple[str, ...]  # sentences
    shoppers: int
    planned_shoppers: int | None  # None where nobody knows
    is_enough: bool  # shoppers and successes in every arm
    days_run: float
    days_left: int | None  # until the planned end; None when it is over
    treatments: tuple[TreatmentFacts, ...]

    @property
    def is_over(self) -> bool:
        return self.days_left is None


@dataclass(frozen=True)
class Verdict:
    """The word, the arm it speaks of, and why."""

    code: Code
    reasons: tuple[str, ...]
    arm: str = ""
    days_left: int | None = None

    @property
    def title(self) -> str:
        return TITLES[self.code]


def judge(facts: Facts) -> Verdict:
    """The first rule that applies decides."""
    if facts.failed_checks:
        return Verdict(Code.UNHEALTHY, facts.failed_checks)
    if facts.shoppers == 0:
        return Verdict(
            Code.NO_DATA, ("No shopper has seen a creative of this experiment.",), days_left=facts.days_left
        )
    if not facts.is_enough or facts.days_run < MIN_DAYS:
        return _too_early(facts)
    found = _winner(facts.treatments) or _loser(facts.treatments)
    if found is not None:
        return found
    return _open(facts)


def _too_early(facts: Facts) -> Verdict:
    reasons = []
    if not facts.is_enough:
        reasons.append("An arm has fewer than 100 shoppers or 40 successes: too little to judge.")
    if facts.days_run < MIN_DAYS:
        reasons.append("Less than a full week has been seen; weekends differ from weekdays.")
    if facts.is_over:
        return Verdict(Code.INCONCLUSIVE, tuple(reasons))
    return Verdict(Code.COLLECTING, tuple(reasons), days_left=facts.days_left)


def _winner(treatments: Sequence[TreatmentFacts]) -> Verdict | None:
    winners = sorted((t for t in treatments if t.wins), key=lambda t: -(t.lift or 0))
    if not winners:
        return None
    best = winners[0]
    doubts = [
        f"{rail.label} may have fallen by more than the {rail.margin_rate * 100:g} % allowed."
        for rail in best.guardrails
        if not rail.is_safe
    ]
    if not best.is_shippable:
        doubts.append("This arm is a probe and cannot be shipped; ask why it wins.")
    if (best.lift or 0) > IMPLAUSIBLE_LIFT:
        doubts.append("The lift is implausibly large. Look for a mistake before believing it.")
    won = f"{best.label} beats the control: the whole interval lies above zero."
    if doubts:
        return Verdict(Code.NEEDS_REVIEW, (won, *doubts), best.key)
    safe = ("Every guardrail is safely inside its margin.",) if best.guardrails else ()
    return Verdict(Code.SHIP, (won, *safe), best.key)


def _loser(treatments: Sequence[TreatmentFacts]) -> Verdict | None:
    bad = [t for t in treatments if t.loses or any(rail.is_breached for rail in t.guardrails)]
    if not bad or len(bad) < len(treatments):
        return None
    reasons = []
    for treatment in bad:
        if treatment.loses:
            reasons.append(f"{treatment.label} does worse: the whole interval lies below zero.")
        reasons += [
            f"{treatment.label}: {rail.label} fell by more than the {rail.margin_rate * 100:g} % allowed."
            for rail in treatment.guardrails
            if rail.is_breached
        ]
    return Verdict(Code.ROLL_BACK, tuple(reasons))


def _open(facts: Facts) -> Verdict:
    if not facts.is_over:
        reason = "No difference is certain yet."
        return Verdict(Code.COLLECTING, (reason,), days_left=facts.days_left)
    if facts.planned_shoppers is None:
        reason = (
            "What sample was planned is not known: a real difference may have been missed; read the interval."
        )
    elif facts.shoppers >= facts.planned_shoppers:
        reason = (
            "The planned sample was reached: a lift as large as planned would most likely have been seen."
        )
    else:
        reason = (
            f"Only {facts.shoppers:,} of {facts.planned_shoppers:,} planned shoppers came: "
            "a real difference may have been missed."
        )
    return Verdict(Code.INCONCLUSIVE, ("No difference is certain.", reason))
