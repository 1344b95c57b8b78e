"""The relative change of a figure between two periods, with an interval.

Days are the sampling units: a figure's noise is what its days show, and never less than what counting alone
would make (quasi-Poisson and quasi-binomial dispersion; P. McCullagh and J. A. Nelder, "Generalized Linear
Models", 2nd ed. 1989, sections 4.5 and 6.2). A trend inside a period counts as noise, so an interval is
rather too wide than too narrow. The ratio's interval is that of its logarithm by the delta method (D. Katz,
J. Baptista, S. P. Azen and M. C. Pike, "Obtaining confidence intervals for the risk ratio in cohort studies",
Biometrics 34 (1978) 469-474), so it is never below -100 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, variance

from analytics.stats.intervals import relative_change
from analytics.stats.shrinkage import beta_quantile


@dataclass(frozen=True, slots=True)
class Change:
    """(now - before) / before; ``low`` and ``high`` are None where the data tell no interval."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves no change out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def count_change(now: Sequence[int], before: Sequence[int]) -> Change | None:
    """Of a count, from its days; None without any before."""
    value = relative_change(sum(now), sum(before))
    if value is None:
        return None
    # Half an event where there was none (Haldane and Anscombe) keeps the logarithm finite.
    totals = [max(sum(days), 0.5) for days in (now, before)]
    spreads = [_spread(days) for days in (now, before)]
    is_counting = all(spread <= total for spread, total in zip(spreads, totals, strict=True))
    parts = [(total, max(total, spread)) for total, spread in zip(totals, spreads, strict=True)]
    return _interval(value, parts, 0 if is_counting else _freedom(now, before))


def sum_change(now: Sequence[int], before: Sequence[int]) -> Change | None:
    """Of a sum of money, from its days. A single day tells nothing of its noise: no interval then."""
    value = relative_change(sum(now), sum(before))
    if value is None:
        return None
    freedom = _freedom(now, before)
    if not freedom or sum(now) <= 0:
        return Change(value)
    return _interval(value, [(sum(days), _spread(days)) for days in (now, before)], freedom)


def rate_change(now: Sequence[tuple[int, int]], before: Sequence[tuple[int, int]]) -> Change | None:
    """Of a share, from the (successes, trials) of its days; None without a trial or a success before."""
    parts, rates, noises = [], [], []
    for days in (now, before):
        trials = sum(n for _, n in days)
        if not trials:
            return None
        successes = min(sum(x for x, _ in days), trials)
        rates.append(successes / trials)
        noises.append(_dispersion(days, successes / trials))
        seen = min(max(successes, 0.5), trials)
        parts.append((seen, seen * noises[-1] * max(1 - seen / trials, 0.5 / trials)))
    value = relative_change(*rates)
    if value is None:
        return None
    ratio = max(rates[0], 0.5 / sum(n for _, n in now)) / rates[1]
    return _interval(value, parts, _freedom(now, before) if max(noises) > 1 else 0, ratio)


def ratio_interval(pairs: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """The interval of a ratio of two sums, such as revenue for each unit spent, from its days.

    Of its logarithm, so it is never below 0: the relative variance of sum(x)/sum(y) is that of the days'
    residuals x - r·y (the ratio estimator; W. G. Cochran, "Sampling Techniques", 3rd ed. 1977, section 2.11).
    None where fewer than two days, or nothing in either sum, tell of no noise.
    """
    noise = _ratio_noise(pairs)
    if noise is None:
        return None
    ratio = sum(x for x, _ in pairs) / sum(y for _, y in pairs)
    half = t_quantile(0.975, len(pairs) - 1) * math.sqrt(noise)
    return None if half > 50 else (ratio * math.exp(-half), ratio * math.exp(half))


def ratio_change(now: Sequence[tuple[float, float]], before: Sequence[tuple[float, float]]) -> Change | None:
    """Of a ratio of two sums, from the pairs of its days; None without anything in either sum before."""
    ratios = [
        sum(x for x, _ in days) / total if (total := sum(y for _, y in days)) else None
        for days in (now, before)
    ]
    value = relative_change(*ratios)
    if value is None:
        return None
    noises = [_ratio_noise(days) for days in (now, before)]
    if None in noises:
        return Change(value)
    parts = [(1.0, noise) for noise in noises if noise is not None]
    return _interval(value, parts, _freedom(now, before), 1 + value)


def _ratio_noise(pairs: Sequence[tuple[float, float]]) -> float | None:
    """The relative variance of sum(x)/sum(y) over days."""
    over, under = sum(x for x, _ in pairs), sum(y for _, y in pairs)
    if len(pairs) < 2 or over <= 0 or under <= 0:
        return None
    residuals = sum((x - over / under * y) ** 2 for x, y in pairs)
    return len(pairs) / (len(pairs) - 1) * residuals / (over * over)


def _spread(days: Sequence[int]) -> float:
    """The variance of the sum of these days; 0 for a single one."""
    return len(days) * variance(days) if len(days) > 1 else 0.0


def _dispersion(days: Sequence[tuple[int, int]], rate: float) -> float:
    """Pearson's chi-squared a degree of freedom, at least 1."""
    seen = [(min(x, n), n) for x, n in days if n > 0]
    if len(seen) < 2 or not 0 < rate < 1:
        return 1.0
    chi_squared = sum((x - n * rate) ** 2 / (n * rate * (1 - rate)) for x, n in seen)
    return max(1.0, chi_squared / (len(seen) - 1))


def _freedom(now: Sequence[object], before: Sequence[object]) -> int:
    """Degrees of freedom of the two spreads; 0 when a period is a single day."""
    return len(now) + len(before) - 2 if min(len(now), len(before)) > 1 else 0


def _interval(
    value: float, parts: Sequence[tuple[float, float]], freedom: int, ratio: float | None = None
) -> Change:
    """Of the ratio of two (total, variance of the total), or of ``ratio`` with their relative noise."""
    error = math.sqrt(sum(spread / (total * total) for total, spread in parts))
    half = (t_quantile(0.975, freedom) if freedom else NormalDist().inv_cdf(0.975)) * error
    if half > 50:  # e to the 50th: nothing is known
        return Change(value)
    ratio = parts[0][0] / parts[1][0] if ratio is None else ratio
    low, high = ratio * math.exp(-half) - 1, ratio * math.exp(half) - 1
    return Change(value, min(low, value), max(high, value))


@lru_cache(maxsize=256)  # the figures of a page ask for the same few
def t_quantile(probability: float, freedom: int) -> float:
    """Student's t above one half, through the beta distribution (Abramowitz and Stegun 26.5.27)."""
    x = beta_quantile(2 * (1 - probability), freedom / 2, 0.5)
    return math.sqrt(freedom * (1 - x) / x)
