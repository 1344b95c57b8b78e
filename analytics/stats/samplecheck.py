"""Before any result is read: did the split come out as planned, and how many shoppers does it take?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from analytics.stats.statistics import Sums, finite

SRM_FAIL = 0.001  # also GrowthBook's default: at 0.05 one healthy experiment in twenty would be stopped
SRM_WARN = 0.01
SRM_MIN_EXPECTED = 5.0  # shoppers an arm, Cochran's rule for chi-squared
ALPHA = 0.05
POWER = 0.8


@dataclass(frozen=True, slots=True)
class SplitCheck:
    """The sample-ratio test; ``p`` is None where there are too few shoppers to tell."""

    p: float | None
    expected: tuple[float, ...]

    @property
    def level(self) -> str:
        """``fail``, ``warn``, ``ok`` or ``unknown``."""
        if self.p is None:
            return "unknown"
        return "fail" if self.p < SRM_FAIL else "warn" if self.p < SRM_WARN else "ok"


def split_check(counts: Sequence[int], weights: Sequence[float]) -> SplitCheck:
    """Pearson's chi-squared over all arms, on shoppers, against the planned weights.

    Source: A. Fabijan et al., "Diagnosing sample ratio mismatch in online controlled experiments",
    KDD 2019.
    """
    if len(counts) != len(weights) or any(w <= 0 for w in weights) or any(c < 0 for c in counts):
        raise ValueError("each arm needs a count and a positive weight")
    total, scale = sum(counts), sum(weights)
    expected = tuple(total * weight / scale for weight in weights)
    if len(counts) < 2 or min(expected) < SRM_MIN_EXPECTED:
        return SplitCheck(None, expected)
    from scipy.stats import chisquare

    return SplitCheck(finite(float(chisquare(list(counts), list(expected)).pvalue)), expected)


def independence_p(rows: Sequence[tuple[int, int]]) -> float | None:
    """Whether a share is the same in every row of (with, without), by chi-squared; None: unknown."""
    kept = [row for row in rows if sum(row) > 0]
    columns = [sum(row[place] for row in kept) for place in (0, 1)]
    if len(kept) < 2 or min(columns) == 0:
        return None
    least = min(sum(row) for row in kept) * min(columns) / sum(columns)
    if least < SRM_MIN_EXPECTED:
        return None
    from scipy.stats import chi2_contingency

    return finite(float(chi2_contingency(kept, correction=False).pvalue))


def sample_needed(
    baseline: Sums,
    *,
    effect: float,
    weights: Sequence[float] = (1.0, 1.0),
    alpha: float = ALPHA,
    power: float = POWER,
) -> int | None:
    """Shoppers in all arms together that find a relative ``effect`` of the first arm's metric.

    n = (z(1-α/2) + z(power))² · (σ²/w₀ + σ²(1+e)/w₁) / (e·R)², R and σ² from per-shopper sums, so that
    a ratio metric's correlated impressions are paid for. The treatment's variance grows with its mean, as
    it does for counts. Of several treatments the one with the smallest weight decides, and alpha is shared
    among them, because Holm's adjustment asks so much of a treatment that wins alone. None where the baseline
    tells nothing.
    """
    value, variance = baseline.value, baseline.unit_variance
    if not value or value <= 0 or not variance or effect <= 0 or len(weights) < 2:
        return None
    shares = [weight / sum(weights) for weight in weights]
    each = alpha / (len(weights) - 1)
    z = NormalDist().inv_cdf(1 - each / 2) + NormalDist().inv_cdf(power)
    spread = variance / shares[0] + variance * (1 + effect) / min(shares[1:])
    needed = finite(z * z * spread / (effect * value) ** 2)
    return None if needed is None or needed > 1e12 else math.ceil(needed)


def days_needed(needed: int | None, *, shoppers_a_day: float) -> int | None:
    """Full days, at least one; None where no end is in sight."""
    if needed is None or shoppers_a_day <= 0:
        return None
    days = needed / shoppers_a_day
    return max(1, math.ceil(days)) if days <= 3650 else None
