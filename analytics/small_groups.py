"""Which figures of groups of shoppers may be shown: the one answer for every page, file, e-mail and API.

A creative is made for one segment, so its figures are those of a group of shoppers. For each period there is
one table of segments by products that hides cells with few different shoppers, and with them as many others
as it takes that none of them follows from the totals (``stats.suppression``). Within a shown cell, creatives
with few shoppers are hidden in the same way. Whatever else is asked (a filter, another table, the rows behind
a number) is shown only where it is a sum of figures that this table shows: so no combination of answers about
one period tells more than the table does. ``docs/privacy.md`` says what this does not cover.

Shoppers are counted by ``DailyCreativeReach``, whose merging stops as soon as a group has enough of them.
What was shown without a segment (the generic creative) tells of nobody's interests and is never small.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db.models import Max, Sum

from analytics import reach
from analytics.creative_lines import creative_lines_get
from analytics.models import DailyCreativeReach
from analytics.report_query import BY_PLACE, GENERIC, Filters, ReportQuery
from analytics.stats.suppression import suppress
from campaigns.models import Variant
from generation.models import Creative

Atom = tuple[UUID, UUID]  # a creative in a variant
UNCOUNTED = BY_PLACE  # filters that shoppers are not counted by
NARROWING = frozenset({"segments", "creatives", "products", "styles", "templates"})
ROUNDS = 50

FEW = (
    "Fewer than {minimum} shoppers stand behind these figures, or behind what they leave out, "
    "so they are withheld."
)
NOT_COUNTED = (
    "Shoppers are not counted by placement and device, so a group of fewer than {minimum} could not be told: "
    "figures of a segment are withheld with these filters."
)


class Line(Protocol):
    """What a row of sums says of itself: ``creative_lines.CreativeLine`` does."""

    @property
    def variant_id(self) -> UUID | None: ...
    @property
    def creative_id(self) -> UUID: ...
    @property
    def campaign_id(self) -> UUID | None: ...
    @property
    def segment_id(self) -> UUID | None: ...
    @property
    def impressions(self) -> int: ...


@dataclass(frozen=True)
class SmallGroups:
    """What of one period is hidden."""

    minimum: int
    hidden: frozenset[Atom] = frozenset()
    # Sums that are shown although something in them is hidden, the larger first: segments, products, cells.
    totals: tuple[frozenset[Atom], ...] = ()
    segments: Mapping[Atom, UUID | None] = field(default_factory=dict)

    def shows(self, atoms: Collection[Atom]) -> bool:
        """Whether the sum over these may be shown: it adds up figures that are shown anyway."""
        left = set(atoms)
        for total in self.totals:
            if total <= left:
                left -= total
        return not left & self.hidden

    def shows_lines(self, lines: Iterable[Line]) -> bool:
        """The same of rows of sums."""
        return self.shows(atoms_of(lines))

    def shows_creative(self, creative_id: UUID) -> bool:
        """Whether a creative's figures may be shown, in all its variants together."""
        return not any(creative == creative_id for _, creative in self.hidden)

    def shows_variant(self, variant_id: UUID | str) -> bool:
        """Whether a variant's figures may be shown, of all its creatives together."""
        return not any(str(variant) == str(variant_id) for variant, _ in self.hidden)

    def is_of_one_segment(self, atoms: Collection[Atom]) -> bool:
        """Whether these belong to shoppers of a single segment."""
        found = {self.segments.get(atom) for atom in atoms}
        return len(found) == 1 and found != {None}


def atoms_of(lines: Iterable[Line]) -> set[Atom]:
    """Who these rows of sums are about."""
    return {(line.variant_id, line.creative_id) for line in lines if line.variant_id}


def is_of_a_group(groups: SmallGroups, filters: Filters, lines: Sequence[Line]) -> bool:
    """Whether a report of these lines, left by these filters, is about segments, creatives or products.

    Or about what else leaves one segment alone. Campaigns are no such filter: what one brought is what its
    advertiser pays for.
    """
    if groups.minimum <= 1 or not filters.keys() & NARROWING:
        return False
    named = [segment for segment in filters.get("segments", ()) if segment != GENERIC]
    is_named = named or filters.get("creatives") or filters.get("products")
    return bool(is_named) or groups.is_of_one_segment(atoms_of(lines))


def withheld_why(groups: SmallGroups, filters: Filters, lines: Sequence[Line]) -> str:
    """Why a report of these lines, left by these filters, may not be shown; empty where it may."""
    if not is_of_a_group(groups, filters, lines):
        return ""
    if filters.keys() & UNCOUNTED:
        return NOT_COUNTED.format(minimum=groups.minimum)
    return "" if groups.shows(atoms_of(lines)) else FEW.format(minimum=groups.minimum)


def small_groups_get(
    *,
    advertiser_id: UUID,
    start: date,
    end: date,
    is_simulated: bool | None = None,
    lines: Sequence[Line] | None = None,
) -> SmallGroups:
    """What of a period is hidden. ``lines``: all of the period, if they are at hand."""
    minimum = settings.REPORTS_MIN_SHOPPERS
    if minimum <= 1:
        return SmallGroups(minimum)
    if lines is None:
        only = Filters() if is_simulated is None else Filters(is_simulated=is_simulated)
        lines = creative_lines_get(advertiser_id=advertiser_id, start=start, end=end, **only)
    return _Table(advertiser_id, lines, minimum, start, end, is_simulated).groups()


def is_thin_by_day(
    advertiser_id: UUID, query: ReportQuery, lines: Sequence[Line], series: Sequence[Any]
) -> bool:
    """Whether a day of these lines has impressions of too few different shoppers to be shown by itself."""
    minimum, atoms = settings.REPORTS_MIN_SHOPPERS, atoms_of(lines)
    if query.start == query.end or all(line.segment_id is None for line in lines):
        return False  # the report is of the one day, or of nobody's segment
    days: Any = DailyCreativeReach.objects.filter(
        advertiser_id=advertiser_id,
        day__gte=query.start,
        day__lte=query.end,
        creative_id__in={creative for _, creative in atoms},
    )
    if "is_simulated" in query.filters:
        days = days.filter(is_simulated=query.filters["is_simulated"])
    most: dict[date, int] = dict(days.order_by().values_list("day").annotate(Max("shoppers")))
    unsure = [p.day for p in series if p.impressions and most.get(p.day, 0) < minimum]
    sketches: dict[date, list[bytes]] = defaultdict(list)
    rows = days.filter(day__in=unsure).values_list("day", "variant_id", "creative_id", "sketch")
    for day, variant, creative, sketch in rows:
        if (variant, creative) in atoms:
            sketches[day].append(bytes(sketch))
    return any(reach.count_up_to(minimum, sketches[day]) < minimum for day in unsure)


class _Table:
    """Segments by products of one period while it is decided what to hide."""

    def __init__(
        self,
        advertiser_id: UUID,
        lines: Sequence[Line],
        minimum: int,
        start: date,
        end: date,
        is_simulated: bool | None,
    ) -> None:
        self.advertiser_id, self.minimum = advertiser_id, minimum
        self.lines = {(line.variant_id, line.creative_id): line for line in lines if line.variant_id}
        days: Any = DailyCreativeReach.objects.filter(
            advertiser_id=advertiser_id, day__gte=start, day__lte=end
        )
        self.days = days if is_simulated is None else days.filter(is_simulated=is_simulated)
        self.bounds = self._bounds()
        self.shoppers = self._count({atom: {atom} for atom in self.lines})

    def groups(self) -> SmallGroups:
        segments = {atom: line.segment_id for atom, line in self.lines.items()}
        if all(n == 0 or n >= self.minimum for n in self.shoppers.values()):
            return SmallGroups(self.minimum, segments=segments)
        products = self._products()
        cells: dict[tuple[Any, Any], set[Atom]] = defaultdict(set)
        for atom in self.lines:
            cells[segments[atom], products.get(atom[0])].add(atom)
        hidden, shown_totals = self._hide(cells)
        return SmallGroups(self.minimum, frozenset(hidden), shown_totals, segments)

    def _hide(
        self, cells: Mapping[tuple[Any, Any], set[Atom]]
    ) -> tuple[set[Atom], tuple[frozenset[Atom], ...]]:
        rows, columns = (list(dict.fromkeys(key[part] for key in cells)) for part in (0, 1))
        place = {key: (rows.index(key[0]), columns.index(key[1])) for key in cells}
        counts = self._count(cells)
        grid = [[0] * len(columns) for _ in rows]
        for key, (i, j) in place.items():
            grid[i][j] = counts[key]
        families = self._families()
        also: set[tuple[int, int]] = set()
        for _ in range(ROUNDS):
            gone = suppress(grid, self.minimum, also)
            hidden = {atom for key, mine in cells.items() if place[key] in gone for atom in mine}
            for key, mine in cells.items():
                if place[key] not in gone:
                    hidden |= self._hide_within(mine)
            more = {place[key] for key, mine in cells.items() if mine & self._lonely(families, hidden)}
            if more <= also | gone:
                break
            also |= more
        margins = [(i, len(columns)) for i in range(len(rows))] + [
            (len(rows), j) for j in range(len(columns))
        ]
        shown = [
            frozenset().union(*(mine for key, mine in cells.items() if _is_in(place[key], margin, grid)))
            for margin in margins
            if margin not in gone
        ]
        shown += [frozenset(mine) for key, mine in cells.items() if place[key] not in gone]
        return hidden, tuple(total for total in shown if total & hidden)

    def _hide_within(self, atoms: set[Atom]) -> set[Atom]:
        """Of one shown cell: its small creatives, and the smallest of the others where they were alone."""
        ordered = sorted((atom for atom in atoms if self.shoppers[atom]), key=lambda a: (self.shoppers[a], a))
        small = [atom for atom in ordered if self.shoppers[atom] < self.minimum]
        return set(ordered[: len(small) + 1]) if self._is_lonely(small) else set(small)

    def _is_lonely(self, hidden: Sequence[Atom]) -> bool:
        """Whether the sum of what is hidden of a known sum tells of too few."""
        return bool(hidden) and (
            len(hidden) == 1 or sum(self.shoppers[atom] for atom in hidden) < self.minimum
        )

    def _lonely(self, families: Sequence[set[Atom]], hidden: set[Atom]) -> set[Atom]:
        """Further atoms to hide, because campaigns, styles and templates have totals of their own."""
        found: set[Atom] = set()
        for family in families:
            if self._is_lonely(sorted(family & hidden)):
                shown = [atom for atom in family - hidden if self.shoppers[atom]]
                found |= {min(shown, key=lambda atom: (self.shoppers[atom], atom))} if shown else set()
        return found

    def _families(self) -> list[set[Atom]]:
        rows = Creative.objects.filter(
            advertiser_id=self.advertiser_id, pk__in={creative for _, creative in self.lines}
        ).values_list("pk", "job__brief__style", "job__prompt_template")
        kinds = {pk: (("style", style), ("template", template)) for pk, style, template in rows}
        found: dict[Any, set[Atom]] = defaultdict(set)
        for atom, line in self.lines.items():
            for kind in (("campaign", line.campaign_id), *kinds.get(atom[1], ())):
                found[kind].add(atom)
        return list(found.values())

    def _products(self) -> dict[UUID, UUID]:
        variants = Variant.objects.filter(
            advertiser_id=self.advertiser_id, pk__in={variant for variant, _ in self.lines}
        )
        return dict(variants.values_list("pk", "product_id"))

    def _count(self, groups: Mapping[Any, set[Atom]]) -> dict[Any, int]:
        """Different shoppers of each group, or the minimum where there are at least so many.

        A shopper without a pseudonym is in no sketch, so a group of theirs has the one that must be assumed.
        """
        most, together = self.bounds
        counts, unsure = {}, {}
        for key, atoms in groups.items():
            seen = sum(self.lines[atom].impressions for atom in atoms)
            highest = max((most.get(atom, 0) for atom in atoms), default=0)
            if seen and all(self.lines[atom].segment_id is None for atom in atoms):
                highest = self.minimum
            # No more than one for each impression: otherwise the days have to be merged to know.
            elif highest < self.minimum <= min(seen, sum(together.get(atom, 0) for atom in atoms)):
                unsure[key] = atoms
            counts[key] = max(highest, 1) if seen else 0
        return counts | self._merge(unsure)

    def _bounds(self) -> tuple[dict[Atom, int], dict[Atom, int]]:
        """The most shoppers that an atom had on one day, and as many as if nobody had come twice."""
        rows = self.days.order_by().values_list("variant_id", "creative_id")
        rows = list(rows.annotate(Max("shoppers"), Sum("shoppers")))
        return {(v, c): most for v, c, most, _ in rows}, {(v, c): total for v, c, _, total in rows}

    def _merge(self, groups: Mapping[Any, set[Atom]]) -> dict[Any, int]:
        if not groups:
            return {}
        wanted = set().union(*groups.values())
        sketches: dict[Atom, list[bytes]] = defaultdict(list)
        rows = self.days.filter(creative_id__in={creative for _, creative in wanted}).order_by("-shoppers")
        for variant, creative, sketch in rows.values_list("variant_id", "creative_id", "sketch"):
            if (variant, creative) in wanted:
                sketches[variant, creative].append(bytes(sketch))
        return {
            key: max(1, reach.count_up_to(self.minimum, (s for atom in atoms for s in sketches[atom])))
            for key, atoms in groups.items()
        }


def _is_in(place: tuple[int, int], margin: tuple[int, int], grid: Sequence[Sequence[int]]) -> bool:
    return place[0] == margin[0] if margin[0] < len(grid) else place[1] == margin[1]
