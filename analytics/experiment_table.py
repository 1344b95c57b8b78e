"""Shopper by shopper what happened in an experiment, and per-arm sums of it; pure.

A shopper's exposure is their first impression in the experiment (a click whose impression was lost or bears
the same time proves one); nothing before it counts. Shoppers seen in two arms are left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np

from analytics.stats.statistics import Sums

IMPRESSION, CLICK, ORDER, REVENUE = range(4)
# Revenue above this share of shoppers is capped: one bulk order must not decide an experiment.
CAP_QUANTILE = 0.999
CAP_MIN_SHOPPERS = 1_000


class Touch(NamedTuple):
    """An impression or a click of a shopper who takes part."""

    shopper: str
    arm: str
    is_click: bool
    occurred_at: datetime
    device: str = ""


class Order(NamedTuple):
    """A conversion of any shopper; ``value_cents`` is None in a foreign currency."""

    shopper: str
    occurred_at: datetime
    value_cents: int | None


@dataclass
class _Shopper:
    index: int
    arm: str
    first_at: datetime
    device: str
    is_mixed: bool = False


@dataclass
class Table:
    """What was observed; ``sums`` and ``exposures`` are all that leaves it."""

    arms: Sequence[str]
    days: list[date] = field(default_factory=list)
    mixed: int = 0  # shoppers seen in more than one arm, left out
    foreign_orders: int = 0
    last_at: datetime | None = None
    cap_cents: float | None = None
    _arm: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    _first_day: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    _device: np.ndarray = field(default_factory=lambda: np.zeros(0, object))
    _rows: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))  # shopper, day, kind, value
    _names: list[str] = field(default_factory=list)

    @property
    def shoppers(self) -> int:
        return len(self._arm)

    def arms_of(self) -> dict[str, int]:
        """Each shopper's arm as its position; for the balance before the start."""
        return dict(zip(self._names, self._arm.tolist(), strict=True))

    def counts(self) -> list[int]:
        """Shoppers by arm."""
        return np.bincount(self._arm, minlength=len(self.arms)).tolist()

    def total(self, kind: int) -> list[float]:
        """Impressions, clicks or orders by arm."""
        rows = self._rows[self._rows[:, 2] == kind]
        arms = self._arm[rows[:, 0].astype(int)]
        return np.bincount(arms, weights=rows[:, 3], minlength=len(self.arms)).tolist()

    def exposures(self) -> list[list[int]]:
        """New shoppers by day and arm."""
        found = np.zeros((len(self.days), len(self.arms)), int)
        np.add.at(found, (self._first_day, self._arm), 1)
        return found.tolist()

    def devices(self) -> list[str]:
        """Devices of the first exposure, the commonest first."""
        return [device for device, _ in Counter(self._device.tolist()).most_common()]

    def sums(self, metric: str, *, until: int | None = None, device: str | None = None) -> list[Sums]:
        """Per-arm sums of a metric, up to and including a day's position, of shoppers of one device."""
        rows = self._rows if until is None else self._rows[self._rows[:, 1] <= until]
        taken = np.ones(self.shoppers, bool) if until is None else self._first_day <= until
        if device is not None:
            taken &= self._device == device
        y, x = self._values(metric, rows)
        return [
            _sums_of(y[mask], x[mask])
            for mask in (taken & (self._arm == arm) for arm in range(len(self.arms)))
        ]

    def _values(self, metric: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if metric == "click_rate":
            return self._per_shopper(CLICK, rows), self._per_shopper(IMPRESSION, rows)
        ones = np.ones(self.shoppers)
        if metric == "conversion_rate":
            return (self._per_shopper(ORDER, rows) > 0).astype(float), ones
        revenue = self._per_shopper(REVENUE, rows)
        return (revenue if self.cap_cents is None else np.minimum(revenue, self.cap_cents)), ones

    def _per_shopper(self, kind: int, rows: np.ndarray) -> np.ndarray:
        rows = rows[rows[:, 2] == kind]
        return np.bincount(rows[:, 0].astype(int), weights=rows[:, 3], minlength=self.shoppers)


def table_make(
    arms: Sequence[str], touches: Iterable[Touch], orders: Iterable[Order], *, first: date, last: date
) -> Table:
    """``touches`` in the order of their times. Unknown arms are left out."""
    table = Table(arms=arms)
    table.days = [date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]
    people: dict[str, _Shopper] = {}
    rows: list[tuple[int, int, int, float]] = []

    def day_of(at: datetime) -> int:
        return min(max(0, at.astimezone(UTC).toordinal() - first.toordinal()), len(table.days) - 1)

    known = set(arms)
    for touch in touches:
        if touch.arm not in known:
            continue
        table.last_at = touch.occurred_at
        shopper = people.get(touch.shopper)
        if shopper is None:
            shopper = _Shopper(len(people), touch.arm, touch.occurred_at, touch.device)
            people[touch.shopper] = shopper
        elif shopper.arm != touch.arm:
            shopper.is_mixed = True
        rows.append((shopper.index, day_of(touch.occurred_at), CLICK if touch.is_click else IMPRESSION, 1.0))
    for order in orders:
        shopper = people.get(order.shopper)
        if shopper is None or order.occurred_at < shopper.first_at:
            continue
        rows.append((shopper.index, day_of(order.occurred_at), ORDER, 1.0))
        if order.value_cents is None:
            table.foreign_orders += 1
        else:
            rows.append((shopper.index, day_of(order.occurred_at), REVENUE, float(order.value_cents)))
    _fill(table, people, rows, day_of)
    return table


def _fill(table: Table, people: dict[str, _Shopper], rows: list, day_of) -> None:  # type: ignore[no-untyped-def]
    kept = [(name, shopper) for name, shopper in people.items() if not shopper.is_mixed]
    table.mixed = len(people) - len(kept)
    position = np.full(len(people), -1)
    position[[shopper.index for _, shopper in kept]] = range(len(kept))
    found = np.array(rows, float).reshape(-1, 4)
    if len(found):
        found[:, 0] = position[found[:, 0].astype(int)]
        found = found[found[:, 0] >= 0]
    table._rows = found
    table._names = [name for name, _ in kept]
    table._arm = np.array([table.arms.index(shopper.arm) for _, shopper in kept], int)
    table._first_day = np.array([day_of(shopper.first_at) for _, shopper in kept], int)
    table._device = np.array([shopper.device for _, shopper in kept], object)
    if len(kept) >= CAP_MIN_SHOPPERS:
        revenue = table._per_shopper(REVENUE, found)
        cap = float(np.quantile(revenue, CAP_QUANTILE))
        # Where fewer than one in a thousand buys at all, or nobody exceeds it, a cap would only lie.
        table.cap_cents = cap if 0 < cap < revenue.max() else None


def _sums_of(y: np.ndarray, x: np.ndarray) -> Sums:
    return Sums(
        n=len(y),
        y=float(y.sum()),
        x=float(x.sum()),
        yy=float((y * y).sum()),
        xx=float((x * x).sum()),
        xy=float((x * y).sum()),
    )
