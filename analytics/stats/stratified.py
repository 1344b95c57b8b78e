"""Two groups compared inside strata: traffic of different shares must not be pooled.

Pooled, the better arm can look worse, because it was shown more in the worse hours (Simpson). Inside a
period the shares are fixed, so there the groups are comparable; the periods are put together with
Mantel-Haenszel weights x_a x_b / (x_a + x_b). Source: N. Mantel, W. Haenszel, JNCI 22 (1959) 719-748; J.
Robins, N. Breslow, S. Greenland, Biometrics 42 (1986) 311-323 for the estimators.

A shopper comes back in many strata, and may be on both sides. So the variance is not a sum over strata: each
shopper's influence w_s (y - r_s x) / x_s is summed over all strata first, and then squared; with shoppers
that differ, 20 strata taken as independent gave intervals half as wide as they had to be.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.stats.frequentist import Comparison, compare_estimates
from analytics.stats.sequential import compare_always_valid_estimates
from analytics.stats.statistics import Estimate

Cell = tuple[Hashable, int, Hashable]  # stratum, side (0 control, 1 treatment), unit
Cells = Mapping[Cell, Sequence[float]]  # (denominator, numerator) of the unit there


@dataclass(frozen=True, slots=True)
class Stratified:
    """Both sides' values as if every stratum had the same mix, None where no stratum has two units each."""

    comparison: Comparison
    values: tuple[float | None, float | None] = (None, None)
    strata: int = 0


def stratified_compare(cells: Cells, *, tuned_for: int | None = None) -> Stratified:
    """Treatment against control; a cell without a denominator is left out.

    ``tuned_for`` (shoppers) makes interval and p always-valid (``sequential``); without it they are those of
    one look.
    """
    import numpy as np  # a worker's: web processes import this module's neighbours

    found = [(*cell, x, y) for cell, (x, y) in cells.items() if x > 0]
    if not found:
        return Stratified(Comparison())
    strata, sides, units, xs, ys = zip(*found, strict=True)
    stratum, unit, side = np.array(_numbers(strata)), np.array(_numbers(units)), np.array(sides)
    x, y = np.array(xs, float), np.array(ys, float)
    shape = (int(stratum.max()) + 1, 2)
    place = (stratum, side)

    def by_place(values: Any) -> Any:
        total = np.zeros(shape)
        np.add.at(total, place, values)
        return total

    count, total_x, total_y = by_place(1.0), by_place(x), by_place(y)
    is_used = (count > 1).all(axis=1)
    if not is_used.any():
        return Stratified(Comparison())
    total_x[~is_used] = 1.0
    weight = np.where(is_used, total_x.prod(axis=1) / total_x.sum(axis=1), 0.0)[:, None]
    weight /= weight.sum()
    rate = total_y / total_x
    values = (weight * rate).sum(axis=0)
    few = np.sqrt(count / np.maximum(count - 1, 1))  # a sample's variance divides by n - 1
    influence, is_seen = np.zeros((int(unit.max()) + 1, 2)), np.zeros((int(unit.max()) + 1, 2), bool)
    np.add.at(influence, (unit, side), (weight * few / total_x)[place] * (y - rate[place] * x))
    is_seen[unit[is_used[stratum]], side[is_used[stratum]]] = True
    errors = np.sqrt((influence**2).sum(axis=0))
    control, treatment = (
        Estimate(float(value), float(error), int(n))
        for value, error, n in zip(values, errors, is_seen.sum(axis=0), strict=True)
    )
    covariance = float(influence.prod(axis=1).sum())
    if tuned_for is None:
        comparison = compare_estimates(control, treatment, covariance=covariance)
    else:
        everybody = int(is_seen.any(axis=1).sum())
        comparison = compare_always_valid_estimates(
            control, treatment, tuned_for=tuned_for, covariance=covariance, units=everybody
        )
    return Stratified(comparison, (control.value, treatment.value), int(is_used.sum()))


def _numbers(names: Sequence[Hashable]) -> list[int]:
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(name, len(numbers)) for name in names]
