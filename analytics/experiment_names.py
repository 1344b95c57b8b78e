"""What the ids that a report by shopper groups by are called today."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from analytics.experiment_table import Names
from campaigns.models import Placement, Variant
from profiles.models import Segment


def names_get(*, advertiser_id: UUID, campaign_id: UUID) -> Names:
    """Of the advertiser's placements and segments, and of the products of a campaign's variants."""
    placements = Placement.objects.filter(advertiser_id=advertiser_id)
    variants = Variant.objects.filter(campaign_id=campaign_id)
    return Names(
        placements=dict(placements.values_list("pk", "name")),
        products=dict(variants.values_list("pk", "product__title")),
        segments=dict(segment_names(advertiser_id).items()),
    )


def segment_names(advertiser_id: UUID) -> dict[UUID, str]:
    """Of one name each: two that are called alike are told apart by their slug."""
    rows = list(Segment.objects.filter(advertiser_id=advertiser_id).values_list("pk", "name", "slug"))
    count = Counter(name for _, name, _ in rows)
    return {pk: name if count[name] == 1 else f"{name} ({slug})" for pk, name, slug in rows}
