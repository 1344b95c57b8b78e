"""Beta-Binomial shrinkage: rates of many creatives side by side, the tiny ones drawn to the common mean.

The best of twenty raw click rates is mostly the luckiest of twenty. With a prior estimated from all of
them, a creative with three impressions stays near the average and one with thirty thousand near its own
figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

_NORMAL = NormalDist()
# The prior is worth between one impression and this many, whatever the moments say.
MAX_STRENGTH = 1e6


@dataclass(frozen=True, slots=True)
class Prior:
    """Beta(alpha, beta)."""

    alpha: float
    beta: float

    @property
    def mean(self) -> float:
        return self.alpha / (self.alpha + self.beta)

    @property
    def strength(self) -> float:
        """How many trials the prior is worth."""
        return self.alpha + self.beta


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is believed of one rate: its mean and its central credible interval."""

    mean: float
    low: float
    high: float


def prior_estimate(counts: Sequence[tuple[int, int]]) -> Prior:
    """The prior behind (successes, trials) pairs, by the method of moments.

    With weights n_i, N = Σn_i, p = Σx_i/N and S = Σ n_i (x_i/n_i - p)²:
    γ = (S - p(1-p)(k-1)) / (p(1-p)(N - Σn_i²/N - (k-1))),  alpha + beta = (1-γ)/γ,  alpha = p(alpha+beta).

    Source: J. C. Kleinman, "Proportions with extraneous variance: single and independent samples",
    JASA 68 (1973) 46-54. γ <= 0 means that the rates differ no more than chance alone would make them:
    the prior is then as strong as all data together. Fewer than two rates tell nothing about their
    spread: the prior is then worth one trial.
    """
    pairs = [(min(x, n), n) for x, n in counts if n > 0]
    total = sum(n for _, n in pairs)
    if total == 0:
        return Prior(0.5, 0.5)
    # Half a success and half a failure more (Jeffreys) keep the mean off 0 and 1.
    mean = (sum(x for x, _ in pairs) + 0.5) / (total + 1)
    strength = _strength(pairs, total, mean) if len(pairs) > 1 else 1.0
    return Prior(mean * strength, (1 - mean) * strength)


def _strength(pairs: Sequence[tuple[int, int]], total: int, mean: float) -> float:
    groups = len(pairs)
    noise = mean * (1 - mean)
    spread = sum(n * (x / n - mean) ** 2 for x, n in pairs)
    denominator = noise * (total - sum(n * n for _, n in pairs) / total - (groups - 1))
    pooled = min(MAX_STRENGTH, max(1.0, float(total)))
    if denominator <= 0:
        return pooled
    gamma = (spread - noise * (groups - 1)) / denominator
    return pooled if gamma <= 0 else min(pooled, max(1.0, (1 - gamma) / gamma))


def posterior(successes: int, trials: int, prior: Prior, *, confidence: float = 0.95) -> Posterior:
    """Conjugate update: Beta(alpha + x, beta + n - x)."""
    successes = min(successes, trials)
    alpha, beta = prior.alpha + successes, prior.beta + trials - successes
    tail = (1 - confidence) / 2
    mean = alpha / (alpha + beta)
    low, high = beta_quantile(tail, alpha, beta), beta_quantile(1 - tail, alpha, beta)
    return Posterior(mean, min(low, mean), max(high, mean))


def beta_quantile(probability: float, alpha: float, beta: float) -> float:
    """The x with I_x(alpha, beta) = probability: Halley's steps, halving where one would leave the bracket.

    The bracket is Cantelli's inequality: no distribution has its quantile of q further above its mean
    than sqrt(q/(1-q)) standard deviations, nor further below than sqrt((1-q)/q). A step triples the digits
    that are right, so the one after a step of 1e-4 deviations would be 1e-12 of them; beside a pole of the
    density (alpha or beta below 1) it does not.
    """
    mean = alpha / (alpha + beta)
    deviation = math.sqrt(mean * (1 - mean) / (alpha + beta + 1))
    low = max(0.0, mean - deviation * math.sqrt((1 - probability) / probability))
    high = min(1.0, mean + deviation * math.sqrt(probability / (1 - probability)))
    x = _near_quantile(probability, alpha, beta)
    if not low < x < high:
        x = (low + high) / 2
    log_beta = _log_beta(alpha, beta)
    enough = (1e-4 if min(alpha, beta) > 1 else 1e-10) * deviation
    for _ in range(100):
        error = beta_cdf(x, alpha, beta, log_beta) - probability
        low, high = (x, high) if error < 0 else (low, x)
        density = math.exp(_log_kernel(x, alpha, beta, log_beta)) / (x * (1 - x)) if 0 < x < 1 else 0.0
        step = error / density if density > 0 else math.inf
        if math.isfinite(step):
            curvature = (alpha - 1) / x - (beta - 1) / (1 - x)
            step /= 1 - 0.5 * max(-1.0, min(1.0, step * curvature))
        previous, x = x, x - step
        if not low < x < high:
            x = (low + high) / 2
        elif abs(step) <= enough:
            break
        if high - low <= 1e-10 * deviation or x == previous:
            break
    return x


def _near_quantile(probability: float, alpha: float, beta: float) -> float:
    """Right to some hundredths of a deviation (Abramowitz and Stegun 26.5.22); 0 where it does not hold."""
    if alpha <= 1 or beta <= 1:
        return 0.0
    y = -_NORMAL.inv_cdf(probability)
    a, b = 1 / (2 * alpha - 1), 1 / (2 * beta - 1)
    height, third = 2 / (a + b), (y * y - 3) / 6
    if height + third < 0:
        return 0.0
    w = y * math.sqrt(height + third) / height - (b - a) * (third + 5 / 6 - 2 / (3 * height))
    return alpha / (alpha + beta * math.exp(min(2 * w, 500.0)))


def beta_cdf(x: float, alpha: float, beta: float, log_beta: float | None = None) -> float:
    """The regularised incomplete beta function I_x(alpha, beta); ``log_beta`` where the caller has it.

    By its continued fraction (NIST Digital Library of Mathematical Functions 8.17.22), evaluated with
    Lentz's method; for x beyond the mean through I_x(a, b) = 1 - I_(1-x)(b, a), where it converges fast.
    """
    if log_beta is None:
        log_beta = _log_beta(alpha, beta)
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (alpha + 1) / (alpha + beta + 2):
        return 1.0 - beta_cdf(1 - x, beta, alpha, log_beta)
    front = math.exp(_log_kernel(x, alpha, beta, log_beta))
    return min(1.0, front / (alpha * _continued_fraction(x, alpha, beta)))


def _log_beta(alpha: float, beta: float) -> float:
    return math.lgamma(alpha) + math.lgamma(beta) - math.lgamma(alpha + beta)


def _log_kernel(x: float, alpha: float, beta: float, log_beta: float) -> float:
    """log(x^alpha (1-x)^beta / B(alpha, beta))."""
    return alpha * math.log(x) + beta * math.log1p(-x) - log_beta


def _continued_fraction(x: float, a: float, b: float) -> float:
    """1 + d1/(1 + d2/(1 + ...)) with the coefficients of DLMF 8.17.23."""
    tiny = 1e-300
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, 20_000):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 + term * d
        c = 1 + term / c
        d = 1 / (d if abs(d) > tiny else tiny)
        c = c if abs(c) > tiny else tiny
        value *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return value
