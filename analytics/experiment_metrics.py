"""What an experiment can be read by: each metric is a ratio of two per-shopper columns, or a mean; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Column(IntEnum):
    """What is known of a shopper, as a position in the table."""

    IMPRESSIONS = 0
    VIEWABLES = 1
    CLICKS = 2
    ORDERS = 3
    REVENUE = 4
    DAYS = 5  # with an impression


COLUMNS = len(Column)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """``denominator`` None: a mean per shopper. ``at_least``: whether a shopper reached that many, 1 or 0."""

    key: str
    label: str
    numerator: Column
    denominator: Column | None = None
    at_least: int = 0
    unit: str = "rate"  # rate, money, count: how a page writes it


_C = Column
METRICS = {
    spec.key: spec
    for spec in (
        MetricSpec("click_rate", "Clicks by impression", _C.CLICKS, _C.IMPRESSIONS),
        MetricSpec("conversion_rate", "Shoppers who order", _C.ORDERS, at_least=1),
        MetricSpec("revenue_cents", "Revenue by shopper", _C.REVENUE, unit="money"),
        MetricSpec("clicker_rate", "Shoppers who click", _C.CLICKS, at_least=1),
        MetricSpec("clicks_per_shopper", "Clicks by shopper", _C.CLICKS, unit="count"),
        MetricSpec("repeat_clicker_rate", "Shoppers who click twice or more", _C.CLICKS, at_least=2),
        MetricSpec("viewable_rate", "Viewable impressions by impression", _C.VIEWABLES, _C.IMPRESSIONS),
        MetricSpec("viewable_click_rate", "Clicks by viewable impression", _C.CLICKS, _C.VIEWABLES),
        MetricSpec("viewer_rate", "Shoppers with a viewable impression", _C.VIEWABLES, at_least=1),
        MetricSpec("impressions_per_shopper", "Impressions by shopper", _C.IMPRESSIONS, unit="count"),
        MetricSpec("viewables_per_shopper", "Viewable impressions by shopper", _C.VIEWABLES, unit="count"),
        MetricSpec("orders_per_shopper", "Orders by shopper", _C.ORDERS, unit="count"),
        MetricSpec("orders_per_click", "Orders by click", _C.ORDERS, _C.CLICKS),
        MetricSpec("orders_per_impression", "Orders by impression", _C.ORDERS, _C.IMPRESSIONS),
        MetricSpec("order_value_cents", "Value of an order", _C.REVENUE, _C.ORDERS, unit="money"),
        MetricSpec("revenue_per_impression", "Revenue by impression", _C.REVENUE, _C.IMPRESSIONS, 0, "money"),
        MetricSpec("revenue_per_click", "Revenue by click", _C.REVENUE, _C.CLICKS, unit="money"),
        MetricSpec("repeat_order_rate", "Shoppers who order twice or more", _C.ORDERS, at_least=2),
        MetricSpec("active_days", "Days with an impression by shopper", _C.DAYS, unit="count"),
        MetricSpec("returning_rate", "Shoppers seen on two days or more", _C.DAYS, at_least=2),
    )
}


def metric_label(key: str) -> str:
    """The metric in words; the key itself for one that this version does not know."""
    return METRICS[key].label if key in METRICS else key.replace("_", " ").capitalize()


def metric_unit(key: str) -> str:
    """``rate``, ``money`` or ``count``."""
    return METRICS[key].unit if key in METRICS else "count"
