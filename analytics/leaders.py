"""Creatives in their order: small samples are drawn to the mean of all before they are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.creative_lines import CreativeLine
from analytics.selectors import COUNTS
from analytics.stats.shrinkage import Prior, posterior, prior_estimate

DEVIATIONS = 1.96
IMPRESSIONS, CLICKS = COUNTS.index("impressions"), COUNTS.index("clicks")
COLUMNS = {"revenue": "revenue_cents"}  # where the order has another name than its column


def leaders_rank(lines: Sequence[CreativeLine], *, sort: str = "rate", limit: int = 20) -> list[CreativeLine]:
    """Creatives, best first. The prior of the shrinkage comes from all of them, not from the shown ones.

    The same picture may stand in several variants: its line names the busiest one. ``sort``: ``rate`` (the
    shrunk click rate), ``low`` (the lower end of its interval), ``impressions``, ``clicks``, ``conversions``,
    ``revenue``.
    """
    if not lines:
        return []
    ordered = sorted(lines, key=lambda line: (-line.impressions, str(line.variant_id)))
    busiest = {str(line.creative_id): line for line in reversed(ordered)}
    # One block of whole numbers under an index: what pandas adds up fastest.
    sums = np.array([[getattr(line, name) for name in COUNTS] for line in lines], dtype=np.int64)
    ids = np.array([str(line.creative_id) for line in lines], dtype=object)
    merged = pd.DataFrame(sums, columns=list(COUNTS), index=ids).groupby(level=0).sum()
    prior = prior_estimate(list(zip(merged["clicks"].tolist(), merged["impressions"].tolist(), strict=True)))
    if sort in ("rate", "low"):
        value = _believed(merged, prior, DEVIATIONS if sort == "low" else 0.0)
    else:
        value = merged[COLUMNS.get(sort, sort)].to_numpy()
    # Groups are in the order of their ids, which a stable order keeps where all else is equal.
    best = merged.iloc[np.lexsort((-merged["impressions"].to_numpy(), -value))[:limit]]
    return [
        replace(
            busiest[pk],
            **dict(zip(COUNTS, counts, strict=True)),
            shrunk=posterior(counts[CLICKS], counts[IMPRESSIONS], prior),
        )
        for pk, counts in zip(best.index, best.to_numpy().tolist(), strict=True)
    ]


def _believed(merged: pd.DataFrame, prior: Prior, deviations: float) -> NDArray[np.float64]:
    """The posterior's mean less so many of its standard deviations: quantiles of hundreds would take long."""
    seen = merged["impressions"].to_numpy()
    weight = prior.strength + seen
    mean = (prior.alpha + np.minimum(merged["clicks"].to_numpy(), seen)) / weight
    believed: NDArray[np.float64] = mean - deviations * np.sqrt(mean * (1 - mean) / (weight + 1))
    return believed
