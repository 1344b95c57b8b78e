"""Whether figures contain made-up shoppers: every page that shows such figures says so."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from analytics.models import DailyRollup


def has_simulated_traffic(*, advertiser_id: UUID, campaign_ids: Collection[UUID] | None = None) -> bool:
    """Whether any counted day of the advertiser, or of these campaigns, contains them."""
    found = DailyRollup.objects.filter(advertiser_id=advertiser_id, is_simulated=True)
    return (found if campaign_ids is None else found.filter(campaign_id__in=campaign_ids)).exists()
