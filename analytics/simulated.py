"""Whether figures contain made-up shoppers: every page that shows such figures says so."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from analytics.models import DailyRollup, Event


def has_simulated_traffic(*, advertiser_id: UUID) -> bool:
    """Whether any counted day of the advertiser contains them."""
    return DailyRollup.objects.filter(advertiser_id=advertiser_id, is_simulated=True).exists()


def has_simulated_exposure(*, experiment_ids: Collection[UUID]) -> bool:
    """Whether any of these experiments showed creatives to them."""
    return Event.objects.filter(experiment_id__in=experiment_ids, is_simulated=True).exists()
