"""Pure: money of one currency in another, at a rate that somebody stored; without one there is no answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from adplatform.lib.money import exponent_of

# Central banks publish no rate at weekends and over Easter (Thursday to Tuesday), so the last one stands for
# so many days. What is older is no rate of that day.
CARRIED = timedelta(days=5)
# Minor units of one order, as it is sent and as it is converted: millions of them still add up in 64 bits.
MAX_VALUE_CENTS = 10**12


def convert(cents: int, *, currency: str, into: str, rate: Decimal) -> int:
    """Minor units of ``currency`` in minor units of ``into``, half to even; ``rate`` is for whole units."""
    amount = Decimal(cents).scaleb(-exponent_of(currency)) * rate
    return int(amount.scaleb(exponent_of(into)).to_integral_value(ROUND_HALF_EVEN))


@dataclass(frozen=True)
class Rates:
    """An advertiser's stored rates: currency -> day -> rate."""

    home: str
    stored: Mapping[str, Mapping[date, Decimal]] = field(default_factory=dict)

    @classmethod
    def of_rows(cls, home: str, rows: Iterable[tuple[str, date, Decimal]]) -> Rates:
        stored: dict[str, dict[date, Decimal]] = {}
        for currency, day, rate in rows:
            stored.setdefault(currency, {})[day] = rate
        return cls(home, stored)

    def rate_get(self, currency: str, day: date) -> Decimal | None:
        """The rate of the day, or the last one of the few days before; None when there is none."""
        if currency == self.home:
            return Decimal(1)
        days = self.stored.get(currency, {})
        fresh = [known for known in days if day - CARRIED < known <= day]
        return days[max(fresh)] if fresh else None
