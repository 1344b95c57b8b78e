"""Sums by creative."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Unpack
from uuid import UUID

from analytics.report_query import Filters
from analytics.selectors import Counts, currency_of, rollups_of, sums_in
from analytics.stats.shrinkage import Posterior


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
