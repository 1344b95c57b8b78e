"""The weights of a campaign's variants: how often each wins the draw, written by people or by learning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError
from campaigns.models import Variant
from campaigns.selectors import campaign_get
from campaigns.serving_version import serving_version_bump

WEIGHT_MAX = 1_000_000.0


@transaction.atomic
def weights_write(*, advertiser: Advertiser, campaign_id: UUID, weights: Mapping[UUID, float]) -> int:
    """Set variants' weights, all or none; the number that changed. A variant not named keeps its own.

    0 takes a variant out of the draw. Raises NotFound for the campaign, DomainError ``weights_invalid`` for
    a variant of another campaign or a number that is no weight.
    """
    campaign = campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)
    mine = {row.pk: row for row in Variant.objects.select_for_update().filter(campaign=campaign)}
    if unknown := sorted(map(str, weights.keys() - mine.keys())):
        raise DomainError("weights_invalid", f"Not variants of this campaign: {', '.join(unknown[:5])}.")
    if not all(math.isfinite(weight) and 0 <= weight <= WEIGHT_MAX for weight in weights.values()):
        raise DomainError("weights_invalid", f"A weight is a number from 0 to {WEIGHT_MAX:,.0f}.")
    changed = [mine[pk] for pk, weight in sorted(weights.items()) if mine[pk].weight != weight]
    for variant in changed:
        variant.weight = weights[variant.pk]
    Variant.objects.bulk_update(changed, ["weight"])
    if changed:
        serving_version_bump(advertiser.pk)
    return len(changed)
