"""What another policy would have earned on a log whose propensities are known.

With w = π(a|x)/p(a|x) of each logged decision, over n decisions,

    IPS    Σ w r / n                    unbiased, noisy
    SNIPS  Σ w r / Σ w                  a little bias, less noise, blind to a constant factor in p
    DR     mean of Σ_a π(a|x) q(x,a)  +  Σ w (r - q) / Σ w     a model q, corrected where it is wrong

Sources: D. Horvitz, D. Thompson, JASA 47 (1952); A. Swaminathan, T. Joachims, "The self-normalized estimator
for counterfactual learning", NIPS 2015; M. Dudík, J. Langford, L. Li, "Doubly robust policy evaluation and
learning", ICML 2011. q comes from the other half of the log (cross-fitting), so that no decision judges
itself. Decisions of one shopper are one unit in every standard error. Intervals are those of the logarithm,
because clicks are rare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Z = 1.959963984540054
MIN_ESS = 100.0
MIN_REWARDED = 10  # decisions with a reward and a weight
MAX_UNSUPPORTED = 0.01  # share of the policy that the log never showed
PRIOR = 200.0  # decisions that the model's shrinkage is worth
WEIGHT_TOLERANCE = 0.1


@dataclass(frozen=True)
class Log:
    """Arrays of one length: what was seen, shown, earned, how likely it was shown, and by whom."""

    context: np.ndarray  # 0..contexts-1
    action: np.ndarray  # 0..actions-1
    reward: np.ndarray
    propensity: np.ndarray
    unit: np.ndarray  # 0..units-1

    def __len__(self) -> int:
        return len(self.action)


@dataclass(frozen=True, slots=True)
class Value:
    """An estimate with its 95 % interval; None where nothing can be told."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All estimates of one policy; ``refusal`` is a code, and then no figure may be shown."""

    decisions: int
    effective_sample: float
    mean_weight: float
    unsupported_rate: float
    ips: Value = Value()
    snips: Value = Value()
    doubly_robust: Value = Value()
    refusal: str = ""


def evaluate(log: Log, policy: np.ndarray) -> Evaluation:
    """``policy``: (contexts, actions), each row a distribution. Raises ValueError for what is malformed."""
    _check(log, policy)
    if len(log) == 0:
        return Evaluation(0, 0.0, 0.0, 1.0, refusal="no_data")
    weight = policy[log.context, log.action] / log.propensity
    total = float(weight.sum())
    ess = total**2 / float((weight**2).sum()) if total > 0 else 0.0
    mean = total / len(log)
    unsupported = _unsupported(log, policy)
    facts = (len(log), ess, mean, unsupported)
    if unsupported > MAX_UNSUPPORTED:
        return Evaluation(*facts, refusal="no_support")
    if ess < MIN_ESS or int(((weight > 0) & (log.reward > 0)).sum()) < MIN_REWARDED:
        return Evaluation(*facts, refusal="too_little")
    units = int(log.unit.max()) + 1
    earned, ones = weight * log.reward, np.ones(len(log))
    snips = _ratio(earned, weight, log.unit, units)
    half, q = _model(log, policy.shape)
    expected = (policy * q).sum(axis=2)[half, log.context]
    residual = weight * (log.reward - q[half, log.context, log.action])
    robust = _sum_of(expected, ones, residual, weight, log.unit, units)
    noise = float(weight.std()) / math.sqrt(len(log))
    is_scaled = abs(mean - 1) > max(WEIGHT_TOLERANCE, 4 * noise)
    ips = Value() if is_scaled else _ratio(earned, ones, log.unit, units)
    return Evaluation(*facts, ips=ips, snips=snips, doubly_robust=robust)


def on_policy(log: Log) -> Value:
    """What the logging policy itself earned."""
    if len(log) == 0:
        return Value()
    return _ratio(log.reward, np.ones(len(log)), log.unit, int(log.unit.max()) + 1)


def _check(log: Log, policy: np.ndarray) -> None:
    lengths = {len(part) for part in (log.context, log.action, log.reward, log.propensity, log.unit)}
    if len(lengths) != 1:
        raise ValueError("the log's columns differ in length")
    if len(log) and not ((log.propensity > 0) & (log.propensity <= 1)).all():
        raise ValueError("a propensity lies above 0 and at 1 at the most")
    if (policy < 0).any() or not np.allclose(policy.sum(axis=1), 1, atol=1e-6):
        raise ValueError("each row of the policy is a distribution")


def _unsupported(log: Log, policy: np.ndarray) -> float:
    """The policy's mass on actions that a context's log never shows, over the log's contexts."""
    shown = np.zeros(policy.shape, bool)
    shown[log.context, log.action] = True
    missing = (policy * ~shown).sum(axis=1)
    return float(missing[log.context].mean())


def _model(log: Log, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Each decision's half; and (half, context, action): the rate in the other half, shrunk from context to
    action to all.

    ``shape``: (contexts, actions) of the policy, which may know more of both than the log shows.
    """
    actions = shape[1]
    # Halves by unit, mixed: neighbours in time must not share a half by chance of their order.
    half = (log.unit * 2654435761 % 4294967296 >> 16) & 1
    rates = np.zeros((2, *shape))
    for fold in (0, 1):
        other = half != fold
        base = (log.reward[other].sum() + 1) / (other.sum() + 100)
        shown = np.bincount(log.action[other], minlength=actions)
        clicked = np.bincount(log.action[other], weights=log.reward[other], minlength=actions)
        by_action = (clicked + PRIOR * base) / (shown + PRIOR)
        cells = (log.context[other], log.action[other])
        deep, deep_reward = np.zeros(rates.shape[1:]), np.zeros(rates.shape[1:])
        np.add.at(deep, cells, 1)
        np.add.at(deep_reward, cells, log.reward[other])
        rates[fold] = (deep_reward + PRIOR * by_action) / (deep + PRIOR)
    return half, rates


def _ratio(top: np.ndarray, bottom: np.ndarray, unit: np.ndarray, units: int) -> Value:
    """Σ top / Σ bottom, by the delta method over units."""
    y = np.bincount(unit, weights=top, minlength=units)
    x = np.bincount(unit, weights=bottom, minlength=units)
    if x.sum() <= 0:
        return Value()
    value = y.sum() / x.sum()
    return _interval(float(value), y - value * x, float(x.sum()))


def _sum_of(
    plain: np.ndarray, ones: np.ndarray, extra: np.ndarray, weight: np.ndarray, unit: np.ndarray, units: int
) -> Value:
    """Mean of ``plain`` plus Σ extra / Σ weight."""

    def by_unit(values: np.ndarray) -> np.ndarray:
        return np.bincount(unit, weights=values, minlength=units)

    count, total = float(ones.sum()), float(weight.sum())
    first, second = float(plain.sum()) / count, float(extra.sum()) / total
    influence = (by_unit(plain) - first * by_unit(ones)) / count + (
        by_unit(extra) - second * by_unit(weight)
    ) / total
    return _interval(first + second, influence, 1.0)


def _interval(value: float, influence: np.ndarray, scale: float) -> Value:
    n = len(influence)
    error = math.sqrt(float((influence**2).sum()) * n / max(1, n - 1)) / scale
    if value <= 0 or not math.isfinite(error):
        return Value(max(0.0, value) if math.isfinite(value) else None)
    reach = math.exp(min(50.0, Z * error / value))
    return Value(value, value / reach, value * reach)
