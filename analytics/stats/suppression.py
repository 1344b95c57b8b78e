"""Which cells of a table to hide, so that no small group of shoppers can be read or worked out from it.

A cell with few shoppers is hidden (primary suppression). Where the totals are shown it could be had back by
subtraction, so further cells are hidden with it (complementary suppression; L. Willenborg and T. de Waal,
"Elements of Statistical Disclosure Control", Lecture Notes in Statistics 155, 2001, chapter 6).

The table with its totals is a bipartite graph: rows and columns are its points, hidden cells its edges. Each
row and column says that its cells add up to its total. A hidden cell can be worked out exactly where its edge
is a bridge: lies on no cycle of hidden cells (D. Gusfield, "A graph theoretic approach to statistical
data security", SIAM Journal on Computing 17 (1988) 552-571).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest

Cell = tuple[int, int]
Node = tuple[str, int]


def suppress(
    shoppers: Sequence[Sequence[int]], minimum: int, also: Collection[Cell] = frozenset()
) -> set[Cell]:
    """The (row, column) of every cell to hide.

    The last row and the last column stand for the totals: of a table of m rows and n columns, (i, n) is the
    total of row i and (m, n) that of all. Cells without a shopper are never hidden: that nothing was shown
    there tells nothing of anybody. ``also``: cells to hide whatever their number, protected like small ones.
    """
    rows, columns = len(shoppers), len(shoppers[0]) if shoppers else 0
    weights = {(i, j): n for i, line in enumerate(shoppers) for j, n in enumerate(line)}
    weights |= {(i, columns): sum(line) for i, line in enumerate(shoppers)}
    weights |= {(rows, j): sum(line[j] for line in shoppers) for j in range(columns)}
    weights[rows, columns] = sum(map(sum, shoppers))
    weights = {cell: weight for cell, weight in weights.items() if weight > 0}
    small = sorted(cell for cell, weight in weights.items() if weight < minimum or cell in also)
    if not small:
        return set()
    hidden = _Hidden(small)

    def cost(cell: Cell) -> tuple[bool, bool, int, Cell]:
        is_total = cell[0] == rows or cell[1] == columns
        return cell == (rows, columns), is_total, weights[cell], cell

    others = sorted(weights.keys() - set(small), key=cost)
    for cell in small:
        while ("column", cell[1]) not in (reached := hidden.reached(cell)):  # a bridge
            # A cell that leads out of the part reached from the row brings a cycle nearer.
            further = next(
                other
                for other in others
                if (("row", other[0]) in reached) != (("column", other[1]) in reached)
            )
            others.remove(further)
            hidden.add(further)
    return hidden.cells


def suppress_parts(parts: Mapping[str, Sequence[int]], shown: Collection[str], minimum: int) -> set[str]:
    """Of the parts of one total, each with its shoppers by arm, those to hide.

    Small is a part with too few shoppers in any arm. An arm's total less the parts that are shown is the sum
    of the hidden ones (among them what is not ``shown``, the many rare values that a page leaves out): one
    alone, or fewer than ``minimum`` together in any arm, would be told, so the smallest others go with them.
    """
    small = {name for name, arms in parts.items() if any(0 < n < minimum for n in arms)}
    if not small:
        return set()
    hidden = small | {name for name, arms in parts.items() if name not in shown and any(arms)}
    others = sorted((name for name in parts if name not in hidden), key=lambda name: (sum(parts[name]), name))

    def is_told() -> bool:
        sums = [sum(arm) for arm in zip_longest(*(parts[name] for name in hidden), fillvalue=0)]
        return len(hidden) == 1 or any(0 < n < minimum for n in sums)

    while is_told() and others:
        hidden.add(others.pop(0))
    return hidden & set(shown)


class _Hidden:
    """Hidden cells as the edges of a graph between rows and columns."""

    def __init__(self, cells: Collection[Cell]) -> None:
        self.cells: set[Cell] = set()
        self._next: dict[Node, list[tuple[Node, Cell]]] = defaultdict(list)
        for cell in cells:
            self.add(cell)

    def add(self, cell: Cell) -> None:
        row, column = ("row", cell[0]), ("column", cell[1])
        self.cells.add(cell)
        self._next[row].append((column, cell))
        self._next[column].append((row, cell))

    def reached(self, cell: Cell) -> set[Node]:
        """The rows and columns that hidden cells other than this one join to its row."""
        start = ("row", cell[0])
        found, waiting = {start}, [start]
        while waiting:
            for node, edge in self._next[waiting.pop()]:
                if edge != cell and node not in found:
                    found.add(node)
                    waiting.append(node)
        return found
