"""Which segment answers to what: click rates by segment and creative, product, style, template or size.

What may be shown of it is decided elsewhere, once for everything: ``small_groups``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from analytics import labels
from analytics.creative_lines import CreativeLine
from analytics.report_query import GENERIC, ReportQuery
from analytics.selectors import COUNTS, Counts
from analytics.small_groups import UNCOUNTED, SmallGroups
from analytics.stats.shrinkage import Posterior, posterior, prior_estimate

SEGMENTS = 10
ROWS = 12  # of one page
FILTERED_BY = {"creative": "creative", "product": "product", "style": "style", "template": "template"}
Key = tuple[str, str]  # ids of segment and row: a segment's or GENERIC, a creative's, a style's, ...


@dataclass(frozen=True)
class Cell:
    """A segment's answer; the rate is shrunk to the mean of all shown cells. A hidden one has no figures."""

    counts: Counts
    shrunk: Posterior | None
    is_hidden: bool = False
    rows: str = ""  # the query that leads to the events behind it; empty where none does
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
    known = [line for line in lines if line.variant_id]
    ids = _row_ids(advertiser_id, known, query.across)
    of_cell: dict[Key, list[CreativeLine]] = defaultdict(list)
    for line in known:
        of_cell[str(line.segment_id or GENERIC), ids[line.creative_id, line.variant_id]].append(line)
    segment_names = {str(pk): name for pk, name in labels.segment_labels(advertiser_id=advertiser_id).items()}
    segments = _busiest(of_cell, 0)[:SEGMENTS]
    busiest = _busiest(of_cell, 1)
    if wanted := query.find.casefold():
        busiest = [row.id for row in _rows(advertiser_id, query, busiest) if wanted in row.name.casefold()]
    pages = max(1, -(-len(busiest) // ROWS))
    page = min(query.matrix_page, pages)
    shown = _rows(advertiser_id, query, busiest[(page - 1) * ROWS : page * ROWS])

    def cell_of(found: Sequence[CreativeLine], segment: str = "", row: str = "") -> tuple[Counts | None, str]:
        """What may be shown of these lines, and where the events behind it are."""
        if found and not groups.shows_lines(found):
            return None, ""
        return _sum(found), _rows_query(query, segment, row) if found else ""

    nothing: list[CreativeLine] = []
    grid = [[cell_of(of_cell.get((s, row.id), nothing), s, row.id) for s in segments] for row in shown]
    by_segment = [[x for key, mine in of_cell.items() if key[0] == s for x in mine] for s in segments]
    by_row = [[x for key, mine in of_cell.items() if key[1] == row.id for x in mine] for row in shown]
    # Of all shown cells, whatever the page: the mean that they are drawn to must not tell of the hidden ones.
    prior = prior_estimate(
        [
            (c.clicks, c.impressions)
            for mine in of_cell.values()
            if groups.shows_lines(mine)
            for c in [_sum(mine)]
        ]
    )

    def cell(found: tuple[Counts | None, str]) -> Cell:
        counts, where = found
        if counts is None:
            return Cell(Counts(), None, is_hidden=True)
        rate = posterior(counts.clicks, counts.impressions, prior) if counts.impressions else None
        return Cell(counts, rate, rows=where)

    cells = [[cell(found) for found in line] for line in grid]
    top = max((c.shrunk.mean for line in cells for c in line if c.shrunk), default=0.0)
    return Matrix(
        segments=[_segment_name(s, segment_names) for s in segments],
        rows=shown,
        cells=[
            [
                replace(c, level=max(1, round(5 * c.shrunk.mean / top))) if c.shrunk and top else c
                for c in line
            ]
            for line in cells
        ],
        segment_totals=[cell(cell_of(mine, s)) for s, mine in zip(segments, by_segment, strict=True)],
        row_totals=[cell(cell_of(mine, "", row.id)) for row, mine in zip(shown, by_row, strict=True)],
        minimum=groups.minimum,
        count=len(busiest),
        page=page,
        pages=pages,
    )


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


def _rows_query(query: ReportQuery, segment: str, row: str) -> str:
    """The events of a cell; a size is no filter of the report."""
    changes = {"segment": segment} if segment else {}
    if row:
        if query.across not in FILTERED_BY:
            return ""
        changes[FILTERED_BY[query.across]] = row
    return query.urlencode(of="impressions", find="", matrix_page="", **changes)


def _busiest(cells: Mapping[Key, Sequence[CreativeLine]], part: int) -> list[str]:
    impressions: dict[str, int] = defaultdict(int)
    for key, lines in cells.items():
        impressions[key[part]] += sum(line.impressions for line in lines)
    return sorted(impressions, key=lambda name: (-impressions[name], name))


def _sum(counts: Iterable[Counts]) -> Counts:
    found = list(counts)
    return Counts(**{name: sum(getattr(one, name) for one in found) for name in COUNTS})
