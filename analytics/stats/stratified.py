"""Two groups compared inside strata: traffic of different shares must not be pooled.

Pooled, the better arm can look worse, because it was shown more in the worse hours (Simpson). Inside a
period the shares are fixed, so there the groups are comparable; the periods are put together with
Mantel-Haenszel weights x_a x_b / (x_a + x_b). Source: N. Mantel, W. Haenszel, JNCI 22 (1959) 719-748; J.
Robins, N. Breslow, S. Greenland, Biometrics 42 (1986) 311-323 for the estimators; variances here come from
per-unit sums, so that the impressions of one shopper may depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from analytics.stats.frequentist import Comparison, compare_estimates
from analytics.stats.statistics import Estimate, Sums, estimate_of


def stratified_estimates(strata: Sequence[tuple[Sums, Sums]]) -> tuple[Estimate, Estimate] | None:
    """Both groups' values as if every stratum had the same mix; None where no stratum has both."""
    parts: list[tuple[float, tuple[Estimate, Estimate]]] = []
    for control, treatment in strata:
        first, second = estimate_of(control), estimate_of(treatment)
        if first is not None and second is not None:
            parts.append((control.x * treatment.x / (control.x + treatment.x), (first, second)))
    total = sum(weight for weight, _ in parts)
    if total <= 0:
        return None

    def together(side: int) -> Estimate:
        value = sum(weight * pair[side].value for weight, pair in parts) / total
        variance = sum((weight * pair[side].standard_error) ** 2 for weight, pair in parts) / total**2
        return Estimate(value, math.sqrt(variance), sum(pair[side].n for _, pair in parts))

    return together(0), together(1)


def stratified_compare(strata: Sequence[tuple[Sums, Sums]]) -> Comparison:
    """(control, treatment) of each stratum, in one comparison."""
    found = stratified_estimates(strata)
    return Comparison() if found is None else compare_estimates(*found)
