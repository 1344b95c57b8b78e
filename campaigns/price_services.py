"""A price in a picture is a promise: when the feed changes it, the pictures that show the old one go.

Serving refuses them from the moment of the import (``price_changed``); here new ones are asked for.
"""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

import structlog
from django.db.models import F

from accounts.models import Advertiser, User
from adplatform.lib.errors import DomainError
from campaigns.lifecycle import Status
from campaigns.models import Variant
from campaigns.variant_services import campaign_refresh

log = structlog.get_logger(__name__)


def prices_refresh(*, advertiser: Advertiser, requested_by: User | None = None) -> int:
    """Ask for every picture again that shows another price or currency than the catalogue; how many.

    Calling it twice asks once: a variant whose new picture waits already shows the new price. A campaign
    whose plan is refused (a product that lost its picture) is left paused by the serving rule.
    """
    stale: defaultdict[UUID, list[UUID]] = defaultdict(list)
    variants = Variant.objects.filter(advertiser=advertiser, job__isnull=False).exclude(
        campaign__status=Status.ENDED
    )
    rows = variants.annotate(
        drawn_price=F("job__brief__product__price_cents"),
        drawn_sale_price=F("job__brief__product__sale_price_cents"),
        drawn_currency=F("job__brief__product__currency"),
    ).values_list(
        "pk",
        "campaign_id",
        "drawn_price",
        "drawn_sale_price",
        "drawn_currency",
        "product__price_cents",
        "product__sale_price_cents",
        "product__currency",
    )
    for variant_id, campaign_id, *prices in rows:
        if prices[:3] != prices[3:]:
            stale[campaign_id].append(variant_id)
    asked = 0
    for campaign_id, variant_ids in stale.items():
        try:
            asked += campaign_refresh(
                advertiser=advertiser,
                campaign_id=campaign_id,
                variant_ids=variant_ids,
                requested_by=requested_by,
            )
        except DomainError as error:
            log.warning("prices_not_refreshed", campaign=str(campaign_id), code=error.code)
    return asked
