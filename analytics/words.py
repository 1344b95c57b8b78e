"""Probabilities in words: nothing is ever certain, so never "100 %" and never "0 %"."""

from __future__ import annotations

import math

from analytics.stats.changes import Change


def chance_words(chance: float | None) -> str:
    """``97.5 %``, ``> 99.9 %``, ``< 0.1 %``; an en dash for nothing."""
    if chance is None or not math.isfinite(chance):
        return "–"
    if chance > 0.999:
        return "> 99.9 %"
    if chance < 0.001:
        return "< 0.1 %"
    return f"{chance * 100:.1f} %"


def probability_words(p: float | None) -> str:
    """``p = 0.031`` or ``p < 0.001``."""
    if p is None or not math.isfinite(p):
        return "–"
    return "p < 0.001" if p < 0.001 else "p > 0.99" if p > 0.99 else f"p = {p:.2g}"


def share_words(share: float) -> str:
    """A counted share; a few of many are "< 0.1 %", none is "none"."""
    if share <= 0:
        return "none"
    return "all" if share >= 1 else chance_words(share)


def lift_words(lift: float | None) -> str:
    """``+4.2 %``; an en dash for nothing."""
    if lift is None or not math.isfinite(lift):
        return "–"
    if abs(lift) >= 10:
        return "> +999 %" if lift > 0 else "< −999 %"
    if lift < -0.999:
        return "< −99.9 %"
    return f"{lift * 100:+.1f} %".replace("-", "−")


def change_words(change: Change) -> str:
    """``+4.2 % (−1.0 % to +9.8 %)``; where the range says nothing, or nothing is left, in words."""
    if change.value <= -1:
        return "down to nothing"
    if change.low is None or change.high is None:
        return lift_words(change.value)
    if change.low < -0.999 or change.high >= 10:
        return f"{lift_words(change.value)} (too few to tell)"
    return f"{lift_words(change.value)} ({lift_words(change.low)} to {lift_words(change.high)})"
