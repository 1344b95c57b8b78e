"""Shopper by shopper what happened in an experiment, and per-arm sums of it; pure.

A shopper's exposure is their first impression in the experiment (a click whose impression was lost or bears
the same time proves one); nothing before it counts. Shoppers seen in two arms are left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np

from analytics.experiment_metrics import COLUMNS, METRICS, Column, MetricSpec
from analytics.stats.adjustment import PairedSums
from analytics.stats.statistics import Sums
from analytics.stats.suppression import suppress_parts

# Revenue above this share of shoppers is capped: one bulk order must not decide an experiment.
CAP_QUANTILE = 0.999
CAP_MIN_SHOPPERS = 1_000
UNKNOWN = "unknown"  # the value of a dimension that an event does not tell
DAYPARTS = ("0 to 6 h", "6 to 12 h", "12 to 18 h", "18 to 24 h")  # UTC


class Touch(NamedTuple):
    """An impression, a viewable impression or a click of a shopper who takes part."""

    shopper: str
    arm: str
    kind: Column
    occurred_at: datetime
    device: str = ""
    placement: str = ""
    product: str = ""
    segment: str = ""  # whose picture the draw had chosen, the same whatever the arm


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
    traits: tuple[str, ...]
    is_mixed: bool = False


# One value a shopper, fixed at the first exposure: what comes later may depend on the arm.
TRAITS = ("device", "placement", "product", "segment", "week", "time of day")


@dataclass
class Table:
    """What was observed; sums and exposures are all that leaves it."""

    arms: Sequence[str]
    days: list[date] = field(default_factory=list)
    mixed: int = 0  # shoppers seen in more than one arm, left out
    foreign_orders: int = 0
    last_at: datetime | None = None
    cap_cents: float | None = None
    _arm: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    _first_day: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    _traits: dict[str, np.ndarray] = field(default_factory=dict)
    _rows: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))  # shopper, day, column, value
    _now: np.ndarray = field(default_factory=lambda: np.zeros((0, COLUMNS)))
    _before: np.ndarray = field(default_factory=lambda: np.zeros((0, COLUMNS)))
    _names: list[str] = field(default_factory=list)

    @property
    def shoppers(self) -> int:
        return len(self._arm)

    @property
    def names(self) -> frozenset[str]:
        """The shoppers who are counted."""
        return frozenset(self._names)

    def counts(self) -> list[int]:
        """Shoppers by arm."""
        return np.bincount(self._arm, minlength=len(self.arms)).tolist()

    def total(self, column: Column) -> list[float]:
        """Impressions, clicks or orders by arm."""
        return np.bincount(self._arm, weights=self._now[:, column], minlength=len(self.arms)).tolist()

    def exposures(self) -> list[list[int]]:
        """New shoppers by day and arm."""
        found = np.zeros((len(self.days), len(self.arms)), int)
        np.add.at(found, (self._first_day, self._arm), 1)
        return found.tolist()

    def slices(self, *, limit: int, minimum: int = 0) -> list[tuple[str, str]]:
        """(dimension, value): the ``limit`` commonest values of a dimension that has several.

        Those with fewer than ``minimum`` shoppers in an arm are left out, and what they could be had from.
        """
        found = []
        for name, values in self._traits.items():
            every = Counter(values.tolist())
            common = [value for value, _ in every.most_common(limit)]
            parts = {value: self.counts_of(name, value) for value in every}
            hidden = suppress_parts(parts, common, minimum)
            if len(common) > 1:
                found += [(name, value) for value in common if value not in hidden]
        return found

    def values_of(self, dimension: str) -> list[str]:
        """The values of a dimension, the commonest first."""
        values = self._traits.get(dimension, np.zeros(0, object))
        return [value for value, _ in Counter(values.tolist()).most_common()]

    def counts_of(self, dimension: str, value: str) -> list[int]:
        """Shoppers by arm of one slice."""
        taken = self._traits[dimension] == value
        return np.bincount(self._arm[taken], minlength=len(self.arms)).tolist()

    def before_fill(self, seen: Mapping[str, Sequence[float]]) -> None:
        """What these shoppers did before the start, by pseudonym, in the order of ``Column``."""
        found = np.zeros((self.shoppers, COLUMNS))
        for index, name in enumerate(self._names):
            if name in seen:
                found[index] = seen[name]
        if self.cap_cents is not None:
            found[:, Column.REVENUE] = np.minimum(found[:, Column.REVENUE], self.cap_cents)
        self._before = found
        known = found.any(axis=1)
        if known.any():
            self._traits["visitor"] = np.where(known, "seen before", "new")

    def sums(
        self, metric: str, *, until: int | None = None, part: tuple[str, str] | None = None
    ) -> list[Sums]:
        """Per-arm sums of a metric, up to and including a day's position, of one slice."""
        taken = np.ones(self.shoppers, bool) if until is None else self._first_day <= until
        values = self._now if until is None else self._columns(self._rows[self._rows[:, 1] <= until])
        if part is not None:
            taken &= self._traits[part[0]] == part[1]
        y, x = _pair(METRICS[metric], values)
        return [_sums_of(y[mask], x[mask]) for mask in self._masks(taken)]

    def paired(self, metric: str) -> list[PairedSums]:
        """Per-arm sums of a metric now and before."""
        (y, x), (by, bx) = _pair(METRICS[metric], self._now), _pair(METRICS[metric], self._before)
        seen = np.asarray(self._before.any(axis=1))
        return [
            PairedSums(
                now=_sums_of(y[m], x[m]),
                before=_sums_of(by[m], bx[m]),
                yy=float(y[m] @ by[m]),
                yx=float(y[m] @ bx[m]),
                xy=float(x[m] @ by[m]),
                xx=float(x[m] @ bx[m]),
                seen=int(seen[m].sum()),
            )
            for m in self._masks(np.ones(self.shoppers, bool))
        ]

    def before(self, metric: str) -> list[Sums]:
        """Per-arm sums of those who were seen before the start."""
        y, x = _pair(METRICS[metric], self._before)
        return [_sums_of(y[mask], x[mask]) for mask in self._masks(np.asarray(self._before.any(axis=1)))]

    def _masks(self, taken: np.ndarray) -> list[np.ndarray]:
        return [taken & (self._arm == arm) for arm in range(len(self.arms))]

    def _columns(self, rows: np.ndarray) -> np.ndarray:
        found = np.zeros((self.shoppers, COLUMNS))
        np.add.at(found, (rows[:, 0].astype(int), rows[:, 2].astype(int)), rows[:, 3])
        shown = rows[rows[:, 2] == Column.IMPRESSIONS][:, :2]
        if len(shown):
            owners = np.unique(shown, axis=0)[:, 0].astype(int)
            found[:, Column.DAYS] = np.bincount(owners, minlength=self.shoppers)
        if self.cap_cents is not None:
            found[:, Column.REVENUE] = np.minimum(found[:, Column.REVENUE], self.cap_cents)
        return found


def _pair(spec: MetricSpec, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y = values[:, spec.numerator]
    if spec.at_least:
        y = (y >= spec.at_least).astype(float)
    return y, np.ones(len(values)) if spec.denominator is None else values[:, spec.denominator]


def table_make(
    arms: Sequence[str], touches: Iterable[Touch], orders: Iterable[Order], *, first: date, last: date
) -> Table:
    """``touches`` in the order of their times. Unknown arms are left out."""
    table = Table(arms=arms)
    table.days = [date.fromordinal(n) for n in range(first.toordinal(), max(first, last).toordinal() + 1)]
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
            shopper = _Shopper(len(people), touch.arm, touch.occurred_at, _traits_of(touch))
            people[touch.shopper] = shopper
        elif shopper.arm != touch.arm:
            shopper.is_mixed = True
        rows.append((shopper.index, day_of(touch.occurred_at), touch.kind, 1.0))
    for order in orders:
        shopper = people.get(order.shopper)
        if shopper is None or order.occurred_at < shopper.first_at:
            continue
        rows.append((shopper.index, day_of(order.occurred_at), Column.ORDERS, 1.0))
        if order.value_cents is None:
            table.foreign_orders += 1
        else:
            day = day_of(order.occurred_at)
            rows.append((shopper.index, day, Column.REVENUE, float(order.value_cents)))
    _fill(table, people, rows, day_of)
    return table


def _traits_of(touch: Touch) -> tuple[str, ...]:
    at = touch.occurred_at.astimezone(UTC)
    week = "weekend" if at.weekday() >= 5 else "weekday"
    named = [name or UNKNOWN for name in (touch.device, touch.placement, touch.product, touch.segment)]
    return (*named, week, DAYPARTS[at.hour // 6])


def _fill(
    table: Table,
    people: dict[str, _Shopper],
    rows: list[tuple[int, int, int, float]],
    day_of: Callable[[datetime], int],
) -> None:
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
    table._traits = {
        name: np.array([shopper.traits[place] for _, shopper in kept], object)
        for place, name in enumerate(TRAITS)
    }
    table._now = table._columns(found)
    if len(kept) >= CAP_MIN_SHOPPERS:
        revenue = table._now[:, Column.REVENUE]
        cap = float(np.quantile(revenue, CAP_QUANTILE))
        # Where fewer than one in a thousand buys at all, or nobody exceeds it, a cap would only lie.
        if 0 < cap < revenue.max():
            table.cap_cents = cap
            table._now = table._columns(found)
    table._before = np.zeros((len(kept), COLUMNS))


def _sums_of(y: np.ndarray, x: np.ndarray) -> Sums:
    return Sums(
        n=len(y),
        y=float(y.sum()),
        x=float(x.sum()),
        yy=float((y * y).sum()),
        xx=float((x * x).sum()),
        xy=float((x * y).sum()),
    )
