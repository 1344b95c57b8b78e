"""What an operator watches of shoppers' rights: erasures that have not settled yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from rights.models import Erasure


@dataclass(frozen=True)
class ErasureMetrics:
    """Erasures are promised within 60 s, of all advertisers."""

    unsettled: int
    oldest_seconds: float  # since the oldest of them was asked for; 0 without one


def erasure_metrics_get(*, now: datetime) -> ErasureMetrics:
    """One query, over the index of what is to settle."""
    found = Erasure.objects.filter(settled_at=None).aggregate(number=Count("pk"), oldest=Min("created_at"))
    oldest = max(0.0, (now - found["oldest"]).total_seconds()) if found["oldest"] else 0.0
    return ErasureMetrics(found["number"], oldest)
