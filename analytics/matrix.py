"""Which segment answers to what: click rates by segment and creative, product, style, template or size.

What may be shown of it is decided elsewhere, once for everything: ``small_groups``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics import labels
from analytics.creative_lines import CreativeLine
from analytics.report_query import GENERIC, ReportQuery
from analytics.small_groups import UNCOUNTED, SmallGroups
from analytics.stats.shrinkage import Posterior, posterior, prior_estimate

SEGMENTS = 10
ROWS = 12  # of one page
FILTERED_BY = {"creative": "creative", "product": "product", "style": "style", "template": "template"}
ALL = "*"  # as row or segment: the total over all of them


@dataclass(frozen=True)
class Cell:
    """A segment's answer; the rate is shrunk to the mean of all shown cells. A hidden one has no figures."""

    impressions: int = 0
    clicks: int = 0
    shrunk: Posterior | None = None
    is_hidden: bool = False
    rows_url: str = ""  # the page of the events behind it; empty where there is none
    level: int = 0  # of its colour: 1 to 5 by its rate among those beside it; 0 without one


@dataclass(frozen=True)
class Row:
    """What segments are compared on."""

    id: str
    name: str
    creative: labels.CreativeLabel | None = None


@dataclass(frozen=True)
class Matrix:
    """Segments across, the busiest ten; creatives (or products, ...) down, a page of them; with totals."""

    segments: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    cells: list[list[Cell]] = field(default_factory=list)  # of each row, by segment
    segment_totals: list[Cell] = field(default_factory=list)
    row_totals: list[Cell] = field(default_factory=list)
    minimum: int = 0  # fewer shoppers than this hide a cell
    is_uncounted: bool = False  # a filter is in force that shoppers are not counted by
    count: int = 0  # rows on all pages
    page: int = 1
    pages: int = 1

    @property
    def named_cells(self) -> list[tuple[Row, list[tuple[str, Cell]], Cell]]:
        """Each row's cells beside the segments that they are of."""
        return [
            (row, list(zip(self.segments, cells, strict=True)), total) for row, cells, total in self.lines
        ]

    @property
    def named_totals(self) -> list[tuple[str, Cell]]:
        return list(zip(self.segments, self.segment_totals, strict=True))

    @property
    def lines(self) -> list[tuple[Row, list[Cell], Cell]]:
        return list(zip(self.rows, self.cells, self.row_totals, strict=True))

    @property
    def hidden_count(self) -> int:
        return sum(cell.is_hidden for row in self.cells for cell in row)


def matrix_make(
    *, advertiser_id: UUID, lines: Sequence[CreativeLine], query: ReportQuery, groups: SmallGroups
) -> Matrix:
    """The table of these lines, which are of the query's period and filters."""
    if query.filters.keys() & UNCOUNTED:
        return Matrix(minimum=groups.minimum, is_uncounted=True)
    sums = _sums(advertiser_id, [line for line in lines if line.variant_id], query.across, groups)
    segment_names = {str(pk): name for pk, name in labels.segment_labels(advertiser_id=advertiser_id).items()}
    segments, busiest = sums.busiest(axis=1)[:SEGMENTS], sums.busiest(axis=0)
    if wanted := query.find.casefold():
        busiest = [row.id for row in _rows(advertiser_id, query, busiest) if wanted in row.name.casefold()]
    pages = max(1, -(-len(busiest) // ROWS))
    page = min(query.matrix_page, pages)
    shown = _rows(advertiser_id, query, busiest[(page - 1) * ROWS : page * ROWS])
    # Of all shown cells, whatever the page: the mean that they are drawn to must not tell of the hidden ones.
    known = sums.counts[:-1, :-1][~sums.is_hidden[:-1, :-1]]
    prior = prior_estimate([(clicks, seen) for seen, clicks, _ in known.tolist() if seen])

    def cell(row: str, segment: str) -> Cell:
        impressions, clicks, lines, is_hidden = sums.at(row, segment)
        if is_hidden or not lines:
            return Cell(is_hidden=is_hidden)
        rate = posterior(clicks, impressions, prior) if impressions else None
        return Cell(impressions, clicks, rate, rows_url=_rows_url(query, segment, row))

    cells = [[cell(row.id, segment) for segment in segments] for row in shown]
    top = max((c.shrunk.mean for line in cells for c in line if c.shrunk), default=0.0)
    return Matrix(
        segments=[_segment_name(s, segment_names) for s in segments],
        rows=shown,
        cells=[[_coloured(c, top) for c in line] for line in cells],
        segment_totals=[cell(ALL, segment) for segment in segments],
        row_totals=[cell(row.id, ALL) for row in shown],
        minimum=groups.minimum,
        count=len(busiest),
        page=page,
        pages=pages,
    )


@dataclass(frozen=True)
class _Sums:
    """Impressions, clicks and lines of each cell; the last row and the last column are the totals."""

    counts: NDArray[np.int64]  # by row, segment and figure
    is_hidden: NDArray[np.bool_]  # by row and segment
    rows: list[str]
    segments: list[str]

    def busiest(self, axis: int) -> list[str]:
        """Ids of rows (0) or segments (1), those with the most impressions first, then by id."""
        ids = (self.rows, self.segments)[axis]
        totals = self.counts[:-1, -1, 0] if axis == 0 else self.counts[-1, :-1, 0]
        return [ids[place] for place in np.argsort(-totals, kind="stable")]

    def at(self, row: str, segment: str) -> tuple[int, int, int, bool]:
        """Impressions, clicks, lines, and whether it may not be shown; ALL for a total."""
        place = (
            -1 if row == ALL else self.rows.index(row),
            -1 if segment == ALL else self.segments.index(segment),
        )
        impressions, clicks, lines = self.counts[place].tolist()
        return impressions, clicks, lines, bool(self.is_hidden[place])


def _sums(advertiser_id: UUID, lines: Sequence[CreativeLine], across: str, groups: SmallGroups) -> _Sums:
    ids = _row_ids(advertiser_id, lines, across)
    of_row = [ids[line.creative_id, line.variant_id] for line in lines]
    of_segment = [str(line.segment_id or GENERIC) for line in lines]
    row, rows = pd.factorize(np.array(of_row, dtype=object), sort=True)
    segment, segments = pd.factorize(np.array(of_segment, dtype=object), sort=True)
    counts = np.zeros((len(rows) + 1, len(segments) + 1, 3), dtype=np.int64)
    figures = np.array([(line.impressions, line.clicks, 1) for line in lines], dtype=np.int64).reshape(-1, 3)
    places: tuple[tuple[Any, Any], ...] = ((row, segment), (row, -1), (-1, segment))
    for place in places:
        np.add.at(counts, place, figures)
    is_hidden = np.zeros(counts.shape[:2], dtype=bool)
    if groups.hidden:
        atoms: dict[tuple[int, int], list[CreativeLine]] = defaultdict(list)
        for n, line in enumerate(lines):
            for i, j in ((row[n], segment[n]), (row[n], -1), (-1, segment[n])):
                atoms[i, j].append(line)
        for at, mine in atoms.items():
            is_hidden[at] = not groups.shows_lines(mine)
    return _Sums(counts, is_hidden, list(rows), list(segments))


def _coloured(cell: Cell, top: float) -> Cell:
    return replace(cell, level=max(1, round(5 * cell.shrunk.mean / top))) if cell.shrunk and top else cell


def _row_ids(
    advertiser_id: UUID, lines: Sequence[CreativeLine], across: str
) -> Mapping[tuple[UUID, UUID | None], str]:
    if across == "creative":
        return {(line.creative_id, line.variant_id): str(line.creative_id) for line in lines}
    if across == "product":
        variants = labels.variant_labels(
            advertiser_id=advertiser_id, ids={line.variant_id for line in lines if line.variant_id}
        )
        return {
            (line.creative_id, line.variant_id): str(variants[line.variant_id].product_id or "")
            for line in lines
            if line.variant_id
        }
    kinds = labels.creative_kinds(
        advertiser_id=advertiser_id, ids={line.creative_id for line in lines}, kind=across
    )
    return {(line.creative_id, line.variant_id): kinds[line.creative_id] for line in lines}


def _rows(advertiser_id: UUID, query: ReportQuery, ids: Sequence[str]) -> list[Row]:
    """These rows with their names, in the order given."""
    if query.across == "creative":
        found = labels.creative_labels(advertiser_id=advertiser_id, ids=[UUID(pk) for pk in ids])
        return [
            Row(pk, f"{label.headline} {label.size}".strip(), label)
            for pk in ids
            if (label := found[UUID(pk)])
        ]
    elif query.across == "product":
        names = labels.product_labels(advertiser_id=advertiser_id, ids=[UUID(pk) for pk in ids if pk])
        return [Row(pk, (pk and names.get(UUID(pk))) or "Deleted product") for pk in ids]
    return [Row(name, labels.kind_label(query.across, name)) for name in ids]


def _segment_name(pk: str, names: Mapping[str, str]) -> str:
    if pk == GENERIC:
        return labels.GENERIC_LABEL
    return names.get(pk) or f"Deleted segment {labels.short_id(UUID(pk))}"


def _rows_url(query: ReportQuery, segment: str, row: str) -> str:
    """The events of a cell; a size is no filter of the report."""
    changes = {} if segment == ALL else {"segment": segment}
    if row != ALL:
        if query.across not in FILTERED_BY:
            return ""
        changes[FILTERED_BY[query.across]] = row
    return query.rows_url("impressions", find="", matrix_page="", **changes)
