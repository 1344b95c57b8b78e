"""Several comparisons at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment; a None (nothing was tested) stays None and does not count.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979) 65-70. It holds whatever the dependence between the tests.
    """
    tested = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    reached = 0.0
    for rank, (p, index) in enumerate(tested):
        reached = max(reached, min(1.0, p * (len(tested) - rank)))
        adjusted[index] = reached
    return adjusted


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted so that of all that is called significant at q, a share of q at the most is false on average.

    Source: Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", JRSS B 57 (1995) 289-300. For
    many figures that are looked through, where Holm would hide everything. A None stays None.
    """
    tested = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    reached = 1.0
    for rank in range(len(tested), 0, -1):
        p, index = tested[rank - 1]
        # The quotient first: p * n / n may lie below p by a rounding.
        reached = min(reached, p * (len(tested) / rank))
        adjusted[index] = reached
    return adjusted
