"""Sums by creative, and their order: small samples are drawn to the mean of all before they are compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Unpack
from uuid import UUID

from analytics.report_query import Filters
from analytics.selectors import COUNTS, Counts, currency_of, rollups_of, sums_in
from analytics.stats.shrinkage import Posterior, Prior, posterior, prior_estimate

DEVIATIONS = 1.96


@dataclass(frozen=True, kw_only=True)
class CreativeLine(Counts):
    """One creative's sums, of one variant or of all."""

    creative_id: UUID
    variant_id: UUID | None = None
    campaign_id: UUID | None = None
    segment_id: UUID | None = None
    shrunk: Posterior | None = None  # the click rate after shrinkage; None until it is ranked


def creative_lines_get(
    *, advertiser_id: UUID, start: date, end: date, **filters: Unpack[Filters]
) -> list[CreativeLine]:
    """One line for each creative in each variant."""
    rows = (
        rollups_of(advertiser_id, start, end, filters)
        .filter(creative_id__isnull=False)
        .values("creative_id", "variant_id", "campaign_id", "segment_id")
        .annotate(**sums_in(currency_of(advertiser_id)))
    )
    return [CreativeLine(**row) for row in rows]


def leaders_rank(lines: Sequence[CreativeLine], *, sort: str = "rate", limit: int = 20) -> list[CreativeLine]:
    """Creatives, best first. The prior of the shrinkage comes from all of them, not from the shown ones.

    ``sort``: ``rate`` (the shrunk click rate), ``low`` (the lower end of its interval), ``impressions``,
    ``clicks``, ``conversions``, ``revenue``.
    """
    merged = _merged(lines)
    prior = prior_estimate([(line.clicks, line.impressions) for line in merged])

    def rank(line: CreativeLine) -> tuple[float, int, str]:
        if sort in ("rate", "low"):
            value = _believed(line, prior, DEVIATIONS if sort == "low" else 0.0)
        else:
            value = getattr(line, "revenue_cents" if sort == "revenue" else sort)
        return (-value, -line.impressions, str(line.creative_id))

    return [
        replace(line, shrunk=posterior(line.clicks, line.impressions, prior))
        for line in sorted(merged, key=rank)[:limit]
    ]


def _believed(line: CreativeLine, prior: Prior, deviations: float) -> float:
    """The posterior's mean less so many of its standard deviations: quantiles of hundreds would take long."""
    weight = prior.strength + line.impressions
    mean = (prior.alpha + min(line.clicks, line.impressions)) / weight
    return mean - deviations * math.sqrt(mean * (1 - mean) / (weight + 1))


def _merged(lines: Iterable[CreativeLine]) -> list[CreativeLine]:
    """One line a creative: the same picture may stand in several campaigns; the busiest one is named."""
    found: dict[UUID, CreativeLine] = {}
    for line in sorted(lines, key=lambda line: (-line.impressions, str(line.variant_id))):
        first = found.get(line.creative_id)
        sums = {name: getattr(line, name) + (getattr(first, name) if first else 0) for name in COUNTS}
        found[line.creative_id] = replace(first or line, **sums)
    return list(found.values())
