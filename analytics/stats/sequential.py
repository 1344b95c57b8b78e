"""Intervals that stay valid however often one looks: an asymptotic confidence sequence.

Source: I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas, "Time-uniform central limit theory and
asymptotic confidence sequences", Annals of Statistics 52 (2024) 2613-2640 (arXiv:2103.06476), Theorem 2.2
with the boundary of equation (5): after n shoppers the estimate lies, at all n at once with probability
1 - α, within

    se · sqrt( 2 (nρ² + 1)/(nρ²) · log( sqrt(nρ² + 1)/α ) )

of the truth, se being its ordinary standard error. It is the normal-mixture boundary of S. R. Howard,
A. Ramdas, J. McAuliffe, J. Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences",
Annals of Statistics 49 (2021), with the variance estimated. ρ decides at which n it is tightest; their
appendix B.2 gives ρ = sqrt((-2 log α + log(-2 log α + 1)) / N*). N* is the planned sample, fixed before the
start: choosing it after seeing data would break the promise.
"""

from __future__ import annotations

import math

from analytics.stats.frequentist import Comparison, compare_estimates, difference_error
from analytics.stats.statistics import Estimate, Sums, estimate_of

ALPHA = 0.05
DEFAULT_TUNING = 5_000  # shoppers, where no sample was planned


def rho_squared(tuned_for: int, *, alpha: float = ALPHA) -> float:
    """ρ² that makes the boundary tightest after ``tuned_for`` shoppers."""
    a = -2 * math.log(alpha)
    return (a + math.log(a + 1)) / max(1, tuned_for)


def multiplier(n: int, *, tuned_for: int = DEFAULT_TUNING, alpha: float = ALPHA) -> float:
    """How many standard errors the always-valid interval reaches to each side; 1.96 at a fixed sample."""
    if n <= 0:
        raise ValueError("no shoppers, no interval")
    product = n * rho_squared(tuned_for, alpha=alpha)
    return math.sqrt(2 * (product + 1) / product * math.log(math.sqrt(product + 1) / alpha))


def always_valid_p(z: float, n: int, *, tuned_for: int = DEFAULT_TUNING, alpha: float = ALPHA) -> float:
    """The smallest level at which the sequence (its ρ fixed) leaves out zero; at most 1."""
    product = n * rho_squared(tuned_for, alpha=alpha)
    log_p = 0.5 * math.log(product + 1) - 0.5 * z * z * product / (product + 1)
    return math.exp(min(0.0, log_p))


def compare_always_valid(
    control: Sums, treatment: Sums, *, tuned_for: int = DEFAULT_TUNING, alpha: float = ALPHA
) -> Comparison:
    """As ``frequentist.compare``, valid at every look. The lift's interval is that of log(ratio)."""
    return compare_always_valid_estimates(
        estimate_of(control), estimate_of(treatment), tuned_for=tuned_for, alpha=alpha
    )


def compare_always_valid_estimates(
    control: Estimate | None,
    treatment: Estimate | None,
    *,
    tuned_for: int = DEFAULT_TUNING,
    alpha: float = ALPHA,
    covariance: float = 0.0,
    units: int | None = None,
) -> Comparison:
    """The same from estimates, adjusted ones included: they too are means with an estimated variance.

    Where shoppers are in both, ``covariance`` is that of the two and ``units`` the number of shoppers.
    """
    if control is None or treatment is None:
        return Comparison()
    error = difference_error(control, treatment, covariance)
    n = control.n + treatment.n if units is None else units
    if error <= 0:
        return compare_estimates(control, treatment, covariance=covariance)
    return compare_estimates(
        control,
        treatment,
        reach=multiplier(n, tuned_for=tuned_for, alpha=alpha),
        p=always_valid_p((treatment.value - control.value) / error, n, tuned_for=tuned_for, alpha=alpha),
        covariance=covariance,
    )
