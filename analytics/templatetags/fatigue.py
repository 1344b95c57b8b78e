"""How many creatives are worn out, for pages of campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import template

from accounts.models import Advertiser
from analytics.fatigue_services import fatigued_counts

register = template.Library()


@register.simple_tag
def fatigued_by_campaign(advertiser: Advertiser) -> dict[UUID, int]:
    """One query for a whole list: live campaign -> worn-out creatives."""
    return fatigued_counts(advertiser_id=advertiser.pk)


@register.inclusion_tag("learning/_fatigue_badge.html")
def fatigue_badge(counts: Mapping[UUID, int], campaign_id: UUID) -> dict[str, Any]:
    """A link to the campaign's fatigue; nothing where none is worn out."""
    return {"count": counts.get(campaign_id, 0), "campaign_id": campaign_id}
