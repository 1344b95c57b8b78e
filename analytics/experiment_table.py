"""Shopper by shopper what happened in an experiment, and per-arm sums of it; pure.

Shoppers seen in two arms are left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

import numpy as np

from analytics.experiment_metrics import COLUMNS, METRICS, Column, MetricSpec
from analytics.experiment_shoppers import FOREIGN, ShopperSums
from analytics.stats.adjustment import PairedSums
from analytics.stats.statistics import Sums
from analytics.stats.suppression import suppress_parts

# Revenue above this share of shoppers is capped: one bulk order must not decide an experiment.
CAP_QUANTILE = 0.999
CAP_MIN_SHOPPERS = 1_000
UNKNOWN = "unknown"  # the value of a dimension that an event does not tell
GONE = "deleted since"
DAYPARTS = ("0 to 6 h", "6 to 12 h", "12 to 18 h", "18 to 24 h")  # UTC


# One value a shopper, fixed at the first exposure: what comes later may depend on the arm.
TRAITS = ("device", "placement", "product", "segment", "week", "time of day")


@dataclass(frozen=True)
class Names:
    """What the ids of a first exposure are called: placements, products by variant, segments."""

    placements: Mapping[UUID | None, str] = field(default_factory=dict)
    products: Mapping[UUID | None, str] = field(default_factory=dict)
    segments: Mapping[UUID | None, str] = field(default_factory=dict)


NO_NAMES = Names()


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
    # Shopper, day, then ``ShopperSums.days``' line.
    _lines: np.ndarray = field(default_factory=lambda: np.zeros((0, 2 + COLUMNS)))
    _now: np.ndarray = field(default_factory=lambda: np.zeros((0, COLUMNS)))
    _before: np.ndarray = field(default_factory=lambda: np.zeros((0, COLUMNS)))

    @property
    def shoppers(self) -> int:
        return len(self._arm)

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

    def _fill(self, before: Sequence[Sequence[int]]) -> None:
        self._now = self._columns(self._lines)
        if self.shoppers >= CAP_MIN_SHOPPERS:
            revenue = self._now[:, Column.REVENUE]
            cap = float(np.quantile(revenue, CAP_QUANTILE))
            # Where fewer than one in a thousand buys at all, or nobody exceeds it, a cap would only lie.
            if 0 < cap < revenue.max():
                self.cap_cents = cap
                self._now = self._capped(self._now)
        nothing = [0] * COLUMNS
        self._before = self._capped(
            np.array([found or nothing for found in before], float).reshape(-1, COLUMNS)
        )
        known = self._before.any(axis=1)
        if known.any():
            self._traits["visitor"] = np.where(known, "seen before", "new")

    def sums(
        self, metric: str, *, until: int | None = None, part: tuple[str, str] | None = None
    ) -> list[Sums]:
        """Per-arm sums of a metric, up to and including a day's position, of one slice."""
        taken = np.ones(self.shoppers, bool) if until is None else self._first_day <= until
        values = self._now if until is None else self._columns(self._lines[self._lines[:, 1] <= until])
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

    def _columns(self, lines: np.ndarray) -> np.ndarray:
        owners, n = lines[:, 0].astype(int), self.shoppers
        sums = [
            np.bincount(owners, weights=lines[:, 2 + column], minlength=n) for column in range(Column.DAYS)
        ]
        shown = owners[lines[:, 2 + Column.IMPRESSIONS] > 0]
        return self._capped(np.column_stack([*sums, np.bincount(shown, minlength=n)]))

    def _capped(self, columns: np.ndarray) -> np.ndarray:
        if self.cap_cents is not None:
            columns[:, Column.REVENUE] = np.minimum(columns[:, Column.REVENUE], self.cap_cents)
        return columns


def _pair(spec: MetricSpec, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y = values[:, spec.numerator]
    if spec.at_least:
        y = (y >= spec.at_least).astype(float)
    return y, np.ones(len(values)) if spec.denominator is None else values[:, spec.denominator]


def table_make(
    arms: Sequence[str],
    shoppers: Iterable[ShopperSums],
    *,
    first: date,
    last: date,
    names: Names = NO_NAMES,
) -> Table:
    """``names`` are those of the first exposures' ids."""
    table = Table(arms=arms)
    start, end = first.toordinal(), max(first, last).toordinal()
    table.days = [date.fromordinal(n) for n in range(start, end + 1)]
    kept: list[ShopperSums] = []
    for shopper in sorted(shoppers, key=lambda found: (found.first_at, found.shopper)):
        table.foreign_orders += sum(line[1 + FOREIGN] for line in shopper.days)
        table.last_at = max(table.last_at or shopper.touched_at, shopper.touched_at)
        if shopper.is_mixed:
            table.mixed += 1
        else:
            kept.append(shopper)
    place = {arm: number for number, arm in enumerate(arms)}
    table._arm = np.array([place[shopper.arm] for shopper in kept], int)
    first_days = np.array([shopper.first_at.astimezone(UTC).toordinal() for shopper in kept], int)
    table._first_day = np.clip(first_days - start, 0, len(table.days) - 1)
    traits = [_traits_of(shopper, names) for shopper in kept]
    table._traits = {
        name: np.array([found[number] for found in traits], object) for number, name in enumerate(TRAITS)
    }
    lines = [(number, *line) for number, shopper in enumerate(kept) for line in shopper.days]
    table._lines = np.array(lines, float).reshape(-1, 2 + COLUMNS)
    table._lines[:, 1] = np.clip(table._lines[:, 1] - start, 0, len(table.days) - 1)
    table._fill([shopper.before for shopper in kept])
    return table


def _traits_of(shopper: ShopperSums, names: Names) -> tuple[str, ...]:
    at = shopper.first_at.astimezone(UTC)
    week = "weekend" if at.weekday() >= 5 else "weekday"
    placement = names.placements.get(shopper.placement_id, GONE)
    product = names.products.get(shopper.variant_id, GONE)
    drawn = shopper.drawn_segment_id
    segment = names.segments.get(drawn, GONE) if drawn else UNKNOWN
    return (shopper.device or UNKNOWN, placement, product, segment, week, DAYPARTS[at.hour // 6])


def _sums_of(y: np.ndarray, x: np.ndarray) -> Sums:
    return Sums(
        n=len(y),
        y=float(y.sum()),
        x=float(x.sum()),
        yy=float((y * y).sum()),
        xx=float((x * x).sum()),
        xy=float((x * y).sum()),
    )
