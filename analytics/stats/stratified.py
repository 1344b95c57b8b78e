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
from analytics.stats.statistics import Estimate, Sums


def stratified_estimates(strata: Sequence[tuple[Sums, Sums]]) -> tuple[Estimate, Estimate] | None:
    """Both groups' values as if every stratum had the same mix; None where no stratum has both."""
    parts = []
    for control, treatment in strata:
        pair = (control.value, control.standard_error, treatment.value, treatment.standard_error)
        if any(part is None for part in pair):
            continue
        weight = control.x * treatment.x / (control.x + treatment.x)
        parts.append((weight, pair, control.n, treatment.n))
    total = sum(weight for weight, *_ in parts)
    if total <= 0:
        return None
    found = []
    for side in (0, 1):
        value = sum(w * (pair[2 * side] or 0.0) for w, pair, *_ in parts) / total
        variance = sum((w * (pair[2 * side + 1] or 0.0)) ** 2 for w, pair, *_ in parts) / total**2
        found.append(Estimate(value, math.sqrt(variance), sum(part[2 + side] for part in parts)))
    return found[0], found[1]


def stratified_compare(strata: Sequence[tuple[Sums, Sums]]) -> Comparison:
    """(control, treatment) of each stratum, in one comparison."""
    found = stratified_estimates(strata)
    return Comparison() if found is None else compare_estimates(*found)
