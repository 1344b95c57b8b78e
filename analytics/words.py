"""Figures in words: nothing is certain, so never "100 %" or "0 %"; nothing small is written as zero."""

from __future__ import annotations

import math

from adplatform.lib.money import exponent_of, money_text
from analytics.stats.changes import Change

LEAST = "0.0001"  # of a unit: smaller amounts are told by it


def amount_words(value: float, *, digits: int = 2, below: float = 1.0) -> str:
    """``1,234.50``; under ``below`` three significant digits, so that small figures stay apart: ``0.0145``.

    Never an exponent: what is smaller than ``LEAST`` is ``< 0.0001``, or ``> -0.0001``.
    """
    if value == 0 or abs(value) >= below:
        return f"{value or 0.0:,.{digits}f}"
    if abs(value) < float(LEAST):
        return f"< {LEAST}" if value > 0 else f"> -{LEAST}"
    places = max(digits, 2 - math.floor(math.log10(abs(value))))
    whole, _, rest = f"{value:.{places}f}".partition(".")
    rest = rest.rstrip("0").ljust(digits, "0")
    return f"{whole}.{rest}" if rest else whole


def money_words(cents: float, currency: str) -> str:
    """``1,299.00 EUR``; parts of a cent below one unit as ``amount_words``: ``0.0037 EUR``."""
    digits = exponent_of(currency)
    amount = cents / 10**digits
    if abs(amount) >= 1 or cents == round(cents):
        return money_text(round(cents), currency)
    return f"{amount_words(amount, digits=digits)} {currency}"


def rate_words(rate: float) -> str:
    """``4.20 %``; below 0.1 % as ``amount_words``: ``0.0145 %``."""
    return f"{amount_words(rate * 100, below=0.1)} %"


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
