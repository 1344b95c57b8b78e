"""What orders are worth: their own amount, less what was refunded, in the advertiser's currency.

An order and its refunds are separate events that arrive in any order, so nothing here is stored: it is
asked anew at every rebuild.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from django.db.models import QuerySet

from analytics.currencies import CARRIED, MAX_VALUE_CENTS, Rates, convert
from analytics.models import Event, ExchangeRate
from analytics.tracking import NotCounted

MONEY_KINDS = (Event.Kind.CONVERSION, Event.Kind.REFUND)
CHUNK = 400  # ids in one query


@dataclass(frozen=True, slots=True)
class Order:
    """A counted conversion, as far as its value goes."""

    order_id: str
    occurred_at: datetime
    value_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class OrderValue:
    """``currency`` is the advertiser's, or the order's own where no rate is stored for its day, or one by
    which it would come to more than an order may."""

    net_cents: int
    refunded_cents: int
    refunds: int
    currency: str


def order_value(order: Order, refunds: Sequence[tuple[str, int]], rates: Rates) -> OrderValue:
    """Pure. ``refunds`` are (currency, cents); those of another currency do not count.

    Never more is refunded than was paid. Paid and kept are converted apart and the refund is their
    difference, so that the three add up in either currency.
    """
    matching = [cents for currency, cents in refunds if currency == order.currency]
    kept = order.value_cents - min(order.value_cents, sum(matching))
    rate = rates.rate_get(order.currency, order.occurred_at.astimezone(UTC).date())
    if rate is None or order.currency == rates.home:
        return OrderValue(kept, order.value_cents - kept, len(matching), order.currency)
    paid = convert(order.value_cents, currency=order.currency, into=rates.home, rate=rate)
    if paid > MAX_VALUE_CENTS:
        return OrderValue(kept, order.value_cents - kept, len(matching), order.currency)
    kept = convert(kept, currency=order.currency, into=rates.home, rate=rate)
    return OrderValue(kept, paid - kept, len(matching), rates.home)


def order_values(*, advertiser_id: UUID, home: str, orders: Sequence[Order]) -> dict[str, OrderValue]:
    """The value of each order by its id; ``home`` is the advertiser's currency."""
    if not orders:
        return {}
    refunds = _refunds_get(advertiser_id, [order.order_id for order in orders])
    rates = _rates_get(advertiser_id, home, orders)
    return {order.order_id: order_value(order, refunds[order.order_id], rates) for order in orders}


def refund_problems(
    *, advertiser_id: UUID, refunds: Iterable[tuple[str, str]]
) -> Iterator[tuple[NotCounted, str]]:
    """For each refund given as (order id, currency) that cannot be taken off an order: why, and its order."""
    given = list(refunds)
    currencies: dict[str, str] = {}
    for chunk in chunks(sorted({order_id for order_id, _ in given})):
        rows = events_of_orders(advertiser_id, chunk).filter(
            kind=Event.Kind.CONVERSION, validity=Event.Validity.VALID
        )
        currencies.update(rows.values_list("order_id", "currency"))
    for order_id, currency in given:
        if order_id not in currencies:
            yield NotCounted.ORDER_UNKNOWN, order_id
        elif currencies[order_id] != currency:
            yield NotCounted.REFUND_CURRENCY, order_id


def events_of_orders(advertiser_id: UUID, order_ids: Iterable[str]) -> QuerySet[Event]:
    """Orders and refunds under these ids.

    Says that an id is not empty, though it follows: only then does SQLite take the index ``event_by_order``,
    which leaves the many events out that are no order.
    """
    return (
        Event.objects.undated()
        .filter(advertiser_id=advertiser_id, order_id__in=order_ids)
        .exclude(order_id="")
    )


def chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Lists short enough for one ``IN``."""
    return (values[i : i + CHUNK] for i in range(0, len(values), CHUNK))


def _refunds_get(advertiser_id: UUID, order_ids: list[str]) -> dict[str, list[tuple[str, int]]]:
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for chunk in chunks(order_ids):
        rows = (
            events_of_orders(advertiser_id, chunk)
            .filter(kind=Event.Kind.REFUND, validity=Event.Validity.VALID)
            .values_list("order_id", "currency", "value_cents")
        )
        for order_id, currency, cents in rows:
            found[order_id].append((currency, cents or 0))
    return found


def _rates_get(advertiser_id: UUID, home: str, orders: Sequence[Order]) -> Rates:
    foreign = {order.currency for order in orders} - {home}
    if not foreign:
        return Rates(home)
    days: list[date] = [order.occurred_at.astimezone(UTC).date() for order in orders]
    rows = ExchangeRate.objects.filter(
        advertiser_id=advertiser_id,
        currency__in=foreign,
        day__gt=min(days) - CARRIED,
        day__lte=max(days),
    ).values_list("currency", "day", "rate")
    return Rates.of_rows(home, rows)
