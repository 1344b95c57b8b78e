"""How figures are written on the pages of analytics. ``{% load figures %}``."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.report_query import ReportQuery
from analytics.reports import Report
from analytics.stats.intervals import Rate
from analytics.stats.shrinkage import Posterior
from analytics.tracking import NotCounted
from analytics.words import lift_words

register = template.Library()

_REASONS = {
    NotCounted.REPEAT: "repeated",
    NotCounted.ORDER_REPEAT: "order sent again",
    NotCounted.ORDER_UNKNOWN: "order not reported yet",
    NotCounted.REFUND_CURRENCY: "in another currency than its order",
    NotCounted.TOKEN_EXPIRED: "expired link",
    NotCounted.RATE: "too many from one source",
    NotCounted.CLICK_AGAIN: "clicked twice",
    NotCounted.UA_EMPTY: "no user agent",
    NotCounted.UA_BOT: "robot",
    NotCounted.UA_NONBROWSER: "not a browser",
    NotCounted.PREFETCH: "fetched ahead of time",
    NotCounted.HEAD: "link check",
}


@register.filter
def figure(value: int | float | None) -> str:
    """Thousands apart; an en dash for nothing."""
    return "–" if value is None else f"{value:,.0f}"


@register.filter
def interval(rate: Rate | Posterior | None, digits: int = 2) -> str:
    """``1.2 to 3.4 %``; the empty string without data."""
    if rate is None or (isinstance(rate, Rate) and rate.value is None):
        return ""
    return f"{rate.low * 100:.{digits}f}–{rate.high * 100:.{digits}f} %"


@register.filter
def reason_words(code: str) -> str:
    """A reason in words; a new one under its code."""
    return _REASONS.get(code, code.replace("_", " "))  # type: ignore[call-overload]


@register.filter
def signed_percent(change: float | None) -> SafeString | str:
    """A relative change with its sign, green up and red down; nothing when there is none."""
    if change is None:
        return ""
    tone = "up" if change > 0 else "down" if change < 0 else ""
    shown = f"{change * 100:+,.1f} %" if abs(change) < 100 else ">+9,999 %"
    return format_html('<span class="{}">{}</span>', tone, shown)


@register.simple_tag
def change(report: Report, name: str) -> SafeString | str:
    """``{% change report "clicks" %}``: against the comparison period; in colour only where it is certain."""
    found = report.change(name)
    if found is None:
        return ""
    tone = "" if not found.is_certain else "up" if found.value > 0 else "down"
    return format_html(
        '<div><span class="{}">{}</span>{} vs {}</div>',
        tone,
        lift_words(found.value),
        "" if found.low is None else f" ({lift_words(found.low)} to {lift_words(found.high)})",
        report.query.comparison_words,
    )


@register.simple_tag
def sort_header(query: ReportQuery, sort: str, label: str) -> SafeString:
    """A table head that sorts by its column."""
    if query.sort == sort:
        return format_html('<th class="number" aria-sort="descending">{} ↓</th>', label)
    return format_html('<th class="number"><a href="?{}">{}</a></th>', query.urlencode(sort=sort), label)
