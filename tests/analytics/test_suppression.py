from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analytics.stats.suppression import suppress

TABLES = st.integers(1, 5).flatmap(
    lambda columns: st.lists(
        st.lists(st.sampled_from([0, 0, 3, 20, 49, 50, 80, 400]), min_size=columns, max_size=columns),
        min_size=1,
        max_size=5,
    )
)


def deducible(table, hidden):
    """The hidden cells whose value follows from the shown ones, by linear algebra."""
    rows, columns = len(table), len(table[0])
    unknowns = sorted(hidden)
    equations = []
    for i in range(rows + 1):
        equations.append({(i, j): -1 if j == columns else 1 for j in range(columns + 1)})
    for j in range(columns + 1):
        equations.append({(i, j): -1 if i == rows else 1 for i in range(rows + 1)})
    matrix = np.array([[line.get(cell, 0) for cell in unknowns] for line in equations], dtype=float)
    rank = np.linalg.matrix_rank(matrix)
    found = set()
    for n, cell in enumerate(unknowns):
        only = np.zeros((1, len(unknowns)))
        only[0, n] = 1
        if np.linalg.matrix_rank(np.vstack([matrix, only])) == rank:
            found.add(cell)
    return found


def test_a_table_of_large_groups_hides_nothing():
    assert suppress([[50, 60], [70, 0]], 50) == set()
    assert suppress([], 50) == set()


def test_a_single_small_cell_takes_the_smallest_rectangle_with_it():
    table = [[10, 500, 900], [300, 60, 900], [900, 900, 900]]
    assert suppress(table, 50) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_cell_alone_in_its_row_and_column_hides_the_totals():
    assert suppress([[10, 0], [0, 500]], 50) >= {(0, 0), (0, 2), (2, 0)}
    assert suppress([[10]], 50) == {(0, 0), (0, 1), (1, 0), (1, 1)}


@given(TABLES)
def test_no_small_group_can_be_worked_out_from_the_rest(table):
    hidden = suppress(table, 50)
    small = {(i, j) for i, row in enumerate(table) for j, n in enumerate(row) if 0 < n < 50}
    assert small <= hidden
    assert not deducible(table, hidden) & small if hidden else not small
    assert not any(table[i][j] == 0 for i, j in hidden if i < len(table) and j < len(table[0]))
