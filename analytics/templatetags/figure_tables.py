"""Rows of the report's long tables. ``{% load figure_tables %}``.

Written here because a page has some five hundred such cells: as loops and includes of a template they took a
third of what the whole page costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from adplatform.lib.money import money_text
from analytics.report_query import ReportQuery
from analytics.selectors import DayPoint
from analytics.templatetags.figures import figure, interval

if TYPE_CHECKING:  # templates know reports without pandas
    from analytics.matrix import Cell
    from analytics.reports import Report

register = template.Library()

# Table -> its columns: a figure's name, and whose rows lie behind it; none where the name says it.
DAY_COLUMNS = {
    "volume": (("impressions", "impressions"), ("viewables", "viewables")),
    "rate": (("click_rate", "clicks"), ("interval", "")),
    "orders": (("conversions", "conversions"),),
    "money": (("revenue_cents", "conversions"),),
}


@register.simple_tag
def day_rows(report: Report, query: ReportQuery, kind: str) -> SafeString:
    """One row a day: the table's figures, for money what the day cost, and the day it is compared with."""
    columns, currency = DAY_COLUMNS[kind], report.totals.currency
    rows = []
    for point, before, cost in report.series_rows:
        if point is None:
            continue
        cells = [f"<td>{point.day.day} {point.day:%b %Y}</td>"]
        for name, of in columns:
            cells.append(_cell(_text(point, name, currency), _day_url(query, of, point)))
        if kind == "money" and report.spend:
            cells.append(_cell("–" if cost is None else money_text(cost, currency)))
        if before:
            name, of = columns[0]
            cells.append(_cell(_text(before, name, currency), _day_url(query, of, before)))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return mark_safe("".join(rows))  # noqa: S308 # nosec B308 B703


@register.simple_tag
def matrix_cell(cell: Cell, name: str) -> SafeString:
    """A cell of the table by segment: its rate, what it is made of, and the way to the events behind it."""
    label = escape(name)
    if cell.is_hidden:
        text = f'<td class="number cell-hidden" data-label="{label}"><span class="muted">hidden</span></td>'
    elif cell.shrunk is None:
        text = f'<td class="number cell-empty" data-label="{label}"><span class="muted">–</span></td>'
    else:
        heat = f" heat-{cell.level}" if cell.level else ""
        rate = _linked(f"{cell.shrunk.mean * 100:.2f} %", cell.rows_url)
        made_of = f"{figure(cell.clicks)} of {figure(cell.impressions)}"
        text = (
            f'<td class="number{heat}" data-label="{label}">{rate}'
            f'<br><span class="muted small nowrap">{made_of}</span></td>'
        )
    return mark_safe(text)  # noqa: S308 # nosec B308 B703


def _day_url(query: ReportQuery, of: str, point: DayPoint) -> str:
    day = point.day.isoformat()
    return query.rows_url(of, period="custom", start=day, end=day) if of else ""


def _text(point: DayPoint, name: str, currency: str) -> str:
    if name == "interval":
        return interval(point.click_rate, 2)
    if name == "click_rate":
        rate = point.click_rate.value
        return "–" if rate is None else f"{rate * 100:.2f} %"
    if name == "revenue_cents":
        return money_text(point.revenue_cents, currency)
    return figure(getattr(point, name))


def _cell(text: str, url: str = "") -> str:
    return f'<td class="number">{_linked(text, url)}</td>'


def _linked(text: str, url: str) -> str:
    shown = escape(text)
    return f'<a class="figure-link" href="{escape(url)}">{shown}</a>' if url else shown
