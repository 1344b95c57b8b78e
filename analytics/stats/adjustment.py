"""CUPED: what shoppers did before the start explains part of what they do now, and that part is taken out.

Source: A. Deng, Y. Xu, R. Kohavi, T. Walker, "Improving the sensitivity of online controlled experiments by
utilizing pre-experiment data", WSDM 2013; a ratio is linearised by the delta method first (A. Deng,
U. Knoblich, J. Lu, KDD 2018). With l = (y - R x)/mean(x) of a shopper now and c the same of before,

    adjusted value = R - θ (P_arm - P_all),  θ = Σ cov(l, c) / Σ var(c),  its variance var(l - θ c)/n.

Nothing after the start enters c, so the adjustment cannot bias the difference; it only narrows its interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.stats.statistics import Estimate, Sums, estimate_of, finite

MIN_SEEN = 100  # shoppers an arm who were seen before
MIN_REDUCTION = 0.01


@dataclass(frozen=True, slots=True)
class PairedSums:
    """One arm now and before, with the sums of products across the two periods."""

    now: Sums
    before: Sums
    yy: float = 0.0  # sum of y now times y before
    yx: float = 0.0  # y now, x before
    xy: float = 0.0  # x now, y before
    xx: float = 0.0
    seen: int = 0  # shoppers who did anything before

    @classmethod
    def of_pairs(
        cls,
        now: Sequence[tuple[float, float]],
        before: Sequence[tuple[float, float]],
        *,
        seen: int | None = None,
    ) -> PairedSums:
        """(numerator, denominator) of each shopper in both periods."""
        rows = list(zip(now, before, strict=True))
        return cls(
            now=Sums.of_pairs([y for y, _ in now], [x for _, x in now]),
            before=Sums.of_pairs([y for y, _ in before], [x for _, x in before]),
            yy=sum(a[0] * b[0] for a, b in rows),
            yx=sum(a[0] * b[1] for a, b in rows),
            xy=sum(a[1] * b[0] for a, b in rows),
            xx=sum(a[1] * b[1] for a, b in rows),
            seen=sum(1 for b in before if any(b)),
        )


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Two arms adjusted together, or the reason why they are not."""

    control: Estimate | None = None
    treatment: Estimate | None = None
    reduction: float | None = None  # share of the difference's variance that is gone
    reason: str = ""

    @property
    def is_used(self) -> bool:
        return self.control is not None


def adjust(control: PairedSums, treatment: PairedSums) -> Adjustment:
    """CUPED on both arms with one θ; falls back with a reason in one sentence."""
    arms = (control, treatment)
    if min(arm.seen for arm in arms) < MIN_SEEN:
        return Adjustment(reason=f"Fewer than {MIN_SEEN} shoppers of an arm were seen before the start.")
    plain = [estimate_of(arm.now) for arm in arms]
    before = control.before + treatment.before
    if any(found is None for found in plain) or before.value is None:
        return Adjustment(reason="There is nothing to adjust yet.")
    products = [_products(arm, before.value) for arm in arms]
    if not all(all(math.isfinite(v) for v in found) for found in products):
        return Adjustment(reason="There is nothing to adjust yet.")
    spread = sum(arm.now.n * var_c for arm, (_, var_c, _) in zip(arms, products, strict=True))
    if spread <= 0:
        return Adjustment(reason="Before the start every shopper did the same.")
    theta = sum(arm.now.n * cov for arm, (_, _, cov) in zip(arms, products, strict=True)) / spread
    found = []
    for arm, (var_l, var_c, cov), estimate in zip(arms, products, plain, strict=True):
        assert estimate is not None  # noqa: S101
        shift = theta * (_mean(arm, before.value))
        variance = max(0.0, var_l - 2 * theta * cov + theta * theta * var_c)
        found.append(Estimate(estimate.value - shift, math.sqrt(variance / arm.now.n), arm.now.n))
    was = sum(estimate.standard_error**2 for estimate in plain if estimate is not None)
    now = sum(estimate.standard_error**2 for estimate in found)
    reduction = finite(1 - now / was) if was > 0 else None
    if reduction is None or reduction < MIN_REDUCTION:
        return Adjustment(
            reduction=reduction, reason="What shoppers did before explains less than 1 % of what they do now."
        )
    return Adjustment(found[0], found[1], reduction)


def _mean(arm: PairedSums, overall: float) -> float:
    """The arm's mean of c, c being centred on both arms together."""
    return (arm.before.y - overall * arm.before.x) / arm.now.n / _scale(arm)


def _scale(arm: PairedSums) -> float:
    # Shoppers not seen before have 0 of 0: the mean denominator is taken over everybody.
    return arm.before.x / arm.now.n if arm.before.x > 0 else math.inf


def _products(arm: PairedSums, overall: float) -> tuple[float, float, float]:
    """Var(l), Var(c) and Cov(l, c)."""
    n, now, before = arm.now.n, arm.now, arm.before
    ratio, mean_x, scale = now.value or 0.0, now.mean_x, _scale(arm)

    def cov(products: float, left: float, right: float) -> float:
        return (products - left * right / n) / (n - 1)

    var_l = (now.var_y - 2 * ratio * now.cov_xy + ratio**2 * now.var_x) / mean_x**2
    var_c = (before.var_y - 2 * overall * before.cov_xy + overall**2 * before.var_x) / scale**2
    across = (
        cov(arm.yy, now.y, before.y)
        - overall * cov(arm.yx, now.y, before.x)
        - ratio * cov(arm.xy, now.x, before.y)
        + ratio * overall * cov(arm.xx, now.x, before.x)
    )
    return max(0.0, var_l), max(0.0, var_c), across / (mean_x * scale)
