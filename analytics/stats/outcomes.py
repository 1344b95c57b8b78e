"""What a self-check measured: a share, the band it has to lie in, and what it rests on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from analytics.stats.intervals import wilson

ARRAYS = "arrays"  # sums of made-up shoppers straight into the statistics
PIPELINE = "pipeline"  # decisions, events, roll-ups, stored report, verdict
ENOUGH = 1000  # runs: fewer are granted three standard errors of their own noise


@dataclass(frozen=True)
class Outcome:
    """One measured share."""

    name: str
    measured: float
    low: float
    high: float
    simulations: int
    note: str = ""
    source: str = ARRAYS
    is_exact: bool = False  # no noise is granted: every figure has to be right

    @property
    def is_passed(self) -> bool:
        """Inside the band, give or take the noise of a small run."""
        share = min(0.97, max(0.03, self.measured))
        noise = math.sqrt(share * (1 - share) / self.simulations)
        slack = 0.0 if self.is_exact or self.simulations >= ENOUGH else 3 * noise
        return self.low - slack <= self.measured <= self.high + slack

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the binomial interval of the share (Wilson, 95 %)."""
        measured = float(self.measured)
        rate = wilson(round(measured * self.simulations), self.simulations)
        return asdict(self) | {
            "measured": measured,
            "interval_low": rate.low,
            "interval_high": rate.high,
            "is_passed": bool(self.is_passed),
        }
