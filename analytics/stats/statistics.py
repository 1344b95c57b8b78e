"""Per-shopper sums: everything that a comparison of two arms needs, and nothing of a single shopper.

One class serves means and ratios. A metric is (sum of numerators) / (sum of denominators) over shoppers; for
a mean per shopper each denominator is 1, and then the delta method's variance below is the plain one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one arm: ``y`` is the numerator and ``x`` the denominator of a shopper.

    Sums of different shoppers add with ``+``. Those of one shopper on two days do not: shoppers come
    back, so squares are taken of a shopper's total.
    """

    n: int = 0
    y: float = 0.0
    x: float = 0.0
    yy: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    @classmethod
    def of_values(cls, values: Sequence[float]) -> Sums:
        """A mean per shopper."""
        n = len(values)
        return cls(n=n, y=sum(values), x=n, yy=sum(v * v for v in values), xx=n, xy=sum(values))

    @classmethod
    def of_pairs(cls, numerators: Sequence[float], denominators: Sequence[float]) -> Sums:
        """A ratio metric, such as clicks by impressions."""
        pairs = list(zip(numerators, denominators, strict=True))
        return cls(
            n=len(pairs),
            y=sum(y for y, _ in pairs),
            x=sum(x for _, x in pairs),
            yy=sum(y * y for y, _ in pairs),
            xx=sum(x * x for _, x in pairs),
            xy=sum(x * y for y, x in pairs),
        )

    @classmethod
    def of_counts(cls, successes: int, n: int) -> Sums:
        """Shoppers who did or did not: 1 or 0 each."""
        return cls(n=n, y=successes, x=n, yy=successes, xx=n, xy=successes)

    def __add__(self, other: Sums) -> Sums:
        if not isinstance(other, Sums):
            return NotImplemented
        return Sums(
            self.n + other.n,
            self.y + other.y,
            self.x + other.x,
            self.yy + other.yy,
            self.xx + other.xx,
            self.xy + other.xy,
        )

    @property
    def is_mean(self) -> bool:
        """Whether every denominator is 1."""
        return self.x == self.n and self.xx == self.n

    @property
    def value(self) -> float | None:
        """The metric; None without a denominator."""
        return finite(self.y / self.x) if self.x > 0 else None

    @property
    def mean_x(self) -> float:
        return self.x / self.n if self.n else 0.0

    @property
    def mean_y(self) -> float:
        return self.y / self.n if self.n else 0.0

    @property
    def var_y(self) -> float:
        return self._covariance(self.yy, self.y, self.y)

    @property
    def var_x(self) -> float:
        return self._covariance(self.xx, self.x, self.x)

    @property
    def cov_xy(self) -> float:
        if self.n < 2:
            return 0.0
        return (self.xy - self.x * self.y / self.n) / (self.n - 1)

    @property
    def unit_variance(self) -> float | None:
        """n times the variance of ``value``; None below two shoppers.

        Delta method: Var(R) = (Var y - 2R Cov(x, y) + R² Var x) / (n x̄²), R = ȳ/x̄. Source: A. Deng,
        U. Knoblich, J. Lu, "Applying the delta method in metric analytics", KDD 2018, section 3.
        """
        value = self.value
        if value is None or self.n < 2:
            return None
        variance = self.var_y - 2 * value * self.cov_xy + value * value * self.var_x
        return finite(max(0.0, variance) / self.mean_x**2)

    @property
    def standard_error(self) -> float | None:
        """Of ``value``; None where it cannot be told."""
        variance = self.unit_variance
        return None if variance is None else math.sqrt(variance / self.n)

    def _covariance(self, products: float, left: float, right: float) -> float:
        if self.n < 2:
            return 0.0
        # Rounding may leave a tiny negative number where every value is equal.
        return max(0.0, (products - left * right / self.n) / (self.n - 1))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard error and the shoppers that it rests on."""

    value: float
    standard_error: float
    n: int


def estimate_of(sums: Sums) -> Estimate | None:
    """The sums' value with its error; None where there is none."""
    value, error = sums.value, sums.standard_error
    return None if value is None or error is None else Estimate(value, error, sums.n)


def finite(value: float | None) -> float | None:
    """The value, or None where it is not a number that a page may show."""
    if value is None or not math.isfinite(value):
        return None
    return float(value)
