"""Which segment answers to what: click rates by segment, small groups of shoppers hidden.

A creative is made for one segment and one product, so a cell of segment by product is that creative in its
sizes. The shoppers of a cell come from the creatives' daily sketches, whose merging stops as soon as a cell
has enough of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Unpack
from uuid import UUID

from django.conf import settings
from django.db.models import Max, Sum

from analytics import labels, reach
from analytics.creative_lines import CreativeLine
from analytics.models import DailyCreativeReach
from analytics.report_query import Filters
from analytics.selectors import COUNTS, Counts
from analytics.stats.shrinkage import Posterior, posterior, prior_estimate
from analytics.stats.suppression import suppress

SIDE = 10
UNCOUNTED_FILTERS = {"placements", "devices"}  # what the sketches do not know
Key = tuple[str, str]


@dataclass(frozen=True)
class Cell:
    """A segment's answer; the rate is shrunk to the mean of all cells. A hidden one has no figures."""

    counts: Counts
    shrunk: Posterior | None
    is_hidden: bool = False


@dataclass(frozen=True)
class Matrix:
    """Segments down, products (or styles, templates, sizes) across; the busiest ten of each, with totals."""

    segments: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    cells: list[list[Cell]] = field(default_factory=list)
    segment_totals: list[Cell] = field(default_factory=list)
    column_totals: list[Cell] = field(default_factory=list)
    minimum: int = 0  # fewer shoppers than this hide a cell
    is_uncounted: bool = False  # a filter is in force that shoppers are not counted by

    @property
    def rows(self) -> list[tuple[str, list[Cell], Cell]]:
        return list(zip(self.segments, self.cells, self.segment_totals, strict=True))

    @property
    def hidden_count(self) -> int:
        return sum(cell.is_hidden for row in self.cells for cell in row)


def matrix_get(
    *,
    advertiser_id: UUID,
    lines: Sequence[CreativeLine],
    across: str,
    start: date,
    end: date,
    **filters: Unpack[Filters],
) -> Matrix:
    """The table of these lines, which are of the same period and filters."""
    minimum = settings.REPORTS_MIN_SHOPPERS
    if filters.keys() & UNCOUNTED_FILTERS:
        return Matrix(minimum=minimum, is_uncounted=True)
    named = _named(advertiser_id, lines, across)
    down, columns = (_busiest(named, part) for part in (0, 1))
    shown = {key: found for key, found in named.items() if key[0] in down and key[1] in columns}
    shoppers = _shoppers(advertiser_id, shown, minimum, start, end, filters.get("is_simulated"))
    grid = [[shoppers.get((segment, column), 0) for column in columns] for segment in down]
    hidden = suppress(grid, minimum) if minimum > 1 else set()
    sums = {key: _sum(found) for key, found in shown.items()}
    # Of the shown cells only: the mean that they are drawn to must not tell of the hidden ones.
    position = {key: (down.index(key[0]), columns.index(key[1])) for key in shown}
    prior = prior_estimate(
        [(s.clicks, s.impressions) for key, s in sums.items() if position[key] not in hidden]
    )

    def cell(counts: Counts, place: tuple[int, int]) -> Cell:
        if place in hidden:
            return Cell(Counts(), None, is_hidden=True)
        known = posterior(counts.clicks, counts.impressions, prior) if counts.impressions else None
        return Cell(counts, known)

    nothing = Counts()
    return Matrix(
        segments=down,
        columns=columns,
        cells=[
            [cell(sums.get((segment, column), nothing), (i, j)) for j, column in enumerate(columns)]
            for i, segment in enumerate(down)
        ],
        segment_totals=[
            cell(_sum(s for key, s in sums.items() if key[0] == segment), (i, len(columns)))
            for i, segment in enumerate(down)
        ],
        column_totals=[
            cell(_sum(s for key, s in sums.items() if key[1] == column), (len(down), j))
            for j, column in enumerate(columns)
        ],
        minimum=minimum,
    )


def _named(advertiser_id: UUID, lines: Sequence[CreativeLine], across: str) -> dict[Key, list[CreativeLine]]:
    """The lines by the names of their segment and their column."""
    known = [line for line in lines if line.variant_id]
    segments = labels.segment_labels(advertiser_id=advertiser_id) if known else {}
    if across == "product":
        variants = labels.variant_labels(
            advertiser_id=advertiser_id, ids={line.variant_id for line in known if line.variant_id}
        )
        columns = {line.creative_id: variants[line.variant_id].product for line in known if line.variant_id}
    else:
        columns = labels.creative_kinds(
            advertiser_id=advertiser_id, ids={line.creative_id for line in known}, kind=across
        )
    found: dict[Key, list[CreativeLine]] = defaultdict(list)
    for line in known:
        key = labels.label_of(segments, line.segment_id, "segment"), columns[line.creative_id]
        found[key].append(line)
    return found


def _busiest(named: dict[Key, list[CreativeLine]], part: int) -> list[str]:
    impressions: dict[str, int] = defaultdict(int)
    for key, lines in named.items():
        impressions[key[part]] += sum(line.impressions for line in lines)
    return sorted(impressions, key=lambda name: (-impressions[name], name))[:SIDE]


def _sum(counts: Iterable[Counts]) -> Counts:
    found = list(counts)
    return Counts(**{name: sum(getattr(one, name) for one in found) for name in COUNTS})


def _shoppers(
    advertiser_id: UUID,
    cells: dict[Key, list[CreativeLine]],
    minimum: int,
    start: date,
    end: date,
    is_simulated: bool | None,
) -> dict[Key, int]:
    """Different shoppers of each cell, or the minimum where there are at least so many.

    A shopper without a pseudonym is in no sketch, so a cell of theirs has the one that must be assumed.
    """
    days: Any = DailyCreativeReach.objects.filter(advertiser_id=advertiser_id, day__gte=start, day__lte=end)
    if is_simulated is not None:
        days = days.filter(is_simulated=is_simulated)
    key_of = {(line.variant_id, line.creative_id): key for key, lines in cells.items() for line in lines}
    most: dict[Key, int] = defaultdict(int)  # on one day, of one creative
    together: dict[Key, int] = defaultdict(int)  # as if nobody had come twice
    pairs = (
        days.order_by().values_list("variant_id", "creative_id").annotate(Max("shoppers"), Sum("shoppers"))
    )
    for variant_id, creative_id, highest, total in pairs:
        if key := key_of.get((variant_id, creative_id)):
            most[key] = max(most[key], highest)
            together[key] += total
    counts = {}
    for key, lines in cells.items():
        seen = sum(line.impressions for line in lines)
        shoppers = most[key]
        # No more than one for each impression: otherwise the days have to be merged to know.
        if shoppers < minimum <= min(seen, together[key]):
            shoppers = _merged(days, {line.creative_id for line in lines})
        counts[key] = max(shoppers, 1) if seen else 0
    return counts


def _merged(days: Any, creative_ids: set[UUID]) -> int:
    """Different shoppers of these creatives over all days; a cell's creatives are in no other cell."""
    sketches = days.filter(creative_id__in=creative_ids).values_list("sketch", flat=True)
    return reach.estimate(reach.merge(sketches)).shoppers
