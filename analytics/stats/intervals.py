"""Rates with their uncertainty. Never NaN, never infinite, never an interval of no width from no data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its interval; ``value`` is None without a single trial."""

    successes: int
    trials: int
    value: float | None
    low: float
    high: float


def wilson(successes: int, trials: int, *, confidence: float = 0.95) -> Rate:
    """Wilson's score interval, which keeps its coverage at small samples and near 0 and 1.

    centre = (p + z²/2n) / (1 + z²/n);  half width = z/(1 + z²/n) · sqrt(p(1-p)/n + z²/4n²)

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927) 209-212; recommended for small n by Brown, Cai and DasGupta, "Interval estimation for
    a binomial proportion", Statistical Science 16 (2001) 101-133.

    More successes than trials happen (a lost impression whose click arrived): the rate is then 1.
    """
    if successes < 0 or trials < 0:
        raise ValueError("counts are not negative")
    trials_seen = max(trials, successes) if trials else 0
    if trials_seen == 0:
        return Rate(successes, trials, None, 0.0, 1.0)
    p = successes / trials_seen
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    scale = 1 + z * z / trials_seen
    centre = (p + z * z / (2 * trials_seen)) / scale
    half = z / scale * math.sqrt(p * (1 - p) / trials_seen + z * z / (4 * trials_seen * trials_seen))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes >= trials_seen else min(1.0, centre + half)
    return Rate(successes, trials, p, min(low, p), max(high, p))


def relative_change(now: float | None, before: float | None) -> float | None:
    """(now - before) / before; None where that says nothing."""
    if now is None or before is None or before <= 0 or not math.isfinite(now) or not math.isfinite(before):
        return None
    change = (now - before) / before
    return change if math.isfinite(change) else None
