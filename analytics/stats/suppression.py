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

from collections.abc import Sequence

Cell = tuple[int, int]


def suppress(shoppers: Sequence[Sequence[int]], minimum: int) -> set[Cell]:
    """The (row, column) of every cell to hide.

    The last row and the last column stand for the totals: of a table of m rows and n columns, (i, n) is the
    total of row i and (m, n) that of all. Cells without a shopper are never hidden: that nothing was shown
    there tells nothing of anybody.
    """
    rows, columns = len(shoppers), len(shoppers[0]) if shoppers else 0
    weights = {(i, j): shoppers[i][j] for i in range(rows) for j in range(columns)}
    weights |= {(i, columns): sum(shoppers[i]) for i in range(rows)}
    weights |= {(rows, j): sum(line[j] for line in shoppers) for j in range(columns)}
    weights[rows, columns] = sum(map(sum, shoppers))
    weights = {cell: weight for cell, weight in weights.items() if weight > 0}
    small = sorted(cell for cell, weight in weights.items() if weight < minimum)
    hidden = set(small)

    def cost(cell: Cell) -> tuple[bool, bool, int, Cell]:
        is_total = cell[0] == rows or cell[1] == columns
        return cell == (rows, columns), is_total, weights[cell], cell

    for cell in small:
        while _is_bridge(cell, hidden):
            reached = _reached(cell, hidden)
            # A cell that leads out of the part reached from the row brings a cycle nearer.
            further = [
                other
                for other in weights.keys() - hidden
                if (("row", other[0]) in reached) != (("column", other[1]) in reached)
            ]
            hidden.add(min(further, key=cost))
    return hidden


def _is_bridge(cell: Cell, hidden: set[Cell]) -> bool:
    """Whether the cell's column cannot be reached from its row by the other hidden cells."""
    return ("column", cell[1]) not in _reached(cell, hidden)


def _reached(cell: Cell, hidden: set[Cell]) -> set[tuple[str, int]]:
    """The rows and columns that hidden cells other than this one join to its row."""
    reached = {("row", cell[0])}
    waiting = [("row", cell[0])]
    while waiting:
        kind, number = waiting.pop()
        for i, j in hidden:
            if (i, j) == cell or (i if kind == "row" else j) != number:
                continue
            found = ("column", j) if kind == "row" else ("row", i)
            if found not in reached:
                reached.add(found)
                waiting.append(found)
    return reached
