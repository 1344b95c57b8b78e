"""How an experiment's figures are written. ``{% load experiments %}``."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.experiment_metrics import metric_unit
from analytics.words import (
    amount_words,
    chance_words,
    lift_words,
    money_words,
    probability_words,
    rate_words,
    share_words,
)

register = template.Library()

register.filter("chance", chance_words)
register.filter("lift", lift_words)
register.filter("share", share_words)

_LEVELS = {
    "ok": ("good", "OK"),
    "warn": ("warn", "Look"),
    "fail": ("bad", "Failed"),
    "unknown": ("", "Too early"),
}
_VERDICTS = {
    "ship": "success",
    "roll_back": "error",
    "unhealthy": "error",
    "needs_review": "warning",
    "inconclusive": "warning",
}
_STATUS = {"draft": "", "running": "info", "stopped": "warn", "decided": "good"}


@register.filter
def p_words(p: float | None) -> str:
    """``0.031`` or ``< 0.001``: the column's head says p."""
    return probability_words(p).removeprefix("p ").removeprefix("= ")


@register.simple_tag
def unit_value(value: float | None, unit: str, currency: str) -> str:
    """By the metric's unit, ``rate``, ``money`` (in cents) or ``count``; an en dash for nothing."""
    if value is None:
        return "–"
    if unit == "money":
        return money_words(value, currency)
    return amount_words(value) if unit == "count" else rate_words(value)


@register.simple_tag
def loss_value(value: float | None, unit: str, currency: str) -> str:
    """An expected loss as ``unit_value``, but never none at all: two hundred thousand draws prove nothing."""
    return unit_value(value if value is None else max(value, sys.float_info.min), unit, currency)


@register.simple_tag
def metric_value(value: float | None, metric: str, currency: str) -> str:
    """As ``unit_value``, by the metric itself."""
    return unit_value(value, metric_unit(metric), currency)


@register.simple_tag
def level_badge(level: str) -> SafeString:
    """The colour and word of a health check."""
    tone, word = _LEVELS.get(level, ("", level))
    return format_html('<span class="badge badge-{}">{}</span>', tone, word)


@register.simple_tag
def experiment_badge(experiment: Any) -> SafeString:
    """An experiment's state."""
    tone = _STATUS.get(experiment.status, "")
    return format_html('<span class="badge badge-{}">{}</span>', tone, experiment.get_status_display())


@register.filter
def verdict_tone(code: str) -> str:
    """The notice's colour."""
    return _VERDICTS.get(code, "info")


@register.filter
def moment(text: str | None) -> datetime | None:
    """A time out of the stored report."""
    return datetime.fromisoformat(text) if text else None


@register.simple_tag
def interval_scale(metric: dict[str, Any]) -> float:
    """How far the interval bars of a table reach to each side; at most a lift of 100 %."""
    bounds = [abs(row[side]) for row in metric["rows"] for side in ("lift_low", "lift_high") if row.get(side)]
    return min(1.0, max(bounds, default=0.1) * 1.1)


@register.simple_tag
def interval_bar(row: dict[str, Any], scale: float) -> SafeString | str:
    """The relative interval as a bar around zero; decoration beside the figures."""
    low, high, lift = row.get("lift_low"), row.get("lift_high"), row.get("lift")
    if low is None or high is None or lift is None:
        return ""

    def place(value: float) -> float:
        return round(50 + 50 * max(-1.0, min(1.0, value / scale)), 2)

    left, right = place(low), place(high)
    tone = "good" if low > 0 else "bad" if high < 0 else "open"
    return format_html(
        '<svg class="interval-bar interval-{}" viewBox="0 0 100 14" preserveAspectRatio="none" '
        'aria-hidden="true"><rect class="interval-range" x="{}" y="4" width="{}" height="6"/>'
        '<rect class="interval-point" x="{}" y="1" width="2" height="12"/></svg>',
        tone,
        left,
        max(1.0, right - left),
        place(lift) - 1,
    )
