"""How figures are written on the pages of analytics. ``{% load figures %}``."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from adplatform.lib.money import money_text
from analytics.report_query import BY_CREATIVE, ReportQuery
from analytics.stats.intervals import Rate
from analytics.stats.shrinkage import Posterior
from analytics.tiles import Figure
from analytics.tracking import NotCounted
from analytics.words import change_words

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


# Figure -> whose rows lie behind it.
_COUNTED_BY = {
    "impressions": "impressions",
    "shoppers": "impressions",
    "viewable_rate": "viewables",
    "click_rate": "clicks",
    "clicks": "clicks",
    "conversions": "conversions",
    "conversion_rate": "conversions",
    "revenue_cents": "conversions",
    "return_rate": "conversions",
}


@register.filter
def figure(value: int | float | None) -> str:
    """Thousands apart; an en dash for nothing."""
    return "–" if value is None else f"{value:,.0f}"


@register.filter
def signed_figure(value: int | float | None) -> str:
    """A number of things with its sign."""
    return "–" if value is None else f"{value:+,.0f}".replace("-", "−")


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


@register.simple_tag
def figure_value(found: Figure, currency: str) -> str:
    """A key figure as its kind is written."""
    if found.value is None:
        return "–"
    if found.kind == "rate":
        return f"{found.value * 100:.2f} %"
    if found.kind == "money":
        return money_text(round(found.value), currency)
    return f"{found.value:.2f}" if found.kind == "ratio" else figure(found.value)


@register.simple_tag
def figure_interval(found: Figure) -> SafeString | str:
    """Where the true value lies with 95 %; nothing for what was counted."""
    if found.low is None or found.high is None or found.low == found.high:
        return ""
    if found.kind == "rate":
        return format_html("<div>{}–{} %</div>", f"{found.low * 100:.2f}", f"{found.high * 100:.2f}")
    if found.kind == "ratio":
        return format_html("<div>{}–{}</div>", f"{found.low:.2f}", f"{found.high:.2f}")
    return format_html("<div>{}–{}</div>", figure(found.low), figure(found.high))


@register.simple_tag
def figure_change(found: Figure) -> SafeString | str:
    """Against the comparison period; in colour only where it is certain, and never for a cost."""
    change = found.change
    if change is None:
        return ""
    is_toned = change.is_certain and found.name != "cost_cents"
    tone = "" if not is_toned else "up" if change.value > 0 else "down"
    return format_html('<div><span class="{}">{}</span></div>', tone, change_words(change))


@register.simple_tag
def figure_note(found: Figure, query: ReportQuery) -> str:
    """Interval and change in plain words, for e-mails."""
    parts = []
    if found.low is not None and found.high is not None and found.low != found.high:
        is_rate, digits = found.kind == "rate", 0 if found.kind == "count" else 2
        low, high = (f"{end * (100 if is_rate else 1):,.{digits}f}" for end in (found.low, found.high))
        parts.append(f"{low} to {high}{' %' if is_rate else ''}")
    if found.change is not None:
        parts.append(f"{change_words(found.change)} vs {query.comparison_words}")
    return f" ({'; '.join(parts)})" if parts else ""


@register.filter
def money_part(cents: float | None, currency: str) -> str:
    """A mean amount of money, rounded to what the currency has."""
    return "–" if cents is None else money_text(round(cents), currency)


@register.simple_tag
def export_url(query: ReportQuery, table: str, form: str) -> str:
    """A table of the report as a file."""
    name = "performance-export" if form == "csv" else f"performance-export-{form}"
    return f"{reverse(name)}?{query.urlencode(table=table)}"


@register.simple_tag
def report_url(query: ReportQuery, **changes: str) -> str:
    """The report's query string with some parameters changed."""
    return query.urlencode(**changes)


@register.simple_tag
def matrix_page_url(query: ReportQuery, page: int, step: int) -> str:
    """The query string of a neighbouring page of the table by segment."""
    number = page + step
    return query.urlencode(matrix_page=str(number) if number > 1 else "")


@register.simple_tag
def rows_url(query: ReportQuery, of: str, **changes: str) -> str:
    """The page of the rows behind a number: ``{% rows_url query "clicks" creative=pk %}``."""
    return query.rows_url(of, **{name: str(value) for name, value in changes.items()})


@register.simple_tag
def hour_rows_url(query: ReportQuery, of: str, hour: datetime) -> str:
    """The same for one hour (UTC)."""
    return rows_url(query, of, hour=f"{hour:%Y-%m-%dT%H}")


@register.simple_tag
def figure_rows_url(found: Figure, query: ReportQuery) -> str:
    """The rows behind a key figure: those of what it counts."""
    of = _COUNTED_BY.get(found.name)
    return rows_url(query, of) if of else ""


@register.simple_tag
def stage_rows_url(name: str, query: ReportQuery) -> str:
    """The rows behind a step of the funnel; decisions leave none."""
    of = {
        "Impressions": "impressions",
        "Viewable": "viewables",
        "Clicks": "clicks",
        "Conversions": "conversions",
    }
    return rows_url(query, of[name]) if name in of else ""


@register.simple_tag
def traffic_rows_url(kind: str, query: ReportQuery, reason: str = "") -> str:
    """The rows of a kind that count, or that were left out for a reason."""
    of = {"Impression": "impressions", "Viewable impression": "viewables", "Click": "clicks"}
    if kind == "Conversion" and reason:
        of[kind] = "conversions"
    if kind not in of or (reason and query.filters.keys() & BY_CREATIVE):
        return ""
    return rows_url(query, of[kind], **({"reason": reason} if reason else {}))


@register.simple_tag
def sort_header(query: ReportQuery, sort: str, label: str) -> SafeString:
    """A table head that sorts by its column."""
    if query.sort == sort:
        return format_html('<th class="number" aria-sort="descending">{} ↓</th>', label)
    return format_html('<th class="number"><a href="?{}">{}</a></th>', query.urlencode(sort=sort), label)
