"""Made-up shoppers: pages with their figures say so, and what acts on shoppers leaves them out.

One rule: simulated events count for nothing that decides what real shoppers see or what is told of them, that
is budgets and pace, learning, experiments, the standing split and their reports, unless the advertiser is a
demo shop (``counts_simulated``). Totals and exports hold them and can be filtered; a cap is a shopper's own,
so a made-up shopper's caps work as anybody's.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import Advertiser
from analytics.models import DailyRollup

Rows = TypeVar("Rows", bound=QuerySet[Any])


def deciding(rows: Rows, advertiser: Advertiser) -> Rows:
    """Those of the advertiser's events or roll-ups that may decide something."""
    return rows if advertiser.counts_simulated else rows.filter(is_simulated=False)


def has_simulated_traffic(*, advertiser_id: UUID, campaign_ids: Collection[UUID] | None = None) -> bool:
    """Whether any counted day of the advertiser, or of these campaigns, contains them."""
    found = DailyRollup.objects.filter(advertiser_id=advertiser_id, is_simulated=True)
    return (found if campaign_ids is None else found.filter(campaign_id__in=campaign_ids)).exists()
