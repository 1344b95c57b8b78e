"""What a shopper did in an experiment, folded out of their events; pure.

A shopper's exposure is their first impression in the experiment (a click whose impression was lost or bears
the same time proves one); nothing before it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from analytics.experiment_metrics import Column

FOREIGN = Column.DAYS  # in a day's line that place holds its orders without an exchange rate


class Touch(NamedTuple):
    """An impression, a viewable impression or a click."""

    arm: str
    kind: Column
    occurred_at: datetime
    device: str = ""
    placement_id: UUID | None = None
    variant_id: UUID | None = None
    drawn_segment_id: UUID | None = None  # whose picture the draw had chosen, the same whatever the arm


class Order(NamedTuple):
    """A conversion; ``value_cents`` is None where no exchange rate is stored."""

    occurred_at: datetime
    value_cents: int | None


class ShopperSums(NamedTuple):
    """One shopper in one experiment; the fields of ``ExperimentShopper``, in this order."""

    shopper: str
    arm: str  # of the first exposure
    is_mixed: bool  # seen in more than one arm
    first_at: datetime
    touched_at: datetime  # the last touch
    last_at: datetime  # the last touch or order
    device: str  # this and the next three are those of the first exposure
    placement_id: UUID | None
    variant_id: UUID | None
    drawn_segment_id: UUID | None
    # A line for each day with events: its ordinal, then impressions, viewables, clicks, orders, revenue in
    # cents, and orders without an exchange rate.
    days: list[list[int]]
    before: list[int]  # by Column, of the two weeks before the start; empty: not seen then


def shopper_fold(
    shopper: str, arms: Set[str], touches: Iterable[Touch], orders: Iterable[Order], before: list[int]
) -> ShopperSums | None:
    """``touches`` in the order of their times, those with an unknown arm left out; None without any."""
    shown = [touch for touch in touches if touch.arm in arms]
    if not shown:
        return None
    first, touched_at = shown[0], shown[-1].occurred_at
    days: dict[int, list[int]] = {}
    for touch in shown:
        _line(days, touch.occurred_at)[1 + touch.kind] += 1
    last_at = touched_at
    for order in orders:
        if order.occurred_at < first.occurred_at:
            continue
        last_at = max(last_at, order.occurred_at)
        line = _line(days, order.occurred_at)
        line[1 + Column.ORDERS] += 1
        if order.value_cents is None:
            line[1 + FOREIGN] += 1
        else:
            line[1 + Column.REVENUE] += order.value_cents
    return ShopperSums(
        shopper,
        first.arm,
        any(touch.arm != first.arm for touch in shown),
        first.occurred_at,
        touched_at,
        last_at,
        first.device,
        first.placement_id,
        first.variant_id,
        first.drawn_segment_id,
        [days[day] for day in sorted(days)],
        before,
    )


def _line(days: dict[int, list[int]], at: datetime) -> list[int]:
    day = at.astimezone(UTC).toordinal()
    line = days.get(day)
    if line is None:
        line = days[day] = [day, *(0 for _ in Column)]
    return line


def before_sum(touches: Sequence[Touch], orders: Sequence[Order]) -> list[int]:
    """What a shopper did before the start, by ``Column``; empty where that is nothing."""
    if not touches and not orders:
        return []
    found = [0 for _ in Column]
    for touch in touches:
        found[touch.kind] += 1
    shown = {t.occurred_at.astimezone(UTC).toordinal() for t in touches if t.kind == Column.IMPRESSIONS}
    found[Column.DAYS] = len(shown)
    found[Column.ORDERS] = len(orders)
    found[Column.REVENUE] = sum(order.value_cents or 0 for order in orders)
    return found
