"""Distinct shoppers by HyperLogLog (Apache DataSketches): the reach of a month is not the sum of its days.

Sketches of hours and days merge into the sketch of any period without looking at an event. With 4,096
registers the relative standard error is 1.6 %, a sketch takes at most 2 KiB, and a few dozen shoppers are
counted exactly. The library is imported on first use: it brings numpy, which no hot path loads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

LG_REGISTERS = 12
DEVIATIONS = 2  # about 95 %


@dataclass(frozen=True)
class Reach:
    """How many different shoppers, with the bounds of the sketch's error."""

    shoppers: int
    low: int
    high: int

    @property
    def is_exact(self) -> bool:
        return self.low == self.shoppers == self.high


NOBODY = Reach(0, 0, 0)


def sketch_of(pseudonyms: Iterable[str]) -> bytes:
    """The sketch of these shoppers."""
    from datasketches import hll_sketch, tgt_hll_type

    sketch = hll_sketch(LG_REGISTERS, tgt_hll_type.HLL_4)
    for pseudonym in pseudonyms:
        sketch.update(pseudonym)
    return bytes(sketch.serialize_compact())


def merge(sketches: Iterable[bytes | memoryview]) -> bytes:
    """The sketch of everybody who is in any of them; the order changes nothing that is counted."""
    from datasketches import hll_sketch, hll_union, tgt_hll_type

    union = hll_union(LG_REGISTERS)
    for sketch in sketches:
        union.update(hll_sketch.deserialize(bytes(sketch)))
    return bytes(union.get_result(tgt_hll_type.HLL_4).serialize_compact())


def estimate(sketch: bytes) -> Reach:
    """What a sketch says."""
    from datasketches import hll_sketch

    read = hll_sketch.deserialize(bytes(sketch))
    bounds = read.get_lower_bound(DEVIATIONS), read.get_upper_bound(DEVIATIONS)
    return Reach(round(read.get_estimate()), *(round(bound) for bound in bounds))


def reach_of(sketches: Mapping[date, bytes], start: date, end: date) -> Reach:
    """Different shoppers of these days, both ends included."""
    found = [sketch for day, sketch in sketches.items() if start <= day <= end]
    return estimate(merge(found)) if found else NOBODY


def reach_days(sketches: Mapping[date, bytes], start: date, end: date) -> list[int]:
    """Different shoppers of each day by itself."""
    days = (start + timedelta(days=n) for n in range((end - start).days + 1))
    return [estimate(sketches[day]).shoppers if day in sketches else 0 for day in days]


def count_up_to(enough: int, sketches: Iterable[bytes]) -> int:
    """Different shoppers of these sketches; ``enough`` as soon as there are so many."""
    from datasketches import hll_sketch, hll_union

    union, found = hll_union(LG_REGISTERS), 0
    for sketch in sketches:
        union.update(hll_sketch.deserialize(sketch))
        found = round(union.get_estimate())
        if found >= enough:
            return enough
    return found
